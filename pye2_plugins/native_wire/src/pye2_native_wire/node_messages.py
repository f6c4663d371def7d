"""The bodies of what nodes say: payloads, notifications, heartbeats.

You are in the native serializer (PyE2 wire protocol, section 19.2). What a node notes
on a payload, a notification or a heartbeat is given to users under the names by which they know it
from PyE2: these are ``pye2_wire``'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from pye2_native_wire.parts import (
    abilities_map,
    capabilities_in,
    introductions_in,
    path_from,
    path_map,
    pipeline_from,
    pipeline_map,
    requester_in,
    requester_map,
)
from pye2_native_wire.reading import (
    maps_at,
    member_at,
    number_at,
    optional,
    required,
    texts_at,
    texts_by_name_at,
    without_none,
)
from pye2_native_wire.values import misshapen
from pye2_wire.envelope import requester_fields
from pye2_wire.notifications import notification_body
from pye2_wire.payloads import payload_body
from pye2_wire.plain import as_plain
from pye2_wire.reports import payload_fields, report_fields, speaker_fields
from pye2_wire.times import ZONE, ZONE_NAME, wire_time
from pye2core.identity import is_address, same_address, with_prefix
from pye2core.messages import (
    Heartbeat,
    Notification,
    NotificationCode,
    NotificationKind,
    PayloadMessage,
    Presence,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2_native_wire.layout import Header
    from pye2core.messages import Origin, PairingOffer, SandboxReport

_CODES = frozenset(NotificationCode)


def _fields_known_to_users(header: Header, event: str) -> dict[str, Any]:
    """What PyE2's users find in every message of a node."""
    path = header.path
    return {
        "EE_EVENT_TYPE": event,
        "EE_ID": header.name,
        "EE_SENDER": header.sender,
        "EE_IS_ENCRYPTED": header.receiver is not None,
        "EE_MESSAGE_ID": header.message_id.hex(),
        "EE_MESSAGE_SEQ": header.sequence,
        "EE_TIMESTAMP": wire_time(header.created),
        "EE_TIMEZONE": ZONE,
        "EE_TZ": ZONE_NAME,
        "EE_PAYLOAD_PATH": [header.name, path.pipeline, path.signature, path.instance_id],
    }


# --- payloads -------------------------------------------------------------------------------------


def payload_map(payload: PayloadMessage) -> dict[str, Any]:
    """What a payload says."""
    fields = payload.fields
    if payload.circumstances is not None:
        noted = as_plain({**payload_fields(evolve(payload, fields={})), "IMG_IN_PAYLOAD": False})
        noted["IMG_IN_PAYLOAD"] = fields.get("IMG") is not None
        decided = {key: noted[key] for key in ("ID", "TIMESTAMP_EXECUTION")}
        fields = {**noted, **fields, **decided}
    return {
        "fields": fields,
        "requester": requester_map(payload.requester),
        "modified_by": requester_map(payload.modified_by),
    }


def payload_from(header: Header, said: Mapping[str, Any], origin: Origin) -> PayloadMessage:
    """Read a payload.

    Raises:
        MessageRejected: reason "shape".
    """
    payload = PayloadMessage(
        header.path,
        required(said, "fields", dict),
        requester_in(said, "requester"),
        requester_in(said, "modified_by"),
        origin=origin,
    )
    known = {
        **payload_body(evolve(payload, fields={})),
        **_fields_known_to_users(header, "PAYLOAD"),
    }
    return evolve(payload, fields={**payload.fields, **known})


# --- notifications --------------------------------------------------------------------------------


def notification_map(notification: Notification) -> dict[str, Any]:
    """What a notification says."""
    code = notification.code
    return {
        "kind": notification.kind.name,
        "text": notification.text,
        "module": notification.module,
        "requester": requester_map(notification.requester),
        "fields": {**notification.fields, **speaker_fields(notification.speaker)},
        "instances": [path_map(each) for each in notification.instances],
        **without_none(
            {
                "code": None if code is None else int(code),
                "info": notification.info,
                "displayed": notification.is_displayed,
            }
        ),
    }


def notification_from(header: Header, said: Mapping[str, Any], origin: Origin) -> Notification:
    """Read a notification.

    Raises:
        MessageRejected: reason "shape"; or "unsupported", if its kind is unknown.
    """
    code = optional(said, "code", int)
    told = Notification(
        kind=member_at(said, "kind", NotificationKind),
        text=required(said, "text", str),
        code=NotificationCode(code) if code in _CODES else code,
        path=header.path,
        info=optional(said, "info", str),
        module=required(said, "module", str),
        requester=requester_in(said, "requester"),
        fields=required(said, "fields", dict),
        is_displayed=optional(said, "displayed", bool),
        instances=tuple(path_from(each) for each in maps_at(said, "instances")),
    )
    fields = {
        **notification_body(told, wire_time(header.created)),
        **_fields_known_to_users(header, "NOTIFICATION"),
        **requester_fields(told.requester, told.requester),
    }
    return evolve(told, fields=fields, is_displayed=None, instances=(), origin=origin)


