"""What each command comes to: changes to keep, notifications to send, work for the pipelines.

Sans-I/O: :func:`planned` looks at a command and at what the node is to run, and gives a
:class:`Plan`. The node keeps the changes first, acknowledges the command, says the notifications
and hands the work on (PyE2 wire protocol, sections 6, 8 and 10).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field, frozen

from pye2_node.changes import instance_after, updated
from pye2_node.credit import credited
from pye2_node.deputies import Authority
from pye2_node.desired import DesiredPipeline, path_of, spelled_path_of
from pye2_node.keepable import require_tellable
from pye2_node.notices import Answers
from pye2_node.store import Drop, Put
from pye2core.errors import InvalidConfiguration
from pye2core.messages import (
    LIFE,
    UNCONFIRMED,
    Action,
    Command,
    InstancePath,
    InstanceUpdate,
    NotificationCode,
    PipelineCommand,
    PipelineConfig,
    Requester,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pye2_node.signatures import Signatures
    from pye2_node.store import Change, CommandId
    from pye2core.messages import CommandBody, InstanceConfig, Notification


# --- work for the pipelines -----------------------------------------------------------------------


@frozen
class Apply:
    """Make what runs as the pipeline says.

    Attributes:
        pipeline: what is to run.
        answers: who is told what came of it.
        confirm: the instances whose configuration is to be confirmed or denied; see ``path_of``.
    """

    pipeline: DesiredPipeline
    answers: Answers
    confirm: frozenset[InstancePath]


@frozen
class Tell:
    """Give a command to an instance.

    Attributes:
        path: the instance, spelled as in its configuration.
        data: what the command says.
        parameters: its keyword arguments.
        answers: who is told what came of it.
        is_confirmed: whether it is said that it was done; that it was not is said in any case.
        life: of the instance, in which alone it is to be done; None for whichever it is in.
    """

    path: InstancePath
    data: dict[str, Any]
    parameters: dict[str, Any]
    answers: Answers
    is_confirmed: bool = True
    life: str | None = None


@frozen
class Close:
    """Stop all of a pipeline, then say so.

    Attributes:
        name: the pipeline.
        notices: what to say when it has stopped.
    """

    name: str
    notices: tuple[Notification, ...]


Work = Apply | Tell | Close


# --- commands as they arrive ----------------------------------------------------------------------


@frozen
class UnreadableCommand:
    """A command of somebody who is allowed that says nothing that can be understood.

    Attributes:
        id: tells it from all others.
        requester: who says that they ask.
        pipeline: the pipeline that it is about, if that can be told.
        reason: what is wrong with it.
    """

    id: CommandId
    requester: Requester
    pipeline: str | None
    reason: str


def refusal(command: UnreadableCommand) -> Plan:
    """What a command comes to that cannot be read: an answer that says why."""
    path = InstancePath(command.pipeline)
    return Plan(notices=[Answers(command.requester).refused(path, command.reason)])


# --- plans ----------------------------------------------------------------------------------------


class NodeAction(Enum):
    """What a command asks of the node as a whole."""

    STOP = "stops"
    RESTART = "restarts"
    RELOAD = "reads its configuration again"


@define
class Plan:
    """What a command comes to.

    Attributes:
        changes: to be kept before anything else is done.
        notices: to be said when they are kept.
        work: to be handed to the pipelines, in this order.
        node_action: what the node does in the end.
        is_for_one_life: whether all that it does is to tell an instance something, in one of its
            lives, and it would do nothing in any other.
    """

    changes: list[Change] = field(factory=list)
    notices: list[Notification] = field(factory=list)
    work: list[Work] = field(factory=list)
    node_action: NodeAction | None = None
    is_for_one_life: bool = False


_NODE_ACTIONS: Final = {
    Action.STOP: NodeAction.STOP,
    Action.RESTART: NodeAction.RESTART,
    Action.RELOAD: NodeAction.RELOAD,
}


def planned(
    command: Command,
    desired: Mapping[str, DesiredPipeline],
    signatures: Signatures,
    now: datetime,
    authority: Authority | None = None,
) -> Plan:
    """What ``command`` comes to on a node that is to run ``desired``.

    Args:
        command: what was said.
        desired: what the node is to run.
        signatures: which settings are code, and which instances their clients' alone.
        now: dates changes.
        authority: whose rights it has; None for those of who sent it.

    Raises:
        InvalidConfiguration: the command's body does not fit its action.
        DelegationRefused: it is no such command as its authority covers.
    """
    planner = _Planner(command, desired, signatures, now, authority)
    planner.look()
    return planner.plan


def requester_of(command: Command) -> Requester:
    """Who sent a command: the address is the one that signed it, whatever the command says."""
    address = command.origin.sender if command.origin is not None else command.requester.address
    return evolve(command.requester, address=address)


class _Planner:
    """Fills in the plan of one command."""

    def __init__(
        self,
        command: Command,
        desired: Mapping[str, DesiredPipeline],
        signatures: Signatures,
        now: datetime,
        authority: Authority | None,
    ) -> None:
        self.plan = Plan()
        self._command = command
        self._desired = dict(desired)
        self._signatures = signatures
        self._is_confidential = signatures.is_confidential
        self._now = now
        self._requester = requester_of(command)
        self._answers = Answers(self._requester)
        self._authority = authority or Authority(self._requester.address or "")

    def look(self) -> None:
        self._authority.require_action(self._command.action)
        match self._command.action, self._command.body:
            case Action.UPDATE_PIPELINE, PipelineConfig() as config:
                self._update_pipeline(config)
            case Action.UPDATE_INSTANCE, InstanceUpdate() as update:
                self._update_instance(update)
                self.plan.is_for_one_life = self._is_for_one_life()
            case Action.UPDATE_INSTANCES, tuple() as updates:
                done = filter(None, [self._update_instance(update) for update in updates])
                self.plan.notices.append(self._answers.batch_stored(list(done)))
            case Action.PIPELINE_COMMAND, PipelineCommand() as told:
                self._pipeline_command(told)
            case action, _ if action in _NODE_ACTIONS:
                self.plan.node_action = _NODE_ACTIONS[action]
                self.plan.notices.append(self._answers.node_does(self.plan.node_action.value))
            case action, body:
                self._look_what_ends(action, body)

    def _look_what_ends(self, action: Action, body: CommandBody) -> None:
        match action, body:
            case Action.ARCHIVE_PIPELINE, str() as name:
                self._archive(name)
            case Action.DELETE_PIPELINE, str() as name:
                self._delete(name)
            case Action.ARCHIVE_ALL, _:
                for name in list(self._desired):
                    self._archive(name)
            case Action.DELETE_ALL, _:
                for name in list(self._desired):
                    self._delete(name)
            case _:
                message = f"the command {action.name} came with a {type(body).__name__}"
                raise InvalidConfiguration(message, pipeline=None)

    def _is_for_one_life(self) -> bool:
        """Whether another life would make nothing of this, not even an answer."""
        plan = self.plan
        only_tells = bool(plan.work) and not plan.notices and not plan.changes
        return only_tells and all(isinstance(each, Tell) and each.life for each in plan.work)

    # --- pipelines --------------------------------------------------------------------------------

    def _update_pipeline(self, update: PipelineConfig) -> None:
        current = self._desired.get(update.name)
        is_new = current is None
        self.plan.notices.append(self._answers.received(update.name, is_new=is_new))
        try:
            config = updated(current.config if current else None, update, self._is_confidential)
            self._authority.require_covered(current, config, self._is_confidential)
            self._require_others_unchanged(current, config)
        except InvalidConfiguration as error:
            self.plan.notices.append(self._answers.refused(InstancePath(update.name), str(error)))
            return
        changed = self._keep(config)
        self.plan.notices.append(self._answers.stored(update.name, is_new=is_new))
        self.plan.work.append(Apply(changed, self._answers, frozenset(changed.paths())))

    def _keep(self, config: PipelineConfig) -> DesiredPipeline:
        current = self._desired.get(config.name)
        known = current.config if current is not None else None
        pipeline = DesiredPipeline(
            credited(known, config, self._authority.address, self._is_confidential),
            requester=current.requester if current is not None else self._requester,
            modified_by=self._requester,
            updated_at=self._now,
            brought=current.brought if current is not None else self._authority.brought,
        )
        self._desired[config.name] = pipeline
        self.plan.changes.append(Put(pipeline))
        return pipeline

    def _archive(self, name: str) -> None:
        if name not in self._desired:
            code = NotificationCode.PIPELINE_ARCHIVE_FAILED
            self.plan.notices.append(self._answers.unknown_pipeline(name, code))
            return
        self._drop(name, self._answers.deleted(name), self._answers.archived(name))

    def _delete(self, name: str) -> None:
        if name not in self._desired:
            self.plan.notices.append(self._answers.unknown_pipeline(name))
            return
        self._drop(name, self._answers.deleted(name))

    def _drop(self, name: str, *notices: Notification) -> None:
        self._authority.require_end(self._desired[name])
        del self._desired[name]
        self.plan.changes.append(Drop(name))
        self.plan.work.append(Close(name, notices))

    def _pipeline_command(self, told: PipelineCommand) -> None:
        if told.pipeline in self._desired:
            notice = self._answers.pipeline_command_taken(told.pipeline)
        else:
            code = NotificationCode.PIPELINE_FAILED
            notice = self._answers.unknown_pipeline(told.pipeline, code)
        self.plan.notices.append(notice)

    # --- instances --------------------------------------------------------------------------------

    def _update_instance(self, update: InstanceUpdate) -> InstancePath | None:
        """Plan for one instance; its path if it is there and the update fits."""
        pipeline = self._desired.get(update.pipeline)
        known = None
        if pipeline is not None:
            known = pipeline.config.instance(update.signature, update.instance_id)
        if pipeline is None or known is None:
            path = InstancePath(update.pipeline, update.signature, update.instance_id)
            self.plan.notices.append(self._answers.refused(path, _not_there(update, pipeline)))
            return None
        path = spelled_path_of(update.pipeline, known)
        changes, command = update.settings, update.command
        if self._is_anothers(known):
            # Said of the pipeline: what is said of the instance, its client takes for its own.
            about = InstancePath(update.pipeline)
            self.plan.notices.append(self._answers.refused(about, _only_its_clients(known)))
            return None
        try:
            require_tellable(command, update.pipeline)
            if changes or command is None:
                self._change_instance(pipeline, known, changes)
        except InvalidConfiguration as error:
            self.plan.notices.append(self._answers.refused(path, str(error)))
            return None
        data, parameters = _command_parts(command)
        is_confirmed = data.pop(UNCONFIRMED, False) is not True
        life = data.pop(LIFE, None)
        if changes or is_confirmed:
            self.plan.notices.append(self._answers.instance_stored(path))
        if command is not None:
            told = Tell(path, data, parameters, self._answers, is_confirmed, _life_in(life))
            self.plan.work.append(told)
        return path

    def _is_anothers(self, instance: InstanceConfig) -> bool:
        """Whether an instance is its client's alone, and the sender is somebody else."""
        is_private = self._signatures.is_private(instance.signature)
        return is_private and instance.set_by != {self._authority.address}

    def _require_others_unchanged(
        self, current: DesiredPipeline | None, wanted: PipelineConfig
    ) -> None:
        """Refuse to change what is another client's alone; to end it is no such change.

        Raises:
            InvalidConfiguration: it would be changed.
        """
        for each in () if current is None else current.config.instances:
            after = wanted.instance(each.signature, each.instance_id)
            if after is not None and after.settings != each.settings and self._is_anothers(each):
                raise InvalidConfiguration(_only_its_clients(each), pipeline=wanted.name)

    def _change_instance(
        self, pipeline: DesiredPipeline, known: InstanceConfig, changes: Mapping[str, Any]
    ) -> None:
        changed = instance_after(pipeline.config, known, changes, self._is_confidential)
        kept = self._keep(pipeline.config.with_instance(changed))
        confirm = frozenset({path_of(kept.config.name, changed)})
        self.plan.work.append(Apply(kept, self._answers, confirm))


def _not_there(update: InstanceUpdate, pipeline: DesiredPipeline | None) -> str:
    if pipeline is None:
        return f"There is no pipeline {update.pipeline!r} on this node; deploy it first"
    return (
        f"The pipeline {update.pipeline!r} has no instance {update.instance_id!r} of"
        f" {update.signature.upper()}; add it to the pipeline first"
    )


def _only_its_clients(instance: InstanceConfig) -> str:
    return (
        f"The instance {instance.instance_id!r} of {instance.signature.upper()} takes commands and"
        " settings only of the client that made it; make one of your own"
    )


def _life_in(said: object) -> str | None:
    """The life that a command names; what is no text names one that no instance has."""
    return said if isinstance(said, str | None) else repr(type(said))


def _command_parts(command: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an instance command says, and its keyword arguments (section 6)."""
    if not isinstance(command, dict):
        return {}, {str(command).lower(): True}
    data = {str(key): value for key, value in command.items()}
    parameters = data.pop("COMMAND_PARAMS", None)
    if not isinstance(parameters, dict):
        return data, {}
    return data, {str(key).lower(): value for key, value in parameters.items()}
