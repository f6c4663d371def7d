"""What a session's users call: ``submit``, ``map``, ``executor``.

One :class:`Calls` for each session, made with its first call.
"""

from __future__ import annotations

import inspect
import itertools
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, fields, frozen

from pye2_calls.client.asked import Asked
from pye2_calls.client.demands import demand_for
from pye2_calls.client.dispatcher import Dispatcher
from pye2_calls.client.doors import MOST_TOGETHER
from pye2_calls.client.futures import RemoteFuture
from pye2_calls.client.scheduler import PATIENCE, Pending
from pye2_calls.client.streams import CREDIT, RemoteStream
from pye2_calls.errors import CallRefused
from pye2_calls.messages import Call
from pye2_calls.shipping import classes_in, ship
from pye2_calls.values import ValueNotCarried, pack_arguments
from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pye2_calls.client.executor import RemoteExecutor
    from pye2_calls.client.mapping import Mapped
    from pye2_calls.shipping import Shipped
    from pye2core import Session

RETRIES: Final = 3
"""How often a call is tried again after its process or its node was lost."""


@frozen
class CallOptions:
    """How a function is called; set by ``@remote(…)``, ``executor(…)`` or with the call.

    Attributes:
        nodes: the nodes that may run it, by name or address; None for any.
        timeout: seconds after which a call is stopped; None for the most that its node allows.
        retries: how often it is tried again after being lost with its process or node; never
            because of what it raised.
        needs: labels that a node must have, and ``memory``.
        grants: what the node's owner must have granted.
        on_output: called with what it prints, as it does.
    """

    nodes: str | Sequence[str] | None = None
    timeout: float | None = None
    retries: int = RETRIES
    needs: Mapping[str, Any] | None = field(default=None, hash=False)
    grants: Mapping[str, Any] | None = field(default=None, hash=False)
    on_output: Callable[[str], object] | None = None

    def with_changes(self, changes: Mapping[str, Any]) -> CallOptions:
        """The same, but for what is given.

        Raises:
            SettingsError: something given cannot be used.
        """
        unknown = changes.keys() - _OPTIONS
        if unknown:
            raise SettingsError(
                f"there is no option {min(unknown)!r}; a call has {', '.join(sorted(_OPTIONS))}",
                setting=min(unknown),
            )
        new = evolve(self, **changes)
        timeout, retries = new.timeout, new.retries
        if timeout is not None and (isinstance(timeout, bool) or not timeout > 0):
            raise SettingsError(f"timeout is {timeout!r}: give seconds, or None", setting="timeout")
        if type(retries) is not int or retries < 0:
            raise SettingsError(f"retries is {retries!r}: give 0 or more", setting="retries")
        return new


_TO_ANSWER: Final = 2.0
"""Seconds in which nodes answer a session that has just connected."""

_NEXT_TO_ANSWER: Final = 0.5
"""Seconds after one node's answer in which another's is waited for."""

DEFAULT_OPTIONS: Final = CallOptions()
_OPTIONS: Final = frozenset(each.name for each in fields(CallOptions))
_NAMES: Final = _OPTIONS - {"nodes"}


