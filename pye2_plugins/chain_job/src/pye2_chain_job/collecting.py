"""What the workers sent: kept in order, and worked through with one call at a time.

Sans-I/O. Of everything that waits, one call of the job's functions is given out; the next one when
it has returned. What was collected is kept here as well as in the sandbox, so that it survives both
the sandbox and the node.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from attrs import define, field, frozen

from pye2_chain_job.actions import (
    Aggregate,
    Call,
    CheckFinish,
    Discard,
    MeasureProgress,
    Process,
)
from pye2_chain_job.reports import percentage

MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
"""What may wait to be processed; more than that is an error, for nothing is dropped."""

BATCH: Final = 64
"""So much data is processed before the finish condition is asked again."""

CHECK_SECONDS: Final = 1.0
"""The finish condition is asked this often if nothing is new: it may look at the clock."""

SHOWN_BYTES: Final = 256 * 1024
"""A partial result that is larger is not sent, only how much it is."""


class TooMuchWaiting(Exception):
    """The workers send faster than their data can be processed."""


@frozen
class _Waiting:
    """Data of a worker that was not processed yet."""

    job_id: int
    epoch: int
    number: int | None
    data: Any
    size: int


@define
class Collector:
    """The collected data of a job and the calls of its functions.

    Attributes:
        nr_jobs: how many pieces there are.
        measures_progress: whether one of the functions tells the progress.
        collected: by job, what was kept.
        processed: by job, the number of the last payload of its present worker that was processed.
        percent: what the progress function said last; None before.
        shown: the result as it was last made for showing; None if there is none or it is large.
        done: whether the finish condition was met.
        result: the result, once it was made; in a list of one.
        nones: how much data the process function answered with None so far; 0 once it gave a list.
    """

    nr_jobs: int
    measures_progress: bool = False
    collected: dict[int, list[Any]] = field(factory=dict)
    processed: dict[int, int] = field(factory=dict)
    percent: float | None = None
    shown: Any = None
    done: bool = False
    result: list[Any] = field(factory=list)
    nones: int = 0
    _gave_a_list: bool = False
    _epochs: dict[int, int] = field(factory=dict)
    _queue: deque[_Waiting] = field(factory=deque)
    _waiting_bytes: int = 0
    _discards: deque[Discard] = field(factory=deque)
    _for_report: deque[Call] = field(factory=deque)
    _under_way: Call | None = None
    _unchecked: int = 0
    _checked_at: float = -CHECK_SECONDS
    _too_large: bool = False
    _fails_incomplete: bool = False

    def __attrs_post_init__(self) -> None:
        for job_id in range(self.nr_jobs):
            self.collected.setdefault(job_id, [])
            self.processed.setdefault(job_id, 0)
            self._epochs[job_id] = 0

    @property
    def count(self) -> int:
        """How many items were collected over all jobs."""
        return sum(map(len, self.collected.values()))

    # --- what comes -------------------------------------------------------------------------------

    def offer(self, job_id: int, number: int | None, data: Any, size: int) -> None:
        """Take a worker's data; data that is empty only counts as processed in its turn.

        Raises:
            TooMuchWaiting: more waits than can be kept.
        """
        if self.done:
            return
        self._queue.append(_Waiting(job_id, self._epochs[job_id], number, data, size))
        self._waiting_bytes += size
        if self._waiting_bytes > MOST_WAITING_BYTES:
            raise TooMuchWaiting

    def discard(self, job_id: int) -> None:
        """Forget all that a job's worker has sent: another one begins anew."""
        if self.done:
            return
        self._epochs[job_id] += 1
        self._queue = deque(each for each in self._queue if each.job_id != job_id)
        self._waiting_bytes = sum(each.size for each in self._queue)
        self.processed[job_id] = 0
        self._too_large = False
        self._discards.append(Discard(job_id))
        self.collected[job_id] = []

    def prepare_report(self) -> None:
        """Have the calls made whose answers a report shows."""
        if self.measures_progress:
            self._for_report.append(MeasureProgress())
        if self._can_be_shown():
            self._for_report.append(Aggregate(final=False, complete=self._is_complete))
        else:
            self.shown = None

    def could_not_be_shown(self, call: Aggregate) -> None:
        """The result so far cannot be made before every piece has sent something."""
        self._fails_incomplete = True
        self.returned(call, None, 0)

    @property
    def _is_complete(self) -> bool:
        return all(self.collected.values())

    def _can_be_shown(self) -> bool:
        if self._too_large or not self.count:
            return False
        return self._is_complete or not self._fails_incomplete

    @property
    def is_preparing(self) -> bool:
        """Whether calls for a report are still to be made."""
        under_way = isinstance(self._under_way, MeasureProgress | Aggregate)
        return under_way or bool(self._for_report)

    # --- one call at a time -----------------------------------------------------------------------

    def next_call(self, now: float) -> Call | None:
        """The call to make now; None if one is under way or there is nothing to do."""
        if self._under_way is None:
            self._under_way = self._choose(now)
            return self._under_way
        return None

    def next_check_at(self) -> float | None:
        """When the finish condition is asked again even if nothing comes; None: not now."""
        if self.done or self._under_way is not None:
            return None
        return self._checked_at + CHECK_SECONDS

    def returned(self, call: Call, value: Any, size: int) -> None:
        """The call that was under way is over.

        Args:
            call: which; any other than the one under way is ignored.
            value: what it returned.
            size: bytes of it as JSON.
        """
        if call is not self._under_way:
            return
        self._under_way = None
        if isinstance(call, Process):
            self._keep(call, value)
        elif isinstance(call, CheckFinish):
            self._decide(finished=bool(value))
        elif isinstance(call, MeasureProgress):
            self.percent = percentage(value)
        elif isinstance(call, Aggregate):
            self._take_result(call, value, size)

    def _choose(self, now: float) -> Call | None:
        if self._discards:
            return self._discards.popleft()
        if self.done:
            return None if self.result else Aggregate(final=True)
        if self._should_check(now):
            self._unchecked = 0
            self._checked_at = now
            return CheckFinish()
        if self._for_report:
            return self._for_report.popleft()
        return self._next_data()

    def _should_check(self, now: float) -> bool:
        if self._unchecked >= BATCH or (self._unchecked and not self._queue):
            return True
        return now >= self._checked_at + CHECK_SECONDS

    def _next_data(self) -> Process | None:
        while self._queue:
            waiting = self._queue.popleft()
            self._waiting_bytes -= waiting.size
            if waiting.data:
                return Process(waiting.job_id, waiting.data, waiting.epoch, waiting.number)
            self._count(waiting.job_id, waiting.number)
        return None

    def _keep(self, call: Process, value: Any) -> None:
        if call.epoch != self._epochs[call.job_id]:
            return  # of a worker that was replaced meanwhile
        self._unchecked += 1
        self._count(call.job_id, call.number)
        if isinstance(value, list):
            self.collected[call.job_id].extend(value)
            self._gave_a_list, self.nones = True, 0
        elif not self._gave_a_list:
            self.nones += 1

    def _count(self, job_id: int, number: int | None) -> None:
        if number is not None:
            self.processed[job_id] = number

    def _decide(self, *, finished: bool) -> None:
        if self._discards:
            self._unchecked += 1  # it saw what is to be forgotten: ask again
        elif finished:
            self.done = True
            self._queue.clear()
            self._for_report.clear()

    def _take_result(self, call: Aggregate, value: Any, size: int) -> None:
        if call.final:
            self.result = [value]
        else:
            self._too_large = size > SHOWN_BYTES
            self.shown = None if self._too_large or self._discards else value
