"""How a session has functions run on nodes: ``submit``, ``map``, ``executor``.

You are in the client room. What a call is, where it goes and how its value comes back is known to
the signature plugin that serves ``Role.CALLS``; a session makes its :class:`Calls` with the first
call and ends them when it is closed.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from pye2core.client.instance import Instance
from pye2core.client.session_nodes import SessionNodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor, Future

    from pye2core.client.session import Session

_T = TypeVar("_T")


class Ends(Protocol):
    """The calls of one ``map``, as they end."""

    def __iter__(self) -> Iterator[Future[Any]]:
        """Itself."""

    def __next__(self) -> Future[Any]:
        """The next call that has ended, in whatever way; waits for it."""

    def close(self) -> None:
        """Give up those that nobody will take; from any thread."""


class Stream(Protocol):
    """What a generator on a node yields, as it yields it."""

    def __next__(self) -> Any:
        """The next item; waits for it."""

    def take_ready(self) -> tuple[bool, Any]:
        """Whether there is an item now, and the item.

        Raises:
            StopIteration: there are no more.
        """

    def when_changed(self, tell: Callable[[], object]) -> None:
        """Have ``tell`` called whenever there may be something to take; it must not wait."""

    def close(self) -> None:
        """Stop the generator."""


class Calls(Protocol):
    """The calls of one session, as the plugin for them implements it.

    ``options`` are what ``@remote`` takes, by name, and what the method of ``Session`` takes
    besides; what they may be is the plugin's to check.
    """

    def submit(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> Any:
        """What ``Session.submit`` gives."""

    def map(
        self,
        function: Callable[..., Any],
        iterables: Sequence[Iterable[Any]],
        options: Mapping[str, Any],
    ) -> Ends:
        """The calls of a ``Session.map``."""

    def executor(self, options: Mapping[str, Any]) -> Executor:
        """What ``Session.executor`` gives."""

    def close(self) -> None:
        """End them all."""


class CallingInstance(Instance):
    """The client's side of a signature that serves ``Role.CALLS``."""

    @classmethod
    def calls_of(cls, session: Session) -> Calls:
        """The calls of a session; to be overridden, asked for once for each session."""
        raise NotImplementedError


class SessionCalls(SessionNodes):
    """The part of a session that has functions run on nodes."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._calls: Calls | None = None
        self._making_calls = threading.Lock()

    def submit(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        node: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Have a function run on a node.

        Its source is sent, with what it uses of its module; nodes that have it already are not
        sent it again. What its node's owner has not granted cannot be imported there; numpy and
        the harmless part of Python's library can.

        Args:
            function: what to call. If its first parameter is called ``plugin``, it gets the node's
                API there, and the arguments follow.
            args: its arguments: numbers, text, bytes, lists, tuples, dictionaries, sets, moments,
                arrays, dataclasses, …; see docs/calls.md.
            node: where to run it, by name or address; None for the least busy node that can.
            kwargs: its arguments by name. ``timeout``, ``retries``, ``needs``, ``grants`` and
                ``on_output`` say how to call it, where it has no such parameter (see ``remote``).

        Returns:
            A ``concurrent.futures.Future`` of its value; for a generator function an iterator of
            what it yields, as it yields it.

        Raises:
            CodeError: the function cannot be sent; says what of it, and what to do.
            Pye2Error: an argument cannot be sent, or an option cannot be used.
            UnknownSignature: the plugin for calls is not installed; says what to install.

        Example:
            >>> session.submit(pow, 2, 10).result(timeout=10)
            1024
        """
        options = {} if node is None else {"nodes": node}
        return self._calls_made().submit(function, args, kwargs, options)

    def map(
        self,
        function: Callable[..., _T],
        /,
        *iterables: Iterable[Any],
        nodes: int | str | Iterable[str] | None = None,
        chunksize: int | None = None,
        ordered: bool = True,
        progress: bool = False,
        **options: Any,
    ) -> Iterator[_T]:
        """Call a function with each of many arguments, on several nodes at once.

        Arguments are read as values are taken, some ahead; an endless iterable will do. Leaving
        the iterator early gives up the calls that are left.

        Args:
            function: what to call.
            iterables: the arguments: one for each parameter; it ends with the shortest.
            nodes: how many nodes to use at most, or which, by name or address; None for all.
            chunksize: how many calls a node is given at once for each of its slots; None for as
                many as is good, which depends on how long they take.
            ordered: whether values come in the order of their arguments, or as they are ready.
            progress: whether to show a bar, in a terminal or a notebook.
            options: as for ``remote``.

        Yields:
            The values. The exception of a call is raised in its place, and ends it.

        Raises:
            CodeError, Pye2Error, UnknownSignature: as :meth:`submit`.

        Example:
            >>> list(session.map(pow, [2, 3], [5, 2]))
            [32, 9]
        """
        values = _values(
            self.map_calls(
                function,
                *iterables,
                nodes=nodes,
                chunksize=chunksize,
                ordered=ordered,
                progress=progress,
                **options,
            )
        )
        next(values)
        return values

    def map_calls(
        self, function: Callable[..., Any], /, *iterables: Iterable[Any], **options: Any
    ) -> Ends:
        """As :meth:`map`, but gives each call's future, which has ended, in place of its value."""
        return self._calls_made().map(function, iterables, options)

    def executor(self, nodes: int | str | Iterable[str] | None = None, **options: Any) -> Executor:
        """Nodes as an executor of ``concurrent.futures``, for whatever takes one.

        Args:
            nodes: how many nodes to use at most, or which, by name or address; None for all.
            options: as for ``remote``.

        Raises:
            SettingsError: an option cannot be used.
            UnknownSignature: the plugin for calls is not installed; says what to install.
        """
        return self._calls_made().executor({**options, "nodes": nodes})

    def end_calls(self) -> None:
        """End all calls, as the session is closed."""
        with self._making_calls:
            calls = self._calls
        if calls is not None:
            calls.close()

    def _calls_made(self) -> Calls:
        from pye2core.descriptors import Role

        with self._making_calls:
            if self._calls is None:
                descriptor = self.registry.signature_for(Role.CALLS)
                kind: type[CallingInstance] = self.registry.load_class(
                    CallingInstance, descriptor, descriptor.client or ""
                )
                # This class is a part of the session, and there is no other object of it.
                self._calls = kind.calls_of(cast("Session", self))
            return self._calls


def _values(ends: Ends) -> Iterator[Any]:
    try:
        yield None  # it has begun: from now on, whoever lets go of it gives up what is left
        for future in ends:
            taken = [future]
            del future  # a value that the caller lets go of is kept by nobody
            yield taken.pop().result()
    finally:
        ends.close()
