"""Where a thing of a program comes from: the user's own source, an installed module, or Python.

What is installed is named and imported there; what the user wrote is sent. A module is the user's
when its file lies neither in Python's own folders nor in one of installed packages.
"""

from __future__ import annotations

import builtins
import functools
import site
import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path
from types import FunctionType, ModuleType, NoneType
from typing import TYPE_CHECKING, Any, Final

from pye2core.code.rules import GIVEN_MODULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PACKAGES: Final = {"site-packages", "dist-packages"}
_NOTHING: Final = object()

BUILTINS: Final = {
    id(thing): name
    for name, thing in vars(builtins).items()
    if name == "__import__" or not name.startswith("_")
}
"""The name of each built-in function, class and singleton, by identity."""


@functools.cache
def is_installed_file(file: str) -> bool:
    """Whether a file is part of Python or of an installed package."""
    path = Path(file)
    if not _PACKAGES.isdisjoint(path.parts) or file.startswith("<frozen "):
        return True
    return any(path.is_relative_to(folder) for folder in _installed_folders())


def is_installed_function(found: FunctionType) -> bool:
    """Whether a function is part of Python or of an installed package."""
    return is_installed_file(found.__code__.co_filename) or _says_installed(found.__module__)


def _says_installed(module: str | None) -> bool:
    """Whether a module says so: one that is installed as a folder of source looks like a user's."""
    return getattr(sys.modules.get(module or ""), "__pye2_is_installed__", False) is True


def is_users(module: str) -> bool:
    """Whether a module is the user's: of source that can be sent, or a program's own."""
    if module == "__main__":
        return True
    if module.partition(".")[0] in sys.stdlib_module_names or _says_installed(module):
        return False
    file = _file_of(module)
    return file is not None and not is_installed_file(file)


def way_to(thing: Any) -> tuple[str, str] | None:
    """By which module and name an installed thing can be imported; None if it cannot.

    Example:
        >>> import functools
        >>> way_to(functools.reduce)
        ('functools', 'reduce')
    """
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None)
    if isinstance(name, str) and "<" not in name:
        for module in _modules_of(thing):
            if _found_in(module, name) is thing:
                return module, name
    return next(_offered_by_given(thing), None)


def has_imported(module: str, name: str, thing: object) -> bool:
    """Whether this name of an installed module, which a program imported, still is the thing."""
    return not is_users(module) and _found_in(module, name) is thing


def is_source(module: ModuleType) -> bool:
    """Whether a module is plain Python source, and not compiled."""
    file = getattr(module, "__file__", None)
    return file is None or file.endswith(".py")


def is_module_in(package: str, name: str) -> bool:
    """Whether a name in a package is a module of its own; nothing is imported to find out.

    Example:
        >>> is_module_in("xml", "sax"), is_module_in("math", "pi")
        (True, False)
    """
    full = f"{package}.{name}"
    if package in sys.modules:
        folders = getattr(sys.modules[package], "__path__", None)
        is_other = not isinstance(getattr(sys.modules[package], name, None), ModuleType | NoneType)
        if full in sys.modules or folders is None or is_other:
            return full in sys.modules
    else:
        folders = _folders_of(package)
    return folders is not None and PathFinder.find_spec(full, list(folders)) is not None


def _folders_of(package: str) -> Iterable[str] | None:
    """Where the modules of a package are that is not imported; None if it is not here, or none."""
    folders: Iterable[str] | None = None
    parts = package.split(".")
    for count in range(1, len(parts) + 1):
        path = list(folders) if folders is not None else None
        spec = PathFinder.find_spec(".".join(parts[:count]), path)
        folders = spec.submodule_search_locations if spec is not None else None
        if folders is None:
            return None
    return folders


def is_given(module: str) -> bool:
    """Whether a module can be imported on every node."""
    return module in GIVEN_MODULES


def _installed_folders() -> Iterator[str]:
    paths = sysconfig.get_paths()
    yield from (paths[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib"))
    if site.ENABLE_USER_SITE:
        yield site.getusersitepackages()


def _file_of(module: str) -> str | None:
    """The file of a module, or the folder of a package without one; nothing is imported."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        file: str | None = getattr(loaded, "__file__", None)
        return file or next(iter(getattr(loaded, "__path__", ())), None)
    spec = PathFinder.find_spec(module.partition(".")[0])
    if spec is None:
        return None
    return spec.origin or next(iter(spec.submodule_search_locations or ()), None)


def _modules_of(thing: Any) -> Iterator[str]:
    """The modules in which it may be offered: the outermost first, as that is the public one."""
    home = getattr(thing, "__module__", None)
    if not isinstance(home, str):
        return
    parts = home.removeprefix("_").split(".")
    names = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    given = [name for name in reversed(names) if is_given(name)]
    yield from given
    public = [name for name in names if not any(part.startswith("_") for part in name.split("."))]
    yield from (name for name in public if name not in given and not is_users(name))


def _found_in(module: str, name: str) -> object:
    found: object = sys.modules.get(module, _NOTHING)
    for part in name.split("."):
        found = getattr(found, part, _NOTHING)
    return found


def _offered_by_given(thing: object) -> Iterator[tuple[str, str]]:
    for module in sorted(GIVEN_MODULES & sys.modules.keys()):
        for name, offered in vars(sys.modules[module]).items():
            if offered is thing and not name.startswith("_") and not isinstance(thing, ModuleType):
                yield module, name
