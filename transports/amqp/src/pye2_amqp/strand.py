"""One of the connections that a client has: to publish, or to receive.

Lives on the loop; the broker's refusals become errors of pye2 here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pye2_amqp import failures
from pye2_amqp.amqp_channel import Gone, Refused
from pye2_amqp.link import Link

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pye2_amqp.amqp_channel import AmqpChannel
    from pye2_amqp.endpoint import Endpoint
    from pye2_amqp.loop_thread import LoopThread
    from pye2_amqp.topology import Topology
    from pye2core.errors import TransportError

_T = TypeVar("_T")


class Strand:
    """One connection and its channels.

    Args:
        endpoint: where and as whom.
        topology: what is called how there.
        thread: owns all of it.
        on_end: called by the loop with the reason when it is of no more use; perhaps repeatedly.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        topology: Topology,
        thread: LoopThread,
        on_end: Callable[[str], None],
    ) -> None:
        self._endpoint = endpoint
        self._topology = topology
        self._thread = thread
        self._on_end = on_end
        self._link = Link(endpoint, on_end)
        self._control: AmqpChannel | None = None

    async def open(self) -> None:
        """Connect, and see to the exchange.

        Raises:
            BrokerUnreachable: nothing answers.
            CredentialsRefused: the broker says no.
            NotConnected: the connection was lost meanwhile.
            TransportError: the exchange cannot be had.
        """
        await self._link.open()
        exchange = self._topology.exchange
        await self._ask_control(
            f"the exchange {exchange!r}",
            "exchange_declare",
            exchange,
            exchange_type=self._topology.settings.exchange_type,
            durable=True,
        )

    async def close(self) -> None:
        """Say goodbye."""
        await self._link.close()

    async def abort(self, why: str) -> None:
        """End without a goodbye."""
        await self._link.abort(why)

    # --- asking -------------------------------------------------------------------------------

    async def _open_control(self) -> AmqpChannel:
        """The channel for requests that the broker may refuse, and then closes it."""
        if self._control is None or not self._control.is_open:
            self._control = await self._new_channel()
        return self._control

    async def _ask_control(self, what: str, method: str, *arguments: Any, **named: Any) -> None:
        control = await self._open_control()
        await self._answer(what, control.ask(getattr(control.raw, method), *arguments, **named))

    async def _new_channel(self) -> AmqpChannel:
        return await self._answer("a channel", self._link.channel())

    async def _answer(self, what: str, asked: Awaitable[_T]) -> _T:
        try:
            return await asked
        except Refused as refusal:
            raise self._refused(what, refusal) from None
        except Gone as gone:
            raise self._disconnected(what, gone) from None

    def _refused(self, what: str, refusal: Refused) -> TransportError:
        return failures.refused(self._endpoint.broker, what, refusal.code, refusal.said)

    def _disconnected(self, what: str, gone: Gone) -> TransportError:
        return failures.disconnected(self._endpoint.broker, f"A request for {what}", str(gone))
