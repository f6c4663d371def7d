"""What stays open in the layers of a zygote whose workers were granted something.

Looked for by the zygote while it still sees the machine: every path as it really is, and whether
workers will be able to use it. What cannot be opened is an error: code that was promised a folder
must not find less, and no layer is left out for its sake.

A zygote to whose workers nothing is granted never loads this module.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pye2core.code.grants import WORK_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2core.code.grants import Grants

_FOR_NAMES: Final = (
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
)
"""What the C library reads to find an address by its name."""

_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems keep the certificates that connections are checked against."""

_READ: Final = 4
_WRITE: Final = 2
_SEARCH: Final = 1


class CannotOpen(Exception):
    """What was granted cannot be used here; the message says what, why, and what to do."""


class Place(NamedTuple):
    """A file or folder that workers may open.

    Attributes:
        path: by this name.
        source: where it really is.
        is_folder: whether it is a folder, with all that is in it.
        is_device: whether it is a device.
        is_written: whether it may be written, too.
    """

    path: str
    source: str
    is_folder: bool = False
    is_device: bool = False
    is_written: bool = False


class Openings(NamedTuple):
    """What a zygote leaves open to its workers.

    Attributes:
        network: connections to the outside.
        places: what they may open, a folder before what is in it.
        work_bytes: how large a worker's own folder may become; 0: it has none.
        groups: the groups through which a worker that is nobody's may use the places.
    """

    network: bool
    places: tuple[Place, ...]
    work_bytes: int
    groups: tuple[int, ...]

    @property
    def has_devices(self) -> bool:
        """Whether a device is among the places."""
        return any(place.is_device for place in self.places)


def find_openings(grants: Grants, work_bytes: int, *, as_stranger: bool) -> Openings:
    """Look for all that was granted.

    Args:
        grants: what was.
        work_bytes: how much a worker may write into a folder of its own.
        as_stranger: whether workers will be users that own nothing.

    Raises:
        CannotOpen: something is not there, or workers could not use it.
    """
    places = sorted(_granted_places(grants))
    groups = {_group_for(place) for place in places} if as_stranger else set()
    if grants.network:
        places += _files_of_network()
    return Openings(
        grants.network,
        tuple(places),
        work_bytes if grants.opens_files else 0,
        tuple(sorted(each for each in groups if each is not None)),
    )


def find_certificates() -> str | None:
    """The file with the certificates of authorities that this system trusts, if it has one."""
    return next((path for path in _BUNDLES if os.access(path, os.R_OK)), None)


def _granted_places(grants: Grants) -> Iterator[Place]:
    for path in grants.folders:
        yield _checked(Place(path, _real(path), is_folder=True))
    for path in grants.folders_rw:
        yield _checked(Place(path, _real(path), is_folder=True, is_written=True))
    for path in grants.devices:
        yield _checked(Place(path, _real(path), is_device=True, is_written=True))


def _files_of_network() -> list[Place]:
    names = [*_FOR_NAMES, find_certificates()]
    return [Place(each, _real(each)) for each in names if each and os.access(each, os.R_OK)]


def _real(path: str) -> str:
    return str(Path(path).resolve())


def _checked(place: Place) -> Place:
    try:
        mode = Path(place.source).stat().st_mode
    except OSError as error:
        raise CannotOpen(f"{place.path} cannot be used: {error.strerror}") from None
    if place.is_folder and not stat.S_ISDIR(mode):
        raise CannotOpen(f"{place.path} is granted as a folder, and is none")
    if place.is_device and not stat.S_ISCHR(mode):
        raise CannotOpen(f"{place.path} is granted as a device, and is no character device")
    return place


def _group_for(place: Place) -> int | None:
    """The group that a worker must be in to use a place; None if everybody may."""
    found = Path(place.source).stat()
    rights = _READ | (_WRITE if place.is_written else 0) | (_SEARCH if place.is_folder else 0)
    if found.st_mode >> 3 & rights == rights and found.st_gid != 0:
        return found.st_gid
    if found.st_mode & rights == rights:
        return None
    wanted = "".join(sign for bit, sign in zip((4, 2, 1), "rwx", strict=True) if rights & bit)
    raise CannotOpen(
        f"{place.path} is not open to the code of others: under a node of root's that is a user who"
        f" owns nothing, in the group of what it was granted; run: chgrp GROUP {place.path} &&"
        f" chmod g+{wanted} {place.path}, with a group other than root's"
    )


def work_places(openings: Openings) -> list[Place]:
    """A worker's own folder, where it has one: without namespaces there is none."""
    if not openings.work_bytes or not Path(WORK_FOLDER).is_dir():
        return []
    return [Place(WORK_FOLDER, WORK_FOLDER, is_folder=True, is_written=True)]
