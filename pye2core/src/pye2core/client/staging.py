"""What a pipeline is, what it is to become, and what was sent and is not confirmed yet.

Sans-I/O: you are in the part of the client room that knows configurations and sends nothing. A
change is proposed, then staged by ``deploy()``, then confirmed by the node or discarded (PyE2 wire
protocol, section 14). What is sent follows from comparing what is proposed with what was confirmed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from pye2core.client.transactions import Expectation, State
from pye2core.errors import ConfigurationPending
from pye2core.messages import (
    Action,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    NotificationCode,
    PipelineConfig,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pye2core.client.transactions import Outcome
    from pye2core.messages import CommandBody

InstanceKey = tuple[str, str]
"""An instance within its pipeline: the upper-case signature and the id."""


def key_of(instance: InstanceConfig) -> InstanceKey:
    """The key of an instance's configuration."""
    return instance.signature.upper(), instance.instance_id


@frozen
class DeployPlan:
    """What is sent to make a pipeline what it is to become.

    Attributes:
        action: the command.
        body: its body.
        expected: what the node confirms.
        grace: seconds that a node may take longer for it once it has begun to confirm.
        target: what holds when all is confirmed.
    """

    action: Action
    body: CommandBody
    expected: tuple[Expectation, ...]
    grace: float
    target: PipelineConfig


