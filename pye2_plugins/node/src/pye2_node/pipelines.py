"""Makes what runs the same as what the node is to run.

:func:`steps_between` says what is to be done, as values. :class:`Pipelines` does it: each pipeline
has a worker of its own that takes its work in order, so that one that is slow holds up nobody else.
Closing a pipeline does not wait for what it does at that moment: that is ended.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from pye2_node.commands import Apply, Close, Tell
from pye2_node.desired import in_one_spelling, path_of, spelled_path_of
from pye2_node.instances import InstanceState, RunningInstance, told
from pye2core.errors import NotProvided

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from pye2_node.commands import Work
    from pye2_node.desired import DesiredPipeline
    from pye2core.messages import (
        InstanceConfig,
        InstancePath,
        Notification,
        PipelineConfig,
        Speaker,
    )

_log = logging.getLogger("pye2_node")


@frozen
class Steps:
    """What is to be done with the instances of one pipeline.

    Attributes:
        stop: those that are to run no more.
        start: those that do not run yet.
        reconfigure: those that run with another configuration.
        keep: those that are as they are to be, but perhaps for the spelling of their signature.
    """

    stop: tuple[InstancePath, ...]
    start: tuple[InstanceConfig, ...]
    reconfigure: tuple[InstanceConfig, ...]
    keep: tuple[InstanceConfig, ...]


def steps_between(running: Mapping[InstancePath, InstanceConfig], wanted: PipelineConfig) -> Steps:
    """What turns the ``running`` instances of a pipeline into those that are ``wanted``."""
    by_path = {path_of(wanted.name, each): each for each in wanted.instances}
    known = [(each, running.get(path)) for path, each in by_path.items()]
    return Steps(
        stop=tuple(path for path in running if path not in by_path),
        start=tuple(each for each, runs in known if runs is None),
        reconfigure=tuple(
            each for each, runs in known if runs is not None and runs.settings != each.settings
        ),
        keep=tuple(
            each for each, runs in known if runs is not None and runs.settings == each.settings
        ),
    )


class PipelinesOwner(Protocol):
    """The node, as its pipelines see it."""

    def new_instance(self, config: InstanceConfig, pipeline: DesiredPipeline) -> RunningInstance:
        """Make an instance that does nothing yet."""

    def announce(self, notification: Notification) -> None:
        """Send a notification."""

    async def put_back(
        self, pipeline: str, failed: InstanceConfig, previous: InstanceConfig
    ) -> None:
        """An instance goes on with its ``previous`` configuration, as the new one ``failed``."""

    async def forget(self, path: InstancePath) -> None:
        """An instance is no more: remove what it kept."""

    def offered(self) -> str:
        """The signatures that this node can run, in words."""


class Pipelines:
    """All that runs on a node."""

    def __init__(self, owner: PipelinesOwner) -> None:
        self._owner = owner
        self._workers: dict[str, _Worker] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def instances(self) -> list[RunningInstance]:
        """All instances, whatever their state."""
        return [each for worker in self._workers.values() for each in worker.instances()]

    def do(self, work: Work) -> None:
        """Take on work; it is done when all earlier work of the same pipeline is."""
        match work:
            case Apply(pipeline):
                self._worker(pipeline.config.name).put(work)
            case Tell(path):
                self._worker(path.pipeline or "").put(work)
            case Close(name):
                worker = self._worker(name)
                del self._workers[name]
                self._retire(worker, work)

    def _worker(self, name: str) -> _Worker:
        worker = self._workers.get(name)
        if worker is None:
            worker = self._workers[name] = self._new_worker(name)
        return worker

    def _new_worker(self, name: str) -> _Worker:
        """A worker that begins when all earlier ones of that name have ended."""
        earlier = [task for task in self._closing if task.get_name() == name]
        return _Worker(name, self._owner, earlier)

    def _retire(self, worker: _Worker, close: Close) -> None:
        task = worker.close(close)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def stop(self) -> None:
        """Stop all that runs, and forget nothing of it."""
        workers = list(self._workers.values())
        self._workers.clear()
        await asyncio.gather(*self._closing, *(worker.rest() for worker in workers))


class _Worker:
    """Does the work of one pipeline, in order."""

    def __init__(
        self, name: str, owner: PipelinesOwner, earlier: Iterable[asyncio.Task[None]]
    ) -> None:
        self._name = name
        self._owner = owner
        self._earlier = list(earlier)
        self._instances: dict[InstancePath, RunningInstance] = {}
        self._answered_paths: set[InstancePath] = set()
        self._queue: asyncio.Queue[Apply | Tell] = asyncio.Queue()
        self._life = asyncio.create_task(self._live(), name=name)

    def instances(self) -> Iterable[RunningInstance]:
        return self._instances.values()

    def put(self, work: Apply | Tell) -> None:
        self._queue.put_nowait(work)

    def close(self, close: Close) -> asyncio.Task[None]:
        """End it; the task is done when nothing of it runs any more and that was said."""
        self._life.cancel()
        return asyncio.create_task(self._close(close), name=self._name)

    async def _close(self, close: Close) -> None:
        await self.rest()
        for path in list(self._instances):
            await self._forget(path)
        for notice in close.notices:
            self._owner.announce(notice)

    async def rest(self) -> None:
        """Stop all instances, and forget nothing."""
        self._life.cancel()
        await asyncio.wait({self._life})
        self._answered_paths.clear()
        while not self._queue.empty():
            self._deny(self._queue.get_nowait())
        await asyncio.gather(*(each.stop() for each in self._instances.values()))

    async def _live(self) -> None:
        if self._earlier:
            await asyncio.wait(self._earlier)
        while True:
            await self._do(await self._queue.get())

    async def _do(self, work: Apply | Tell) -> None:
        try:
            if isinstance(work, Apply):
                await self._apply(work)
            else:
                await self._tell(work)
        except asyncio.CancelledError:
            self._deny(work)
            raise
        except Exception:  # noqa: BLE001 - a defect costs this work, not all after it
            _log.exception("not all was done for the pipeline %r", self._name)

    def _deny(self, work: Apply | Tell) -> None:
        """Answer what has no answer yet of work that will not be done."""
        reason = f"The pipeline {self._name!r} was stopped before this was done"
        if isinstance(work, Tell):
            self._owner.announce(work.answers.command_failed(work.path, reason, reason))
            return
        for config in work.pipeline.config.instances:
            if path_of(self._name, config) in work.confirm - self._answered_paths:
                path = spelled_path_of(self._name, config)
                self._owner.announce(work.answers.not_applied(path, reason, reason))

    # --- configurations ---------------------------------------------------------------------------

    async def _apply(self, work: Apply) -> None:
        pipeline = work.pipeline
        self._answered_paths.clear()
        running = {path: each.config for path, each in self._instances.items()}
        steps = steps_between(running, pipeline.config)
        for each in self._instances.values():
            each.context.pipeline = pipeline
        await asyncio.gather(*(self._remove(path) for path in steps.stop))
        await asyncio.gather(
            *(self._answer(work, each, partial(self._start, work)) for each in steps.start),
            *(self._answer(work, each, self._reconfigure) for each in steps.reconfigure),
            *(self._answer(work, each, self._keep) for each in steps.keep),
        )

    async def _answer(
        self,
        work: Apply,
        config: InstanceConfig,
        step: Callable[[InstanceConfig], Awaitable[None]],
    ) -> None:
        """Take one step and say what came of it."""
        path = path_of(self._name, config)
        try:
            await step(config)
        except Exception as error:  # noqa: BLE001 - a plugin's code; it costs only its own instance
            self._deny_one(work, config, error)
        else:
            if path in work.confirm:
                self._confirm_one(work, config)
        self._answered_paths.add(path)

    def _confirm_one(self, work: Apply, config: InstanceConfig) -> None:
        path = spelled_path_of(self._name, config)
        speaker = self._speaker(path)
        reason = self._instances[in_one_spelling(path)].pause_reason
        if reason is not None:
            self._owner.announce(work.answers.applied_in_pause(path, reason, speaker))
        self._owner.announce(work.answers.applied(path, speaker, pause_reason=reason))

    def _deny_one(self, work: Apply, config: InstanceConfig, error: Exception) -> None:
        path = spelled_path_of(self._name, config)
        info = told(error)
        if isinstance(error, NotProvided):
            info += f"; this node offers {self._owner.offered()}"
        speaker = self._speaker(path)
        self._owner.announce(work.answers.not_applied(path, str(error), info, speaker))

    def _speaker(self, path: InstancePath) -> Speaker | None:
        """The instance, to speak for itself; None if there is none."""
        instance = self._instances.get(in_one_spelling(path))
        return instance.context.speaker if instance is not None else None

    async def _start(self, work: Apply, config: InstanceConfig) -> None:
        instance = self._owner.new_instance(config, work.pipeline)
        self._instances[instance.path] = instance
        await instance.start()

    async def _reconfigure(self, config: InstanceConfig) -> None:
        instance = self._instances[path_of(self._name, config)]
        previous = instance.config
        try:
            await instance.reconfigure(config)
        except Exception:
            await self._owner.put_back(self._name, config, previous)
            raise

    async def _keep(self, config: InstanceConfig) -> None:
        """An instance is as it is to be; one that failed gets another chance."""
        instance = self._instances[path_of(self._name, config)]
        instance.context.config = config
        if instance.state is InstanceState.FAILED:
            await instance.reconfigure(config)

    async def _remove(self, path: InstancePath) -> None:
        await self._instances[path].stop()
        await self._forget(path)

    async def _forget(self, path: InstancePath) -> None:
        del self._instances[path]
        await self._owner.forget(path)

    # --- commands ---------------------------------------------------------------------------------

    async def _tell(self, work: Tell) -> None:
        path, speaker = work.path, self._speaker(work.path)
        try:
            instance = self._instances[in_one_spelling(path)]
            await instance.tell(work.data, work.parameters, work.life)
        except Exception as error:  # noqa: BLE001 - a plugin's code; it costs only its own instance
            notice = work.answers.command_failed(path, str(error), told(error), speaker)
            self._owner.announce(notice)
        else:
            if work.is_confirmed:
                self._owner.announce(work.answers.command_done(path, speaker))
