"""What stands between a node's machine and code that others send, as heartbeats state it.

You are in the PyE2 serializer. The field is ours; PyE2's peers ignore it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.messages import SandboxReport

_KEY: Final = "PYE2_SANDBOX"

_MOST_LAYERS: Final = 32
_LONGEST_TEXT: Final = 500


def sandbox_fields(report: SandboxReport | None) -> dict[str, Any]:
    """The field that states it; none where nothing is known."""
    if report is None:
        return {}
    stated = {"LAYERS": list(report.layers), "MISSING": dict(report.missing)}
    return {_KEY: {**stated, "UNSAFE": report.unsafe}}


def sandbox_from(status: Mapping[str, Any]) -> SandboxReport | None:
    """What is stated; None where nothing is, or nothing that can be used."""
    stated = status.get(_KEY)
    if type(stated) is not dict:
        return None
    layers, missing = stated.get("LAYERS"), stated.get("MISSING")
    if type(layers) is not list or type(missing) is not dict:
        return None
    if len(layers) + len(missing) > _MOST_LAYERS or not all(map(_is_short, layers)):
        return None
    if not all(map(_is_short, missing.values())):
        return None
    from pye2core.messages import SandboxReport  # most messages do without

    return SandboxReport(tuple(layers), missing, unsafe=stated.get("UNSAFE") is True)


def _is_short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT
