"""Finds and reads the ``.env`` file of a program, and lays the environment over it.

You are in the settings room. Nothing here writes to ``os.environ``: what was found is handed on as
a mapping, in which a variable that is already set wins over the file (PyE2 lets the file win; PyE2
wire protocol, section 15).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

_OWN_PACKAGE = str(Path(__file__).parent.parent) + os.sep


def find_dotenv(dotenv_path: str | os.PathLike[str] | None = None) -> Path | None:
    """The ``.env`` file that applies here.

    Args:
        dotenv_path: the file, if the user named one. Otherwise the first ``.env`` is taken: in the
            working folder, then beside each source file on the call stack, innermost first.

    Raises:
        SettingsError: the file that was named does not exist.
    """
    if dotenv_path is not None:
        if not isinstance(dotenv_path, str | os.PathLike):
            raise SettingsError(
                f"dotenv_path is {dotenv_path!r} and should be the path of a file",
                setting="dotenv_path",
            )
        named = Path(dotenv_path)
        if not named.is_file():
            raise SettingsError(
                f"dotenv_path names {str(named)!r}, which is no file (looked from {Path.cwd()});"
                " correct it, or leave it away to have .env found",
                setting="dotenv_path",
            )
        return named
    for folder in _folders():
        candidate = folder / ".env"
        if candidate.is_file():
            return candidate
    return None


def _folders() -> Iterator[Path]:
    yield Path.cwd()
    seen = set()
    # inspect.stack() would read every source file on it; the frames alone are enough.
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the only way to them
    while frame is not None:
        name = frame.f_code.co_filename
        if name not in seen and not name.startswith(_OWN_PACKAGE):
            seen.add(name)
            source = Path(name)
            if source.is_file():
                yield source.parent
        frame = frame.f_back


def read_environment(
    dotenv_path: str | os.PathLike[str] | None = None, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment's variables, and those of the ``.env`` file that it does not have.

    An empty value counts as not given.

    Args:
        dotenv_path: see :func:`find_dotenv`.
        environment: the variables of this process.

    Raises:
        SettingsError: the file that was named does not exist, or the file cannot be read.
    """
    file = find_dotenv(dotenv_path)
    found = _read(file) if file is not None else {}
    found.update((name, value) for name, value in environment.items() if value)
    return found


def _read(file: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    try:
        values = dotenv_values(file, interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the settings file {file} cannot be read: {error}; make it a text file in UTF-8 that"
            " this user may read",
            setting="dotenv_path",
        ) from error
    return {name.upper(): value for name, value in values.items() if value}
