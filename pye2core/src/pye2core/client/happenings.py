"""What ``session.run`` waits for: callbacks that are done, and jobs that failed.

You are in the client room. Nothing here polls: who waits is woken after each callback; only a
condition of the user's own is looked at again after a while, because it may depend on anything.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.errors import JobFailedError

LOOK_AGAIN = 0.1
"""Seconds after which a user's condition is evaluated again although nothing happened."""


class Happenings:
    """A bell that is rung after each callback, and the failures of jobs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._failures: list[JobFailedError] = []

    def ring(self) -> None:
        """Say that a callback is done."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def fail(self, error: JobFailedError) -> None:
        """Say that a job failed; whoever waits raises the error."""
        with self._changed:
            self._failures.append(error)
            self._changed.notify_all()

    def wait_while(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition()`` is false.

        Raises:
            JobFailedError: a job failed meanwhile, or since the last time that anybody waited.
        """
        while True:
            self._raise_failure()
            with self._changed:
                seen = self._count
            if not condition():
                break
            self._wait_beyond(seen)
        self._raise_failure()

    def _wait_beyond(self, seen: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen or self._failures, LOOK_AGAIN)

    def wait_for(self, seconds: float | None) -> None:
        """Wait that long, or for ever.

        Raises:
            JobFailedError: a job failed meanwhile, or since the last time that anybody waited.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failures, seconds)
        self._raise_failure()

    def _raise_failure(self) -> None:
        with self._changed:
            failures, self._failures = self._failures, []
        if not failures:
            return
        first, *others = failures
        for other in others:
            first.add_note(f"besides: {other}")
        raise first