@define
class Staging:
    """The configurations of one pipeline.

    Attributes:
        proposed: what it is to become.
        confirmed: what the node has confirmed; None if it never did.
        lost: whether the node has since said that it does not run the pipeline.
        uncertain: whether the node may have taken over more than it has confirmed: its answer did
            not come in time. The next deployment then says everything.
        staged: what was sent and awaits its confirmation.
        temporary: instances that run for a moment beside what is deployed: they are neither
            proposed nor confirmed, and nobody has to wait with a change until they are gone.
    """

    proposed: PipelineConfig
    confirmed: PipelineConfig | None = None
    lost: bool = field(default=False, init=False)
    uncertain: bool = field(default=False, init=False)
    staged: DeployPlan | None = field(default=None, init=False)
    temporary: dict[InstanceKey, InstanceConfig] = field(factory=dict, init=False)

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.proposed.name

    @property
    def running(self) -> bool:
        """Whether the pipeline is known to run on its node."""
        return self.confirmed is not None and not self.lost

    # --- proposing --------------------------------------------------------------------------------

    def propose(self, changed: PipelineConfig) -> None:
        """Let the pipeline become ``changed`` with the next deployment.

        Raises:
            ConfigurationPending: an earlier change awaits its confirmation.
        """
        self._check_nothing_pending()
        self.proposed = changed

    def propose_instance(self, changed: InstanceConfig) -> None:
        """Let an instance be added, or become ``changed``, with the next deployment.

        Raises:
            ConfigurationPending: an earlier change awaits its confirmation.
        """
        self.propose(self.proposed.with_instance(changed))

    def propose_removal(self, key: InstanceKey) -> None:
        """Let an instance be gone with the next deployment.

        Raises:
            ConfigurationPending: an earlier change awaits its confirmation.
        """
        left = tuple(each for each in self.proposed.instances if key_of(each) != key)
        self.propose(evolve(self.proposed, instances=left))

    def _check_nothing_pending(self) -> None:
        if self.staged is not None:
            raise ConfigurationPending(
                f"a change of pipeline {self.name!r} was sent and awaits its confirmation; wait for"
                " it (deploy() does, and session.wait_for_transactions) before the next change"
            )

    # --- sending ----------------------------------------------------------------------------------

    def stage(self) -> DeployPlan | None:
        """Take what is proposed as sent; None if there is nothing to send.

        Raises:
            ConfigurationPending: an earlier change awaits its confirmation.
        """
        self._check_nothing_pending()
        plan = self._plan()
        self.staged = plan
        return plan

    def unstage(self) -> None:
        """Take what was staged as not sent after all."""
        self.staged = None

    def _plan(self) -> DeployPlan | None:
        if self.uncertain:
            return self._whole(self.proposed.instances, grace=0.0)
        return self._difference()

    def _difference(self) -> DeployPlan | None:
        if self.confirmed is None or self.lost:
            return self._whole(self.proposed.instances, grace=0.0)
        before = {key_of(each): each for each in self.confirmed.instances}
        after = {key_of(each): each for each in self.proposed.instances}
        changed = [
            instance
            for key, instance in after.items()
            if key not in before or changes_between(before[key], instance)
        ]
        grace = max((_process_delay(each) for each in changed if key_of(each) in before), default=0)
        if before.keys() != after.keys() or _surroundings_differ(self.confirmed, self.proposed):
            return self._whole(changed, grace=grace)
        return self._batch(changed, before, grace=grace) if changed else None

    def _whole(self, changed: Iterable[InstanceConfig], *, grace: float) -> DeployPlan:
        expected = [Expectation(NotificationCode.PIPELINE_OK, InstancePath(self.name))]
        expected += [self._runs(instance) for instance in changed]
        body = self._with_temporary(self.proposed)
        return DeployPlan(Action.UPDATE_PIPELINE, body, tuple(expected), grace, self.proposed)

    def _batch(
        self,
        changed: Iterable[InstanceConfig],
        before: Mapping[InstanceKey, InstanceConfig],
        *,
        grace: float,
    ) -> DeployPlan:
        updates, expected = [], []
        for instance in changed:
            path = self._path(instance)
            changes = changes_between(before[key_of(instance)], instance)
            updates.append(
                InstanceUpdate(self.name, instance.signature, instance.instance_id, changes)
            )
            expected.append(Expectation(NotificationCode.PIPELINE_OK, path))
            expected.append(self._runs(instance))
        return DeployPlan(
            Action.UPDATE_INSTANCES, tuple(updates), tuple(expected), grace, self.proposed
        )

    def _runs(self, instance: InstanceConfig) -> Expectation:
        return Expectation(NotificationCode.PLUGIN_CONFIG_OK, self._path(instance))

    def _path(self, instance: InstanceConfig) -> InstancePath:
        return InstancePath(self.name, *key_of(instance))

    # --- temporary instances ----------------------------------------------------------------------

    @property
    def was_told(self) -> bool:
        """Whether the node runs the pipeline, or was told to."""
        return self.running or self.staged is not None

    def as_told(self) -> PipelineConfig:
        """What the node is to run at this moment: what it was told last, and what is temporary.

        What was proposed since is not part of it: that is for the next deployment to say.
        """
        told = self.staged.target if self.staged is not None else self.confirmed
        return self._with_temporary(told or self.proposed)

    def _with_temporary(self, config: PipelineConfig) -> PipelineConfig:
        for instance in self.temporary.values():
            config = config.with_instance(instance)
        return config

    def _without_temporary(self, config: PipelineConfig) -> PipelineConfig:
        left = tuple(each for each in config.instances if key_of(each) not in self.temporary)
        return evolve(config, instances=left)

    # --- what came of it --------------------------------------------------------------------------

    def settle(self, outcome: Outcome) -> None:
        """Take over what was confirmed of what is staged, and discard or propose again the rest.

        A change to something that the node has confirmed before is discarded. What never was
        confirmed (a new pipeline, a new instance) stays proposed, so that the next deployment
        tries again.
        """
        plan, self.staged = self.staged, None
        if plan is None:
            return
        self.lost = self.lost and not outcome.confirmed
        self.uncertain = outcome.state is State.TIMEOUT
        if outcome.ok:
            self.confirmed = self.proposed = plan.target
            return
        running = {
            (each.path.signature or "", each.path.instance_id or "")
            for each in outcome.confirmed
            if each.code == NotificationCode.PLUGIN_CONFIG_OK
        }
        stored = any(each.path.instance_id is None for each in outcome.confirmed)
        self._keep_confirmed(plan.target, running, stored=stored)

    def _keep_confirmed(
        self, target: PipelineConfig, running: set[InstanceKey], *, stored: bool
    ) -> None:
        before = {key_of(each): each for each in self.confirmed.instances} if self.confirmed else {}
        base = target if stored or self.confirmed is None else self.confirmed
        kept: dict[InstanceKey, InstanceConfig] = {} if stored else dict(before)
        unconfirmed = []
        for instance in target.instances:
            key = key_of(instance)
            if key in running:
                kept[key] = instance
            elif key in before:
                kept[key] = before[key]
            else:
                unconfirmed.append(instance)
        if stored or self.confirmed is not None:
            self.confirmed = evolve(base, instances=tuple(kept.values()))
        self.proposed = evolve(base, instances=(*kept.values(), *unconfirmed))

    def note_report(self, reported: PipelineConfig | None, *, follow: bool) -> None:
        """Take in what the node reports of itself.

        Args:
            reported: the pipeline as the node runs it; None if it does not.
            follow: whether its configuration counts too, where no change of our own waits; what
                this session made is known better here.
        """
        if self.staged is not None:
            return
        self.lost = reported is None
        if reported is None:
            return
        reported = self._without_temporary(reported)
        unchanged = self.confirmed is not None and self._difference() is None
        if self.confirmed is None or (follow and unchanged):
            self.uncertain = False
            self.confirmed = reported
            self.proposed = reported if unchanged else self.proposed


def changes_between(before: InstanceConfig, after: InstanceConfig) -> dict[str, Any]:
    """The settings of ``after`` that ``before`` does not have like this."""
    return {
        name: value
        for name, value in after.settings.items()
        if name not in before.settings or not _same(before.settings[name], value)
    }


def _surroundings_differ(before: PipelineConfig, after: PipelineConfig) -> bool:
    return before.data_source != after.data_source or not _same(before.settings, after.settings)


def _same(first: Any, second: Any) -> bool:
    """Whether two values are the same on the wire, where 1 and True, or 1 and 1.0, are not."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    try:
        return bool(first == second)
    except ValueError:  # numpy's arrays have no one truth value; sending them again does no harm
        return False


def _process_delay(instance: InstanceConfig) -> float:
    value = instance.settings.get("PROCESS_DELAY", 0)
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0
