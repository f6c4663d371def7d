"""The file ``known_nodes.toml`` beside a client's key: whose the names of nodes are.

You are in the client room. ``pye2 pair`` writes it and every session with that key reads it::

    [nodes.attic]
    address = "0xai_A081W9y3zAr3KO88zrlhXZBoS7Wyyl-FmrDwtwQHWHGq"
    paired = 2026-01-31T12:00:00Z

A file that cannot be understood is an error, and left as it is: a name that was pinned must not be
anybody's because of a slip of the pen.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pye2core.errors import InvalidAddress, SettingsError
from pye2core.identity import address_of, public_key_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HEADER: Final = """\
# Whose the names of nodes are, as `pye2 pair` has found out. You may change and remove tables;
# comments of your own are lost when that command writes.
"""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@frozen
class KnownNode:
    """A node whose address is known.

    Attributes:
        address: in its full form.
        paired: when it was paired with, if that is noted.
    """

    address: str
    paired: datetime | None = None


def known_nodes_file(key_file: Path) -> Path:
    """The file that belongs to a client's key."""
    return key_file.with_name("known_nodes.toml")


def read_known_nodes(file: Path) -> dict[str, KnownNode]:
    """Read it; one that is missing knows nobody.

    Raises:
        SettingsError: it cannot be read or understood.
    """
    import tomllib

    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(file, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _unusable(file, f"is no valid TOML: {error}") from error
    nodes = document.pop("nodes", {})
    if document or not isinstance(nodes, dict):
        raise _unusable(file, "has something else in it than tables [nodes.NAME]")
    return {name: _known_node(name, details, file) for name, details in nodes.items()}


def _known_node(name: str, details: Any, file: Path) -> KnownNode:
    place = f"[nodes.{name}]"
    if _NAME.fullmatch(name) is None or not isinstance(details, dict):
        raise _unusable(file, f"has {place}, which is no table with the name of a node")
    paired = details.get("paired")
    if set(details) - {"address", "paired"} or not isinstance(paired, datetime | None):
        raise _unusable(file, f"has something else in {place} than an address and a date")
    try:
        return KnownNode(address_of(public_key_of(str(details.get("address")))), paired)
    except InvalidAddress as error:
        raise _unusable(file, f"has no address in {place}: {error}") from error


def remember_node(file: Path, name: str, node: KnownNode) -> None:
    """Note whose a name is, in the place of what was noted of it.

    Raises:
        SettingsError: the file cannot be read, understood or written.
    """
    from pye2core.identity.safe_files import replace

    nodes = {**read_known_nodes(file), name: node}
    tables = [_table(each, known) for each, known in sorted(nodes.items())]
    try:
        replace(file, "\n".join([_HEADER, *tables]).encode())
    except OSError as error:
        raise _unusable(file, f"cannot be written: {error.strerror}") from error


def _table(name: str, node: KnownNode) -> str:
    lines = [f"[nodes.{name}]", f'address = "{node.address}"']
    if node.paired is not None:
        lines.append(f"paired = {node.paired.replace(microsecond=0).isoformat()}")
    return "\n".join(lines) + "\n"


def with_known_nodes(
    key_file: Path | None, pinned: Mapping[str, str] | None
) -> Mapping[str, str] | None:
    """The names that a session is to take for known.

    Args:
        key_file: where its key is; None if that is in no file.
        pinned: what it was given, which counts more.

    Raises:
        SettingsError: the file cannot be read or understood.
    """
    if key_file is None:
        return pinned
    known = read_known_nodes(known_nodes_file(key_file))
    return {**{name: each.address for name, each in known.items()}, **(pinned or {})}


def _unusable(file: Path, what: str) -> SettingsError:
    message = f"the list of known nodes {file} {what}; mend it, or move it away and pair again"
    return SettingsError(message, setting=str(file))
