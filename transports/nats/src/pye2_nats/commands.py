"""Commands, which JetStream keeps for nodes that are away.

All commands of a network are in one stream, which keeps each as long as a consumer wants it. A
client that is persistent has one consumer, which lists the channels that it has subscribed to, and
pulls. (A consumer that pushes is bound to one connection, and a server takes minutes to see that
one whose cable was pulled is dead.)

JetStream sends again what was not acknowledged within ``ack_wait``. That is short, so that what a
dead connection had comes again soon, and prolonged for what is held here. After a new connection
the first pull waits for it to pass, if anything was unacknowledged: so that comes first, in order.

All of this belongs to the loop's thread, but for acknowledging.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING

from nats.errors import Error
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RetentionPolicy, StorageType
from nats.js.errors import APIError, NotFoundError

from pye2_nats import failures
from pye2_nats.lane import Arrival
from pye2_nats.line import Outgoing
from pye2_nats.plugin import MAX_UNACKNOWLEDGED
from pye2core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.js.api import ConsumerInfo

    from pye2_nats.lane import Lane
    from pye2_nats.line import Line
    from pye2_nats.names import Names
    from pye2_nats.settings import NatsSettings
    from pye2core.settings import BrokerAddress

_ACK_WAIT = 4.0
_PULL_EXPIRES = 5
"""Seconds that the server may still answer a pull of a connection that is dead."""
_PULLS_LOST_AFTER = 3.0 * _PULL_EXPIRES
_REQUEST_TIMEOUT = 10.0
_DAY = 86_400.0
_MIB = 1 << 20
_NANOSECONDS = 1_000_000_000
_STREAM_EXISTS = 10_058
"""… with another configuration: an owner's own, which is better than ours."""
_EXPIRED = "408"
_CONSUMER_GONE = "consumer deleted"


