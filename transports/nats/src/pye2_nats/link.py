"""One connection as the kernel sees it: two lines to a server, and the loop that they live in.

A payload may have 16 MiB, and commands must not wait behind it: payloads and inboxes have a line
and a lane of their own. The loss of one line is the loss of both. A link is used once: for each
attempt to connect there is a new one, so nothing of an old one can be mistaken for something of it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from attrs import frozen
from nats.errors import Error

from pye2_nats import failures
from pye2_nats.commands import Commands
from pye2_nats.connecting import RememberingLoop, tls_context
from pye2_nats.lane import Arrival, Lane
from pye2_nats.line import Line, Outgoing
from pye2core.abc import ChannelKind
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import NotConnected

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine
    from typing import Any

    from nats.aio.msg import Msg

    from pye2_nats.names import Names
    from pye2_nats.settings import NatsSettings
    from pye2core.abc import Channel, Delivery, TransportOptions
    from pye2core.errors import TransportError

_log = logging.getLogger(__name__)

_BULKY = frozenset({ChannelKind.PAYLOADS, ChannelKind.INBOX})
_TICK = 0.5
_PATIENCE_WITH_LANES = 5.0


@frozen
class _End:
    """Why a link ends.

    Attributes:
        reason: in words.
        is_loss: whether that was not our doing.
    """

    reason: str
    is_loss: bool


class Link:
    """A connection, from :meth:`open` to :meth:`leave`, :meth:`drop` or its loss.

    Args:
        options: where and as whom to connect.
        settings: this transport's own.
        names: what things are called.
        on_message: called for each message by the thread of its lane.
        on_loss: called once with this link and the reason when it is lost after it was open.

    Attributes:
        limit: bytes that the server takes as a message, once the link is open.
        was_taken_over: whether another connection has come under the same client id.
        ends_session: whether :meth:`leave` is to have the server forget this client as well.
        has_forgotten: whether the server has.
    """

    def __init__(
        self,
        options: TransportOptions,
        settings: NatsSettings,
        names: Names,
        on_message: Callable[[Delivery], None],
        on_loss: Callable[[Link, str], None],
    ) -> None:
        self._options = options
        self._broker = options.broker
        self._settings = settings
        self._names = names
        self._on_loss = on_loss
        self.limit = 0
        self.was_taken_over = False
        self.ends_session = False
        self.has_forgotten = False
        name = f"pye2-nats-{options.client_id}"
        self._lanes = [Lane(name, on_message), Lane(f"{name}-payloads", on_message)]
        self._lines: list[Line] = []
        self._commands: Commands | None = None
        self._opened: Future[bool] = Future()
        self._failure: BaseException | None = None  # why it could not be opened
        self._timeout = 0.0
        self._tls: ssl.SSLContext | None = None
        self._ending: asyncio.Future[None]
        self._thread = threading.Thread(target=self._run, name=f"{name}-loop", daemon=True)
        self._lock = threading.Lock()  # guards what follows
        self._loop: RememberingLoop | None = None
        self._was_open = False
        self._end: _End | None = None

    # --- for the transport, from any thread -----------------------------------------------------

    def open(self, timeout: float) -> bool:
        """Connect.

        Returns:
            Whether the server still has a session of this client's.

        Raises:
            BrokerUnreachable: no server can be used.
            CredentialsRefused: it does not let us in.
            NotConnected: the link was dropped meanwhile.
            SettingsError: the file with the server's authority cannot be used.
        """
        self._timeout, self._tls = timeout, tls_context(self._broker)
        with self._lock:
            if self._end is None:
                self._loop = RememberingLoop()
                self._ending = self._loop.create_future()
                self._thread.start()
        if self._loop is None:
            raise self._not_opened()
        was_found = self._opened.result()
        with self._lock:
            self._was_open = self._end is None
        if not self._was_open:
            raise self._not_opened()
        for lane in self._lanes:
            lane.start()
        return was_found

    @property
    def is_open(self) -> bool:
        """Whether it is there, and not lost or ended yet."""
        return self._was_open and self._end is None

    @property
    def runs_here(self) -> bool:
        """Whether this is asked from within the loop, where nobody may wait for it."""
        return self._thread is threading.current_thread()

    def publish(self, channel: Channel, subject: str, data: bytes) -> Future[None]:
        """Have a message written; the future is done when the server has taken it."""
        line = self._line_of(channel)
        if channel.kind is ChannelKind.CONFIG:
            return line.publish_stored(subject, data)
        return line.publish(subject, data)

    def subscribe(self, channel: Channel, subject: str, timeout: float) -> None:
        """Receive what is published on a channel; returns when the server has confirmed.

        Raises:
            NotConnected: the connection was lost, or the server did not confirm in time.
            CredentialsRefused: its permissions forbid it.
        """
        is_kept = channel.kind is ChannelKind.CONFIG and self._options.persistent
        take = partial(self._take, subject) if is_kept else partial(self._hear, channel, subject)
        self._ask(f"The subscription to {subject!r}", take, timeout)

    def forget(self, timeout: float) -> None:
        """End the session: the server keeps nothing more for this client.

        Raises:
            NotConnected: the connection was lost, or the server did not confirm in time.
        """
        self._ask("The end of the session", self._forget, timeout)
        self.has_forgotten = True

    def silence(self) -> None:
        """Hand over nothing more but what is being handed over now."""
        for lane in self._lanes:
            lane.stop()

    def leave(self, timeout: float) -> bool:
        """Send what was published, say goodbye and end; not from within the loop.

        Returns:
            Whether all of it was confirmed. After at most ``timeout`` seconds, nothing is called
            any more but what is running now.
        """
        deadline = SYSTEM_CLOCK.monotonic() + timeout
        self.silence()
        self._join_lanes(deadline)
        try:
            if self.is_open:
                self._ask("What was published", self._settle, _left(deadline))
                if self.ends_session:
                    self.forget(_left(deadline))
        except NotConnected:
            return False
        finally:
            self._stop(_End("the connection is closed", is_loss=False))
            self._join_loop()
        return True

    def drop(self, reason: str) -> None:
        """End it at once; what is not confirmed fails before this returns.

        What has arrived is still handed over, if the server will not send it again.
        """
        self._stop(_End(reason, is_loss=False))
        self._join_loop()
        self._join_lanes(SYSTEM_CLOCK.monotonic() + _PATIENCE_WITH_LANES)

    # --- anywhere -------------------------------------------------------------------------------

    def _stop(self, end: _End) -> None:
        with self._lock:
            if self._end is not None:
                return
            self._end = end
            for line in self._lines:
                line.end(end.reason)
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._ending.set_result, None)

    def _join_loop(self) -> None:
        if self._thread.ident is not None and not self.runs_here:
            self._thread.join()

    def _join_lanes(self, deadline: float) -> None:
        for lane in self._lanes:
            lane.join(_left(deadline))

    def _why(self) -> str:
        return "there is no connection" if self._end is None else self._end.reason

    def _not_opened(self) -> TransportError:
        """Why it ended before it was open."""
        if self._end is not None and self._end.is_loss:
            return failures.hung_up(self._broker, self._end.reason)
        return failures.disconnected(self._broker, "A new connection", self._why())

    def _line_of(self, channel: Channel) -> Line:
        return self._lines[channel.kind in _BULKY]

    def _ask(
        self, what: str, task: Callable[[], Coroutine[Any, Any, None]], timeout: float
    ) -> None:
        """Have something done by the loop, and wait for it."""
        try:
            self._wait_for(task, timeout)
        except TimeoutError:
            why = f"no answer within {timeout:g} s"
            raise failures.disconnected(self._broker, what, why) from None
        except CancelledError:
            raise failures.disconnected(self._broker, what, self._why()) from None
        except Error as error:
            raise failures.disconnected(self._broker, what, str(error)) from error

    def _wait_for(self, task: Callable[[], Coroutine[Any, Any, None]], timeout: float) -> None:
        with self._lock:
            if self._end is not None or self._loop is None:
                raise CancelledError
            done = asyncio.run_coroutine_threadsafe(task(), self._loop)
        try:
            done.result(timeout)
        finally:
            done.cancel()

    # --- the loop's thread ----------------------------------------------------------------------

    def _run(self) -> None:
        assert self._loop is not None
        resolvers = ThreadPoolExecutor(1)  # a name that is not resolved must not hold us up
        self._loop.set_default_executor(resolvers)
        try:
            self._go_through(self._live)
            self._go_through(self._tear_down)
        finally:
            resolvers.shutdown(wait=False, cancel_futures=True)
            self._loop.close()
            self._tell_the_end()

    def _go_through(self, part: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have the loop do a part of its life; what is raised there ends the link with a reason."""
        assert self._loop is not None
        try:
            self._loop.run_until_complete(part())
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            _log.exception("The connection to %s has a defect", self._broker.url)
            self._lost(failures.defect(error))

    def _tell_the_end(self) -> None:
        """Have everybody who waits know that the loop is gone."""
        assert self._end is not None
        for lane in self._lanes:
            lane.lose()
        for line in self._lines:
            line.end(self._end.reason)
            line.fail_all()
        if not self._opened.done():
            self._opened.set_exception(self._failure or self._not_opened())
        if self._was_open and self._end.is_loss:
            self._on_loss(self, self._end.reason)

    async def _live(self) -> None:
        opening = asyncio.create_task(self._open())
        first: set[asyncio.Future[Any]] = {opening, self._ending}
        await asyncio.wait(first, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        self._failure = self._failure_of(opening)
        if self._failure is not None:
            self._stop(_End(str(self._failure), is_loss=False))
            return
        self._opened.set_result(opening.result())
        await self._watch()

    def _failure_of(self, opening: asyncio.Task[bool]) -> BaseException | None:
        if self._end is not None:
            return self._not_opened()
        if not opening.done():
            return failures.no_answer(self._broker, self._timeout)
        error = opening.exception()
        if isinstance(error, OSError | Error | ValueError):
            return failures.not_opened(self._broker, error)
        return error

    async def _open(self) -> bool:
        assert self._loop is not None
        for suffix in ("", " payloads"):
            name = f"{self._options.client_id}{suffix}"
            line = Line(self._loop, self._broker, name, self._lost)
            self._lines.append(line)
            await line.open(self._tls, self._settings)
        self.limit = min(line.limit for line in self._lines)
        await self._claim()
        self._commands = Commands(
            self._lines[0],
            self._lanes[0],
            self._names,
            self._options.client_id,
            self._broker,
            self._settings,
        )
        await self._commands.prepare()
        return self._options.persistent and await self._commands.find()

    async def _claim(self) -> None:
        """Have whoever else has our client id leave, and leave when somebody else comes.

        NATS knows no client ids: each says a word of its own as it comes, and goes when it hears
        another.
        """
        subject = self._names.claim(self._options.client_id)
        word = secrets.token_bytes()

        def hear(claim: Msg) -> None:
            if claim.data != word:
                self.was_taken_over = True
                self._lost("another process has connected with the same client id")

        await self._lines[0].listen(subject, hear)
        self._lines[0].send(Outgoing(subject, word))
        await self._lines[0].drain()

    async def _watch(self) -> None:
        """Do what has to be done now and then, until the end."""
        assert self._commands is not None
        while not self._ending.done():
            await asyncio.wait({self._ending}, timeout=_TICK)
            self._commands.tick()
            for line in self._lines:
                line.check()

    async def _tear_down(self) -> None:
        """Leave nothing behind in the loop."""
        assert self._loop is not None
        assert self._end is not None
        for line in self._lines:
            line.end(self._end.reason)
        self._loop.abort_connections()
        await asyncio.sleep(0)  # what other threads have asked for begins, so that it can be ended
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.wait(others)
        await asyncio.sleep(0)  # connections tell of their end

    async def _take(self, subject: str) -> None:
        assert self._commands is not None
        await self._commands.take(subject)

    async def _hear(self, channel: Channel, subject: str) -> None:
        lane = self._lanes[channel.kind in _BULKY]
        concrete = None if channel.is_wildcard else channel

        def arrive(message: Msg) -> None:
            published_on = concrete or self._names.channel(message.subject)
            if published_on is not None:
                lane.put(Arrival(published_on, message.data))

        await self._line_of(channel).listen(subject, arrive)

    async def _settle(self) -> None:
        for line in self._lines:
            await line.settle()

    async def _forget(self) -> None:
        assert self._commands is not None
        await self._commands.forget()

    def _lost(self, reason: str) -> None:
        self._stop(_End(reason, is_loss=True))


def _left(deadline: float) -> float:
    return max(deadline - SYSTEM_CLOCK.monotonic(), 0)
