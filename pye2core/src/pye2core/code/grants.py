"""What custom code may do on a node besides computing: asked for, and granted, in the same words.

An instance asks with its setting ``GRANTS``; a node's owner grants in ``allow.toml``, for each
address. Both are read here, strictly: what cannot be understood is an error and no lesser wish.

Standard library only: the node's sandbox imports this module.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from pye2core.code.rules import NETWORK_MODULES, Permitted

if TYPE_CHECKING:
    from collections.abc import Callable

WORK_FOLDER: Final = "/work"
"""Where code to which files are granted finds a folder of its own, gone with its process."""

MOST_ENTRIES: Final = 32
"""Folders, devices or modules that can be asked for at once."""

_LONGEST_TEXT: Final = 1024
_MODULE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
_NO_FOLDERS: Final = ("/proc", "/sys", "/dev", WORK_FOLDER)
"""The kernel's own, and what is always there: nothing in them is granted as a folder."""


class Grants(NamedTuple):
    """What is asked for, or granted. Each list is sorted.

    Attributes:
        network: connections to the outside.
        folders: folders that may be read.
        folders_rw: folders that may be read and written.
        devices: character devices below ``/dev`` that may be used.
        modules: modules that may be imported, each with all that is in it.
    """

    network: bool = False
    folders: tuple[str, ...] = ()
    folders_rw: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    @property
    def opens_files(self) -> bool:
        """Whether there is anything that ``open`` could open."""
        return bool(self.folders or self.folders_rw or self.devices)

    def lacking_in(self, granted: Grants) -> Grants:
        """What of this is not granted.

        A folder that may be written may be read, and what is in a module goes with it; a folder
        within a granted one has to be granted by itself, as links could lead out of it.

        Example:
            >>> asked = Grants(network=True, modules=("pandas.io",))
            >>> asked.lacking_in(Grants(modules=("pandas",)))
            Grants(network=True, folders=(), folders_rw=(), devices=(), modules=())
        """
        readable = {*granted.folders, *granted.folders_rw}
        modules = granted.permitted()
        return Grants(
            network=self.network and not granted.network,
            folders=tuple(each for each in self.folders if each not in readable),
            folders_rw=tuple(each for each in self.folders_rw if each not in granted.folders_rw),
            devices=tuple(each for each in self.devices if each not in granted.devices),
            modules=tuple(each for each in self.modules if not modules.imports(each)),
        )

    def with_more(self, more: Grants) -> Grants:
        """This and ``more``; a folder that may be written is not listed as one to read, too."""
        return _in_order(
            Grants(
                self.network or more.network,
                (*self.folders, *more.folders),
                (*self.folders_rw, *more.folders_rw),
                (*self.devices, *more.devices),
                (*self.modules, *more.modules),
            )
        )

    def without(self, less: Grants) -> Grants:
        """This without what is in ``less``; a folder of either kind is taken away by its path."""
        folders = {*less.folders, *less.folders_rw}
        return Grants(
            self.network and not less.network,
            tuple(each for each in self.folders if each not in folders),
            tuple(each for each in self.folders_rw if each not in folders),
            tuple(each for each in self.devices if each not in less.devices),
            tuple(each for each in self.modules if each not in less.modules),
        )

    def permitted(self) -> Permitted:
        """What the check of code is to let through."""
        network: frozenset[str] = NETWORK_MODULES if self.network else frozenset()
        return Permitted(network.union(self.modules), opens=self.opens_files)

    def as_settings(self) -> dict[str, Any]:
        """As it is written in ``GRANTS`` and in ``allow.toml``: only what there is."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self._asdict().items()
            if value
        }

    def __str__(self) -> str:
        lists = {
            "the folder": self.folders,
            "writing to the folder": self.folders_rw,
            "the device": self.devices,
            "the module": self.modules,
        }
        network = ["the network"] if self.network else []
        told = [f"{what} {each}" for what, entries in lists.items() for each in entries]
        return ", ".join(network + told) or "nothing"

    def as_options(self) -> str:
        """The options of ``pye2 node allow`` that grant it."""
        lists = {
            "--folder": self.folders,
            "--folder-rw": self.folders_rw,
            "--device": self.devices,
            "--module": _outermost(self.modules),
        }
        network = ["--network"] if self.network else []
        told = [f"{name} {_quoted(each)}" for name, entries in lists.items() for each in entries]
        return " ".join(network + told)


NO_GRANTS: Final = Grants()


def read_grants(value: object) -> Grants:
    """Read what is asked for, or granted; None is nothing.

    Args:
        value: an object with some of the keys ``network`` (true or false), ``folders``,
            ``folders_rw``, ``devices`` and ``modules`` (lists of texts).

    Raises:
        ValueError: it cannot be understood; says why.

    Example:
        >>> read_grants({"network": True, "modules": ["pandas"]}).as_options()
        '--network --module pandas'
    """
    if value is None:
        return NO_GRANTS
    if not isinstance(value, Mapping):
        _refuse('must be an object such as {"network": true, "modules": ["pandas"]}')
    keys = ", ".join(Grants._fields)
    for key in value:
        if key not in Grants._fields:
            raise ValueError(f"has no key {str(key)[:80]!r}; there are {keys}")
    network = value.get("network")
    if network is not None and not isinstance(network, bool):
        raise ValueError(f"has a network that is neither true nor false: {str(network)[:80]!r}")
    return _in_order(
        Grants(
            bool(network),
            _texts(value, "folders", _folder),
            _texts(value, "folders_rw", _folder),
            _texts(value, "devices", _device),
            _texts(value, "modules", _module),
        )
    )


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)


def _texts(value: Mapping[Any, object], key: str, checked: Callable[[str], str]) -> tuple[str, ...]:
    entries = value.get(key)
    if entries is None:
        return ()
    if not isinstance(entries, list | tuple):
        _refuse(f"has {key} that are no list of texts")
    if len(entries) > MOST_ENTRIES:
        raise ValueError(f"has {len(entries)} {key}, more than {MOST_ENTRIES}")
    return tuple(checked(_text(each, key)) for each in entries)


def _text(entry: object, key: str) -> str:
    if not isinstance(entry, str):
        _refuse(f"has an entry among {key} that is no text: {str(entry)[:80]!r}")
    if len(entry) > _LONGEST_TEXT:
        raise ValueError(f"has an entry among {key} of more than {_LONGEST_TEXT} characters")
    return entry


def _path(text: str, what: str) -> str:
    if not text.startswith("/") or text.startswith("//"):
        raise ValueError(f"has the {what} {text!r}, which is not an absolute path")
    path = posixpath.normpath(text)
    if not text.isprintable() or text not in {path, f"{path}/"}:
        raise ValueError(f"has the {what} {text!r}, which is not written plainly: '..', '//', …")
    return path


def _folder(text: str) -> str:
    path = _path(text, "folder")
    if path == "/" or any(path == each or path.startswith(f"{each}/") for each in _NO_FOLDERS):
        raise ValueError(
            f"has the folder {text!r}: the root, and what is below {', '.join(_NO_FOLDERS)}, cannot"
            " be granted as a folder"
        )
    return path


def _device(text: str) -> str:
    path = _path(text, "device")
    if not path.startswith("/dev/"):
        raise ValueError(f"has the device {text!r}, which is not below /dev")
    return path


def _module(text: str) -> str:
    if _MODULE.fullmatch(text) is None:
        raise ValueError(f"has the module {text!r}, which is no module's name")
    if "__main__" in text.split("."):
        raise ValueError(f"has the module {text!r}: to import that is to run a program")
    return text


def _in_order(grants: Grants) -> Grants:
    """Each entry once, and a folder as one to read only where it is not one to write."""
    readable = set(grants.folders) - set(grants.folders_rw)
    return Grants(
        grants.network,
        tuple(sorted(readable)),
        *(tuple(sorted(set(each))) for each in (grants.folders_rw, grants.devices, grants.modules)),
    )


def _outermost(modules: tuple[str, ...]) -> tuple[str, ...]:
    """Those that are in none of the others, which are granted with all that is in them."""
    return tuple(each for each in modules if not any(each.startswith(f"{m}.") for m in modules))


def _quoted(text: str) -> str:
    """As a shell wants it; without ``shlex``, which a sandbox would have to load."""
    if re.fullmatch(r"[\w@%+=:,./-]+", text, re.ASCII):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"
