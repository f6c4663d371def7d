"""What a node can keep, show in heartbeats and hand to a sandbox: what JSON has.

A dialect may carry more than that (bytes, moments): such a setting is refused with its place,
before anything is kept that could not be shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2core.errors import InvalidConfiguration
from pye2core.messages import INSTANCE_COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SCALARS = (str, int, float, bool, type(None))


def require_keepable(settings: Mapping[str, Any], pipeline: str | None) -> None:
    """Refuse settings that hold what JSON has not.

    Raises:
        InvalidConfiguration: they do; names the place.
    """
    _require(_SCALARS, settings, pipeline)


def require_tellable(command: object, pipeline: str | None) -> None:
    """Refuse an instance command that holds more than JSON and bytes, which no dialect has.

    Raises:
        InvalidConfiguration: it does; names the place.
    """
    _require((*_SCALARS, bytes), {INSTANCE_COMMAND: command}, pipeline)


def _require(scalars: tuple[type, ...], settings: Mapping[str, Any], pipeline: str | None) -> None:
    waiting: list[tuple[str, Any]] = list(settings.items())
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict | list | tuple):
            waiting += [(f"{place}{step}", item) for step, item in _items_of(value)]
        elif not isinstance(value, scalars):
            raise InvalidConfiguration(
                f"the setting {place} of the pipeline {pipeline!r} is a {type(value).__name__},"
                " which a node cannot keep: send text, numbers, true, false, null, lists and"
                " dictionaries",
                pipeline=pipeline,
            )


def _items_of(value: dict[str, Any] | Sequence[Any]) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f".{key}", item) for key, item in value.items()]
    return [(f"[{number}]", item) for number, item in enumerate(value)]
