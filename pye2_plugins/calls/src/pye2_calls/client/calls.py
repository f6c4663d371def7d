"""What a session's users call: ``submit``, ``map``, ``executor``.

One :class:`Calls` for each session, made with its first call.
"""

from __future__ import annotations

import inspect
import itertools
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn
from weakref import ref

from pye2_calls.client.absence import why_none
from pye2_calls.client.asked import Asked, Listener
from pye2_calls.client.demands import asked_for, demand_for
from pye2_calls.client.dispatcher import Dispatcher
from pye2_calls.client.doors import MOST_TOGETHER, CallsInstance
from pye2_calls.client.futures import RemoteFuture
from pye2_calls.client.options import DEFAULT_OPTIONS, MAP_OPTIONS, OPTIONS, CallOptions, MapOptions
from pye2_calls.client.plans import Flow, Pending
from pye2_calls.client.scheduler import PATIENCE
from pye2_calls.client.streams import CREDIT, RemoteStream
from pye2_calls.errors import CallRefused
from pye2_calls.messages import Call
from pye2_calls.shipping import classes_in, ship
from pye2_calls.values import ValueNotCarried, pack_arguments
from pye2core.errors import SettingsError
from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pye2_calls.client.demands import Demand
    from pye2_calls.client.executor import RemoteExecutor
    from pye2_calls.client.mapping import Mapped
    from pye2_calls.shipping import Shipped
    from pye2core import Session
    from pye2core.clock import Clock
    from pye2core.code import Grants

_TO_ANSWER: Final = 2.0
"""Seconds in which nodes answer a session that has just connected."""

_NEXT_TO_ANSWER: Final = 0.5
"""Seconds after one node's answer in which another's is waited for."""

