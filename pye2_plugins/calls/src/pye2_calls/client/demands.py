"""What a call asks of the node that is to run it, and whether a node has it.

Values only. A node tells of its slots, labels and memory in heartbeats.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from pye2core.errors import SettingsError
from pye2core.identity import is_address, same_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?", re.IGNORECASE)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_GIGABYTE: Final = 1e9


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
    """

    address: str
    name: str
    slots: int = 1
    busy: int = 0
    labels: Mapping[str, str] = field(factory=dict)
    free_memory: float | None = None

    def is_called(self, node: str) -> bool:
        """Whether this is its name, or its address in any form."""
        return same_address(node, self.address) if is_address(node) else node == self.name


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
                return f"its label {label}={has} is not the {wanted} that is needed"
        if node.free_memory is not None and node.free_memory < self.memory:
            free, needed = node.free_memory / _GIGABYTE, self.memory / _GIGABYTE
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
    grants: Mapping[str, Any] | None,
    modules: frozenset[str] = frozenset(),
) -> Demand:
    """What a call asks for.

    Args:
        nodes: the nodes that may run it, by name or address; None for any.
        needs: labels by name, and ``memory``: bytes, or a text such as ``"2GiB"``.
        grants: as in an instance's ``GRANTS``.
        modules: further modules that must be granted.

    Raises:
        SettingsError: something cannot be understood; says what.

    Example:
        >>> demand_for("attic", {"gpu": 1, "memory": "2GiB"}, None).memory
        2147483648.0
    """
    named = (nodes,) if isinstance(nodes, str) else tuple(nodes or ())
    labels = dict(needs or {})
    memory = _bytes_in(labels.pop("memory", 0))
    told = tuple(sorted((str(key), str(value)) for key, value in labels.items()))
    return Demand(named, told, memory, _as_json(grants, modules))


def _as_json(grants: Mapping[str, Any] | None, modules: frozenset[str]) -> str:
    asked = dict(grants or {})
    if modules:
        asked["modules"] = sorted({*asked.get("modules", ()), *modules})
    if not asked:
        return ""
    try:
        return json.dumps(asked, sort_keys=True)
    except TypeError as error:
        raise SettingsError(
            f"grants cannot be understood: {error}; give them as"
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
