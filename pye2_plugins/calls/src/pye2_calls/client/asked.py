"""One call as its caller asked for it, and what is made of its answers.

Between the wire and the user: values are unpacked here, and exceptions raised again.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from attrs import frozen

from pye2_calls.client.streams import RemoteStream
from pye2_calls.errors import (
    CallError,
    CallLost,
    CallRefused,
    CallTimeout,
    RemoteError,
    RemoteTraceback,
)
from pye2_calls.messages import Code
from pye2_calls.values import ValueNotReadable, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_calls.client.demands import NodeFacts
    from pye2_calls.client.futures import RemoteFuture
    from pye2_calls.messages import Call, Died, Failure, Raised, Refused, TimedOut
    from pye2_calls.shipping import Shipped

_LAST_LINES: Final = 5


class Listener:
    """Who wants to know what a call prints.

    It is told of every piece. What it raises is raised only the first time: who gave it is to read
    that once, and not for each piece.

    Args:
        hear: what the caller gave.
    """

    def __init__(self, hear: Callable[[str], object]) -> None:
        self._hear = hear
        self._has_raised = False

    def __call__(self, text: str) -> None:
        """The call has printed something more."""
        try:
            self._hear(text)
        except (Exception, SystemExit) as error:
            if not self._has_raised:
                self._has_raised = True
                error.add_note("what it raises further for this call is not told")
                raise


@frozen(eq=False)
class Asked:
    """One call.

    Attributes:
        shipped: the function, as its caller has it.
        call: what the node is told.
        held: what the caller was given; a stream only as long as the caller has it.
        on_output: told of what it prints, as it does; None where nobody wants to know.
    """

    shipped: Shipped
    call: Call
    held: RemoteFuture[Any] | ref[RemoteStream[Any]]
    on_output: Listener | None = None

    @property
    def outcome(self) -> RemoteFuture[Any] | RemoteStream[Any]:
        """What the caller was given, or what takes nothing where he has let go of it."""
        return (self.held() or _LET_GO_OF) if isinstance(self.held, ref) else self.held

    @property
    def name(self) -> str:
        """What the function is called."""
        return self.shipped.name

    @property
    def code(self) -> Code:
        """The function, as nodes are told."""
        shipped = self.shipped
        return Code(
            shipped.digest,
            shipped.name,
            shipped.source,
            shipped.parameters,
            tuple(shipped.values.items()),
            tuple(shipped.classes),
            shipped.modules,
            shipped.takes_plugin,
            shipped.is_generator,
        )

    # --- values -----------------------------------------------------------------------------------

    def value_in(self, data: bytes | memoryview, node: str) -> Any:
        """The value that these bytes are.

        Raises:
            RemoteError: they are none that can be read here; says why.
        """
        try:
            return unpack(data, self.shipped.classes)
        except ValueNotReadable as error:
            raise RemoteError(
                f"what {self.name} gave on {node} cannot be read here: {error}",
                type=type(error).__name__,
                node=node,
            ) from error

    # --- errors -----------------------------------------------------------------------------------

    def error_of(self, said: Raised, node: str) -> BaseException:
        """The exception that the function raised, to be raised here."""
        failure = said.failure
        error = self._own_exception(failure) or RemoteError(
            f"{self.name} raised {failure.type} on {node}: {failure.message}",
            type=failure.type,
            node=node,
            printed=said.printed,
        )
        traceback = self.shipped.in_users_lines(failure.traceback)
        error.__cause__ = RemoteTraceback(traceback or f"{failure.type}: {failure.message}")
        return error

    def _own_exception(self, failure: Failure) -> BaseException | None:
        if failure.exception:
            try:
                carried = unpack(failure.exception, self.shipped.classes)
            except ValueNotReadable:
                carried = None  # its type and its text are told all the same
            if isinstance(carried, BaseException):
                return carried
        kind = getattr(builtins, failure.type, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            try:
                return kind(failure.message)
            except TypeError:  # takes other arguments, as UnicodeDecodeError does
                return None
        return None

    def timed_out(self, said: TimedOut, node: str) -> CallTimeout:
        """The error for a call that took too long."""
        given = self.call.timeout
        if given is None or said.seconds < given:
            seconds = said.seconds
            way_out = "no call may take longer there: its owner chose that (--max-exec-timeout)"
        else:
            seconds = given
            way_out = "give it more with timeout=, or less to do"
        return CallTimeout(
            f"{self.name} took longer than {seconds:g} s on {node} and its process was ended;"
            f" {way_out}{_last_lines(said.printed)}",
            seconds=seconds,
            node=node,
            printed=said.printed,
        )

    def died(self, said: Died, node: str, losses: int) -> CallLost:
        """The error for a call whose process ended."""
        how = f"exit code {said.code}" if said.signal is None else f"signal {said.signal}"
        times = f", {losses} times in all" if losses > 1 else ""
        return CallLost(
            f"the process that ran {self.name} on {node} ended: {said.reason} ({how}"
            f"{times}){_last_lines(said.printed)}",
            node=node,
            code=said.code,
            signal=said.signal,
            losses=losses,
            printed=said.printed,
        )

    def lost(self, node: str, why: str, losses: int, *, has_given: bool) -> CallLost:
        """The error for a call whose node has it no more.

        Args:
            node: the last that had it.
            why: what happened there; "it" is the node.
            losses: how often the call was lost.
            has_given: whether it is a generator's that has given an item.
        """
        if has_given:
            way_out = (
                "A generator that has given an item is not begun anew by itself: submit it again"
            )
        else:
            times = "once" if losses == 1 else f"{losses} times"
            way_out = (
                f"It was lost {times}, and retries={losses - 1}: allow more, where it does no harm"
                " to run it twice"
            )
        message = f"{self.name} was lost on {node}: {why}. {way_out}"
        return CallLost(message, node=node, losses=losses)

    def item_lost(self, node: str) -> CallLost:
        """The error for a generator of which an item has not come, though a later one has."""
        return CallLost(
            f"an item of {self.name} was lost on its way from {node}, as where a broker ends or has"
            " no room for what waits: the generator was given up. One that has given an item is"
            " not begun anew by itself: submit it again",
            node=node,
        )

    def too_many_items(self, node: str) -> CallError:
        """The error for a generator of which a node sends what it was not asked for."""
        return CallError(
            f"{node} sent more items of {self.name} than it was let send, as no node of ours does:"
            " the generator was given up. Call it on other nodes (node=), and ask the owner of"
            f" {node} what runs there",
            node=node,
        )

    def refused(self, said: Refused, node: str) -> CallRefused:
        """The error for a call that a node does not take."""
        why = self.shipped.problems_in_users_lines(said.message)
        return CallRefused(f"{node} did not run {self.name}: {why}", reason=said.reason, node=node)

    def too_large(self, largest: NodeFacts) -> CallRefused:
        """The error for a call whose arguments no node takes.

        Args:
            largest: the node that takes the most.
        """
        return CallRefused(
            f"the arguments of {self.name} have {len(self.call.arguments)} bytes; {largest.name}"
            f" takes {largest.largest} with all that belongs to them, and no node that may run it"
            " takes more: give it less, or have an owner take more (--call-megabytes)",
            reason="large",
            node=largest.name,
        )

    def closed(self) -> CallRefused:
        """The error for a call whose session is closed."""
        return CallRefused(
            f"{self.name} had not ended when its session was closed: wait for its result before",
            reason="closed",
            node=self.outcome.node,
        )

    def unplaceable(self, why: str) -> CallRefused:
        """The error for a call that no node can run."""
        told = f"\n  {why}" if "\n" in why else f" {why}"
        return CallRefused(f"no node can run {self.name}:{told}", reason="nowhere")


_LET_GO_OF: Final[RemoteStream[Any]] = RemoteStream(lambda: None)
_LET_GO_OF.close()


def _last_lines(printed: str) -> str:
    lines = printed.rstrip("\n").split("\n")[-_LAST_LINES:]
    return "; the last that it printed:\n    " + "\n    ".join(lines) if printed.strip() else ""
