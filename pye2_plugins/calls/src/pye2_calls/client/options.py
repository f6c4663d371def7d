"""How a function is called: what ``@remote(…)``, ``executor(…)`` and each call can say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from attrs import evolve, field, fields, frozen

from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from attrs import Attribute

RETRIES: Final = 3
"""How often a call is tried again after its process or its node was lost."""

LONGEST_CALL: Final = 1e9
"""Seconds that calls ask to be let run: a node cuts them to what its owner lets any call take."""


def _refuse(name: str, value: object, wanted: str) -> NoReturn:
    raise SettingsError(f"{name} is {value!r}: give {wanted}", setting=name)


def _check_nodes(_: object, attribute: Attribute[Any], nodes: object) -> None:
    named = (nodes,) if isinstance(nodes, str) else nodes
    if named is None:
        return
    if not isinstance(named, tuple) or not named or not all(_is_name(each) for each in named):
        _refuse(attribute.name, nodes, "names or addresses of nodes, or None for all")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _as_tuple(nodes: object) -> object:
    return tuple(nodes) if isinstance(nodes, Iterable) and not isinstance(nodes, str) else nodes


def _check_timeout(_: object, attribute: Attribute[Any], seconds: object) -> None:
    if seconds is None:
        return
    is_number = isinstance(seconds, Real) and not isinstance(seconds, bool)
    if not is_number or not 0 < cast("float", seconds) <= LONGEST_CALL:
        _refuse(attribute.name, seconds, "seconds, or None for as long as the node's owner lets it")


def _check_retries(_: object, attribute: Attribute[Any], retries: object) -> None:
    if type(retries) is not int or retries < 0:
        _refuse(attribute.name, retries, "a whole number, 0 or more")


def _check_mapping(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Mapping):
        example = '{"gpu": 1}' if attribute.name == "needs" else '{"network": True}'
        _refuse(attribute.name, value, f"a dictionary such as {example}")


def _check_callable(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        _refuse(attribute.name, value, "a function of one text, such as print")


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

    nodes: str | tuple[str, ...] | None = field(
        default=None, converter=_as_tuple, validator=_check_nodes
    )
    timeout: float | None = field(default=None, validator=_check_timeout)
    retries: int = field(default=RETRIES, validator=_check_retries)
    needs: Mapping[str, Any] | None = field(default=None, hash=False, validator=_check_mapping)
    grants: Mapping[str, Any] | None = field(default=None, hash=False, validator=_check_mapping)
    on_output: Callable[[str], object] | None = field(default=None, validator=_check_callable)

    def with_changes(self, changes: Mapping[str, Any]) -> CallOptions:
        """The same, but for what is given.

        Raises:
            SettingsError: something given cannot be used.
        """
        unknown = changes.keys() - OPTIONS
        if unknown:
            raise SettingsError(
                f"there is no option {min(unknown)!r}; a call has {', '.join(sorted(OPTIONS))}",
                setting=min(unknown),
            )
        return evolve(self, **changes) if changes else self

    @property
    def seconds(self) -> float | None:
        """The timeout, as nodes are told."""
        return None if self.timeout is None else float(self.timeout)


def _check_chunksize(_: object, attribute: Attribute[Any], chunksize: object) -> None:
    if chunksize is not None and (type(chunksize) is not int or chunksize < 1):
        _refuse(attribute.name, chunksize, "a whole number from 1, or None")


def _check_flag(_: object, attribute: Attribute[Any], value: object) -> None:
    if not hasattr(value, "__bool__"):  # a text is true whatever it says
        _refuse(attribute.name, value, "True or False")


@frozen
class MapOptions:
    """How the calls of a map are made and given.

    Attributes:
        chunksize: how many calls a slot is given at once at least; None for as many as is good.
        ordered: whether values come in the order of their arguments, or as they are ready.
        progress: whether to show a bar.
    """

    chunksize: int | None = field(default=None, validator=_check_chunksize)
    ordered: bool = field(default=True, validator=_check_flag)
    progress: bool = field(default=False, validator=_check_flag)


DEFAULT_OPTIONS: Final = CallOptions()
OPTIONS: Final = frozenset(each.name for each in fields(CallOptions))
MAP_OPTIONS: Final = frozenset(each.name for each in fields(MapOptions))
