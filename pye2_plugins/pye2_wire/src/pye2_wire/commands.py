"""Commands: what a client sends to a node.

You are in the PyE2 serializer (PyE2 wire protocol, sections 5.1, 6 and 7). An instance command is
no action of its own: it is an instance update with the key ``INSTANCE_COMMAND``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from pye2_wire.canonical import spaced
from pye2_wire.capabilities import (
    capabilities_from,
    capability_fields,
    introduction_fields,
    introductions_from,
)
from pye2_wire.ciphertext import encrypted_text
from pye2_wire.configuration import (
    instance_update,
    pipeline_config,
    pipeline_object,
    update_object,
)
from pye2_wire.plain import as_plain
from pye2_wire.reading import (
    as_list,
    as_object,
    misshapen,
    object_at,
    optional_text_at,
    text_at,
    text_or_none,
)
from pye2_wire.unsendable import UnsendableValue
from pye2core.errors import MessageRejected
from pye2core.messages import (
    SIGNS_OF_LIFE,
    Action,
    Command,
    InstanceUpdate,
    PipelineCommand,
    PipelineConfig,
    Requester,
    upper_keys,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.identity import Identity
    from pye2core.messages import CommandBody, Origin, PairingRequest

ACTIONS: Mapping[str, Action] = {
    "UPDATE_CONFIG": Action.UPDATE_PIPELINE,
    "BATCH_UPDATE_PIPELINE_INSTANCE": Action.UPDATE_INSTANCES,
    "UPDATE_PIPELINE_INSTANCE": Action.UPDATE_INSTANCE,
    "PIPELINE_COMMAND": Action.PIPELINE_COMMAND,
    "ARCHIVE_CONFIG": Action.ARCHIVE_PIPELINE,
    "ARCHIVE_CONFIG_ALL": Action.ARCHIVE_ALL,
    "DELETE_CONFIG": Action.DELETE_PIPELINE,
    "DELETE_CONFIG_ALL": Action.DELETE_ALL,
    "RELOAD_CONFIG_FROM_DISK": Action.RELOAD,
    "STOP": Action.STOP,
    "RESTART": Action.RESTART,
    "FULL_HEARTBEAT": Action.FULL_HEARTBEAT,
    "TIMERS_ONLY_HEARTBEAT": Action.TIMERS_HEARTBEAT,
    "SIMPLE_HEARTBEAT": Action.SIMPLE_HEARTBEAT,
    "PYE2_PAIR": Action.PAIR,
}
"""The wire's names of actions."""

_NAME_OF = {action: name for name, action in ACTIONS.items()}

DELEGATION = "PYE2_DELEGATION"
"""Ours: in whose name a node brings the command. In clear, as its receiver decides by that whether
to open it (section 20)."""


def asks_for_sign_of_life(message: Mapping[str, Any]) -> bool:
    """Whether a command that was not encrypted only asks a node to show itself."""
    action = message.get("ACTION")
    return isinstance(action, str) and ACTIONS.get(action) in SIGNS_OF_LIFE


def asks_to_pair(message: Mapping[str, Any]) -> bool:
    """Whether a command that was not encrypted asks a node to be paired."""
    action = message.get("ACTION")
    return isinstance(action, str) and ACTIONS.get(action) is Action.PAIR


# --- to the wire ----------------------------------------------------------------------------------


def command_envelope(
    command: Command, time: str, identity: Identity, encrypt_for: str | None
) -> dict[str, Any]:
    """A command as it is signed and sent.

    Args:
        command: what to say.
        time: when it is sent, as the wire writes it.
        identity: who sends it.
        encrypt_for: the receiver's address; None leaves it in clear.

    Raises:
        InvalidAddress: ``encrypt_for`` is not an address.
        UnsendableValue: the body does not fit its action, or cannot be written as JSON.
    """
    said = _said(command)
    if encrypt_for is None:
        body = {**said, "EE_IS_ENCRYPTED": False}
    else:
        ciphertext = encrypted_text(spaced(said).encode(), identity, encrypt_for)
        body = {"EE_IS_ENCRYPTED": True, "EE_ENCRYPTED_DATA": ciphertext}
    requester = command.requester
    delegated = {} if command.delegation is None else {DELEGATION: command.delegation}
    return {
        **body,
        **delegated,
        "EE_ID": command.target,
        "SESSION_ID": requester.session_id or requester.name,
        "INITIATOR_ID": requester.name,
        "TIME": time,
    }


def _said(command: Command) -> dict[str, Any]:
    is_request = command.action is Action.PAIR
    said = {
        "ACTION": _NAME_OF[command.action],
        "PAYLOAD": _request_object(command)
        if is_request
        else _payload_of(command.action, command.body),
        **capability_fields(command.requester.capabilities),
        **introduction_fields(command.introductions),
    }
    return as_plain(said)


