"""Values that a dialect cannot carry: how the way to one is told, whatever the dialect.

You are below ``plain``, which turns values into what JSON has. The native dialect, whose values are
others, refuses those that it lacks in the same way.
"""

from __future__ import annotations

from typing import Any

from pye2core.errors import Pye2Error

_LONGEST_PATH = 20


class UnsendableValue(Pye2Error, TypeError):
    """A message holds what its dialect cannot carry.

    Attributes:
        path: where in the message, as in ``EXEC_RESULT[3].x``.
    """

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class Unsendable(Exception):
    """On its way up to where the path is known; ``steps`` grows from the inside."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.steps: list[str | int] = []

    def refusal(self, carried: str) -> UnsendableValue:
        """The same for users; to be asked for at the outside of the message.

        Args:
            carried: what the dialect carries, as a sentence.
        """
        return refusal(str(self), self.steps[::-1], carried)


def refusal(problem: str, steps: list[str | int], carried: str) -> UnsendableValue:
    """The refusal of a value.

    Args:
        problem: what is wrong with it, as "it is a set".
        steps: the way to it from the outside: keys and places in lists.
        carried: what the dialect carries, as a sentence.
    """
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps]
    if len(parts) > _LONGEST_PATH:
        parts[_LONGEST_PATH:] = [" …"]
    path = "".join(parts).removeprefix(".")
    return UnsendableValue(
        f"{path or 'The message'} cannot be sent: {problem}. {carried};"
        " convert the value to these.",
        path=path,
    )


def type_name(value: Any) -> str:
    """The name of a value's type, as its user would look for it."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def number_of_numpy(value: Any) -> float:
    """The number that a scalar of numpy's is; numpy is not imported for that.

    Raises:
        Unsendable: it is none.
    """
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind in ("i", "u"):
        return int(value)
    if kind == "f":
        return float(value)
    raise Unsendable(f"it is a {type_name(value)}")


def too_deep(levels: int) -> Unsendable:
    """A value is nested deeper than a message may be.

    Args:
        levels: as deep as it may be.
    """
    return Unsendable(f"it contains itself, or has more than {levels} levels")