class Commands:
    """The stream of a network, and one client's consumer.

    Args:
        line: the connection.
        lane: who hands commands over.
        names: what things are called.
        client_id: whose consumer.
        broker: where.
        settings: how long commands are kept.
    """

    def __init__(
        self,
        line: Line,
        lane: Lane,
        names: Names,
        client_id: str,
        broker: BrokerAddress,
        settings: NatsSettings,
    ) -> None:
        self._line = line
        self._lane = lane
        self._names = names
        self._consumer = names.consumer(client_id)
        self._broker = broker
        self._settings = settings
        self._manager = line.client.jsm(timeout=_REQUEST_TIMEOUT)
        self._taking = asyncio.Lock()
        self._filters: list[str] = []
        self._inbox = ""
        self._pull_from = 0.0
        self._asked = 0
        self._heard_at = 0.0
        self._held: dict[int, str] = {}  # by their numbers, where to acknowledge what is held

    async def prepare(self) -> None:
        """Have a stream that keeps commands.

        Raises:
            BrokerUnreachable: the server keeps none.
        """
        try:
            await self._manager.stream_info(self._names.stream)
        except NotFoundError:
            await self._make_stream()
        except Error as error:
            raise failures.no_jetstream(self._broker, str(error)) from error

    async def find(self) -> bool:
        """Whether the server has this client's consumer; pulls from it if so."""
        try:
            info = await self._manager.consumer_info(self._names.stream, self._consumer)
        except NotFoundError:
            return False
        self._note_filters(info)
        if info.num_ack_pending:
            self._pull_from = SYSTEM_CLOCK.monotonic() + _ACK_WAIT
        await self._start()
        return True

    async def take(self, subject: str) -> None:
        """Receive, and have kept, what is published there from now on."""
        await self._line.drain()
        async with self._taking:  # each changes what the one before has made of the consumer
            if subject in self._filters or self._names.commands in self._filters:
                return
            # A consumer's subjects must not overlap.
            is_all = subject == self._names.commands
            filters = [subject] if is_all else [*self._filters, subject]
            wanted = self._configuration(filters)
            self._note_filters(await self._manager.add_consumer(self._names.stream, wanted))
            await self._start()

    async def forget(self) -> None:
        """End the session: the server keeps nothing more for this client."""
        self._inbox = ""  # that the consumer is gone, as its pulls are told now, is no loss
        try:
            await self._manager.delete_consumer(self._names.stream, self._consumer)
        except NotFoundError:
            return  # it has never subscribed

    def tick(self) -> None:
        """Prolong what is held; pull if a pull was lost, or had to wait."""
        for reply in list(self._held.values()):
            self._line.send(Outgoing(reply, b"+WPI"))
        if self._inbox:
            if SYSTEM_CLOCK.monotonic() - self._heard_at > _PULLS_LOST_AFTER:
                self._asked = 0
            self._pull()

    async def _make_stream(self) -> None:
        try:
            await self._manager.add_stream(
                name=self._names.stream,
                description="pye2: commands for nodes",
                subjects=[self._names.commands],
                retention=RetentionPolicy.INTEREST,
                storage=StorageType.FILE,
                max_age=self._settings.keep_days * _DAY,
                max_bytes=self._settings.keep_mib * _MIB,
            )
        except APIError as error:
            if error.err_code != _STREAM_EXISTS:
                said = error.description or str(error)
                stream = self._names.stream
                raise failures.stream_refused(self._broker, stream, said) from error
        except Error as error:
            raise failures.no_jetstream(self._broker, str(error)) from error

    def _configuration(self, filters: list[str]) -> ConsumerConfig:
        return ConsumerConfig(
            name=self._consumer,
            durable_name=self._consumer,
            deliver_policy=DeliverPolicy.NEW,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT,
            max_ack_pending=MAX_UNACKNOWLEDGED,
            inactive_threshold=self._settings.keep_days * _DAY,
            filter_subjects=filters,
        )

    def _note_filters(self, info: ConsumerInfo) -> None:
        configured = info.config
        self._filters = list(configured.filter_subjects or [])
        if configured.filter_subject:
            self._filters.append(configured.filter_subject)

    async def _start(self) -> None:
        if self._inbox:
            return
        inbox = self._line.client.new_inbox()
        await self._line.listen(inbox, self._pulled)
        self._inbox = inbox
        self._pull()

    def _pull(self) -> None:
        """Ask for as much as may be out, unless about that much is asked for."""
        now = SYSTEM_CLOCK.monotonic()
        if now < self._pull_from or self._asked > MAX_UNACKNOWLEDGED // 2:
            return
        count = MAX_UNACKNOWLEDGED
        self._asked += count
        self._heard_at = now
        request = {"batch": count, "expires": _PULL_EXPIRES * _NANOSECONDS}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._names.stream}.{self._consumer}"
        self._line.send(Outgoing(subject, json.dumps(request).encode(), reply=self._inbox))

    def _pulled(self, message: Msg) -> None:
        if not self._inbox:
            return
        self._heard_at = SYSTEM_CLOCK.monotonic()
        if not message.data and message.headers and "Status" in message.headers:
            self._note_status(message.headers)
            return
        self._asked -= 1
        self._pull()
        number = message.metadata.sequence.stream
        if number in self._held:
            return  # it is only prolonged too late
        channel = self._names.channel(message.subject)
        self._held[number] = message.reply
        if channel is None:
            self._acknowledge(number)  # nobody else will
            return
        self._lane.put(Arrival(channel, message.data, partial(self._acknowledge, number)))

    def _note_status(self, headers: dict[str, str]) -> None:
        """A pull has ended without having brought all that it asked for."""
        self._asked = max(0, self._asked - int(headers.get("Nats-Pending-Messages", self._asked)))
        if _CONSUMER_GONE in headers.get("Description", "").lower():
            self._line.lose("the server has deleted this client's consumer")
        elif headers["Status"] == _EXPIRED:
            self._pull()  # other ends are no reason to hurry: at the next tick

    def _acknowledge(self, number: int) -> None:
        """Called from any thread, perhaps again, perhaps when the line is gone."""
        reply = self._held.pop(number, None)
        if reply is not None:
            self._line.send(Outgoing(reply, b"+ACK"))
