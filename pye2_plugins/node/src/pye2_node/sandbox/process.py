"""The node's side of one worker: a ``pye2core.abc.Sandbox``.

Requests go to the worker one at a time. Each has its deadline; a worker that misses one is killed,
with all that it started. A worker that sends what no worker sends is killed too.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pye2_node.memory import trim
from pye2_node.sandbox import answers, exchanges, frames
from pye2_node.sandbox.events import EventDesk, WorkerEvents
from pye2_node.sandbox.exchanges import Exchange
from pye2_node.sandbox.frames import json_of
from pye2_node.sandbox.worker_channel import ChannelClosed
from pye2core.abc import CallResult, FunctionSource, SandboxExit
from pye2core.errors import CallTimedOut, CodeError, CodeRefused, SandboxDied

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pye2_node.sandbox.forks import Ended, Forked
    from pye2_node.sandbox.limits import SandboxLimits, Surroundings
    from pye2_node.sandbox.worker_channel import WorkerChannel
    from pye2core.code.check import CodeProblem

_Meaning = TypeVar("_Meaning")

_LAST_WORDS: Final = 1.0
"""Seconds for reading what a worker sent before it ended."""

_LARGE: Final = 1024 * 1024
"""Bytes of a frame after which the node looks for memory that it can give back."""

_TRIM_AFTER: Final = 3.0
"""Seconds from such a frame, or a worker's end, until then."""

_REPORT: Final = 2.0
"""Seconds between a worker's end and the zygote's report of it."""

_LONG: Final = ("payload", "save", "piece", "item")
"""The events that may have large frames; all others are short."""

_CALLS: Final = frozenset({"call", "exchange"})
"""The requests that run code."""

_EXIT_REASONS: Final = {
    70: "it lost its channel to the node",
    71: "the sandbox's own code failed in it; the node's log has more",
    72: "it could not be confined, or ran out of memory at once",
}


