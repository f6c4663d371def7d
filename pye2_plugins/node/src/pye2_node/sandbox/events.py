"""What a worker says of its own accord: output, log lines, payloads, texts to keep.

The node's side. Types, sizes and numbers are checked here before anybody else sees them; a worker
that says what a worker never says is reported to its process's owner as ``FrameError``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from pye2_node.sandbox.answers import field
from pye2_node.sandbox.frames import DATA, FrameError
from pye2core.printable import printable

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable, Mapping

    from pye2_node.sandbox.exchanges import Exchange
    from pye2_node.sandbox.limits import SandboxLimits

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_LONGEST_CRASH: Final = 16 * 1024
_NOTE: Final = 200
"""Characters that a note about cut output may have."""


class NotKept(Exception):
    """A text is not kept; the message says why, to the code that wanted it kept."""


class WorkerEvents(Protocol):
    """The owner of a worker: hears what the code in it says, in order, while it runs.

    The worker waits while one of these is under way; what one raises is logged and told to the
    worker where it waits for an answer.
    """

    async def on_log(self, text: str) -> None:
        """A line, or several, that the code wrote with ``plugin.P`` or ``print``."""

    async def on_payload(self, fields: Mapping[str, Any]) -> None:
        """A payload to be sent at once."""

    async def on_cache_save(self, name: str, text: str) -> None:
        """Keep ``text`` in the instance's folder; ``name`` is fit to be a file's.

        Raises:
            NotKept: it is not kept.
        """

    async def on_cache_load(self, name: str) -> str | None:
        """What is kept under ``name``, or None."""

    async def on_limit(self, name: str, value: float) -> None:
        """The code has come to a limit; said once a call of each limit."""


class EventDesk:
    """Checks one worker's events and hands them on.

    Attributes:
        printed: what the present call, or the last one, has printed.
    """

    def __init__(
        self,
        handler: WorkerEvents,
        answer: Callable[[str, str | None], Awaitable[None]],
        limits: SandboxLimits,
        log: logging.Logger,
    ) -> None:
        """Make a desk.

        Args:
            handler: whom to hand events on to.
            answer: answers the worker with one field, waiting while it does not read.
            limits: how much a worker may say during one call.
            log: where to report what the handler raises.
        """
        self.printed = ""
        self._handler = handler
        self._answer = answer
        self._limits = limits
        self._log = log
        self._events = 0
        self._text_size = 0
        self._limits_told: set[str] = set()
        self._has_crashed = False
        self._exchange: Exchange | None = None
        self._on: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[None]]] = {
            "log": self._on_log,
            "print": self._on_print,
            "payload": self._on_payload,
            "save": self._on_save,
            "load": self._on_load,
            "limit": self._on_limit,
            "crashed": self._on_crashed,
            "piece": self._on_piece,
            "item": self._on_item,
        }

    def begin_call(self, exchange: Exchange | None = None) -> None:
        """Count anew.

        Args:
            exchange: what the call is, if it is one of bytes.
        """
        self._exchange = exchange
        self.printed = ""
        self._events = 0
        self._text_size = 0
        self._limits_told.clear()

    def end_exchange(self) -> None:
        """What comes from now on belongs to none, and nothing is kept for it."""
        self._exchange = None

    async def tell_limit(self, name: str, value: float) -> None:
        """Say that a limit was hit, if that was not said in this call."""
        if name not in self._limits_told:
            self._limits_told.add(name)
            await self._shielded(self._handler.on_limit(name, value))

    async def take(self, frame: Mapping[str, Any]) -> None:
        """Check an event and hand it on; returns when the handler is done with it.

        Raises:
            FrameError: it is not an event, or one too many.
        """
        event = field(frame, "did", str)
        on_event = self._on.get(event)
        if on_event is None:
            raise FrameError(f"an unknown event {event[:40]!r}")
        self._events += 1
        if self._events > self._limits.events:
            await self.tell_limit("events", self._limits.events)
            raise FrameError(f"more than {self._limits.events} events during one call")
        await on_event(frame)

    async def _on_log(self, frame: Mapping[str, Any]) -> None:
        text = await self._counted(field(frame, "text", str))
        await self._shielded(self._handler.on_log(text.removesuffix("\n")))

    async def _on_print(self, frame: Mapping[str, Any]) -> None:
        text = await self._counted(field(frame, "text", str))
        self.printed += text
        if self._exchange is not None:
            self._exchange.print(text)
        await self._shielded(self._handler.on_log(text.removesuffix("\n")))

    async def _counted(self, text: str) -> str:
        self._text_size += len(text)
        if self._text_size > 2 * (self._limits.worker.output + _NOTE):
            await self.tell_limit("output", self._limits.worker.output)
            raise FrameError("more output than one call may have")
        return text

    async def _on_payload(self, frame: Mapping[str, Any]) -> None:
        await self._shielded(self._handler.on_payload(field(frame, "fields", dict)))

    async def _on_save(self, frame: Mapping[str, Any]) -> None:
        name = field(frame, "name", str)
        text = field(frame, "text", str)
        if len(text) > self._limits.worker.cache_text:
            raise FrameError(f"a text of {len(text)} characters to keep")
        if _NAME.fullmatch(name) is None:
            await self._refuse_name(name)
            return
        error = await self._shielded(self._handler.on_cache_save(name, text))
        await self._answer("error", error)

    async def _on_load(self, frame: Mapping[str, Any]) -> None:
        name = field(frame, "name", str)
        if _NAME.fullmatch(name) is None:
            await self._refuse_name(name)
            return
        try:
            text = await self._handler.on_cache_load(name)
        except Exception:  # noqa: BLE001 - the owner's code; the worker must get an answer
            self._log.exception("loading %s for custom code failed", name)
            await self._answer("error", f"the node could not load {name}")
        else:
            await self._answer("text", text)

    async def _on_limit(self, frame: Mapping[str, Any]) -> None:
        name = field(frame, "name", str)
        value = self._limits.value_of(name)
        if value is None:
            raise FrameError(f"an unknown limit {name[:40]!r}")
        await self.tell_limit(name, value)

    async def _on_piece(self, frame: Mapping[str, Any]) -> None:
        self._present_exchange().add(field(frame, DATA, memoryview))

    async def _on_item(self, frame: Mapping[str, Any]) -> None:
        await self._shielded(self._present_exchange().item(field(frame, DATA, memoryview)))

    def _present_exchange(self) -> Exchange:
        if self._exchange is None:
            raise FrameError("bytes that nobody asked for")
        return self._exchange

    async def _on_crashed(self, frame: Mapping[str, Any]) -> None:
        if self._has_crashed:  # what is forged would fill the log
            raise FrameError("a second crash")
        self._has_crashed = True
        lines = field(frame, "text", str)[:_LONGEST_CRASH].splitlines()
        told = "".join(f"\n    {printable(line)}" for line in lines)
        self._log.error("the sandbox failed in a worker:%s", told)

    async def _refuse_name(self, name: str) -> None:
        error = (
            f"{name[:100]!r} cannot be the name of what is kept: use up to 100 letters, digits, "
            "dots, dashes and underscores, beginning with a letter or digit"
        )
        await self._answer("error", error)

    async def _shielded(self, handling: Awaitable[None]) -> str | None:
        """Let the handler work; what it raises is logged and comes back as a text."""
        try:
            await handling
        except FrameError:
            raise
        except NotKept as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - the owner's code; it must not end the worker
            self._log.exception("an event of custom code could not be handled")
            return f"the node could not do it: {type(error).__name__}: {error}"
        return None
