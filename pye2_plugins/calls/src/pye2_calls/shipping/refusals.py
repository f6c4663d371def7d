"""Why something is not sent, and what to do instead: found beforehand, told in the user's lines."""

from __future__ import annotations

import io
import linecache
import logging
import queue
import socket
import threading
import types
from collections.abc import Iterator as AnyIterator
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pye2core.code import CodeProblem
from pye2core.errors import CodeRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LOCKS: Final = (
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Condition,
    threading.Event,
    threading.Semaphore,
    threading.Barrier,
)
_OF_THREADS: Final = (threading.Thread, threading.local, queue.Queue, Executor, Future)

_STAYS: Final[Sequence[tuple[tuple[type, ...], str]]] = (
    (_LOCKS, "a lock, which guards nothing on another machine: calls share no memory, do without"),
    (_OF_THREADS, "part of this process's threads: use it here, and send what comes of it"),
    ((io.IOBase,), "an open file of this machine: read it here, and pass its contents"),
    ((socket.socket,), "a connection of this process: open it in the function instead"),
    ((logging.Logger, logging.Handler), "a logger of this process: use print, which comes back"),
    ((types.GeneratorType, types.CoroutineType), "running already: pass a list of what it gives"),
)


@frozen
class Place:
    """Where the user's text asks for something.

    Attributes:
        file: the file; None where there is none.
        line: its line.
        asker: the name of the function or class in which it stands.
    """

    file: str | None
    line: int
    asker: str


@frozen
class Complaint:
    """Something that cannot go.

    Attributes:
        place: where the text asks for it.
        message: what it is and what to do instead.
        name: the name it is about.
    """

    place: Place
    message: str
    name: str

    def told(self) -> list[str]:
        """For people: with file, line and the line's text."""
        if self.place.file is None:
            return [f"  {self.message}"]
        told = [f"  {self.place.file}:{self.place.line}: {self.message}"]
        text = linecache.getline(self.place.file, self.place.line).strip()
        return [*told, f"      {text}"] if text else told


def refusal(name: str, complaints: Sequence[Complaint]) -> CodeRefused:
    """The error that tells all of it; ``problems`` have the lines of the user's files."""
    count = "a problem" if len(complaints) == 1 else f"{len(complaints)} problems"
    lines = [f"{name} cannot be sent to a node, it has {count}:"]
    for complaint in complaints:
        lines.extend(complaint.told())
    problems = [CodeProblem(each.place.line, 1, each.message, each.name) for each in complaints]
    return CodeRefused("\n".join(lines), problems=problems)


def why_it_stays(found: object, name: str) -> str | None:
    """Why a thing of this kind never goes anywhere; None if its kind does not tell."""
    for kinds, why in _STAYS:
        if isinstance(found, kinds):
            return f"`{name}` is {why}"
    if _is_connection(found):
        return (
            f"`{name}` is this program's own connection, and nodes that run a call have none:"
            " return what is to be called next, and call it from here"
        )
    is_container = isinstance(found, str | bytes | range) or hasattr(found, "__len__")
    if isinstance(found, AnyIterator) and not is_container:
        return f"`{name}` is an iterator, which is used up here: pass a list of what it gives"
    return None


def _is_connection(found: object) -> bool:
    """Whether something is a session, a part of one, or what makes one."""
    home = getattr(found, "__module__", None)  # that of its class, where it is an object
    return isinstance(home, str) and f"{home}.".startswith("pye2core.client.")


def is_method(found: Callable[..., Any], name: str) -> str:
    """Why a method of an object is not sent."""
    owner = type(getattr(found, "__self__", found)).__qualname__
    return (
        f"`{name}` is a method of an object ({owner}), which stays here: send a function that "
        "takes the object, or what it needs of it, as an argument"
    )


def is_async(name: str) -> str:
    """Why a coroutine function is not sent."""
    return (
        f"`{name}` is `async`, and nodes call plain functions: make it a `def`; calls run beside "
        "each other as they are"
    )


def is_missing(name: str, module: str) -> str:
    """Why a name is not sent that nothing defines."""
    return f"`{name}` is not defined in {module}: define it before the function is sent"


def is_path_of_file() -> str:
    """Why ``__file__`` is not sent."""
    return (
        "`__file__` is a file of this machine: read here what is needed of it, and pass it as an "
        "argument"
    )


def changes_outside(name: str, *, is_global: bool) -> str:
    """Why a function is not sent that assigns to what is around it."""
    what = "the global" if is_global else "the variable around it"
    return (
        f"it changes {what} `{name}`, and neither this program nor another call would see that: "
        "return the value instead"
    )


def is_wrapped(name: str, module: str) -> str:
    """Why a function is not sent that an installed decorator made."""
    return (
        f"`{name}` was made by a decorator of the module {module}, whose code is not sent: send "
        "the function under it (`.__wrapped__`), or call the decorator in the function"
    )


def is_foreign(name: str, found: object) -> str:
    """Why something of an installed module is not sent that cannot be imported."""
    kind = type(found).__qualname__
    home = getattr(found, "__module__", None) or type(found).__module__
    return (
        f"`{name}` ({kind} of the module {home}) can neither be imported there by a name nor be "
        "sent: make it in the function"
    )


def is_used_whole(name: str, module: str) -> str:
    """Why a module of the user's is not sent of which more is used than names in it."""
    return (
        f"`{name}` is your module {module}, of which only what is used goes along: write "
        f"`{name}.something`, and pass or change nothing but that"
    )


def is_compiled(name: str, module: str) -> str:
    """Why a module is not sent that has no source."""
    return (
        f"`{name}` is of the module {module}, which is not plain Python source: install it on the "
        "nodes, so that it is imported there"
    )


def is_imported_inside(module: str) -> str:
    """Why an import of a module of the user's cannot stay inside a function."""
    return (
        f"your module `{module}` is not on the node: import it at the top of the file, then what "
        "is used of it goes along"
    )


def is_of_function(name: str, kind: str) -> str:
    """Why a class is not sent that a function made and that uses what is in there."""
    return (
        f"`{name}` is a variable of the function that made the class `{kind}`, and cannot be read "
        "any more: move the class to the top level of its file"
    )


def is_not_callable(found: object) -> str:
    """Why something cannot be called at all."""
    return (
        f"what is sent is a function, not {found!r:.100} of type `{type(found).__qualname__}`: "
        "pass the function itself, without calling it"
    )


def is_instance(name: str, kind: str) -> str:
    """Why a callable object is not sent."""
    return (
        f"`{name}` is an object of `{kind}` that can be called: send a function that takes the "
        "object as an argument and calls it"
    )


def holds_itself(name: str) -> str:
    """Why a container is not sent that is in itself."""
    return f"`{name}` contains itself, which cannot be written down: take that out of it"


def need_each_other(one: str, other: str) -> str:
    """Why two things are not sent that cannot be written down one after the other."""
    return (
        f"`{one}` and `{other}` need each other, or another of the same name, before either can be "
        "made: give each a name that nothing else has, or pass one of them as an argument"
    )
