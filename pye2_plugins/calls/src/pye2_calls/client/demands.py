"""What a call asks of the node that is to run it, and whether a node has it.

Values only. A node tells of its slots, labels and memory in heartbeats.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from pye2core.code import NO_GRANTS, Grants, read_grants
from pye2core.code.rules import NETWORK_MODULES
from pye2core.errors import SettingsError
from pye2core.identity import is_address, same_address
from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pye2core.messages import Heartbeat

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?", re.IGNORECASE)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_GIGABYTE: Final = 1e9
_MEBIBYTE: Final = 2.0**20
_MOST: Final = 10**9
"""Calls at once, and MiB, that a node may say to have: anybody may say anything in a heartbeat."""

_BESIDES: Final = 1024
"""Bytes of a call besides its arguments, at most."""

SLOTS: Final = "PYE2_SLOTS"
LABELS: Final = "PYE2_LABELS"
"""What nodes tell in heartbeats (PyE2 wire protocol, section 21)."""


@frozen
class NodeFacts:
    """What is known of a node that takes calls.

    Attributes:
        address: its address.
        name: its name.
        slots: how many calls it runs at once.
        busy: how many of these were taken when it last said so, whoever took them.
        labels: what its owner says of it.
        free_memory: bytes; None where it does not say.
        most_memory: bytes that one call may take; None where it does not say.
        largest: bytes of arguments that it takes in all; infinite as long as it has not said.
    """

    address: str
    name: str
    slots: int = 1
    busy: int = 0
    labels: Mapping[str, str] = field(factory=dict)
    free_memory: float | None = None
    most_memory: float | None = None
    largest: float = math.inf

    def takes(self, size: int) -> bool:
        """Whether it takes a call with arguments of so many bytes, as far as is known."""
        return size + _BESIDES <= self.largest

    def is_called(self, node: str) -> bool:
        """Whether this is its name, or its address in any form."""
        return same_address(node, self.address) if is_address(node) else node == self.name


def facts_of(
    heartbeat: Heartbeat, slots: int | None = None, largest: int | None = None
) -> NodeFacts:
    """What a node tells of itself.

    Args:
        heartbeat: its newest full one.
        slots: how many calls it has said elsewhere to run at once.
        largest: bytes of arguments that it has said to take.
    """
    told = heartbeat.status.get(SLOTS)
    told = told if isinstance(told, Mapping) else {}
    labels = heartbeat.status.get(LABELS)
    memory, most = heartbeat.free_memory, told.get("memory_megabytes")
    return NodeFacts(
        heartbeat.address,
        heartbeat.name,
        slots=min(slots or _whole(told.get("total"), 1), _MOST),
        busy=_whole(told.get("busy"), 0),
        labels={str(key): str(value) for key, value in labels.items()}
        if isinstance(labels, Mapping)
        else {},
        free_memory=None if memory is None else memory * _GIGABYTE,
        most_memory=_megabytes(most),
        largest=largest or math.inf,
    )


def _whole(value: object, least: int) -> int:
    return value if type(value) is int and least <= value <= _MOST else least


def _megabytes(value: object) -> float | None:
    """Bytes; None of what cannot be counted with: NaN, and what is larger than any machine."""
    if isinstance(value, int | float) and 0 <= value <= _MOST:
        return value * _MEBIBYTE
    return None


@frozen
class Demand:
    """What a call asks of its node.

    Attributes:
        nodes: the nodes that may run it, by name or address; empty for any.
        labels: what must be among a node's labels; numbers are the least that will do.
        memory: bytes that must be free.
        grants: what the node's owner must have granted, as JSON; empty for nothing.
    """

    nodes: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    memory: float = 0.0
    grants: str = ""

    def names(self, node: NodeFacts) -> bool:
        """Whether a node is among those that were named, if any were."""
        return not self.nodes or any(node.is_called(each) for each in self.nodes)

    def problem_with(self, node: NodeFacts) -> str | None:
        """Why a node cannot run the call, in words; None if it can."""
        if not self.names(node):
            return "it was not named"
        for label, wanted in self.labels:
            has = node.labels.get(label)
            if has is None:
                return f"it has no label {label!r} ({label}={wanted} is needed)"
            if not _satisfies(has, wanted):
                return f"its label {label}={printable(has)} is not the {wanted} that is needed"
        return self._problem_with_memory(node)

    def _problem_with_memory(self, node: NodeFacts) -> str | None:
        needed = self.memory / _GIGABYTE
        if node.most_memory is not None and node.most_memory < self.memory:
            return (
                f"it lets a call take {node.most_memory / _GIGABYTE:.1f} GB of memory, and"
                f" {needed:.1f} GB are needed; its owner can let it take more (--memory-megabytes)"
            )
        if node.free_memory is not None and node.free_memory < self.memory:
            free = node.free_memory / _GIGABYTE
            return f"it has {free:.1f} GB of memory free of the {needed:.1f} GB that are needed"
        return None

    @property
    def settings(self) -> dict[str, Any]:
        """The grants, as an instance's configuration has them."""
        granted: dict[str, Any] = json.loads(self.grants) if self.grants else {}
        return granted