class SessionCalls:
    """The calls of one session.

    Args:
        session: whose calls these are.
        together: how many calls one message may carry; 1 to send each by itself.
    """

    def __init__(self, session: Session, *, together: int = MOST_TOGETHER) -> None:
        self._session = session
        self._dispatcher = Dispatcher(session, together=together)
        self._ids = itertools.count(1)
        self._has_counted = False

    def submit(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> RemoteFuture[Any] | RemoteStream[Any]:
        """Have a function run on a node.

        Args:
            function: what to call.
            args: its arguments.
            kwargs: its arguments by name; those that are options, and no parameters of the
                function's own, say how to call it.
            options: how to call it: what ``CallOptions`` has, by name.

        Returns:
            A future of its value; for a generator function a stream of its items.

        Raises:
            Pye2Error: as :meth:`call`.
        """
        own, given = _told_apart(function, kwargs)
        return self.call(function, args, own, {**options, **given})

    def call(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
        *,
        together: int = 1,
    ) -> RemoteFuture[Any] | RemoteStream[Any]:
        """Have a function run on a node, with all that is given as its own.

        Args:
            function: what to call.
            args: its arguments.
            kwargs: its arguments by name.
            options: how to call it: what ``CallOptions`` has, by name.
            together: how many such calls a slot of a node is given at least.

        Returns:
            A future of its value; for a generator function a stream of its items.

        Raises:
            CodeError: the function cannot be sent; says what of it, and what to do.
            ValueNotCarried: an argument cannot be sent; says which part of it.
            SettingsError: an option cannot be used.
            CallRefused: the session is closed.
        """
        shipped, arguments = _shipped(function, args, kwargs)
        chosen = DEFAULT_OPTIONS.with_changes({**_marked(function), **options})
        call_id = next(self._ids)
        outcome, call = self._outcome_of(call_id, shipped, chosen, arguments)
        pending = Pending(
            call_id,
            shipped.digest,
            demand_for(chosen.nodes, chosen.needs, chosen.grants, frozenset(shipped.modules)),
            len(arguments),
            chosen.retries,
            Asked(shipped, call, outcome, chosen.on_output),
            together,
        )
        if isinstance(outcome, RemoteStream):
            outcome.pull = partial(self._dispatcher.pull, pending)
        self._dispatcher.add(pending)
        return outcome

    def _outcome_of(
        self, call_id: int, shipped: Shipped, chosen: CallOptions, arguments: bytes
    ) -> tuple[RemoteFuture[Any] | RemoteStream[Any], Call]:
        cancel = partial(self._dispatcher.cancel, call_id)
        call = Call(
            call_id,
            shipped.digest,
            arguments,
            chosen.timeout,
            CREDIT if shipped.is_generator else 0,
            chosen.on_output is not None,
        )
        if shipped.is_generator:
            return RemoteStream(cancel), call
        return RemoteFuture(cancel, len(arguments)), call

    def map(
        self,
        function: Callable[..., Any],
        iterables: Sequence[Iterable[Any]],
        options: Mapping[str, Any],
        *,
        chunksize: int | None,
        ordered: bool,
        progress: bool,
    ) -> Mapped:
        """See ``Session.map``."""
        from pye2_calls.client.mapping import Mapped

        submit = partial(self._submit_one, function, options, chunksize or 1)
        return Mapped(submit, iterables, ordered=ordered, progress=progress)

    def _submit_one(
        self,
        function: Callable[..., Any],
        options: Mapping[str, Any],
        together: int,
        arguments: tuple[Any, ...],
    ) -> RemoteFuture[Any]:
        outcome = self.call(function, arguments, {}, options, together=together)
        if isinstance(outcome, RemoteFuture):
            return outcome
        outcome.close()
        raise SettingsError(
            "map() takes a function that returns a value, not a generator function: submit() gives"
            " its items as they come",
            setting="function",
        )

    def executor(self, options: Mapping[str, Any]) -> RemoteExecutor:
        """See ``Session.executor``."""
        from pye2_calls.client.executor import RemoteExecutor

        DEFAULT_OPTIONS.with_changes(options)  # what cannot be used is told here already
        return RemoteExecutor(self, options)

    def least_busy(self, count: int) -> tuple[str, ...]:
        """The addresses of the least busy nodes that take calls; waits a little for that many.

        Raises:
            CallRefused: there is none.
        """
        wait_until, nodes = self._session.peers.wait_until, self._dispatcher.nodes
        if not wait_until(lambda: len(nodes()) >= count, _TO_ANSWER):
            wait_until(nodes, PATIENCE)
        found = nodes()[:count]
        if not found:
            message = "no node that takes calls is online and allows this client"
            raise CallRefused(message, reason="nowhere")
        return tuple(each.address for each in found)

    def slots(self, options: Mapping[str, Any]) -> int:
        """How many calls run at once on the nodes that such calls may run on.

        The first time it waits for nodes as long as further ones answer.

        Raises:
            CallRefused: there is none.
        """
        chosen = DEFAULT_OPTIONS.with_changes(options)
        demand = demand_for(chosen.nodes, chosen.needs, None)

        def fitting() -> list[int]:
            nodes = self._dispatcher.nodes()
            return [each.slots for each in nodes if demand.problem_with(each) is None]

        if not self._has_counted:
            self._count(fitting)
        found = fitting()
        if not found:
            message = "no node that takes calls and has what is needed is online"
            raise CallRefused(message, reason="nowhere")
        return sum(found)

    def _count(self, fitting: Callable[[], list[int]]) -> None:
        known, patience = 0, PATIENCE

        def are_more() -> bool:
            return len(fitting()) > known

        while self._session.peers.wait_until(are_more, patience):
            known, patience = len(fitting()), _NEXT_TO_ANSWER
        self._has_counted = True

    def close(self) -> None:
        """End all calls; whoever waits for one is told that the session was closed."""
        for call in self._dispatcher.close():
            outcome = call.subject.outcome
            message = f"{call.subject.name} had not ended when its session was closed"
            outcome.fail(CallRefused(message, reason="closed", node=outcome.node))


def _shipped(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Shipped, bytes]:
    """A function, made ready to be sent, and the bytes of its arguments."""
    shipped = ship(function)
    try:
        return shipped, pack_arguments(tuple(args), kwargs, shipped.classes)
    except ValueNotCarried:
        # Only now are the arguments looked through, which takes long where there are many.
        shipped = ship(function, classes_in((args, kwargs)))
        return shipped, pack_arguments(tuple(args), kwargs, shipped.classes)


def _marked(function: Callable[..., Any]) -> Mapping[str, Any]:
    """What ``@remote(…)`` says of a function."""
    marked: Mapping[str, Any] = getattr(function, "__pye2_remote__", {})
    return marked


def _told_apart(
    function: Callable[..., Any], kwargs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The function's own arguments, and what says how to call it."""
    options = _NAMES.intersection(kwargs)
    if not options:
        return dict(kwargs), {}
    with suppress(TypeError, ValueError):  # what is built in may say nothing of itself
        options -= set(inspect.signature(function).parameters)
    own = {name: value for name, value in kwargs.items() if name not in options}
    return own, {name: kwargs[name] for name in options}
