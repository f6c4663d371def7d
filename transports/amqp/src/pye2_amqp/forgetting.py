"""Has a broker forget a client: over a connection of its own, for the client's may be lost."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from pye2_amqp import failures
from pye2_amqp.amqp_channel import Gone, Refused
from pye2_amqp.link import Link
from pye2_amqp.loop_thread import LoopThread
from pye2_amqp.topology import KEPT

if TYPE_CHECKING:
    from pye2_amqp.endpoint import Endpoint
    from pye2_amqp.topology import Topology

_log = logging.getLogger(__name__)


def forget(endpoint: Endpoint, topology: Topology) -> None:
    """Delete the queues that the broker keeps for a client.

    Raises:
        TransportError: that cannot be done, or not in time.
    """
    link = Link(endpoint, lambda _: None)

    async def delete_all() -> None:
        await link.open()
        try:
            await _delete(link, topology)
        except Refused as refusal:
            what = f"to delete the queues of {topology.client_id!r}"
            raise failures.refused(endpoint.broker, what, refusal.code, refusal.said) from None
        except Gone as gone:
            raise failures.hung_up(endpoint.broker, str(gone)) from None
        await link.close()

    thread = LoopThread(f"pye2-amqp-{endpoint.name}-forgetting", _log_fault)
    thread.start()
    try:
        thread.submit(delete_all).result(endpoint.timeout)
    except (TimeoutError, CancelledError):
        raise failures.no_answer(endpoint.broker, endpoint.timeout) from None
    finally:
        thread.stop(lambda: link.abort("it took too long"))
        thread.join(endpoint.timeout)


async def _delete(link: Link, topology: Topology) -> None:
    channel = await link.channel()
    queues = [topology.queue_of(traffic).name for traffic in KEPT]
    await asyncio.gather(*(channel.ask(channel.raw.queue_delete, name) for name in queues))


def _log_fault(error: BaseException) -> None:
    _log.error("Deleting queues broke down", exc_info=error)
