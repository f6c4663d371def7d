"""The backend: what joblib asks to run batches of tasks, and to tell when each has ended."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from joblib._parallel_backends import AutoBatchingMixin, FallbackToBackend
from joblib.parallel import ParallelBackendBase, ThreadingBackend

from pye2_joblib.tasks import make_ready
from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor

    from joblib import Parallel
    from joblib.parallel import BatchedCalls

    from pye2_calls.client.executor import RemoteExecutor
    from pye2_joblib.tasks import Ready
    from pye2core import Session


class NodesBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc] # joblib has no types
    """Runs joblib's tasks on nodes; made by ``parallel_backend("pye2", session=session, …)``.

    What asks for threads (``prefer="threads"``), as forests do to share what they make, has
    threads of this process. Short tasks go together, as many as joblib finds to take a moment.

    Args:
        session: the session whose nodes run the tasks.
        nodes: how many nodes to use at most, or which, by name or address; None for all.
        packages: installed packages of whose classes objects may come back though nothing of them
            was sent.
        options: how calls are made, as for ``session.executor``: ``timeout``, ``retries``,
            ``needs``, ``grants``, ``on_output``.

    Raises:
        SettingsError: there is no session, or an option cannot be used.
    """

    supports_retrieve_callback = True
    default_n_jobs = -1

    def __init__(
        self,
        nesting_level: int | None = None,
        inner_max_num_threads: int | None = None,
        *,
        session: Session | None = None,
        nodes: int | str | Iterable[str] | None = None,
        packages: Iterable[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(nesting_level=nesting_level, inner_max_num_threads=inner_max_num_threads)
        if session is None:
            raise SettingsError(
                "joblib's backend pye2 has no session: say parallel_backend('pye2',"
                " session=session), with a Session that is connected to your broker",
                setting="session",
            )
        self._session = session
        self._nodes = nodes if nodes is None or isinstance(nodes, int | str) else tuple(nodes)
        self._packages = frozenset(packages)
        self._options = options
        self._executors: dict[frozenset[str], RemoteExecutor] = {}
        self._jobs: set[_Job] = set()
        self._lock = threading.Lock()
        self._executor_for(frozenset())  # an option that cannot be used is told here

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many tasks run at once; -1 is all slots of the nodes.

        Raises:
            ValueError: ``n_jobs`` is 0.
            CallRefused: there is no node.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        if n_jobs > 0:
            return int(n_jobs)
        return max(self._executor_for(frozenset()).slots + 1 + int(n_jobs), 1)

    def configure(
        self,
        n_jobs: int = 1,
        parallel: Parallel | None = None,
        prefer: str | None = None,
        require: str | None = None,
        **others: Any,
    ) -> int:
        """See ``ParallelBackendBase``.

        Raises:
            FallbackToBackend: the tasks are to be threads.
        """
        del require, others
        if prefer == "threads":
            raise FallbackToBackend(ThreadingBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        self.reset_batch_stats()  # other tasks may take longer
        return self.effective_n_jobs(n_jobs)

    def submit(self, func: BatchedCalls, callback: Callable[[_Job], object] | None = None) -> _Job:
        """Have a batch of tasks run; ``callback`` is told when it has ended.

        What cannot be sent is an error of the batch: joblib may be asking from a thread of ours.
        """
        job = _Job(callback)
        with self._lock:
            self._jobs.add(job)
        job.when_done(self._forget)
        try:
            ready = make_ready(func.items, self._packages)
            job.begin(ready, self._executor_for(ready.modules))
        except Exception as error:  # noqa: BLE001 - it is told where it is waited for
            job.fail(error)
        return job

    def retrieve_result_callback(self, out: _Job) -> list[Any]:
        """The results of a batch that has ended; raises what a task raised."""
        return out.results()

    def abort_everything(self, ensure_ready: bool = True) -> None:  # noqa: FBT001, FBT002 - as in joblib's
        """Give up all that has not ended; what runs is stopped."""
        del ensure_ready
        with self._lock:
            left = list(self._jobs)
        for job in left:
            job.cancel()

    def _forget(self, job: _Job) -> None:
        with self._lock:
            self._jobs.discard(job)

    def _executor_for(self, modules: frozenset[str]) -> RemoteExecutor:
        """The executor whose calls ask for these modules."""
        with self._lock:
            if modules not in self._executors:
                self._executors[modules] = self._make_executor(modules)
            return self._executors[modules]

    def _make_executor(self, modules: frozenset[str]) -> RemoteExecutor:
        options = dict(self._options)
        if modules:
            grants = dict(options.get("grants") or {})
            grants["modules"] = sorted(modules.union(grants.get("modules", ())))
            options["grants"] = grants
        executor: Any = self._session.executor(self._nodes, **options)
        made: RemoteExecutor = executor
        return made


class _Job:
    """A batch that was given to nodes.

    Args:
        callback: told when it has ended.
    """

    def __init__(self, callback: Callable[[_Job], object] | None) -> None:
        self._ended: Future[list[Any]] = Future()
        self._futures: list[Future[Any]] = []
        self._left = 0
        self._is_given_up = False
        self._lock = threading.Lock()
        if callback is not None:
            self.when_done(callback)

    def when_done(self, tell: Callable[[_Job], object]) -> None:
        """Have something told when it has ended."""
        self._ended.add_done_callback(lambda _: tell(self))

    def begin(self, ready: Ready, executor: Executor) -> None:
        """Have its calls made."""
        for call, args, named in ready.calls:
            self._futures.append(executor.submit(call, *args, **named))
        self._left = len(self._futures)
        if self._is_given_up:
            self.cancel()
        for future in list(self._futures):
            future.add_done_callback(lambda _: self._note(ready))

    def fail(self, error: BaseException) -> None:
        """It could not be sent, or not all of it."""
        self.cancel()
        self._ended.set_exception(error)

    def cancel(self) -> None:
        """Give it up, also if it is only about to begin."""
        self._is_given_up = True
        for future in list(self._futures):
            future.cancel()

    def results(self) -> list[Any]:
        """What its tasks returned; it must have ended."""
        return self._ended.result()

    def _note(self, ready: Ready) -> None:
        with self._lock:
            self._left -= 1
            if self._left:
                return
        try:
            self._ended.set_result(ready.read([each.result() for each in self._futures]))
        except BaseException as error:  # noqa: BLE001 - whatever was raised there is raised here
            self._ended.set_exception(error)
