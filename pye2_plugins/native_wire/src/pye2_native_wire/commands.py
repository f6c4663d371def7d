"""The bodies of commands (PyE2 wire protocol, section 19.2).

You are in the native serializer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2_native_wire.parts import (
    abilities_map,
    capabilities_in,
    introductions_in,
    path_map,
    pipeline_from,
    pipeline_map,
)
from pye2_native_wire.reading import (
    maps_at,
    member_at,
    name_at,
    required,
    settings_at,
)
from pye2_native_wire.values import misshapen
from pye2_wire.unsendable import UnsendableValue
from pye2core.errors import MessageRejected
from pye2core.messages import (
    SIGNS_OF_LIFE,
    Action,
    Command,
    InstancePath,
    InstanceUpdate,
    PipelineCommand,
    PipelineConfig,
    Requester,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2_native_wire.layout import Header
    from pye2core.messages import CommandBody, Origin, PairingRequest

_BY_NAME = frozenset({Action.ARCHIVE_PIPELINE, Action.DELETE_PIPELINE})
_WITH_BODY = _BY_NAME | {
    Action.UPDATE_PIPELINE,
    Action.UPDATE_INSTANCE,
    Action.UPDATE_INSTANCES,
    Action.PIPELINE_COMMAND,
}


def command_map(command: Command) -> dict[str, Any]:
    """What a command says.

    Raises:
        UnsendableValue: its body does not fit its action.
    """
    return {
        "action": command.action.name,
        **_body_map(command.action, command.body),
        **_pairing_map(command),
        **abilities_map(command.requester.capabilities, command.introductions),
    }


def _body_map(action: Action, body: CommandBody) -> dict[str, Any]:
    match action, body:
        case Action.UPDATE_PIPELINE, PipelineConfig():
            return {"pipeline": pipeline_map(body)}
        case Action.UPDATE_INSTANCE, InstanceUpdate():
            return {"updates": [_update_map(body)]}
        case Action.UPDATE_INSTANCES, tuple():
            return {"updates": [_update_map(each) for each in body]}
        case Action.PIPELINE_COMMAND, PipelineCommand():
            return {"name": body.pipeline, "command": body.command}
        case _, str() if action in _BY_NAME:
            return {"name": body}
        case _, None if action not in _WITH_BODY:
            return {}
    raise UnsendableValue(
        f"The command {action.name} cannot be sent with a {type(body).__name__} as its body. Give"
        " it what the action acts on, see pye2core.messages.CommandBody.",
        path="body",
    )


def _pairing_map(command: Command) -> dict[str, Any]:
    if command.action is not Action.PAIR:
        return {}
    from pye2_native_wire.pairing import request_map  # it is rarely needed

    return {"pairing": request_map(command.pairing)}


def _update_map(update: InstanceUpdate) -> dict[str, Any]:
    path = InstancePath(update.pipeline, update.signature, update.instance_id)
    return {**path_map(path), "changes": update.changes}


# --- from the wire --------------------------------------------------------------------------------


def command_from(header: Header, said: Mapping[str, Any], origin: Origin) -> Command:
    """Read a command.

    Raises:
        MessageRejected: reason "shape"; or "unsupported", if the action is unknown. It names the
            pipeline, where the command does.
    """
    try:
        return _command_from(header, said, origin)
    except MessageRejected as rejection:
        rejection.pipeline = _pipeline_named_in(said)
        raise


def _command_from(header: Header, said: Mapping[str, Any], origin: Origin) -> Command:
    action = member_at(said, "action", Action)
    in_clear = header.receiver is None
    asks = (header.asks_for_sign_of_life, header.asks_to_pair)
    if in_clear and asks != (action in SIGNS_OF_LIFE, action is Action.PAIR):
        raise misshapen("its header and its body disagree about what it asks for")
    return Command(
        action=action,
        body=_body_from(action, said),
        target=header.target or "",
        requester=Requester(header.sender, header.name, header.session_id, capabilities_in(said)),
        delegation=header.delegation,
        introductions=introductions_in(said),
        origin=origin,
        pairing=_pairing_from(said) if action is Action.PAIR else None,
    )


def _pairing_from(said: Mapping[str, Any]) -> PairingRequest:
    from pye2_native_wire.pairing import request_from  # it is rarely needed

    return request_from(required(said, "pairing", dict))


def _body_from(action: Action, said: Mapping[str, Any]) -> CommandBody:
    match action:
        case Action.UPDATE_PIPELINE:
            return pipeline_from(required(said, "pipeline", dict))
        case Action.UPDATE_INSTANCE:
            updates = maps_at(said, "updates")
            if len(updates) != 1:
                raise misshapen(f"{len(updates)} updates of one instance")
            return _update_from(updates[0])
        case Action.UPDATE_INSTANCES:
            return tuple(_update_from(each) for each in maps_at(said, "updates"))
        case Action.PIPELINE_COMMAND:
            return PipelineCommand(name_at(said, "name"), required(said, "command", dict))
        case Action.ARCHIVE_PIPELINE | Action.DELETE_PIPELINE:
            return name_at(said, "name")
    return None


def _update_from(source: Mapping[str, Any]) -> InstanceUpdate:
    return InstanceUpdate(
        name_at(source, "pipeline"),
        name_at(source, "signature"),
        name_at(source, "instance_id"),
        settings_at(source, "changes"),
    )


def _pipeline_named_in(said: Mapping[str, Any]) -> str | None:
    """The pipeline that a command which cannot be read is about, as far as it can be told."""
    updates = said.get("updates")
    about = said.get("pipeline")
    if isinstance(updates, list):
        named = [each.get("pipeline") for each in updates if isinstance(each, dict)]
        name = named[0] if named and all(each == named[0] for each in named) else None
    else:
        name = about.get("name") if isinstance(about, dict) else said.get("name")
    return name if isinstance(name, str) else None