# --- heartbeats -----------------------------------------------------------------------------------


def heartbeat_map(heartbeat: Heartbeat) -> dict[str, Any]:
    """What a heartbeat says."""
    report = report_fields(heartbeat.report, heartbeat.version)
    pipelines = heartbeat.pipelines
    signatures = heartbeat.signatures
    instances = heartbeat.report.instances if heartbeat.report is not None else ()
    active = {each.path.signature for each in instances if each.path.signature is not None}
    return {
        "allowed": list(heartbeat.allowed),
        "secured": heartbeat.secured,
        "presence": heartbeat.presence.name,
        "brief": heartbeat.is_brief,
        "supervisor": heartbeat.is_supervisor,
        "active": sorted(active),
        "status": {**heartbeat.status, **as_plain(report)},
        **abilities_map(heartbeat.capabilities, heartbeat.introductions),
        **without_none(
            {
                "pipelines": None
                if pipelines is None
                else [pipeline_map(each) for each in pipelines],
                "may_delegate": None
                if heartbeat.may_delegate is None
                else list(heartbeat.may_delegate),
                "life": heartbeat.life,
                "revision": heartbeat.revision,
                "load": heartbeat.load,
                "free_memory": heartbeat.free_memory,
                "version": heartbeat.version,
                "signatures": None if signatures is None else dict(signatures),
                "sandbox": _sandbox_map(heartbeat.sandbox),
                "pairing": _pairing_map(heartbeat.pairing),
                "clock": heartbeat.clock_trouble,
            }
        ),
    }


def _sandbox_map(report: SandboxReport | None) -> dict[str, Any] | None:
    if report is None:
        return None
    stated = {"layers": list(report.layers), "missing": dict(report.missing)}
    return {**stated, "unsafe": report.unsafe}


def _sandbox_in(said: Mapping[str, Any]) -> SandboxReport | None:
    told = optional(said, "sandbox", dict)
    if told is None:
        return None
    from pye2core.messages import SandboxReport  # most messages do without

    layers, missing = texts_at(told, "layers"), texts_by_name_at(told, "missing")
    return SandboxReport(tuple(layers), missing, unsafe=required(told, "unsafe", bool))


def _pairing_map(offer: PairingOffer | None) -> dict[str, Any] | None:
    if offer is None:
        return None
    from pye2_native_wire.pairing import offer_map  # it is rarely needed

    return offer_map(offer)


def _pairing_in(said: Mapping[str, Any]) -> PairingOffer | None:
    told = optional(said, "pairing", dict)
    if told is None:
        return None
    from pye2_native_wire.pairing import offer_from  # it is rarely needed

    return offer_from(told)


def heartbeat_from(header: Header, said: Mapping[str, Any], origin: Origin) -> Heartbeat:
    """Read a heartbeat.

    Raises:
        MessageRejected: reason "shape"; or "unsupported", if its presence is unknown.
    """
    if not header.name:
        raise misshapen("a heartbeat does not name its node")
    if is_address(header.name) and not same_address(header.name, header.sender):
        raise misshapen("a heartbeat names its node by the address of another")
    has_pipelines = said.get("pipelines") is not None
    pipelines = (
        [pipeline_from(each) for each in maps_at(said, "pipelines")] if has_pipelines else None
    )
    has_signatures = said.get("signatures") is not None
    return Heartbeat(
        name=header.name,
        address=header.sender,
        allowed=tuple(with_prefix(each) for each in texts_at(said, "allowed")),
        secured=required(said, "secured", bool),
        may_delegate=None
        if said.get("may_delegate") is None
        else tuple(with_prefix(each) for each in texts_at(said, "may_delegate")),
        pipelines=None if pipelines is None else tuple(pipelines),
        presence=member_at(said, "presence", Presence),
        is_brief=required(said, "brief", bool),
        life=optional(said, "life", str),
        revision=optional(said, "revision", int),
        capabilities=capabilities_in(said),
        introductions=introductions_in(said),
        load=number_at(said, "load"),
        free_memory=number_at(said, "free_memory"),
        version=optional(said, "version", str),
        signatures=texts_by_name_at(said, "signatures") if has_signatures else None,
        sandbox=_sandbox_in(said),
        pairing=_pairing_in(said),
        clock_trouble=optional(said, "clock", str),
        active_signatures=frozenset(texts_at(said, "active")),
        is_supervisor=required(said, "supervisor", bool),
        status=required(said, "status", dict),
        origin=origin,
    )
