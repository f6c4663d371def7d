"""One connection to a server: what is written, in order, and what the server has taken.

Core NATS confirms nothing. But a server reads a connection in order, so whatever was written before
a message of ours to ourselves has been read when that one, a *marker*, comes back. (nats-py's
``flush`` does not say so much: its PING overtakes what waits to be written.) JetStream answers each
message that it has stored. Both arrive at one private subject, with a number.

Everything here but ``send`` belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

from attrs import define, field

from pye2_nats import failures
from pye2_nats.connecting import connected_client
from pye2core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from pye2_nats.connecting import RememberingLoop
    from pye2_nats.settings import NatsSettings
    from pye2core.errors import TransportError
    from pye2core.settings import BrokerAddress

_log = logging.getLogger(__name__)

_MOST_UNMARKED = 1024
"""Messages that one marker may stand for, so that confirmations come while much is published."""

_PATIENCE = 60.0
"""Seconds within which JetStream answers, or its answer was lost with one of its servers."""

_NEEDED = ("_inbox.", "$js.")
"""How subjects begin, in small letters, without which nothing works."""

_FORBIDDEN = re.compile(r"permissions violation for (publish|subscription) to \"([^\"]*)\"")


def _under_way() -> Future[None]:
    published: Future[None] = Future()
    published.set_running_or_notify_cancel()  # what is under way cannot be cancelled
    return published


@define(eq=False)
class Outgoing:
    """What is to be written.

    Attributes:
        subject: where to.
        data: the bytes.
        confirmed: done when the server has taken it; None where nobody asks.
        is_stored: whether JetStream answers it.
        reply: where else an answer is to go.
    """

    subject: str
    data: bytes
    confirmed: Future[None] | None = None
    is_stored: bool = False
    reply: str = ""


@define(eq=False)
class _Run(Outgoing):
    """Messages to one subject, with nothing between them.

    The server reads them together, or not at all, and forbids them together: one future for all of
    them says as much as one for each, and costs a quarter of the time that a message takes.
    """

    confirmed: Future[None] = field(factory=_under_way, kw_only=True)
    more: list[bytes] = field(factory=list, kw_only=True)


@define(eq=False)
class _Barrier(Outgoing):
    """No message: what was sent before it has been read when it is confirmed."""

    drained: asyncio.Future[None] = field(kw_only=True)


@define(eq=False)
class _Written:
    """What was written and not confirmed.

    Attributes:
        messages: what one confirmation stands for.
        at: when.
    """

    messages: list[Outgoing]
    at: float = field(factory=SYSTEM_CLOCK.monotonic)


class Line:
    """One connection, from :meth:`open` until its loop ends.

    Args:
        loop: the loop that it lives in.
        broker: where to.
        name: what the server's monitoring shows.
        on_loss: called with the reason when it is lost.
    """

    def __init__(
        self,
        loop: RememberingLoop,
        broker: BrokerAddress,
        name: str,
        on_loss: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._broker = broker
        self._name = name
        self._on_loss = on_loss
        self._client: Client | None = None
        self._confirmations = ""  # the private subject, without the number
        self._number = 0
        self._unconfirmed: dict[int, _Written] = {}
        self._unmarked: list[Outgoing] = []
        self._unmarked_count = 0
        self._forbidden: set[tuple[str, str]] = set()
        self._last_error: Exception | None = None
        self._something_to_write = asyncio.Event()
        self._confirmed = asyncio.Event()
        self._pumping: asyncio.Task[None] | None = None
        self._lock = threading.Lock()  # guards what follows
        self._outgoing: deque[Outgoing] = deque()
        self._is_awake = False
        self._ended: str | None = None  # why nothing more is taken

    async def open(self, tls: ssl.SSLContext | None, settings: NatsSettings) -> None:
        """Connect; what has been sent is then written, and confirmed."""
        client = await connected_client(
            self._loop,
            self._broker,
            self._name,
            tls=tls,
            settings=settings,
            on_error=self._told,
            on_closed=self._closed,
        )
        self._confirmations = client.new_inbox()
        self._client = client
        await client.subscribe(
            f"{self._confirmations}.*",
            cb=self._guarded(self._confirmation),
            pending_msgs_limit=0,
            pending_bytes_limit=0,
        )
        self._pumping = asyncio.create_task(self._pump())
        self._pumping.add_done_callback(self._pumped)
        await self.drain()

    @property
    def client(self) -> Client:
        """What nats-py knows of the connection."""
        assert self._client is not None, "a line is opened before it is used"
        return self._client

    @property
    def limit(self) -> int:
        """Bytes that the server takes as a message."""
        return self.client.max_payload

    # --- from any thread ---

    def publish(self, subject: str, data: bytes) -> Future[None]:
        """Have a message written that JetStream does not store.

        Returns:
            A future that is done when the server has read it; other messages may share it.
        """
        with self._lock:
            last = self._outgoing[-1] if self._outgoing and self._ended is None else None
            if (
                isinstance(last, _Run)
                and last.subject == subject
                and len(last.more) < _MOST_UNMARKED
            ):
                last.more.append(data)
                return last.confirmed
        run = _Run(subject, data)
        self.send(run)
        return run.confirmed

    def publish_stored(self, subject: str, data: bytes) -> Future[None]:
        """Have a message written that JetStream stores; the future is done when it has."""
        message = Outgoing(subject, data, _under_way(), is_stored=True)
        self.send(message)
        assert message.confirmed is not None
        return message.confirmed

    def send(self, message: Outgoing) -> None:
        """Have something written, without waiting for it."""
        with self._lock:
            reason = self._ended
            if reason is None:
                self._outgoing.append(message)
                if not self._is_awake:
                    self._is_awake = True
                    self._loop.call_soon_threadsafe(self._something_to_write.set)
        if reason is not None:
            self._fail(message, reason)

    # --- within the loop ---

    async def listen(self, subject: str, on_message: Callable[[Msg], None]) -> None:
        """Subscribe; returns when the server has confirmed.

        Raises:
            CredentialsRefused: its permissions forbid it.
        """
        # What is taken is queued at once, and its limits are the lane's.
        await self.client.subscribe(
            subject, cb=self._guarded(on_message), pending_msgs_limit=0, pending_bytes_limit=0
        )
        await self.drain()
        if ("subscription", subject.lower()) in self._forbidden:
            raise failures.forbidden(self._broker, f"a subscription to {subject!r}")

    async def drain(self) -> None:
        """Wait until the server has read all that was sent before."""
        drained: asyncio.Future[None] = self._loop.create_future()
        self.send(_Barrier("", b"", drained=drained))
        await drained

    def lose(self, reason: str) -> None:
        """The connection is of no more use."""
        self._on_loss(reason)

    def check(self) -> None:
        """Find out, now and then, what nobody tells."""
        if self.client.is_closed:  # nats-py may fail to say so if writing fails as it closes
            self._on_loss(self._why())
        for written in self._unconfirmed.values():
            is_stored = any(message.is_stored for message in written.messages)
            if is_stored and SYSTEM_CLOCK.monotonic() - written.at > _PATIENCE:
                self._on_loss(f"JetStream did not answer within {_PATIENCE:g} s")
            if is_stored:
                break  # the others are younger

    def end(self, reason: str) -> None:
        """Take no more."""
        with self._lock:
            self._ended = self._ended or reason

    def fail_all(self) -> None:
        """Fail what was not confirmed, once the line has ended."""
        assert self._ended is not None, "a line is ended first"
        messages = [one for written in self._unconfirmed.values() for one in written.messages]
        for message in [*messages, *self._unmarked, *self._outgoing]:
            self._fail(message, self._ended)

    async def settle(self) -> None:
        """Wait until all that was sent before is confirmed, by JetStream where it is kept."""
        await self.drain()
        while self._unconfirmed:
            self._confirmed.clear()
            await self._confirmed.wait()

    async def _pump(self) -> None:
        """Write what is sent, in order."""
        while True:
            await self._something_to_write.wait()
            self._something_to_write.clear()
            self._is_awake = False  # before it is looked for: what comes now wakes us again
            while (message := self._take()) is not None:
                await self._write(message)
                if self._unmarked_count >= _MOST_UNMARKED:
                    await self._mark()
                    await asyncio.sleep(0)  # let others run: what is read, the other line
            if self._unmarked:
                await self._mark()

    def _take(self) -> Outgoing | None:
        """The next of what is sent; from now on a run gets no longer."""
        with self._lock:
            return self._outgoing.popleft() if self._outgoing else None

    def _guarded(self, on_message: Callable[[Msg], None]) -> Callable[[Msg], Awaitable[None]]:
        """``on_message``, which ends the line if it raises: nats-py would say so and go on."""

        async def hear(message: Msg) -> None:
            try:
                on_message(message)
            except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for it
                _log.exception("A message on %r could not be taken", message.subject)
                self._on_loss(failures.defect(error))

        return hear

    def _pumped(self, pumping: asyncio.Task[None]) -> None:
        if not pumping.cancelled() and (error := pumping.exception()):
            self._on_loss(str(error) or type(error).__name__)

    async def _write(self, message: Outgoing) -> None:
        if isinstance(message, _Barrier):
            self._unmarked.append(message)
            await self._mark()
        elif message.is_stored:
            number = self._next()
            self._unconfirmed[number] = _Written([message])
            await self.client.publish(
                message.subject, message.data, reply=f"{self._confirmations}.{number}"
            )
        elif isinstance(message, _Run):
            self._unmarked.append(message)
            self._unmarked_count += 1 + len(message.more)
            await self.client.publish(message.subject, message.data)
            for data in message.more:
                await self.client.publish(message.subject, data)
        else:
            await self.client.publish(message.subject, message.data, message.reply)

    async def _mark(self) -> None:
        """Have the server tell when it has read what was written."""
        number = self._next()
        self._unconfirmed[number] = _Written(self._unmarked)
        self._unmarked = []
        self._unmarked_count = 0
        await self.client.publish(f"{self._confirmations}.{number}")

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _confirmation(self, told: Msg) -> None:
        """A marker is back, or JetStream answers."""
        number = int(told.subject.rpartition(".")[2])
        written = self._unconfirmed.get(number)
        if written is None:
            return  # all that it stands for was forbidden
        if not told.data and written.messages and written.messages[0].is_stored:
            # "No responders": there is no stream, or nobody who leads it. It may be back soon, and
            # what is not confirmed is published again on the next connection.
            self._on_loss("JetStream does not answer for its stream")
            return
        for message in written.messages:
            if isinstance(message, _Barrier):
                if not message.drained.done():
                    message.drained.set_result(None)
            elif message.is_stored:
                self._answered(message, told)
            else:
                _settle(message)
        del self._unconfirmed[
            number
        ]  # not before: if that raises, what is left fails with the line
        self._confirmed.set()

    def _answered(self, message: Outgoing, told: Msg) -> None:
        error = json.loads(told.data).get("error")
        if error is None:
            _settle(message)
            return
        said = str(error.get("description", error))
        self._refuse(message, failures.not_kept(self._broker, message.subject, said))

    async def _told(self, error: Exception) -> None:
        """What nats-py or the server complains of."""
        self._last_error = error
        if self._client is None:
            raise error  # nats-py would try again
        found = _FORBIDDEN.search(str(error).lower())
        if found is None:
            _log.debug("nats-py says: %s", error)
            return
        kind, subject = found.groups()
        if subject.startswith(_NEEDED):
            self._on_loss(f"its permissions do not let us use {subject!r} ({kind}), which we need")
            return
        self._forbidden.add((kind, subject))
        if kind == "publish":
            self._fail_forbidden(subject)

    def _fail_forbidden(self, subject: str) -> None:
        for number, written in list(self._unconfirmed.items()):
            self._fail_those_to(subject, written.messages)
            if not written.messages:  # JetStream answers nothing where it was told nothing
                del self._unconfirmed[number]
                self._confirmed.set()
        self._fail_those_to(subject, self._unmarked)

    def _fail_those_to(self, subject: str, messages: list[Outgoing]) -> None:
        for message in [one for one in messages if one.subject.lower() == subject]:
            messages.remove(message)
            what = f"publishing to {message.subject!r}"
            self._refuse(message, failures.forbidden(self._broker, what))

    async def _closed(self) -> None:
        self._on_loss(self._why())

    def _why(self) -> str:
        error = self.client.last_error or self._last_error
        return "the connection is gone" if error is None else str(error) or type(error).__name__

    def _refuse(self, message: Outgoing, error: TransportError) -> None:
        if message.confirmed is not None:
            message.confirmed.set_exception(error)
        else:
            _log.warning("%s", error)

    def _fail(self, message: Outgoing, reason: str) -> None:
        if message.confirmed is not None and not message.confirmed.done():
            message.confirmed.set_exception(
                failures.disconnected(self._broker, f"A message on {message.subject!r}", reason)
            )


def _settle(message: Outgoing) -> None:
    if message.confirmed is not None:
        message.confirmed.set_result(None)
