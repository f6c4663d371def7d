"""A zygote's part of what was granted to its workers: modules are loaded, places are looked for.

Loaded by zygotes with grants only, while they still see the machine; nothing can be loaded once
their namespaces are entered.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.abc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pye2_node.sandbox.functions import language_of
from pye2_node.sandbox.layers import granted_calls, granted_places, granted_proof
from pye2_node.sandbox.layers.openings import CannotOpen, find_certificates, find_openings
from pye2core.code.grants import WORK_FOLDER, Grants
from pye2core.code.rules import NETWORK_MODULES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from pye2_node.sandbox.functions import Language
    from pye2_node.sandbox.layers.openings import Openings

# Some are needed by name only later, when nothing can be loaded any more.
__all__ = [
    "granted_calls",
    "granted_places",
    "granted_proof",
    "language_for",
    "open_up",
]

_FOR_FILES: Final = ("encodings.cp1252", "encodings.utf_16", "encodings.utf_8_sig", "tempfile")
_FOR_NETWORK: Final = ("http.cookiejar", "nturl2path", "select", "selectors", "stringprep")
"""What is otherwise loaded at its first use."""

_RESOLVERS: Final = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")
"""Parts of the C library that older ones load when a name is first looked for."""


def open_up(given: dict[str, Any], *, as_stranger: bool) -> tuple[Grants, Openings]:
    """Load the modules that are granted and find what else is.

    Args:
        given: the grants' fields, and ``work_bytes``.
        as_stranger: whether workers will be users that own nothing.

    Raises:
        CannotOpen: something of it is not there, or cannot be used.
    """
    work_bytes = given.pop("work_bytes")
    lists = {name: tuple(value) for name, value in given.items() if name != "network"}
    grants = Grants(network=given["network"], **lists)
    openings = find_openings(grants, work_bytes, as_stranger=as_stranger)
    _load(grants)
    if grants.opens_files:
        os.environ["TMPDIR"] = WORK_FOLDER
    sys.meta_path.append(_NothingMore())
    return grants, openings


def language_for(grants: Grants) -> Language:
    """How much of Python is open to code with these grants."""
    return language_of(grants.permitted())


def _load(grants: Grants) -> None:
    if grants.network:
        for library in _RESOLVERS:
            with contextlib.suppress(OSError):  # newer libraries have these within
                ctypes.CDLL(library)
        bundle = find_certificates()
        if bundle is not None:
            os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = bundle
        _load_all([*sorted(NETWORK_MODULES), *_FOR_NETWORK])
    if grants.opens_files:
        _load_all(_FOR_FILES)
    for name in grants.modules:
        _load_granted(name)
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise CannotOpen(
            f"one of the modules {', '.join(grants.modules)} starts threads when it is imported:"
            " processes cannot be forked from one that has threads"
        )


def _load_all(names: Sequence[str]) -> None:
    for name in names:
        with contextlib.suppress(ImportError):  # not every Python has each of them
            importlib.import_module(name)


def _load_granted(name: str) -> None:
    """Import a module; its error is told to whoever asked for it."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        top = name.partition(".")[0]
        if missing == name and name != top and top in sys.modules:
            raise CannotOpen(f"the module {top} that is installed here has no {name}") from None
        raise CannotOpen(
            f"the module {missing} is not installed here{_for(missing, name)}; where the node"
            f" runs, install what has it into {sys.prefix}"
        ) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module's own code; whatever it raises
        raise CannotOpen(
            f"the module {name} cannot be imported here: {type(error).__name__}: {error}"
        ) from None


def _for(missing: str, name: str) -> str:
    return "" if name.partition(".")[0] == missing.partition(".")[0] else f", and {name} needs it"


class _NothingMore(importlib.abc.MetaPathFinder):
    """The last that is asked for a module: says why it cannot be loaded any more."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        del path, target
        raise ModuleNotFoundError(
            f"{fullname} was not loaded before this code was confined, and nothing can be loaded"
            f' afterwards: name it too, in grants={{"modules": ["{fullname}", …]}}',
            name=fullname,
        )
