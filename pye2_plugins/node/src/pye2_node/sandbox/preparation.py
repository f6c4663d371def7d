"""What the zygote does before it forks: it leaves the machine behind and finds out what holds.

Standard library only; it needs ``/proc``, so it comes before anything else is taken away.
"""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING, NamedTuple

from pye2_node.sandbox.confinement import Confinement, confine_worker
from pye2_node.sandbox.layers.names import Layer
from pye2_node.sandbox.layers.namespaces import enter_namespaces
from pye2_node.sandbox.layers.numbers import no_process_of_others
from pye2_node.sandbox.layers.proof import FORBIDDEN, why_it_does_not_hold
from pye2_node.sandbox.layers.seccomp import WorkerFilter
from pye2_node.sandbox.layers.syscalls import this_architecture
from pye2_node.sandbox.layers.users import choose_first_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from pye2_node.sandbox.layers.openings import Openings
    from pye2_node.sandbox.layers.rlimits import WorkerLimits


class Prepared(NamedTuple):
    """What came of the preparation.

    Attributes:
        confinement: how workers are locked: with every layer that was wanted and holds.
        missing: of each other layer that was wanted, why it does not hold here.
    """

    confinement: Confinement
    missing: dict[str, str]


def prepare_confinement(
    wanted: AbstractSet[Layer], limits: WorkerLimits, openings: Openings | None = None
) -> Prepared:
    """Put this process in namespaces of its own, and try every layer that is wanted.

    Args:
        wanted: the layers to use if they hold.
        limits: what a worker may use.
        openings: what is to be left open.

    Raises:
        CannotOpen: that cannot be.
    """
    missing: dict[str, str] = {}
    first_user, worker_filter = None, None
    if Layer.UID in wanted:
        with _noting(Layer.UID, missing):
            first_user = choose_first_user()  # reads /proc, which is gone after the next step
    if Layer.NAMESPACES in wanted:
        with _noting(Layer.NAMESPACES, missing):
            _enter_namespaces(openings)
    if Layer.SECCOMP in wanted:
        with _noting(Layer.SECCOMP, missing):
            worker_filter = _filter(openings)
    ready = frozenset(wanted - missing.keys())
    return _proven(Confinement(ready, limits, first_user, worker_filter, openings), missing)


def _enter_namespaces(openings: Openings | None) -> None:
    if openings is None:
        enter_namespaces()
        return
    from pye2_node.sandbox.layers.granted_places import fill_root

    fill = functools.partial(fill_root, openings)
    enter_namespaces(network=openings.network, fill=fill)


def _filter(openings: Openings | None) -> WorkerFilter:
    architecture = this_architecture()
    if openings is None:
        return WorkerFilter(architecture)
    from pye2_node.sandbox.layers.granted_calls import calls_for

    granted = calls_for(openings, os.uname().machine)
    return WorkerFilter(architecture, granted)


def _forbidden(openings: Openings | None) -> Mapping[Layer, Callable[[], None]]:
    if openings is None:
        return FORBIDDEN
    from pye2_node.sandbox.layers.granted_proof import still_forbidden

    return still_forbidden(openings)


@contextlib.contextmanager
def _noting(layer: Layer, missing: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        missing[layer] = error.strerror or str(error)


def _proven(confinement: Confinement, missing: dict[str, str]) -> Prepared:
    """The confinement without what does not hold, each layer tried by itself."""
    zygote = os.getpid()
    forbidden = _forbidden(confinement.openings)
    for layer in sorted(confinement.layers - {Layer.CHECK}):
        alone = functools.partial(confine_worker, _only(confinement, {layer}), zygote)
        reason = why_it_does_not_hold(alone, forbidden[layer])
        if reason is not None:
            missing[layer] = reason
    held = _only(confinement, confinement.layers - missing.keys())
    return Prepared(held._replace(is_apart=_can_live_apart(held)), missing)


def _can_live_apart(held: Confinement) -> bool:
    """Whether workers have to have numbers of processes of their own, and can."""
    are_strangers = Layer.UID in held.layers and held.first_user is not None
    if are_strangers or held.filter is not None or Layer.NAMESPACES not in held.layers:
        return False
    zygote = os.getpid()
    alone = functools.partial(
        confine_worker, _only(held, {Layer.NAMESPACES})._replace(is_apart=True), zygote
    )
    return why_it_does_not_hold(alone, no_process_of_others(zygote)) is None


def _only(confinement: Confinement, layers: AbstractSet[Layer]) -> Confinement:
    if Layer.SECCOMP in layers:
        return confinement._replace(layers=layers)
    return confinement._replace(layers=layers, filter=None)
