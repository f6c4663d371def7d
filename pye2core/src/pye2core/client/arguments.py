"""What callers may give, looked at before anything comes of it.

You are in the client room, at its door: the public methods of sessions, pipelines and instances ask
here first. What is refused is refused with a ``SettingsError`` that names the argument, what was
given and what it should be. What only a plugin can judge, code above all, is not looked at here.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Final, NoReturn, TypeGuard, TypeVar

from pye2core.errors import CodeError, SettingsError
from pye2core.identity import is_address

_T = TypeVar("_T")

FOREVER: Final = "0 for as long as it takes"
AT_ONCE: Final = "0 not to wait"
"""What zero seconds mean to who waits."""

_LONGEST_SHOWN: Final = 60
_NODE: Final = (
    "the name or the address of a node, as text; session.get_active_nodes() lists the addresses of"
    " those that are online"
)


def check_names(**names: object) -> None:
    """Each is a text that says something.

    Raises:
        SettingsError: one is no text, empty, or no Unicode.
    """
    for argument, value in names.items():
        if not is_name(value):
            refuse(argument, value, "a text that is not empty")


def check_texts(**texts: object) -> None:
    """Each is a text, be it empty.

    Raises:
        SettingsError: one is none, or no Unicode.
    """
    for argument, value in texts.items():
        if not isinstance(value, str) or not _is_unicode(value):
            refuse(argument, value, "a text")


def check_code(**codes: object) -> None:
    """Each is there; what it is is looked at where it is read.

    Raises:
        CodeError: one is None.
    """
    for argument, value in codes.items():
        if value is None:
            raise CodeError(f"{argument} is None: pass a function, source as text, or a file")


def check_node(node: object, *, argument: str = "node") -> None:
    """It is how a node may be called.

    Raises:
        SettingsError: it is not.
    """
    if not is_name(node):
        refuse(argument, node, _NODE)


def check_nodes(nodes: Iterable[str] | None, *, argument: str) -> tuple[str, ...] | None:
    """These are names or addresses of nodes.

    Returns:
        The nodes, of whatever they were given in; None for None.

    Raises:
        SettingsError: they are not; or it is a single one, whose letters would be taken for nodes.
    """
    if nodes is None:
        return None
    listed = check_list(nodes, "a list of nodes' names or addresses: [name, …]", argument=argument)
    for place, node in enumerate(listed):
        check_node(node, argument=f"{argument}[{place}]")
    return listed


def check_pins(pinned: Mapping[str, str] | None, *, argument: str) -> None:
    """These are addresses by the names of their nodes, or None.

    Raises:
        SettingsError: it is no dictionary, or something in it is no name or no address.
    """
    check_settings(**{argument: pinned})
    for name, address in (pinned or {}).items():
        if not is_name(name):
            refuse(f"a name in {argument}", name, "the name of a node, as text")
        if not is_address(address):
            refuse(f"{argument}[{name!r}]", address, "a node's address; `pye2 nodes` lists them")


def check_callbacks(**callbacks: object) -> None:
    """Each is something that can be called, or None.

    Raises:
        SettingsError: one is not.
    """
    for argument, value in callbacks.items():
        if value is not None and not callable(value):
            refuse(argument, value, "a function, without parentheses after its name, or None")


def check_seconds(zero: str, /, **times: object) -> None:
    """Each is a time that can be waited for.

    Args:
        zero: what no seconds mean.
        times: the times.

    Raises:
        SettingsError: one is no number, negative, or beyond what the system can wait.
    """
    for argument, value in times.items():
        if not _is_time(value):
            refuse(argument, value, f"a number of seconds; {zero}")


def check_settings(**settings: object) -> None:
    """Each is a dictionary, or None.

    Raises:
        SettingsError: one is not.
    """
    for argument, value in settings.items():
        if value is not None and not isinstance(value, Mapping):
            refuse(argument, value, "a dictionary, for example {'PROCESS_DELAY': 2}, or None")


def check_command(command: object, payload: object, command_params: object) -> None:
    """It is a command to an instance or a data source.

    Raises:
        SettingsError: it is neither a name nor a dictionary; or what belongs to it is none.
    """
    if not isinstance(command, str | Mapping):
        refuse("command", command, "the name of a command, as text, or a dictionary")
    check_settings(payload=payload, command_params=command_params)


def check_flags(**flags: object) -> None:
    """Each is true or false by itself.

    A text or a list is true whatever it says: ``"no"`` would be taken for a yes.

    Raises:
        SettingsError: one is neither.
    """
    for argument, value in flags.items():
        if not hasattr(value, "__bool__"):
            refuse(argument, value, "True or False")


def check_whole_numbers(**numbers: object) -> None:
    """Each is a whole number, or one that stands for it.

    Raises:
        SettingsError: one is not.
    """
    for argument, value in numbers.items():
        if not hasattr(value, "__index__") or isinstance(value, type):
            refuse(argument, value, "a whole number")


def check_kind(kind: type[object], what: str, **objects: object) -> None:
    """Each is an object of a class.

    Args:
        kind: the class.
        what: what such an object is, and where it is had from.
        objects: the objects.

    Raises:
        SettingsError: one is something else.
    """
    for argument, value in objects.items():
        if not isinstance(value, kind):
            refuse(argument, value, what)


def check_list(values: Iterable[_T], expected: str, *, argument: str) -> tuple[_T, ...]:
    """It is a list; what only happens to have parts, as a text has letters, is none.

    Args:
        values: a list, or what else can be gone through.
        expected: what it should be, in words.
        argument: its name.

    Returns:
        Its parts.

    Raises:
        SettingsError: it is no list.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        refuse(argument, values, expected)
    return tuple(values)


def check_all(kind: type[_T], what: str, values: Iterable[_T], *, argument: str) -> tuple[_T, ...]:
    """All of these are objects of a class.

    Args:
        kind: the class.
        what: what such an object is, and where it is had from.
        values: a list, or what else can be gone through.
        argument: its name.

    Returns:
        The objects.

    Raises:
        SettingsError: it is no list, or one of them is something else.
    """
    listed = check_list(values, f"a list of {what}", argument=argument)
    for place, value in enumerate(listed):
        if not isinstance(value, kind):
            refuse(f"{argument}[{place}]", value, f"one of {what}")
    return listed


def is_kind(value: object, kind: type) -> bool:
    """Whether it is a class: this one, or a subclass of it."""
    return isinstance(value, type) and issubclass(value, kind)


def refuse(argument: str, value: object, expected: str) -> NoReturn:
    """Say that an argument cannot be used.

    Args:
        argument: its name.
        value: what was given.
        expected: what it should have been.

    Raises:
        SettingsError: always.
    """
    raise SettingsError(f"{argument} is {_shown(value)} and should be {expected}", setting=argument)


def is_name(value: object) -> TypeGuard[str]:
    """Whether it is a text that says something."""
    return isinstance(value, str) and bool(value.strip()) and _is_unicode(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no message can carry
        return False
    return True


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    seconds = float(value)
    return math.isfinite(seconds) and 0 <= seconds <= threading.TIMEOUT_MAX


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