def demand_for(
    nodes: str | Sequence[str] | None,
    needs: Mapping[str, Any] | None,
    asked: Grants = NO_GRANTS,
    modules: frozenset[str] = frozenset(),
) -> Demand:
    """What a call asks for.

    Args:
        nodes: the nodes that may run it, by name or address; None for any.
        needs: labels by name, and ``memory``: bytes, or a text such as ``"2GiB"``.
        asked: what the node's owner must have granted.
        modules: further modules that it imports; those that the network opens go with that.

    Raises:
        SettingsError: something cannot be understood; says what.

    Example:
        >>> demand_for("attic", {"gpu": 1, "memory": "2GiB"}).memory
        2147483648.0
    """
    named = (nodes,) if isinstance(nodes, str) else tuple(nodes or ())
    labels = dict(needs or {})
    memory = _bytes_in(labels.pop("memory", 0))
    told = tuple(sorted((key, _as_label(key, value)) for key, value in labels.items()))
    return Demand(named, told, memory, _as_json(asked, modules))


def _as_label(label: object, wanted: object) -> str:
    is_told = isinstance(wanted, str) or (isinstance(wanted, Real) and not isinstance(wanted, bool))
    if not isinstance(label, str) or not is_told:
        raise SettingsError(
            f"needs[{label!r}] is {wanted!r}; labels are texts, and what is needed of one is a text"
            ' or a number that is the least that will do, as in {"gpu": 1, "room": "attic"}',
            setting="needs",
        )
    return str(wanted)


def _as_json(asked: Grants, modules: frozenset[str]) -> str:
    further = modules - NETWORK_MODULES if asked.network else modules
    settings = asked.with_more(Grants(modules=tuple(further))).as_settings()
    asked_for(settings)  # there may be too many modules by now
    return json.dumps(settings, sort_keys=True) if settings else ""


def asked_for(grants: Mapping[str, Any] | None) -> Grants:
    """What a call asks for, as an instance's ``GRANTS`` has it.

    Raises:
        SettingsError: it cannot be understood; says what.
    """
    try:
        return read_grants(grants)
    except ValueError as error:
        raise SettingsError(
            f"grants cannot be understood: it {error}; give them as"
            ' {"network": True, "folders": ["/…"], "modules": ["…"]}',
            setting="grants",
        ) from None


def _bytes_in(size: object) -> float:
    if isinstance(size, int | float) and not isinstance(size, bool) and 0 <= size < math.inf:
        return float(size)
    found = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
    if found is None:
        raise SettingsError(
            f'needs["memory"] is {size!r}; give bytes, or a text such as "500MB" or "2GiB"',
            setting="needs",
        )
    number, unit = float(found[1]), (found[2] or "").lower()
    base = 1024 if unit.endswith("i") else 1000
    return number * float(base ** _POWERS[unit[:1]])


def _satisfies(has: str, wanted: str) -> bool:
    try:
        return float(has) >= float(wanted)
    except ValueError:
        return has == wanted
