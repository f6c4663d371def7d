"""The checks that parameters of jobs pass, so that a mistake is told before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from pye2core.errors import PresetParameterError

if TYPE_CHECKING:
    from attrs import Attribute


class Preset(Protocol):
    """What the checks know of a job."""

    NAME: ClassVar[str]


Check = Callable[[Preset, "Attribute[Any]", Any], None]

_MOST_WORKERS: Final = 1000


def whole_number(*, at_least: int, at_most: int, because: str = "") -> Check:
    """A check for a whole number within bounds, both included.

    Args:
        at_least: the smallest that is taken.
        at_most: the largest that is taken.
        because: why no larger one is, and what to do instead.
    """

    def check(preset: Preset, attribute: Attribute[Any], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            complaint = f"must be a whole number, not {value!r}"
        elif value < at_least:
            complaint = f"must be at least {at_least}, not {value}"
        elif value > at_most:
            complaint = f"must be at most {at_most}, not {value}" + (because and f": {because}")
        else:
            return
        raise _error(preset, attribute, complaint)

    return check


def workers() -> Check:
    """The check for how many nodes share the work."""
    return whole_number(at_least=1, at_most=_MOST_WORKERS)


def one_of(choices: tuple[str, ...]) -> Check:
    """A check for one of some words."""

    def check(preset: Preset, attribute: Attribute[Any], value: object) -> None:
        if value not in choices:
            raise _error(preset, attribute, f"must be one of {', '.join(choices)}, not {value!r}")

    return check


def _error(preset: Preset, attribute: Attribute[Any], complaint: str) -> PresetParameterError:
    message = f"preset {preset.NAME}: `{attribute.name}` {complaint}"
    return PresetParameterError(message, preset=preset.NAME, parameter=attribute.name)
