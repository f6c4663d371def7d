"""The layer ``uid``: where the node is root, every worker is a user that owns nothing.

Each has a number of its own, so that none can send another a signal, and the kernel counts the
processes of each apart.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from pye2_node.sandbox.layers.linux import read_setting

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIRST: Final = 2_000_000_000
"""Far above the numbers of people, of containers and of systemd's dynamic users."""

_NOBODY: Final = 65534
_NOTHING_FOR_OTHERS: Final = 0o007


def choose_first_user() -> int | None:
    """The number that workers' process ids are added to; None where only ``nobody`` is left.

    Asked by the zygote while it can still see ``/proc``: in a container, few numbers are known.

    Raises:
        PermissionError: this process is not root and cannot become anybody else.
    """
    if os.geteuid() != 0:
        raise PermissionError(errno.EPERM, "the node is not run as root")
    lines = read_setting("/proc/self/uid_map").splitlines()
    ranges = [tuple(map(int, line.split())) for line in lines]
    is_known = any(
        inside <= _FIRST and inside + size >= _FIRST + 2**22 for inside, _, size in ranges
    )
    return _FIRST if is_known else None


def become_stranger(first_user: int | None, groups: Sequence[int] = ()) -> None:
    """Become a user, and a group, that nobody else is.

    Args:
        first_user: see :func:`choose_first_user`.
        groups: through which it may use what was granted to it; what it writes is the first one's,
            so that others to whom the same is granted can go on with it.
    """
    number = _NOBODY if first_user is None else first_user + os.getpid()
    group = number
    if groups:
        group = groups[0]
        os.umask(_NOTHING_FOR_OTHERS)
    os.setgroups(list(groups))
    os.setresgid(group, group, group)
    os.setresuid(number, number, number)
