"""One zygote for each set of grants that is in use, besides the one without any.

What is granted is open in a zygote to all of its workers, so no two sets share one. Each is started
for its first worker and ended with its last. There are few of them, and nobody has more than a
share.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from pye2core.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_node.sandbox.channel_ends import ChannelEnd
    from pye2_node.sandbox.forks import Forked, Forks
    from pye2core.code.grants import Grants

MOST_SETS: Final = 8
"""Sets of grants that are in use at once: each costs a process of some 30 MiB or more."""


@frozen
class Share:
    """Whose a worker is, and how many sets of grants each of them may have in use.

    Attributes:
        addresses: theirs.
        most: how many; all that there are if nothing else is said.
    """

    addresses: frozenset[str] = frozenset()
    most: int = MOST_SETS


def share_among(addresses: int) -> int:
    """How many sets each of so many addresses may have in use, so that there are some for each."""
    return max(1, MOST_SETS // max(1, addresses))


@define(eq=False)
class _InUse:
    """A zygote that is in use: by how many workers, and by how many of each address."""

    forks: Forks
    workers: int = 0
    workers_of: Counter[str] = field(factory=Counter)


class GrantedZygotes:
    """The zygotes of a node that have grants.

    Args:
        make: makes where workers with these grants come from; nothing is started yet.
    """

    def __init__(self, make: Callable[[Grants], Forks]) -> None:
        self._make = make
        self._in_use: dict[Grants, _InUse] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def sets(self) -> frozenset[Grants]:
        """The sets of grants that are in use."""
        return frozenset(self._in_use)

    async def fork(self, grants: Grants, share: Share, channel: ChannelEnd) -> Forked:
        """Start a worker with these grants that holds ``channel``.

        Raises:
            NodeError: none could be started, or too many sets of grants are in use.
        """
        self._require_share(grants, share)
        used = self._used(grants)
        used.workers += 1
        used.workers_of.update(share.addresses)
        try:
            forked = await used.forks.fork(channel)
        except BaseException:
            self._leave(grants, used, share)
            raise
        forked.ended.add_done_callback(lambda _: self._leave(grants, used, share))
        return forked

    async def stop(self) -> None:
        """End them all, for good."""
        for grants in list(self._in_use):
            self._end(grants)
        if self._ending:
            await asyncio.wait(self._ending)

    def _require_share(self, grants: Grants, share: Share) -> None:
        """Refuse who has its share in use; also a set that is there already: it may stay theirs."""
        for address in sorted(share.addresses):
            theirs = {each for each, used in self._in_use.items() if used.workers_of[address]}
            if grants not in theirs and len(theirs) >= share.most:
                raise NodeError(
                    f"{address} has {len(theirs)} different sets of grants in use on this node, and"
                    f" {share.most} of the {MOST_SETS} that there can be are its share; ask for the"
                    " same as another instance of its does, or close some"
                )

    def _used(self, grants: Grants) -> _InUse:
        used = self._in_use.get(grants)
        if used is None:
            if len(self._in_use) >= MOST_SETS:
                raise NodeError(
                    f"{MOST_SETS} different sets of grants are in use on this node already, and"
                    " each takes a process of its own; ask for the same as another instance does,"
                    " or close some"
                )
            used = self._in_use[grants] = _InUse(self._make(grants))
        return used

    def _leave(self, grants: Grants, used: _InUse, share: Share) -> None:
        used.workers -= 1
        used.workers_of.subtract(share.addresses)
        if used.workers == 0 and self._in_use.get(grants) is used:
            self._end(grants)

    def _end(self, grants: Grants) -> None:
        task = asyncio.create_task(self._in_use.pop(grants).forks.stop())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
