"""Calls that wait for a slot: those of one function in their order, the functions by turns.

A map of thousands of short calls has many of them wait here: a single call of another function, or
a generator that goes on, is then not behind all of them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2_calls.serving.jobs import Job


class Turns:
    """What waits on one instance, and what is next of it."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, dict[Job, None]] = OrderedDict()
        """By digest of the function; the lane whose turn it is first, and none that is empty."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, job: Job) -> bool:
        return job in self._lanes.get(job.call.digest, ())

    def add(self, job: Job) -> None:
        """Have it wait behind all of its function."""
        self._lanes.setdefault(job.call.digest, {})[job] = None
        self._count += 1

    def take(self) -> Job:
        """The next one, which waits no longer.

        Raises:
            LookupError: none waits.
        """
        if not self._count:
            raise LookupError("nothing waits")
        lane = next(iter(self._lanes.values()))
        job = next(iter(lane))
        self.remove(job)
        if lane:
            self._lanes.move_to_end(job.call.digest)
        return job

    def remove(self, job: Job) -> None:
        """It waits no longer.

        Raises:
            KeyError: it did not wait.
        """
        lane = self._lanes[job.call.digest]
        del lane[job]
        self._count -= 1
        if not lane:
            del self._lanes[job.call.digest]

    def clear(self) -> None:
        """Nothing waits any longer."""
        self._lanes.clear()
        self._count = 0
