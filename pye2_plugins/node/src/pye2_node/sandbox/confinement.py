"""What a worker may do to the machine, and when it must die: the layers, in their order.

Called by the zygote (which is ours) for itself, and in every child between the fork and the first
byte of foreign code. Standard library only. The layers themselves are in ``layers``.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Final, NamedTuple

from pye2_node.sandbox.layers.landlock import deny_files_and_signals
from pye2_node.sandbox.layers.linux import (
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    drop_capabilities,
    prctl,
)
from pye2_node.sandbox.layers.names import Layer
from pye2_node.sandbox.layers.namespaces import leave_session_keyring, leave_siblings
from pye2_node.sandbox.layers.numbers import live_apart
from pye2_node.sandbox.layers.rlimits import WorkerLimits, limit_processes, limit_resources
from pye2_node.sandbox.layers.users import become_stranger

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from pye2_node.sandbox.layers.openings import Openings
    from pye2_node.sandbox.layers.seccomp import WorkerFilter

WRITING_FD: Final = 3
READING_FD: Final = 4
"""The descriptors that a worker has besides ``/dev/null``: its end of the channel to the node."""

_NICENESS: Final = 5
"""How much later than the node a worker gets the processor when both want it."""


class Confinement(NamedTuple):
    """How the workers of a zygote are locked.

    Attributes:
        layers: which layers are put on; each must be there.
        limits: what a worker may use.
        first_user: see ``layers.users``.
        filter: of the layer ``seccomp``; None without it.
        openings: what is left open because it was granted; None if nothing was.
        is_apart: whether each worker has numbers of processes of its own; see ``layers.numbers``.
    """

    layers: AbstractSet[Layer]
    limits: WorkerLimits
    first_user: int | None = None
    filter: WorkerFilter | None = None
    openings: Openings | None = None
    is_apart: bool = False


def confine_worker(confinement: Confinement, parent: int) -> None:
    """Lock this process, just forked, before it sees foreign code.

    Its environment is clean already (the zygote was started with almost none), and so are its
    descriptors. The order matters: each step takes away what the next but one would need.

    Args:
        confinement: how.
        parent: the zygote's process id, to notice a zygote that died before the signal was set.

    Raises:
        OSError: a layer could not be put on; then no foreign code may run here.
    """
    layers, openings = confinement.layers, confinement.openings
    die_with_parent(signal.SIGKILL, parent)
    os.setsid()
    os.nice(_NICENESS)
    if Layer.NAMESPACES in layers:
        if openings is not None and openings.work_bytes:
            _take_work_folder(openings)
        leave_siblings()
        die_with_parent(signal.SIGKILL, parent)  # another user namespace may clear the signal
        if confinement.filter is None:
            leave_session_keyring()
        if confinement.is_apart:
            live_apart()
            parent = os.getppid()  # none that has a number there
    if Layer.UID in layers:
        become_stranger(confinement.first_user, openings.groups if openings is not None else ())
        die_with_parent(signal.SIGKILL, parent)  # a change of user clears the signal
    if Layer.RLIMITS in layers:
        limit_resources(confinement.limits)
        _limit_processes(confinement)
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    drop_capabilities()
    if Layer.LANDLOCK in layers:
        _deny_files_and_signals(openings)
    if confinement.filter is not None:
        confinement.filter.install(os.getpid())


def _take_work_folder(openings: Openings) -> None:
    from pye2_node.sandbox.layers.granted_places import take_work_folder

    take_work_folder(openings.work_bytes)


def _deny_files_and_signals(openings: Openings | None) -> None:
    if openings is None:
        deny_files_and_signals()
        return
    from pye2_node.sandbox.layers.openings import work_places

    places = [*openings.places, *work_places(openings)]
    deny_files_and_signals(places, network=openings.network)


def _limit_processes(confinement: Confinement) -> None:
    """Only where it counts the sandbox's processes, not all of this user's on the machine."""
    if not confinement.layers.isdisjoint({Layer.UID, Layer.NAMESPACES}):
        limit_processes(confinement.limits.processes)


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """Have the kernel send ``death_signal`` to this process when its parent dies.

    Args:
        death_signal: the signal.
        parent: who the parent should be; if it is gone already, this process ends at once.
    """
    prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs, so that none can slip away."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