def _payload_of(action: Action, body: CommandBody) -> Any:
    match action, body:
        case Action.UPDATE_PIPELINE, PipelineConfig():
            return pipeline_object(body)
        case Action.UPDATE_INSTANCE, InstanceUpdate():
            return update_object(body)
        case Action.UPDATE_INSTANCES, tuple():
            return [_batched_update(update) for update in body]
        case Action.PIPELINE_COMMAND, PipelineCommand():
            return {"NAME": body.pipeline, "PIPELINE_COMMAND": body.command}
        case ((Action.ARCHIVE_PIPELINE | Action.DELETE_PIPELINE), str()):
            return body
        case _ if body is None and action in _WITHOUT_BODY:
            return None
    raise UnsendableValue(
        f"The command {action.name} cannot be sent with a {type(body).__name__} as its body. Give"
        " it what the action acts on, see pye2core.messages.CommandBody.",
        path="PAYLOAD",
    )


def _request_object(command: Command) -> dict[str, str]:
    from pye2_wire.pairing import request_object  # it is rarely needed

    if command.pairing is None:
        raise UnsendableValue(
            "The command PAIR cannot be sent without its request. Give it as `pairing`.",
            path="PAYLOAD",
        )
    return request_object(command.pairing)


def _batched_update(update: InstanceUpdate) -> dict[str, Any]:
    # In a list of updates PyE2 repeats the id among the changes.
    changes = {**update.changes, "INSTANCE_ID": update.instance_id}
    return update_object(evolve(update, changes=changes))


_WITHOUT_BODY = frozenset(Action) - {
    Action.UPDATE_PIPELINE,
    Action.UPDATE_INSTANCE,
    Action.UPDATE_INSTANCES,
    Action.PIPELINE_COMMAND,
    Action.ARCHIVE_PIPELINE,
    Action.DELETE_PIPELINE,
    Action.PAIR,
}


# --- from the wire --------------------------------------------------------------------------------


def command_from(message: Mapping[str, Any], said: Mapping[str, Any], origin: Origin) -> Command:
    """Read a command.

    Args:
        message: the message.
        said: where its action is: the decrypted part, or the message itself.
        origin: who sent it.

    Raises:
        MessageRejected: reason "shape"; or "unsupported", if the action is unknown. It names the
            pipeline, where the command does.
    """
    try:
        return _command_from(message, said, origin)
    except MessageRejected as rejection:
        rejection.pipeline = _pipeline_named_in(said.get("PAYLOAD"))
        raise


def _command_from(message: Mapping[str, Any], said: Mapping[str, Any], origin: Origin) -> Command:
    name = text_at(said, "ACTION")
    action = ACTIONS.get(name)
    if action is None:
        raise MessageRejected(
            f"the ACTION {name[:64]!r} of a command is unknown; nodes know {', '.join(ACTIONS)}",
            reason="unsupported",
        )
    payload = said.get("PAYLOAD")
    return Command(
        action=action,
        body=_body_from(action, payload),
        target=text_at(message, "EE_ID"),
        requester=Requester(
            address=origin.sender,
            name=optional_text_at(message, "INITIATOR_ID"),
            session_id=optional_text_at(message, "SESSION_ID"),
            capabilities=capabilities_from(said),
        ),
        delegation=optional_text_at(message, DELEGATION),
        introductions=introductions_from(said),
        origin=origin,
        pairing=_request_from(payload) if action is Action.PAIR else None,
    )


def _request_from(payload: object) -> PairingRequest:
    from pye2_wire.pairing import request_from  # it is rarely needed

    return request_from(payload)


def _pipeline_named_in(payload: object) -> str | None:
    """The pipeline that a command which cannot be read is about, as far as it can be told."""
    if isinstance(payload, list):
        names = {_name_in(each) for each in payload}
        return names.pop() if len(names) == 1 else None
    return payload or None if isinstance(payload, str) else _name_in(payload)


def _name_in(body: object) -> str | None:
    return text_or_none(upper_keys(body), "NAME") or None if isinstance(body, dict) else None


def _body_from(action: Action, payload: object) -> CommandBody:
    match action:
        case Action.UPDATE_PIPELINE:
            return pipeline_config(payload)
        case Action.UPDATE_INSTANCE:
            return instance_update(payload)
        case Action.UPDATE_INSTANCES:
            updates = enumerate(as_list(payload, "PAYLOAD"), 1)
            return tuple(instance_update(each, f"update {number}") for number, each in updates)
        case Action.PIPELINE_COMMAND:
            fields = upper_keys(as_object(payload, "PAYLOAD"))
            return PipelineCommand(text_at(fields, "NAME"), object_at(fields, "PIPELINE_COMMAND"))
        case Action.ARCHIVE_PIPELINE | Action.DELETE_PIPELINE:
            if isinstance(payload, str) and payload:
                return payload
            raise misshapen("PAYLOAD is not the name of a pipeline")
    return None
