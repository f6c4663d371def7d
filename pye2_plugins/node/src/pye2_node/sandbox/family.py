"""Who a process's children are, adopted ones too; asked where ``/proc`` can no longer be seen."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC: Final = "/proc"


class Family:
    """The children of this process.

    Holds on to ``/proc`` as it is when this is made.
    """

    def __init__(self) -> None:
        self._me = os.getpid()
        self._proc = os.open(_PROC, os.O_RDONLY | os.O_DIRECTORY)

    def children(self) -> set[int]:
        """The ids of the children."""
        try:
            return set(map(int, self._read(f"{self._me}/task/{self._me}/children").split()))
        except FileNotFoundError:  # a kernel without that list
            return {pid for pid, parent in self._processes() if parent == self._me}

    def _processes(self) -> Iterator[tuple[int, int]]:
        """Every process and its parent."""
        for name in filter(str.isdecimal, os.listdir(self._proc)):  # noqa: PTH208 - a descriptor, no path
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                fields = self._read(f"{name}/stat").rpartition(")")[2].split()
                yield int(name), int(fields[1])

    def _read(self, path: str) -> str:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=self._proc)
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
            return file.read()
