"""What a pipeline is on its node, as last heard, and what we changed of it since.

Sans-I/O: you are in the part of the client room that knows configurations and sends nothing. A
change is proposed, then staged by ``deploy()``, then confirmed by the node or discarded (PyE2 wire
protocol, section 14). What is sent follows from comparing what is proposed with what is on the
node.

What is on the node is told by its confirmations and by its heartbeats, whoever made the change.
Whenever that picture is another, what is proposed becomes the new picture with our own changes laid
over it (``differences``). Which message is the newer one is known to ``reports``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from pye2core.client.differences import (
    InstanceKey,
    by_key,
    changes_between,
    copied,
    in_own_words,
    key_of,
    rebased,
    shows,
    surroundings_differ,
)
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
    from pye2core.messages import CommandBody, Notification


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
class Unanswered:
    """A change that the node has not confirmed: it may have been made, or be made later.

    Attributes:
        before: what was on the node when it was sent; None for a new pipeline.
        target: what it makes of that.
        session_id: under which it was sent.
        missing: what the node has not confirmed.
        assumed: whether it counts as made until the node shows otherwise: nobody waits for its
            confirmation.
    """

    before: PipelineConfig | None
    target: PipelineConfig
    session_id: str
    missing: list[Expectation]
    assumed: bool = False

    @property
    def may_be_on_its_way(self) -> bool:
        """Whether the node may not have read it yet, and does not run the pipeline for that."""
        unread = any(each.path.instance_id is None for each in self.missing)
        return self.before is None and unread

    def over(self, on_node: PipelineConfig | None) -> PipelineConfig:
        """What it makes of what is on the node now."""
        before = self.before or PipelineConfig(self.target.name)
        return rebased(before, self.target, on_node or self.target)


@define
class Staging:
    """The configurations of one pipeline.

    Attributes:
        proposed: what it is to become.
        on_node: what the node runs, as last heard; None if it never said that it does.
        gone: whether the node has since said that it does not run the pipeline any more.
        unanswered: a change that may have been made, though the node has not confirmed it. Until it
            is known, the next deployment says everything.
        staged: what was sent and awaits its confirmation.
        temporary: instances that run for a moment beside what is deployed: they are neither
            proposed nor confirmed, and nobody has to wait with a change until they are gone.
        leaving: those of them that were taken away, and that the node may show a little longer.
    """

    proposed: PipelineConfig
    on_node: PipelineConfig | None = None
    gone: bool = field(default=False, init=False)
    unanswered: Unanswered | None = field(default=None, init=False)
    staged: DeployPlan | None = field(default=None, init=False)
    temporary: dict[InstanceKey, InstanceConfig] = field(factory=dict, init=False)
    leaving: set[InstanceKey] = field(factory=set, init=False)

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.proposed.name

    @property
    def running(self) -> bool:
        """Whether the pipeline is known to run on its node."""
        return self.on_node is not None and not self.gone

    # --- proposing --------------------------------------------------------------------------------

    def propose(self, changed: PipelineConfig) -> None:
        """Let the pipeline become ``changed`` with the next deployment.

        Raises:
            ConfigurationPending: an earlier change awaits its confirmation.
        """
        self._check_nothing_pending()
        # What the user changes within a list or dictionary afterwards is a change to be seen.
        self.proposed = evolve(
            changed,
            settings=copied(changed.settings),
            instances=tuple(
                evolve(each, settings=copied(each.settings)) for each in changed.instances
            ),
        )

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

    def unconfirmed(self) -> list[InstanceConfig]:
        """The proposed instances that the node is not known to run in any configuration."""
        running = self.on_node.instances if self.on_node is not None and self.running else ()
        known = {key_of(each) for each in running}
        return [each for each in self.proposed.instances if key_of(each) not in known]

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

    def assume(self, session_id: str) -> None:
        """Let what is staged count as made, as nobody waits for its confirmation.

        Args:
            session_id: under which it is about to be sent: the answer may be there at once.
        """
        plan, self.staged = self.staged, None
        if plan is None:
            return
        self._doubt_assumed()
        self.unanswered = Unanswered(
            self.on_node, plan.target, session_id, list(plan.expected), assumed=True
        )
        self.on_node = self.proposed = plan.target

    def unstage(self) -> None:
        """Take what was staged, or is assumed, as not sent after all."""
        self.staged = None
        self._doubt_assumed()

    def _plan(self) -> DeployPlan | None:
        if self.on_node is None or self.unanswered is not None:
            return self._whole(self.proposed.instances, grace=0.0)
        return self._difference(self.on_node)

    def _difference(self, on_node: PipelineConfig) -> DeployPlan | None:
        before, after = by_key(on_node), by_key(self.proposed)
        changed = [
            instance
            for key, instance in after.items()
            if key not in before or changes_between(before[key], instance)
        ]
        grace = max((_process_delay(each) for each in changed if key_of(each) in before), default=0)
        if before.keys() != after.keys() or surroundings_differ(on_node, self.proposed):
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
        return self._with_temporary(self._told() or self.proposed)

    def _told(self) -> PipelineConfig | None:
        if self.staged is not None:
            return self.staged.target
        # It may be made yet: who left it out would take it back.
        return self.unanswered.over(self.on_node) if self.unanswered is not None else self.on_node

    def _with_temporary(self, config: PipelineConfig) -> PipelineConfig:
        for instance in self.temporary.values():
            config = config.with_instance(instance)
        return config

    def take_away(self, key: InstanceKey) -> bool:
        """Let a temporary instance be no more; whether it was there."""
        if self.temporary.pop(key, None) is None:
            return False
        self.leaving.add(key)
        return True

    def _without_temporary(self, config: PipelineConfig) -> PipelineConfig:
        self.leaving &= by_key(config).keys()
        left = tuple(
            each
            for each in config.instances
            if key_of(each) not in self.temporary and key_of(each) not in self.leaving
        )
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
        if outcome.ok:
            self.on_node = self.proposed = plan.target
            self.unanswered = None
            return
        if outcome.state is State.TIMEOUT:
            self.unanswered = Unanswered(
                self.on_node, plan.target, outcome.session_id, list(outcome.missing)
            )
        running = {
            (each.path.signature or "", each.path.instance_id or "")
            for each in outcome.confirmed
            if each.code == NotificationCode.PLUGIN_CONFIG_OK
        }
        stored = any(each.path.instance_id is None for each in outcome.confirmed)
        self._keep_confirmed(plan.target, running, stored=stored)

    def _doubt_assumed(self) -> None:
        """Let a change that counts as made count as proposed: the node shows that it is not."""
        if self.unanswered is not None and self.unanswered.assumed:
            self.on_node = self.unanswered.before
            self.unanswered.assumed = False

    def _keep_confirmed(
        self, target: PipelineConfig, running: set[InstanceKey], *, stored: bool
    ) -> None:
        before = by_key(self.on_node) if self.on_node else {}
        base = target if stored or self.on_node is None else self.on_node
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
        if stored or self.on_node is not None:
            self.on_node = evolve(base, instances=tuple(kept.values()))
        self.proposed = evolve(base, instances=(*kept.values(), *unconfirmed))

    # --- what the node says besides ---------------------------------------------------------------

    def note_report(self, reported: PipelineConfig | None) -> bool:
        """Take in what the node runs, which is newer than all that it has told of the pipeline.

        Args:
            reported: the pipeline; None if the node does not run it.

        Returns:
            Whether it counts: not while a change of our own awaits its confirmation.
        """
        if self.staged is not None:
            return False
        if reported is None:
            self._note_absence()
            return True
        shown = in_own_words(self._without_temporary(reported), *self._own_words())
        if self.unanswered is not None and shows(shown, self.unanswered.target):
            self.unanswered = None
        self._doubt_assumed()
        self._follow(shown)
        return True

    def _note_absence(self) -> None:
        self.leaving.clear()
        if self.unanswered is not None and self.unanswered.may_be_on_its_way:
            self._doubt_assumed()
        self.gone = self.on_node is not None

    def _own_words(self) -> list[PipelineConfig]:
        unanswered = self.unanswered.target if self.unanswered is not None else None
        return [each for each in (self.proposed, self.on_node, unanswered) if each is not None]

    def note_late_answer(self, said: Notification, *, is_news: bool) -> bool:
        """Take in what the node says of a change that it did not confirm in time.

        Args:
            said: any notification about the pipeline.
            is_news: whether it is newer than all else that the node has told of the pipeline.

        Returns:
            Whether it was the last word about such a change.
        """
        waiting = self.unanswered
        if waiting is None or said.requester.session_id != waiting.session_id:
            return False
        refused = said.failed and said.code != NotificationCode.PLUGIN_DELAYED
        waiting.missing = [each for each in waiting.missing if not each.concerns(said)]
        if waiting.missing and not refused:
            return False
        if refused:
            self._doubt_assumed()
        self.unanswered = None
        if is_news and not refused:
            self._follow(waiting.over(self.on_node))
        return True

    def _follow(self, on_node: PipelineConfig) -> None:
        """What is on the node is this from now on; what we have changed since stays changed."""
        if self.on_node is not None:
            self.proposed = rebased(self.on_node, self.proposed, on_node)
        self.on_node = on_node
        self.gone = False


def _process_delay(instance: InstanceConfig) -> float:
    value = instance.settings.get("PROCESS_DELAY", 0)
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0
