"""What the zygote does before it forks: it leaves the machine behind and finds out what holds.

Standard library only; it needs ``/proc``, so it comes before anything else is taken away.
"""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING, NamedTuple

from pye2_node.sandbox.confinement import CHANNEL_FD, Confinement, confine_worker
from pye2_node.sandbox.layers.names import Layer
from pye2_node.sandbox.layers.namespaces import enter_namespaces
from pye2_node.sandbox.layers.proof import why_it_does_not_hold
from pye2_node.sandbox.layers.seccomp import WorkerFilter
from pye2_node.sandbox.layers.syscalls import this_architecture
from pye2_node.sandbox.layers.users import choose_first_user

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from pye2_node.sandbox.layers.rlimits import WorkerLimits


class Prepared(NamedTuple):
    """What came of the preparation.

    Attributes:
        confinement: how workers are locked: with every layer that was wanted and holds.
        missing: of each other layer that was wanted, why it does not hold here.
    """

    confinement: Confinement
    missing: dict[str, str]


def prepare_confinement(wanted: AbstractSet[Layer], limits: WorkerLimits) -> Prepared:
    """Put this process in namespaces of its own, and try every layer that is wanted.

    Args:
        wanted: the layers to use if they hold.
        limits: what a worker may use.
    """
    missing: dict[str, str] = {}
    first_user, worker_filter = None, None
    if Layer.UID in wanted:
        with _noting(Layer.UID, missing):
            first_user = choose_first_user()  # reads /proc, which is gone after the next step
    if Layer.NAMESPACES in wanted:
        with _noting(Layer.NAMESPACES, missing):
            enter_namespaces()
    if Layer.SECCOMP in wanted:
        with _noting(Layer.SECCOMP, missing):
            worker_filter = WorkerFilter(this_architecture(), CHANNEL_FD)
    ready = frozenset(wanted - missing.keys())
    return _proven(Confinement(ready, limits, first_user, worker_filter), missing)


@contextlib.contextmanager
def _noting(layer: Layer, missing: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        missing[layer] = error.strerror or str(error)


def _proven(confinement: Confinement, missing: dict[str, str]) -> Prepared:
    """The confinement without what does not hold, each layer tried by itself."""
    zygote = os.getpid()
    for layer in sorted(confinement.layers - {Layer.CHECK}):
        alone = _only(confinement, {layer})
        reason = why_it_does_not_hold(functools.partial(confine_worker, alone, zygote), layer)
        if reason is not None:
            missing[layer] = reason
    return Prepared(_only(confinement, confinement.layers - missing.keys()), missing)


def _only(confinement: Confinement, layers: AbstractSet[Layer]) -> Confinement:
    if Layer.SECCOMP in layers:
        return confinement._replace(layers=layers)
    return confinement._replace(layers=layers, filter=None)
