"""What the fields of records may hold: types and sizes, checked whoever makes the record.

You are at the bottom of ``messages``: here is nothing but checks, in the form of attrs' validators.
"""

from __future__ import annotations

import math
from keyword import iskeyword
from typing import Any, Final

MOST_RECORDS: Final = 4096
"""Records of one message, and elements of each list in one."""

LONGEST_NAME: Final = 512
"""Characters of names, digests and run ids."""

LONGEST_TEXT: Final = 1024 * 1024
"""Characters of what was printed, of tracebacks and of all other texts but source."""

LONGEST_SOURCE: Final = 4 * 1024 * 1024
"""Characters of one function with all that is shipped with it."""

LARGEST_NUMBER: Final = 2**63 - 1


def _refuse(attribute: Any, problem: str) -> None:
    raise ValueError(f"{attribute.name} {problem}")


def whole(lowest: int, highest: int = LARGEST_NUMBER) -> Any:
    """A whole number."""

    def check(instance: object, attribute: Any, value: Any) -> None:
        del instance
        if type(value) is not int or not lowest <= value <= highest:
            _refuse(attribute, f"is no whole number from {lowest} to {highest}")

    return check


def text(longest: int, shortest: int = 0) -> Any:
    """A text of so many characters."""

    def check(instance: object, attribute: Any, value: Any) -> None:
        del instance
        if type(value) is not str or not shortest <= len(value) <= longest:
            _refuse(attribute, f"is no text of {shortest} to {longest} characters")

    return check


def data(instance: object, attribute: Any, value: Any) -> None:
    """Bytes."""
    del instance
    if type(value) is not bytes:
        _refuse(attribute, "is not bytes")


def bytes_anywhere(instance: object, attribute: Any, value: Any) -> None:
    """Bytes, or where they lie; whoever reads a message finds bytes."""
    del instance
    if type(value) is not bytes and type(value) is not memoryview:
        _refuse(attribute, "is not bytes")


def truth(instance: object, attribute: Any, value: Any) -> None:
    """True or false."""
    del instance
    if type(value) is not bool:
        _refuse(attribute, "is neither true nor false")


def seconds(instance: object, attribute: Any, value: Any) -> None:
    """A finite number of seconds."""
    del instance
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        _refuse(attribute, "is no number of seconds")


def one_of(kind: type[Any]) -> Any:
    """A record of this kind."""

    def check(instance: object, attribute: Any, value: Any) -> None:
        del instance
        if type(value) is not kind:
            _refuse(attribute, f"is no {kind.__name__}")

    return check


def maybe(check: Any) -> Any:
    """None, or what this checks."""

    def check_unless_none(instance: object, attribute: Any, value: Any) -> None:
        if value is not None:
            check(instance, attribute, value)

    return check_unless_none


def tuple_of(check: Any) -> Any:
    """A list of what this checks."""

    def check_each(instance: object, attribute: Any, value: Any) -> None:
        if type(value) is not tuple or len(value) > MOST_RECORDS:
            _refuse(attribute, f"is no list of at most {MOST_RECORDS}")
        for each in value:
            check(instance, attribute, each)

    return check_each


def pair_of(first: Any, second: Any) -> Any:
    """A list of two, of what these check."""

    def check_both(instance: object, attribute: Any, value: Any) -> None:
        if type(value) is not tuple or len(value) != _PAIR:
            _refuse(attribute, "is no list of pairs")
        first(instance, attribute, value[0])
        second(instance, attribute, value[1])

    return check_both


_PAIR: Final = 2

ID: Final = whole(1)
NAME: Final = text(LONGEST_NAME, 1)


def identifier(instance: object, attribute: Any, value: Any) -> None:
    """A name that Python code can have."""
    NAME(instance, attribute, value)
    if not value.isidentifier() or iskeyword(value):
        _refuse(attribute, "is no name in Python")


WORDS: Final = text(LONGEST_TEXT)
