"""One running instance: a runner from its start to its stop, begun anew when it fails.

On the node's loop. A runner is a plugin's: whatever it raises costs only its own instance, and
whatever it does not end by itself the ``attendant`` ends. While an instance is paused there is no
runner at work, and perhaps none at all; one is made when there is something to be told to it.
"""

from __future__ import annotations

import asyncio
import traceback
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from pye2_node.attendant import PATIENCE, Attendant, Patience
from pye2_node.changes import unknown_code_in
from pye2_node.context import Context
from pye2_node.formatters import refuse_unknown_formatter
from pye2_node.pausing import PAUSE_KEYS, Pausing, pause_rules
from pye2core.abc import Runner
from pye2core.errors import (
    CallTimedOut,
    CodeError,
    GrantMissing,
    InvalidConfiguration,
    NodeError,
    NotProvided,
    PluginError,
    Pye2Error,
    SandboxDied,
    UnknownSignature,
)
from pye2core.messages import GRANTS, NotificationCode, NotificationKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from pye2_node.changes import IsConfidential
    from pye2_node.context import Facilities
    from pye2_node.desired import DesiredPipeline
    from pye2core.messages import InstanceConfig, InstancePath


class InstanceState(Enum):
    """What an instance does; the values are what observers are told."""

    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    STOPPED = "stopped"


_LONGEST_TRACEBACK: Final = 8000