class SandboxProcess:
    """One worker, from its fork to its end. Made by ``SandboxPool.spawn``.

    Attributes:
        calls: how many calls it was given.
    """

    def __init__(
        self,
        forked: Forked,
        channel: WorkerChannel,
        handler: WorkerEvents,
        limits: SandboxLimits,
        log: logging.Logger,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._forked = forked
        self._channel = channel
        self._limits = limits
        self._log = log
        self._desk = EventDesk(handler, self._reply, limits, log)
        self.calls = 0
        self._turn = asyncio.Lock()
        self._requests = 0
        self._answered_twice = 0
        self._awaited: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._why = ""
        self._exited: asyncio.Future[SandboxExit] = loop.create_future()
        self._gone = asyncio.Event()
        self._trimming: asyncio.TimerHandle | None = None
        loop.add_reader(forked.pidfd, self._on_gone)
        forked.ended.add_done_callback(self._on_ended)
        self._listening = loop.create_task(self._listen())
        self._watching = loop.create_task(self._watch())

    def begin(self, surroundings: Surroundings, in_sandbox: str | None = None) -> None:
        """Tell the worker where it runs, and which class is its signature's part in it."""
        frame = {"surroundings": surroundings.as_frame(), "in_sandbox": in_sandbox}
        self._send({"do": "begin", **frame})

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._forked.pid

    @property
    def exited(self) -> asyncio.Future[SandboxExit]:
        """Done when the process is gone, for whatever reason."""
        return asyncio.shield(self._exited)

    @property
    def is_alive(self) -> bool:
        """Whether the process is not known to be gone."""
        return not self._exited.done()

    async def define(self, functions: Mapping[str, FunctionSource]) -> None:
        """Compile functions there, to be called by name; they add to those that are there.

        Raises:
            CodeRefused: a source is not allowed or does not compile; then none is defined.
            CallTimedOut: compiling took too long; the worker is gone.
            SandboxDied: the worker ended.
        """
        sources = {
            name: {
                "source": function.source,
                "parameters": list(function.parameters),
                "is_users": function.is_users,
            }
            for name, function in functions.items()
        }
        async with self._turn:
            answer = await self._ask("define", self._limits.answer_seconds, functions=sources)
            found = await self._believe(lambda: answers.problems(answer))
        if found:
            raise _refused(found)

    async def configure(self, settings: Mapping[str, Any]) -> None:
        """Show these settings to the code as ``plugin.cfg_*``, in place of the earlier ones.

        Raises:
            CallTimedOut: the worker did not take them over in time; it is gone.
            SandboxDied: the worker ended.
        """
        async with self._turn:
            await self._ask("configure", self._limits.answer_seconds, settings=dict(settings))

    async def call(self, name: str, *args: Any, timeout: float) -> CallResult:  # noqa: ASYNC109 - the contract; the limit ends the process, not this wait
        """Call a function with the ``plugin`` object and ``args``.

        Args:
            name: under which it was defined.
            args: what it gets besides ``plugin``, as JSON carries it.
            timeout: seconds that it may take before its process is killed.

        Returns:
            The value, or the failure if the code raised.

        Raises:
            CallTimedOut: it took too long; the worker is gone.
            SandboxDied: the worker ended during the call.
            CodeError: the arguments cannot be carried.
        """
        async with self._turn:
            self.calls += 1
            self._desk.begin_call()
            answer = await self._ask("call", timeout, name=name, args=args)
            return await self._believe(lambda: answers.call_result(answer, self._desk.printed))

    async def exchange(
        self,
        *data: bytes | memoryview,
        timeout: float,  # noqa: ASYNC109 - as for a call
        on_output: Callable[[str], None] | None = None,
        on_item: Callable[[memoryview], Awaitable[None]] | None = None,
    ) -> memoryview:
        """Give bytes to the signature's own part in the worker; its answer.

        Raises:
            CallTimedOut: it took too long; the worker is gone.
            SandboxDied: the worker ended, or answered what no worker answers.
            CodeError: ``data`` is more than the worker takes.
        """
        size, most = sum(map(len, data)), self._limits.worker.exchange
        if size > most:
            raise CodeError(
                f"what the custom code is to get has {size} bytes, more than the {most} that"
                " this node gives it at once: give it less, or in parts"
            )
        exchange = Exchange(most, on_output, on_item)
        async with self._turn:
            self.calls += 1
            self._desk.begin_call(exchange)
            try:
                answer = await self._ask("exchange", timeout, data)
            finally:
                self._desk.end_exchange()
            return await self._believe(
                lambda: exchange.answer(answers.field(answer, frames.DATA, memoryview))
            )

    async def stop(self, grace: float = 1.0) -> None:
        """End the process and all that it started.

        Args:
            grace: seconds that a call under way may take to finish.
        """
        if self.is_alive:
            self._why = self._why or "it was stopped"
            self._send({"do": "stop"})
            await asyncio.wait({self.exited}, timeout=grace)
            self._end("it was stopped")
        await self.exited

    # --- requests and answers ---------------------------------------------------------------------

    async def _ask(
        self,
        what: str,
        seconds: float,
        data: Sequence[bytes | memoryview] | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Send a request and wait for its answer; kills the worker when the time is over."""
        if not self.is_alive:
            raise self._died(self._exited.result())
        self._requests += 1
        number = self._requests
        head = {"do": what, "id": number, **fields}
        packed = [(_pack(head),)] if data is None else exchanges.packed({"do": "piece"}, head, data)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._awaited[number] = answer
        try:
            async with asyncio.timeout(seconds):
                for each in packed:
                    self._channel.write(*each)
                return await answer
        except TimeoutError:
            self._end(f"its time limit of {seconds:g} s was over")
            await self.exited
            if what in _CALLS:
                await self._desk.tell_limit("exec_timeout", seconds)
            raise self._timed_out(what, fields, seconds) from None

    def _timed_out(self, what: str, fields: Mapping[str, Any], seconds: float) -> CallTimedOut:
        if what not in _CALLS:
            return CallTimedOut(
                f"the request to {what} took longer than {seconds:g} s and its process was ended; "
                "the machine is overloaded, or what was sent is much too large",
                seconds=seconds,
            )
        return CallTimedOut(
            f"the function {fields.get('name', '')} took longer than {seconds:g} s and its process "
            f"was ended{_last_words(self._desk.printed)}; make it do less in one call, or set "
            "EXEC_TIMEOUT to more seconds",
            seconds=seconds,
        )

    async def _believe(self, read: Callable[[], _Meaning]) -> _Meaning:
        """What an answer says; a worker whose answer makes no sense is killed."""
        try:
            return read()
        except frames.FrameError as error:
            self._end(f"it answered what no worker answers: {error}")
            raise self._died(await self.exited) from None

    def _died(self, exit_: SandboxExit) -> SandboxDied:
        last = _last_words(self._desk.printed)
        return SandboxDied(
            f"the process that ran the custom code is gone: {exit_.reason}{last}; a new one is "
            "needed",
            code=exit_.code,
            signal=exit_.signal,
            reason=exit_.reason,
        )

    def _send(self, frame: dict[str, Any]) -> None:
        self._channel.write(_pack(frame))

    async def _reply(self, field: str, text: str | None) -> None:
        """Answer the worker, which must read one answer before it gets more."""
        try:
            packed = frames.pack(f'{{"do":"answer","{field}":{json_of(text)}}}')
        except frames.FrameTooLarge as error:
            why = f"what the node would answer is {error}: keep less, or in parts"
            packed = frames.encode({"do": "answer", "error": why})
        self._channel.write(packed)
        if self._channel.all_sent is not None:
            await asyncio.shield(self._channel.all_sent)

    # --- what the worker sends --------------------------------------------------------------------

    async def _listen(self) -> None:
        """Take in frames until the channel closes or one makes no sense, then end the worker."""
        try:
            while True:
                frame = self._read(await self._channel.next_body())
                if "id" in frame:
                    self._settle(frame)
                else:
                    await self._desk.take(frame)
                del frame  # it may be large, and the next one long in coming
        except ChannelClosed:
            await self._expect_end()
        except frames.FrameError as error:
            if isinstance(error, frames.TooManyValues):
                await self._desk.tell_limit("payload_values", frames.MAX_VALUES)
            self._end(f"it sent what no worker sends: {error}")
        except Exception:  # noqa: BLE001 - our own defect must not leave a worker unheard
            self._log.exception("what a worker sent could not be taken in")
            self._end("it sent what the node could not take in")

    async def _expect_end(self) -> None:
        try:
            async with asyncio.timeout(_REPORT):
                await self._gone.wait()
        except TimeoutError:
            self._end("it closed its channel")

    def _read(self, body: bytes | bytearray) -> dict[str, Any]:
        is_large = len(body) >= _LARGE
        if is_large:
            self._trim_soon()
        frames.limit_values(body)
        frame = frames.decode(body)
        if is_large and "id" not in frame and frame.get("did") not in _LONG:
            raise frames.FrameError(f"{len(body)} bytes of an event that takes few")
        return frame

    def _trim_soon(self) -> None:
        """Give back what was taken for this worker, when what it sent has come and gone, too.

        After a large frame, and after its end: many small frames take as much. Otherwise a node
        kept some forty MiB of a worker that was long gone.
        """
        if self._trimming is None:
            loop = asyncio.get_running_loop()
            self._trimming = loop.call_later(_TRIM_AFTER, self._trim)

    def _trim(self) -> None:
        self._trimming = None
        trim()

    def _settle(self, frame: dict[str, Any]) -> None:
        """Hand an answer to who waits for it."""
        number = answers.field(frame, "id", int)
        if not 0 < number <= self._requests:
            raise frames.FrameError("an answer to nothing")
        answer = self._awaited.pop(number, None)
        if answer is None:
            self._take_second(number)
        elif not answer.done():
            answer.set_result(frame)

    def _take_second(self, number: int) -> None:
        """Hear two answers to a request, the forged one and the real one, but not a flood."""
        if number <= self._answered_twice:
            raise frames.FrameError("a third answer")
        self._answered_twice = number

    # --- its end ----------------------------------------------------------------------------------

    def _end(self, why: str) -> None:
        """Kill the worker; the zygote ends what it started."""
        if self._gone.is_set():
            return
        self._why = why
        self._forked.kill()

    def _on_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._forked.pidfd)
        self._gone.set()

    def _on_ended(self, ended: asyncio.Future[Ended]) -> None:
        if ended.result() == (None, None):
            self._why = self._why or "its zygote ended"
            self._end(self._why)
            self._forked.kill_group()

    async def _watch(self) -> None:
        """Wait for the worker's end, then settle everything that waits for it."""
        await self._gone.wait()
        await asyncio.wait({self._forked.ended}, timeout=_REPORT)
        await asyncio.wait({self._listening}, timeout=_LAST_WORDS)
        self._listening.cancel()
        exit_ = self._exit()
        os.close(self._forked.pidfd)
        self._channel.close()
        self._trim_soon()
        self._exited.set_result(exit_)
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_exception(self._died(exit_))
        self._awaited.clear()

    def _exit(self) -> SandboxExit:
        ended = self._forked.ended
        code, number = ended.result() if ended.done() else (None, None)
        return SandboxExit(code=code, signal=number, reason=self._why or _in_words(code, number))


def _pack(frame: dict[str, Any]) -> bytes:
    """The frame's bytes.

    Raises:
        CodeError: it holds what cannot be carried.
    """
    try:
        return frames.encode(frame)
    except frames.FrameTooLarge as error:
        raise CodeError(
            f"what the custom code is to get has {error.size} bytes, more than the "
            f"{frames.MAX_FRAME} that one call can carry: give it less, or in parts"
        ) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise CodeError(
            f"what the custom code is to get cannot be carried as JSON: {error}; give it numbers, "
            "text, lists and dictionaries"
        ) from None


def _refused(found: Sequence[tuple[str, CodeProblem]]) -> CodeRefused:
    several = len({function for function, _ in found}) > 1
    listed = "; ".join(
        f"{function + ', ' if several else ''}line {problem.line}: {problem.message}"
        for function, problem in found
    )
    return CodeRefused(
        f"the custom code cannot run here: {listed}", problems=[problem for _, problem in found]
    )


def _last_words(printed: str) -> str:
    """The last line that was printed, for messages."""
    lines = printed.split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f"; the last that it printed: {last[-200:]!r}" if last else ""


def _in_words(code: int | None, number: int | None) -> str:
    if number is not None:
        name = signal.Signals(number).name if number in signal.valid_signals() else "unknown"
        return f"it was ended by signal {number} ({name})"
    if code in _EXIT_REASONS:
        return _EXIT_REASONS[code]
    return "it ended in an unknown way" if code is None else f"it ended with exit code {code}"
