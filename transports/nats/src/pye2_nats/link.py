"""One connection as the kernel sees it: two lines to a server, and the loop that they live in.

A payload may have 16 MiB, and commands must not wait behind it: payloads and inboxes have a line
and a lane of their own. The loss of one line is the loss of both. A link is used once: for each
attempt to connect there is a new one, so nothing of an old one can be mistaken for something of it.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from attrs import frozen
from nats.errors import Error

from pye2_nats.commands import Commands
from pye2_nats.connecting import RememberingLoop
from pye2_nats.faults import not_connected, refusal, unreachable
from pye2_nats.lane import Arrival, Lane
from pye2_nats.line import Line, Outgoing
from pye2core.abc import ChannelKind
from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine
    from typing import Any

    from nats.aio.msg import Msg

    from pye2_nats.names import Names
    from pye2_nats.settings import NatsSettings
    from pye2core.abc import Channel, Delivery, TransportOptions

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
    """A connection, from :meth:`open` to :meth:`drop` or its loss.

    Args:
        options: where and as whom to connect.
        settings: this transport's own.
        names: what things are called.
        on_message: called by the lanes.
        on_loss: called by the loop's thread as its last act, if it was open and is lost.
    """

    def __init__(
        self,
        options: TransportOptions,
        settings: NatsSettings,
        names: Names,
        on_message: Callable[[Delivery], None],
        on_loss: Callable[[str], None],
    ) -> None:
        self._options = options
        self._settings = settings
        self._names = names
        self._on_loss = on_loss
        self.was_taken_over = False
        name = f"pye2-nats-{options.client_id}"
        self._lanes = [Lane(name, on_message), Lane(f"{name}-payloads", on_message)]
        self._lines: list[Line] = []
        self._commands: Commands | None = None
        self._opened: Future[bool] = Future()
        self._timeout = 0.0
        self._tls: ssl.SSLContext | None = None
        self._ending: asyncio.Future[None]
        self._thread = threading.Thread(target=self._run, name=f"{name}-loop", daemon=True)
        self._lock = threading.Lock()  # guards what follows
        self._loop: RememberingLoop | None = None
        self._end: _End | None = None

    # --- from any thread ---

    def open(self, timeout: float, tls: ssl.SSLContext | None) -> bool:
        """Connect.

        Returns:
            Whether the server still has a session of this client's.

        Raises:
            BrokerUnreachable: no server can be used.
            CredentialsRefused: it does not let us in.
            NotConnected: the link was dropped meanwhile.
        """
        self._timeout, self._tls = timeout, tls
        with self._lock:
            if self._end is None:
                self._loop = RememberingLoop()
                self._ending = self._loop.create_future()
                self._thread.start()
        if self._loop is None:
            raise not_connected(self._options.broker, "A new connection", self._why())
        try:
            found = self._opened.result()
        except Pye2Error:
            self._thread.join()
            raise
        for lane in self._lanes:
            lane.start()
        return found

    @property
    def has_ended(self) -> bool:
        """Whether it is of no more use."""
        return self._end is not None

    @property
    def limit(self) -> int:
        """Bytes that the server takes as a message."""
        return min(line.limit for line in self._lines)

    def publish(self, channel: Channel, subject: str, data: bytes) -> Future[None]:
        """Have a message written; done when the server has taken it."""
        published: Future[None] = Future()
        published.set_running_or_notify_cancel()  # what is under way cannot be cancelled
        is_stored = channel.kind is ChannelKind.CONFIG
        self._line_of(channel).send(Outgoing(subject, data, published, is_stored))
        return published

    def subscribe(self, channel: Channel, subject: str, timeout: float) -> None:
        """Receive what is published on a channel; returns when the server has confirmed.

        Raises:
            NotConnected: the link has ended, or the server does not confirm in time.
            CredentialsRefused: its permissions forbid it.
        """
        what = f"The subscription to {channel}"
        is_kept = channel.kind is ChannelKind.CONFIG and self._options.persistent
        try:
            self._wait_for(
                partial(self._take, subject) if is_kept else partial(self._hear, channel, subject),
                timeout,
            )
        except TimeoutError as error:
            why = f"no answer within {timeout:g} s"
            raise not_connected(self._options.broker, what, why) from error
        except CancelledError as error:
            raise not_connected(self._options.broker, what, self._why()) from error
        except Error as error:
            raise not_connected(self._options.broker, what, str(error)) from error

    def finish(self, timeout: float, *, forget: bool) -> None:
        """Have all that was published confirmed; with ``forget``, end the session.

        Raises:
            TimeoutError: that took too long.
            CancelledError: the link has ended.
            nats.errors.Error: the server does not want to.
        """
        self._wait_for(partial(self._finish, forget=forget), timeout)

    def stop_lanes(self, timeout: float) -> None:
        """Call no handler any more; waits for one that runs, unless called from within it."""
        for lane in self._lanes:
            lane.stop()
        for lane in self._lanes:
            lane.join(timeout)

    def drop(self, reason: str, *, timeout: float = _PATIENCE_WITH_LANES) -> None:
        """End it at once; what is not confirmed fails before this returns.

        What has arrived is still handed over, if the server will not send it again.
        """
        self._stop(_End(reason, is_loss=False))
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()
        for lane in self._lanes:
            lane.join(timeout)

    def _stop(self, end: _End) -> None:
        with self._lock:
            if self._end is not None:
                return
            self._end = end
            for line in self._lines:
                line.end(end.reason)
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._ending.set_result, None)

    def _why(self) -> str:
        return "there is no connection" if self._end is None else self._end.reason

    def _line_of(self, channel: Channel) -> Line:
        return self._lines[channel.kind in _BULKY]

    def _wait_for(self, task: Callable[[], Coroutine[Any, Any, None]], timeout: float) -> None:
        with self._lock:
            if self._end is not None or self._loop is None:
                raise CancelledError
            if self._thread is threading.current_thread():
                raise Error("the callback of a future cannot wait for the thread that calls it")
            done = asyncio.run_coroutine_threadsafe(task(), self._loop)
        try:
            done.result(timeout)
        finally:
            done.cancel()

    # --- the loop's thread ---

    def _run(self) -> None:
        assert self._loop is not None
        resolvers = ThreadPoolExecutor(1)  # a name that is not resolved must not hold us up
        self._loop.set_default_executor(resolvers)
        try:
            self._loop.run_until_complete(self._live())
        finally:
            resolvers.shutdown(wait=False, cancel_futures=True)
            self._loop.close()
        assert self._end is not None
        for line in self._lines:
            line.fail_all()
        if self._end.is_loss:
            self._on_loss(self._end.reason)

    async def _live(self) -> None:
        opening = asyncio.create_task(self._open())
        first: set[asyncio.Future[Any]] = {opening, self._ending}
        await asyncio.wait(first, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        failure = self._failure_of(opening)
        if failure is not None:
            self._stop(_End(str(failure), is_loss=False))
        else:
            self._opened.set_result(opening.result())
            await self._watch()
        await self._tear_down()
        for lane in self._lanes:
            lane.lose()
        if failure is not None:
            self._opened.set_exception(failure)

    def _failure_of(self, opening: asyncio.Task[bool]) -> Exception | None:
        broker = self._options.broker
        if self._end is not None:
            if self._end.is_loss:
                return unreachable(broker, self._end.reason)
            return not_connected(broker, "A new connection", self._end.reason)
        if not opening.done():
            return unreachable(broker, f"no answer within {self._timeout:g} s")
        error = opening.exception()
        if error is None:
            return None
        if isinstance(error, OSError | Error | ValueError | TimeoutError):
            return refusal(broker, error)
        return error if isinstance(error, Exception) else None

    async def _open(self) -> bool:
        assert self._loop is not None
        for suffix in ("", " payloads"):
            line = Line(
                self._loop, self._options.broker, f"{self._options.client_id}{suffix}", self._lost
            )
            self._lines.append(line)
            await line.open(self._tls, tls_first=self._settings.tls_first)
        await self._claim()
        self._commands = Commands(
            self._lines[0],
            self._lanes[0],
            self._names,
            self._options.client_id,
            self._options.broker,
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

        async def hear(claim: Msg) -> None:
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

        async def arrive(message: Msg) -> None:
            published_on = concrete or self._names.channel(message.subject)
            if published_on is not None:
                lane.put(Arrival(published_on, message.data))

        await self._line_of(channel).listen(subject, arrive)

    async def _finish(self, *, forget: bool) -> None:
        assert self._commands is not None
        for line in self._lines:
            await line.settle()
        if forget:
            await self._commands.forget()

    def _lost(self, reason: str) -> None:
        self._stop(_End(reason, is_loss=True))