class RunningInstance:
    """An instance of a pipeline on this node.

    Args:
        config: its configuration.
        pipeline: the pipeline that it belongs to.
        facilities: what it shares with the others.
        is_confidential: which settings are published only as digests.
        on_state: called when its state changes, or whether it is outside of its working hours.
        patience: how long its runner is waited for.

    Attributes:
        context: what its runner is given.
        state: what it does.
        started_at: when its runner last began.
    """

    def __init__(
        self,
        config: InstanceConfig,
        pipeline: DesiredPipeline,
        facilities: Facilities,
        *,
        is_confidential: IsConfidential,
        on_state: Callable[[RunningInstance], None],
        patience: Patience = PATIENCE,
    ) -> None:
        self.context = Context(config, pipeline, facilities)
        self.state = InstanceState.STOPPED
        self.started_at: datetime | None = None
        self._facilities = facilities
        self._is_confidential = is_confidential
        self._on_state = on_state
        self._patience = patience
        self._attendant = Attendant(self.path, patience)
        self._runner: Runner | None = None
        self._work: asyncio.Task[None] | None = None
        self._wants_work = False
        self._pausing = Pausing(self.context, self._look, look_again=patience.look_again)
        self._changing = asyncio.Lock()
        self._lacks_grant = False

    @property
    def path(self) -> InstancePath:
        """Which instance this is."""
        return self.context.path

    @property
    def config(self) -> InstanceConfig:
        """Its configuration as it stands."""
        return self.context.config

    @property
    def is_paused(self) -> bool:
        """Whether it is not to run for now."""
        return self._pausing.standing.is_paused

    @property
    def pause_reason(self) -> str | None:
        """Why it is not to run for now, in words; None if it may."""
        return self._pausing.reason

    @property
    def doing(self) -> str:
        """What it does, and why if that is nothing, in words."""
        is_paused = self.state is InstanceState.PAUSED
        return f"{self.state.value}: {self.pause_reason}" if is_paused else self.state.value

    @property
    def is_outside_working_hours(self) -> bool:
        """Whether it is paused, or would be, because of the hour."""
        return self._pausing.standing.is_outside

    # --- what the node asks of it -----------------------------------------------------------------

    async def start(self) -> None:
        """Make its runner and set it to work, unless it is paused.

        Raises:
            Pye2Error: it cannot be started; where trying again makes sense, that goes on.
        """
        async with self._changing:
            try:
                await self._begin()
            except Exception as error:
                self._note_failure()
                if not _is_final(error):
                    self._follow_rules()
                    self._set_to_work(failures=1)
                raise
            self._follow_rules()
            self._set_to_work()

    async def reconfigure(self, config: InstanceConfig) -> None:
        """Take over another configuration; if that fails, the old one goes on.

        Raises:
            Pye2Error: the configuration cannot be used.
        """
        async with self._changing:
            previous, was_at_work = self.config, self._at_work
            self.context.config = config
            try:
                await self._take_over(config, previous)
            except Exception:
                self.context.config = previous
                if was_at_work and not self._at_work:
                    self._note_failure()
                    self._set_to_work()
                raise
            self._follow_rules()
            # Whatever it had come to with the old settings, with these it is to work.
            self._wants_work = not self._at_work
            await self._work_or_rest()

    async def _take_over(self, config: InstanceConfig, previous: InstanceConfig) -> None:
        self._refuse_unusable_settings()
        runner = self._runner
        changes = _changes_between(previous.settings, config.settings)
        cannot_change = runner is None or type(runner).reconfigure is Runner.reconfigure
        if cannot_change and changes.keys() <= PAUSE_KEYS and self._can_stay_as_it_is:
            return
        if runner is None or cannot_change or GRANTS in changes:
            # What is open to a process stays open, be it more or less than is asked for now.
            await self._begin_anew(config, previous)
            return
        try:
            await self._attendant.in_time(runner.reconfigure(changes), "take over its settings")
        except Exception as error:
            if not _is_final(error):
                # Nobody knows in which state it is: the old settings get a runner of their own.
                await self._halt()
            raise

    async def _begin_anew(self, config: InstanceConfig, previous: InstanceConfig) -> None:
        """Until the old code has ended, what it says and keeps is of those whose code that was."""
        self.context.config = previous
        await self._halt()
        await self.context.end_sandboxes()
        self.context.config = config
        await self._begin()

    @property
    def _can_stay_as_it_is(self) -> bool:
        """Whether no runner has to be made although other settings came."""
        if self.state is InstanceState.FAILED:
            return False
        if self._at_work or not self._wants_work:
            return self._at_work
        rules = pause_rules(self.config, self.path.pipeline)
        stays_paused = rules.standing(self.context.clock.now()).is_paused
        return stays_paused or self._runner is not None

    async def tell(
        self, data: Mapping[str, Any], parameters: Mapping[str, Any], life: str | None = None
    ) -> None:
        """Give it a command, which it takes while it is paused, too.

        Args:
            data: what the command says.
            parameters: its keyword arguments.
            life: the life of the runner that it is for; in any other it is dropped.

        Raises:
            NodeError: it is not running, or did not answer in time.
            Exception: whatever its runner raises.
        """
        async with self._changing:
            if life is not None and (self._runner is None or self._runner.life != life):
                return
            if self._runner is None and self.is_paused and self._wants_work:
                await self._begin()
            if self._runner is None:
                message = f"the instance {self.path.instance_id!r} is not running; deploy it again"
                raise NodeError(message)
            await self._attendant.in_time(
                self._runner.on_command(data, parameters), "answer the command"
            )

    async def stop(self) -> None:
        """End its work and release all that it took, soon, whatever its runner does."""
        async with self._changing:
            self._pausing.end()
            self._wants_work = False
            await self._halt()
            await self.context.close()
            self._become(InstanceState.STOPPED)

    async def review_grants(self) -> None:
        """Stop if what it uses is granted no more, or its client denied; begin if it may again."""
        async with self._changing:
            try:
                self.context.grants()
            except InvalidConfiguration as error:
                # One that failed may be about to begin anew, with what was granted a moment ago.
                if self.state is not InstanceState.FAILED or self._at_work:
                    await self._withdraw(error)
            else:
                if self._lacks_grant and self.state is InstanceState.FAILED:
                    self._lacks_grant = False
                    self._follow_rules()
                    self._set_to_work()

    async def _withdraw(self, error: InvalidConfiguration) -> None:
        await self._halt()
        await self.context.end_sandboxes()
        self._wants_work = False
        self._lacks_grant = True
        self._report(error)

    # --- pauses -----------------------------------------------------------------------------------

    def _follow_rules(self) -> None:
        self._pausing.follow(pause_rules(self.config, self.path.pipeline))

    async def _look(self) -> None:
        """Look whether it is to work, or to rest, at this hour."""
        async with self._changing:
            if not self._pausing.look():
                return
            before = self.state
            await self._work_or_rest()
            if self.state is before:
                self._on_state(self)  # at least it is in or out of its working hours

    async def _work_or_rest(self) -> None:
        if self.is_paused and self._at_work:
            # The runner goes, too: none has to be one that can end its work and take it up again.
            await self._halt()
            self._wants_work = True
        if self._wants_work:
            self._set_to_work()

    # --- its runner's life ------------------------------------------------------------------------

    @property
    def _at_work(self) -> bool:
        return self._work is not None and not self._work.done()

    def _set_to_work(self, *, failures: int = 0) -> None:
        """Have it work, as soon as it is not paused."""
        self._wants_work = self.is_paused
        if self.is_paused:
            self._become(InstanceState.FAILED if failures else InstanceState.PAUSED)
            return
        self._work = asyncio.create_task(self._keep_working(failures))
        if self._runner is not None:
            self._become(InstanceState.RUNNING)

    async def _begin(self) -> None:
        self._refuse_unusable_settings()
        runner = self._new_runner()
        try:
            await self._attendant.in_time(runner.start(), "start")
        except BaseException:
            await self._attendant.end(runner)
            raise
        self._runner = runner
        self.started_at = self.context.clock.now()

    def _new_runner(self) -> Runner:
        registry = self._facilities.registry
        descriptor = registry.signature(self.path.signature or "")
        if descriptor.runner is None:
            message = (
                f"the signature {descriptor.name} has a client's side only: no installed plugin"
                " can run it on a node"
            )
            raise UnknownSignature(message, kind="signature", name=descriptor.name)
        runner: Runner = registry.make(Runner, descriptor, descriptor.runner, self.context)
        return runner

    def _refuse_unusable_settings(self) -> None:
        """Refuse what no runner is asked about."""
        pause_rules(self.config, self.path.pipeline)
        self._refuse_what_is_not_granted()
        refuse_unknown_formatter(self.path, self.config, self._facilities.registry)
        unknown = unknown_code_in(self.config, self._is_confidential)
        if unknown:
            raise InvalidConfiguration(
                f"{', '.join(unknown)} of the instance {self.path.instance_id!r} came as a digest"
                " of something that this node does not have; send the code itself",
                pipeline=self.path.pipeline,
            )

    def _refuse_what_is_not_granted(self) -> None:
        self._lacks_grant = False
        try:
            self.context.grants()
        except GrantMissing:
            self._lacks_grant = True
            raise

    async def _keep_working(self, failures: int) -> None:
        """Run the runner until it is finished; after a failure make another, after a pause."""
        while True:
            began = self.context.clock.monotonic()
            try:
                await self._work_once(failures)
            except (Exception, asyncio.CancelledError) as error:
                if _is_cancelled():
                    raise
                lasted = self.context.clock.monotonic() - began
                failures = 1 if lasted > self._patience.settled else failures + 1
                self._report(error)
                await self._release()
                if _is_final(error):
                    return
            else:
                self._become(InstanceState.STOPPED)
                return

    async def _work_once(self, failures: int) -> None:
        if self._runner is None:
            await self._wait_after(failures)
            await self._begin()
        assert self._runner is not None
        self._become(InstanceState.RUNNING)
        await self._runner.run()

    async def _wait_after(self, failures: int) -> None:
        seconds = self._patience.pause_after(failures)
        if seconds > 0:
            self.context.notify(
                NotificationKind.ABNORMAL,
                f"Delayed by {seconds:g} s after failing {failures} times in a row",
                code=NotificationCode.PLUGIN_DELAYED,
                fields={"DELAY_SECONDS": seconds},
            )
            await asyncio.sleep(seconds)

    def _report(self, error: BaseException) -> None:
        self._note_failure()
        self.context.notify(
            NotificationKind.EXCEPTION, f"{type(error).__name__}: {error}", info=told(error)
        )

    def _note_failure(self) -> None:
        self.context.note_failure()
        self._become(InstanceState.FAILED)

    async def _halt(self) -> None:
        """End the work and let go of the runner."""
        work, self._work = self._work, None
        if work is not None:
            await self._attendant.end_work(work)
        await self._release()

    async def _release(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await self._attendant.end(runner)

    def _become(self, state: InstanceState) -> None:
        if state is not self.state:
            self.state = state
            self._on_state(self)


def told(error: BaseException) -> str:
    """An error in full, for a notification: the traceback only where nobody foresaw it."""
    if isinstance(error, Pye2Error):
        return str(error)
    return "".join(traceback.format_exception(error))[-_LONGEST_TRACEBACK:]


def _is_cancelled() -> bool:
    """Whether the present task is to end; a runner may raise ``CancelledError`` for less."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_final(error: BaseException) -> bool:
    """Whether the same would only happen again: a matter of configuration or installation."""
    if isinstance(error, CallTimedOut | SandboxDied):
        return False
    return isinstance(error, InvalidConfiguration | CodeError | NotProvided | PluginError)


def _changes_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What is new or different, and None for what is gone."""
    changed = {key: value for key, value in new.items() if key not in old or old[key] != value}
    return {**dict.fromkeys(old.keys() - new.keys()), **changed}
