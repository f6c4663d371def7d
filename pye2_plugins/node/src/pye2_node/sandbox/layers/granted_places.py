"""The namespaces' part of what was granted: places in the root, and a worker's own folder.

Each place is mounted under the name that it has on the machine, without programs and devices that
were not granted, and read-only unless writing was granted. Loaded by zygotes with grants only.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pye2_node.sandbox.layers import linux
from pye2_node.sandbox.layers.openings import CannotOpen
from pye2core.code.grants import WORK_FOLDER

if TYPE_CHECKING:
    from pye2_node.sandbox.layers.openings import Openings, Place

_FOR_EVERYBODY: Final = 0o755
_NOT_FOR_OTHERS_TO_WRITE: Final = 0o022
_STAYS: Final = {
    os.ST_RDONLY: linux.MS_RDONLY,
    os.ST_NOSUID: linux.MS_NOSUID,
    os.ST_NODEV: linux.MS_NODEV,
    os.ST_NOEXEC: linux.MS_NOEXEC,
    os.ST_NOATIME: 1 << 10,
    os.ST_NODIRATIME: 1 << 11,
    os.ST_RELATIME: 1 << 21,
}
"""What a mount is already, which an ordinary user's own mount of it must be, too."""


def fill_root(openings: Openings, root: str) -> None:
    """Put all places into a root that is still empty.

    Raises:
        CannotOpen: one of them cannot be mounted.
    """
    os.umask(_NOT_FOR_OTHERS_TO_WRITE)
    if openings.work_bytes:
        Path(root + WORK_FOLDER).mkdir(_FOR_EVERYBODY)
    for place in openings.places:
        try:
            _mount(place, Path(root + place.path))
        except OSError as error:
            raise CannotOpen(_why_not(place, error)) from None


def take_work_folder(size: int) -> None:
    """Give this worker a folder of its own, in memory, and go there."""
    linux.unshare(linux.CLONE_NEWNS)
    fixed = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    linux.mount("none", WORK_FOLDER, "tmpfs", fixed, f"size={size},nr_inodes=4k,mode=1777")
    os.chdir(WORK_FOLDER)


def _mount(place: Place, target: Path) -> None:
    if place.is_folder:
        target.mkdir(_FOR_EVERYBODY, parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(_FOR_EVERYBODY, parents=True, exist_ok=True)
        target.touch()
    linux.mount(place.source, str(target), "", linux.MS_BIND)
    linux.mount("none", str(target), "", linux.MS_BIND | linux.MS_REMOUNT | _flags(place))


def _flags(place: Place) -> int:
    flags = linux.MS_NOSUID | linux.MS_NOEXEC
    if not place.is_device:
        flags |= linux.MS_NODEV
    if not place.is_written:
        flags |= linux.MS_RDONLY
    present = os.statvfs(place.source).f_flag
    return flags | sum(
        mount for found, mount in _STAYS.items() if present & found and not flags & mount
    )


def _why_not(place: Place, error: OSError) -> str:
    if error.errno == errno.EINVAL and place.is_folder:
        return (
            f"{place.path} cannot be granted by a node that is not root's: other file systems are"
            " mounted within it; grant the folders below them"
        )
    return f"{place.path} cannot be given to a sandbox: {error.strerror}"