_NAMES: Final = OPTIONS - {"nodes"}


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
        if "nodes" in kwargs and not _may_take(function, "nodes"):
            raise SettingsError(
                "submit() takes node=, which is a name or a list of names; nodes= is for map(),"
                " executor() and @remote",
                setting="nodes",
            )
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
        flow: Flow | None = None,
    ) -> RemoteFuture[Any] | RemoteStream[Any]:
        """Have a function run on a node, with all that is given as its own.

        Args:
            function: what to call.
            args: its arguments.
            kwargs: its arguments by name.
            options: how to call it: what ``CallOptions`` has, by name.
            together: how many such calls a slot of a node is given at least.
            flow: the map that it is one of.

        Returns:
            A future of its value; for a generator function a stream of its items.

        Raises:
            CodeError: the function cannot be sent; says what of it, and what to do.
            ValueNotCarried: an argument cannot be sent; says which part of it.
            SettingsError: an option cannot be used.
            CallRefused: the session is closed.
        """
        chosen = DEFAULT_OPTIONS.with_changes({**_marked(function), **options})
        asked = asked_for(chosen.grants)
        shipped, arguments = _shipped(function, args, kwargs, asked)
        call_id = next(self._ids)
        outcome, call = self._outcome_of(call_id, shipped, chosen, arguments)
        pending = Pending(
            call_id,
            _place_of(function),
            demand_for(chosen.nodes, chosen.needs, asked, frozenset(shipped.modules)),
            len(arguments),
            chosen.retries,
            Asked(
                shipped,
                call,
                ref(outcome) if isinstance(outcome, RemoteStream) else outcome,
                Listener(chosen.on_output) if chosen.on_output is not None else None,
            ),
            together,
            self.clock.monotonic(),
            flow=flow,
        )
        if isinstance(outcome, RemoteStream):
            outcome.pull = partial(self._dispatcher.pull, pending)
        self._dispatcher.add(pending)
        return outcome

    def _outcome_of(
        self, call_id: int, shipped: Shipped, chosen: CallOptions, arguments: bytes
    ) -> tuple[RemoteFuture[Any] | RemoteStream[Any], Call]:
        call = Call(
            call_id,
            shipped.digest,
            arguments,
            chosen.seconds,
            CREDIT if shipped.is_generator else 0,
            chosen.on_output is not None,
        )
        if shipped.is_generator:
            dispatcher = self._dispatcher
            stream = RemoteStream[Any](
                partial(dispatcher.cancel, call_id), partial(dispatcher.abandon, call_id)
            )
            return stream, call
        return RemoteFuture(self._dispatcher, call_id, len(arguments)), call

    def map(
        self,
        function: Callable[..., Any],
        iterables: Sequence[Iterable[Any]],
        options: Mapping[str, Any],
    ) -> Mapped:
        """See ``Session.map``; ``options`` are those of a call and of a map."""
        from pye2_calls.client.mapping import Mapped

        how = MapOptions(**{name: options[name] for name in MAP_OPTIONS & options.keys()})
        given = {name: value for name, value in options.items() if name not in MAP_OPTIONS}
        flow = Flow()
        submit = partial(
            self._submit_one, function, self._placed(given, _marked(function)), how.chunksize, flow
        )
        go_on = self._dispatcher.look_again
        return Mapped(submit, iterables, flow, go_on, ordered=how.ordered, progress=how.progress)

    def _submit_one(
        self,
        function: Callable[..., Any],
        options: Mapping[str, Any],
        together: int | None,
        flow: Flow,
        arguments: tuple[Any, ...],
    ) -> RemoteFuture[Any]:
        outcome = self.call(function, arguments, {}, options, together=together or 1, flow=flow)
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

        placed = self._placed(options)
        DEFAULT_OPTIONS.with_changes(placed)  # what cannot be used is told here already
        return RemoteExecutor(self, placed)

    @property
    def clock(self) -> Clock:
        """The session's."""
        return self._session.clock

    # --- which nodes ------------------------------------------------------------------------------

    def _placed(
        self, options: Mapping[str, Any], marked: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """The options, with nodes in the place of how many are to be used.

        Raises:
            SettingsError: an option cannot be used.
            CallRefused: there is no node that could be used.
        """
        count = options.get("nodes")
        if type(count) is not int:
            return {
                name: value
                for name, value in options.items()
                if name != "nodes" or value is not None
            }
        if count < 1:
            raise SettingsError(
                f"nodes is {count}: give a number of nodes from 1, or names", setting="nodes"
            )
        others = {name: value for name, value in options.items() if name != "nodes"}
        chosen = DEFAULT_OPTIONS.with_changes({**(marked or {}), **others})
        demand = demand_for(None, chosen.needs)
        return {**others, "nodes": self._least_busy(count, demand)}

    def _least_busy(self, count: int, demand: Demand) -> tuple[str, ...]:
        """The addresses of the least busy nodes that can; waits a little for that many."""

        def able() -> list[str]:
            nodes = self._dispatcher.nodes()
            return [each.address for each in nodes if demand.problem_with(each) is None]

        wait_until = self._session.peers.wait_until
        if not wait_until(lambda: len(able()) >= count, _TO_ANSWER):
            wait_until(able, PATIENCE)
        return tuple(able()[:count]) or self._nowhere(demand)

    def _nowhere(self, demand: Demand) -> NoReturn:
        problems = [
            f"{printable(each.name)}: {demand.problem_with(each)}"
            for each in self._dispatcher.nodes()
        ]
        signature = CallsInstance.SIGNATURE
        told = "\n  ".join(problems) or why_none(self._session, signature, demand.nodes)
        raise CallRefused(f"there is no node that could be used:\n  {told}", reason="nowhere")

    def slots(self, options: Mapping[str, Any]) -> int:
        """How many calls run at once on the nodes that such calls may run on.

        The first time it waits for nodes as long as further ones answer.

        Raises:
            CallRefused: there is none.
        """
        chosen = DEFAULT_OPTIONS.with_changes(options)
        demand = demand_for(chosen.nodes, chosen.needs)

        def fitting() -> list[int]:
            nodes = self._dispatcher.nodes()
            return [each.slots for each in nodes if demand.problem_with(each) is None]

        if not self._has_counted:
            self._count(fitting)
        return sum(fitting()) or self._nowhere(demand)

    def _count(self, fitting: Callable[[], list[int]]) -> None:
        known, patience = 0, PATIENCE

        def are_more() -> bool:
            return len(fitting()) > known

        while self._session.peers.wait_until(are_more, patience):
            known, patience = len(fitting()), _NEXT_TO_ANSWER
        self._has_counted = True

    def close(self) -> None:
        """End all calls; whoever waits for one is told that the session was closed."""
        self._dispatcher.close()


def _shipped(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], asked: Grants
) -> tuple[Shipped, bytes]:
    """A function, made ready to be sent, and the bytes of its arguments."""
    shipped = ship(function, asked=asked)
    try:
        return shipped, pack_arguments(tuple(args), kwargs, shipped.classes)
    except ValueNotCarried:
        # Only now are the arguments looked through, which takes long where there are many.
        shipped = ship(function, classes_in((args, kwargs)), asked)
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


def _may_take(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter of this name, as far as can be told."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # what is built in may say nothing of itself
        return True
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    return takes_any or name in parameters


def _place_of(function: Callable[..., Any]) -> str:
    """Where a function's code is: it takes about as long whatever it closes over."""
    while isinstance(function, partial):
        function = function.func
    code = getattr(function, "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}:{code.co_name}"
    return f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', '')}"
