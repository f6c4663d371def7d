"""Heartbeats: signs of life, with the state that a node publishes.

You are in the PyE2 serializer (PyE2 wire protocol, section 9). In version 2 the state is compressed
inside of the message, in version 1 it lies open; both are read, and a node's owner chooses which
one is sent.
"""

from __future__ import annotations

import logging
import math
import zlib
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from pye2_wire.canonical import spaced
from pye2_wire.capabilities import (
    capabilities_from,
    capability_fields,
    introduction_fields,
    introductions_from,
)
from pye2_wire.configuration import pipeline_config, stored_pipeline_object
from pye2_wire.envelope import path_from, requester_fields
from pye2_wire.plain import NESTING_LIMIT, as_plain
from pye2_wire.reading import (
    flag_at,
    list_at,
    misshapen,
    optional_text_at,
    read_object,
    text_at,
)
from pye2_wire.reports import report_fields
from pye2_wire.sandbox import sandbox_fields, sandbox_from
from pye2_wire.settings import HeartbeatVersion
from pye2_wire.signing import UNSIGNED_KEYS
from pye2core.abc import MAX_MESSAGE
from pye2core.errors import MessageRejected
from pye2core.identity import same_address, with_prefix, without_prefix
from pye2core.messages import NOBODY, Heartbeat, Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pye2core.messages import Origin, PairingOffer, PipelineConfig

_log = logging.getLogger("pye2_wire")

_PRESENCE = {
    Presence.ONLINE: "ONLINE",
    Presence.LEAVING: "OFFLINE",
    Presence.LOST: "LOST",
}
"""``DEVICE_STATUS``. The last two are ours: PyE2's nodes always say that they are online."""

_PRESENCE_CALLED = {name: presence for presence, name in _PRESENCE.items()}

_SIGNATURES = "PYE2_SIGNATURES"
"""Ours: the signatures that a node can run, each with its version."""

_PAIRING = "PYE2_PAIRING"
"""Ours: a node's offer to be paired with a client."""

_BRIEF = "PYE2_BRIEF"
"""Ours: true in a heartbeat that leaves out all that is as before."""

_CLOCK = "PYE2_CLOCK"
"""Ours: why the node's machine cannot know the time."""

_LONGEST_REASON = 500

LARGEST_BRIEF = 1024
"""Bytes of a brief heartbeat."""

_LONGEST_LIFE = 64

_MAY_DELEGATE = "PYE2_MAY_DELEGATE"
"""Ours: who may bring work for others without a delegation (section 20)."""

_LIFE = "PYE2_LIFE"
_REVISION = "PYE2_STATE"
"""Ours: which connection of the node's to the broker it is, and how often it changed since."""

_COUNTS = ("NR_INFERENCES", "NR_PAYLOADS", "NR_STREAMS_DATA")

# What says who speaks is taken from the outside, as it was verified there.
_FROM_OUTSIDE = (*UNSIGNED_KEYS, "EE_ID", "EE_PAYLOAD_PATH")

_MOST_VALUES = 250_000
"""JSON values of a state that was compressed: a message of a thousandth of its size brings them."""

STATUS_NESTING_LIMIT = NESTING_LIMIT + 4
"""How deep lists and dictionaries may be nested in a heartbeat, sent or received.

A little deeper than in a command, whose pipeline it repeats.
"""


# --- to the wire ----------------------------------------------------------------------------------


def heartbeat_body(heartbeat: Heartbeat, time: str, version: HeartbeatVersion) -> dict[str, Any]:
    """What a heartbeat says.

    Args:
        heartbeat: what to say.
        time: now, as the wire writes it.
        version: how its state is carried.

    Raises:
        UnsendableValue: the state cannot be written as JSON.
    """
    state = as_plain(_state(heartbeat, time), STATUS_NESTING_LIMIT)
    return {
        **_CARRIED_BY[version](state),
        "HEARTBEAT_VERSION": version.value,
        **{key: state.get(key, 0) for key in _COUNTS},
        **requester_fields(NOBODY, NOBODY),
    }


def brief_heartbeat_body(heartbeat: Heartbeat) -> dict[str, Any]:
    """What a brief heartbeat says.

    It is of version 1 and shows no pipelines: PyE2's clients take from it that the node is online,
    and nothing else.
    """
    told = heartbeat.presence is not Presence.ONLINE
    presence = {"DEVICE_STATUS": _PRESENCE[heartbeat.presence]} if told else {}
    return {
        **presence,
        "HEARTBEAT_VERSION": HeartbeatVersion.OPEN.value,
        _BRIEF: True,
        **_life_fields(heartbeat),
        **_figures(heartbeat),
    }


def _compressed(state: dict[str, Any]) -> dict[str, Any]:
    return {"ENCODED_DATA": encoded_data(spaced(state).encode())}


def _open(state: dict[str, Any]) -> dict[str, Any]:
    return state


_CARRIED_BY: Mapping[HeartbeatVersion, Callable[[dict[str, Any]], dict[str, Any]]] = {
    HeartbeatVersion.OPEN: _open,
    HeartbeatVersion.COMPRESSED: _compressed,
}


def encoded_data(state: bytes) -> str:
    """Compress what ``ENCODED_DATA`` carries."""
    return b64encode(zlib.compress(state, 9)).decode()


def _state(heartbeat: Heartbeat, time: str) -> dict[str, Any]:
    state = {
        "EE_FORMATTER": "",
        **heartbeat.status,
        **report_fields(heartbeat.report, heartbeat.version),
        "DEVICE_STATUS": _PRESENCE[heartbeat.presence],
        "CURRENT_TIME": time,
        "EE_ADDR": heartbeat.address,
        "EE_WHITELIST": [without_prefix(address) for address in heartbeat.allowed],
        "SECURED": heartbeat.secured,
        **_may_delegate_fields(heartbeat),
        "EE_IS_SUPER": heartbeat.is_supervisor,
        **_figures(heartbeat),
        **_life_fields(heartbeat),
        **capability_fields(heartbeat.capabilities),
        **introduction_fields(heartbeat.introductions),
        **_pairing_fields(heartbeat),
    }
    state.pop("CONFIG_STREAMS", None)
    if heartbeat.pipelines is not None:
        state["CONFIG_STREAMS"] = [stored_pipeline_object(each) for each in heartbeat.pipelines]
    return state


def _may_delegate_fields(heartbeat: Heartbeat) -> dict[str, Any]:
    if heartbeat.may_delegate is None:
        return {}
    return {_MAY_DELEGATE: [without_prefix(address) for address in heartbeat.may_delegate]}


def _life_fields(heartbeat: Heartbeat) -> dict[str, Any]:
    life = {_LIFE: heartbeat.life, _REVISION: heartbeat.revision}
    return {key: value for key, value in life.items() if value is not None}


def _figures(heartbeat: Heartbeat) -> dict[str, Any]:
    signatures = heartbeat.signatures
    figures = {
        "CPU_USED": heartbeat.load,
        "AVAILABLE_MEMORY": heartbeat.free_memory,
        "VERSION": heartbeat.version,
        _SIGNATURES: dict(signatures) if signatures is not None else None,
        **sandbox_fields(heartbeat.sandbox),
        _CLOCK: heartbeat.clock_trouble,
    }
    return {key: value for key, value in figures.items() if value is not None}


def _pairing_fields(heartbeat: Heartbeat) -> dict[str, Any]:
    if heartbeat.pairing is None:
        return {}
    from pye2_wire.pairing import offer_object  # it is rarely needed

    return {_PAIRING: offer_object(heartbeat.pairing)}


# --- from the wire --------------------------------------------------------------------------------


def heartbeat_from(message: dict[str, Any], origin: Origin) -> Heartbeat:
    """Read a heartbeat.

    Raises:
        MessageRejected: reason "shape"; or "unsupported", if its version is unknown.
    """
    name = text_at(message, "EE_ID")
    path_from(message)
    status = _status_from(message)
    is_brief = status.get(_BRIEF) is True
    if is_brief:
        _check_brief(status, origin)
    address = optional_text_at(status, "EE_ADDR")
    if address is not None and not same_address(address, origin.sender):
        raise misshapen(f"a heartbeat of {address[:64]!r} was signed by another address")
    return Heartbeat(
        name=name,
        address=origin.sender,
        allowed=tuple(_allowed_from(status)),
        secured=is_brief or flag_at(status, "SECURED"),
        may_delegate=_may_delegate_from(status),
        pipelines=_pipelines_from(status),
        presence=_presence_from(status),
        is_brief=is_brief,
        life=_life_from(status),
        revision=_revision_from(status),
        capabilities=capabilities_from(status),
        introductions=introductions_from(status),
        load=_figure_from(status, "CPU_USED"),
        free_memory=_figure_from(status, "AVAILABLE_MEMORY"),
        version=_version_from(status),
        signatures=_signatures_from(status),
        sandbox=sandbox_from(status),
        pairing=_pairing_from(status),
        clock_trouble=_clock_trouble_from(status),
        active_signatures=frozenset(_active_signatures_from(status)),
        is_supervisor=status.get("EE_IS_SUPER") is True,
        status=_brief_status(status) if is_brief else status,
        origin=origin,
    )


def _check_brief(status: Mapping[str, Any], origin: Origin) -> None:
    if origin.size > LARGEST_BRIEF or "CONFIG_STREAMS" in status:
        raise misshapen(
            f"a heartbeat that calls itself brief has {origin.size:,} bytes, or shows pipelines; it"
            f" may have {LARGEST_BRIEF:,} and shows none"
        )


def _brief_status(status: Mapping[str, Any]) -> dict[str, Any]:
    """What of a brief heartbeat is laid over what is known: two figures, if they are such."""
    figures = {key: _figure_from(status, key) for key in ("CPU_USED", "AVAILABLE_MEMORY")}
    return {key: figure for key, figure in figures.items() if figure is not None}


def _status_from(message: dict[str, Any]) -> dict[str, Any]:
    version = optional_text_at(message, "HEARTBEAT_VERSION") or HeartbeatVersion.OPEN.value
    if version == HeartbeatVersion.OPEN.value:
        return message
    if version != HeartbeatVersion.COMPRESSED.value:
        raise MessageRejected(
            f"the HEARTBEAT_VERSION {version[:64]!r} is unknown; known are v1 and v2, and perhaps"
            " more to a later version of pye2-wire",
            reason="unsupported",
        )
    decoded = decoded_data(text_at(message, "ENCODED_DATA"))
    state = read_object(decoded, "ENCODED_DATA", STATUS_NESTING_LIMIT, _MOST_VALUES)
    outside = {key: message[key] for key in _FROM_OUTSIDE if key in message}
    status = {**message, **state, **outside}
    del status["ENCODED_DATA"]
    return status


def decoded_data(text: str) -> bytes:
    """Decompress ``ENCODED_DATA``, of which no more than a message may have is made.

    Raises:
        MessageRejected: reason "shape".
    """
    decompressor = zlib.decompressobj()
    try:
        state = decompressor.decompress(b64decode(text), MAX_MESSAGE)
    except (ValueError, zlib.error) as error:
        raise misshapen(f"ENCODED_DATA cannot be decompressed ({error})") from error
    if not decompressor.eof:
        raise misshapen("ENCODED_DATA is cut short, or is more than a message may have")
    return state


def _allowed_from(status: Mapping[str, Any]) -> list[str]:
    stated = list_at(status, "EE_WHITELIST")
    if not all(type(address) is str for address in stated):
        raise misshapen("EE_WHITELIST is not a list of addresses")
    return [with_prefix(address) for address in stated]


def _pipelines_from(status: Mapping[str, Any]) -> tuple[PipelineConfig, ...] | None:
    if status.get("CONFIG_STREAMS") is None:
        return None
    pipelines = []
    for number, stored in enumerate(list_at(status, "CONFIG_STREAMS"), 1):
        try:
            pipelines.append(pipeline_config(stored, f"CONFIG_STREAMS, pipeline {number}"))
        except MessageRejected as rejection:
            # A node that stores something odd is online all the same.
            _log.info("a pipeline in a heartbeat is left out: %s", rejection)
    return tuple(pipelines)


# A node that states an odd figure is online all the same: nothing below rejects anything.


def _may_delegate_from(status: Mapping[str, Any]) -> tuple[str, ...] | None:
    stated = status.get(_MAY_DELEGATE)
    if type(stated) is not list:
        return None
    return tuple(with_prefix(each) for each in stated if type(each) is str)


def _figure_from(status: Mapping[str, Any], key: str) -> float | None:
    stated = status.get(key)
    if not isinstance(stated, int | float) or isinstance(stated, bool):
        return None
    try:
        figure = float(stated)
    except OverflowError:
        return None
    return figure if math.isfinite(figure) and figure >= 0 else None


def _presence_from(status: Mapping[str, Any]) -> Presence:
    stated = status.get("DEVICE_STATUS")
    known = _PRESENCE_CALLED.get(stated) if type(stated) is str else None
    return known or Presence.ONLINE


def _life_from(status: Mapping[str, Any]) -> str | None:
    stated = status.get(_LIFE)
    return stated if type(stated) is str and len(stated) <= _LONGEST_LIFE else None


def _revision_from(status: Mapping[str, Any]) -> int | None:
    stated = status.get(_REVISION)
    return stated if type(stated) is int else None


def _version_from(status: Mapping[str, Any]) -> str | None:
    stated = status.get("VERSION")
    return stated if type(stated) is str else None


def _clock_trouble_from(status: Mapping[str, Any]) -> str | None:
    stated = status.get(_CLOCK)
    return stated if type(stated) is str and len(stated) <= _LONGEST_REASON else None


def _signatures_from(status: Mapping[str, Any]) -> dict[str, str] | None:
    stated = status.get(_SIGNATURES)
    if type(stated) is not dict or not all(type(each) is str for each in stated.values()):
        return None
    return stated


def _pairing_from(status: Mapping[str, Any]) -> PairingOffer | None:
    stated = status.get(_PAIRING)
    if stated is None:
        return None
    from pye2_wire.pairing import offer_from  # it is rarely needed

    return offer_from(stated)


def _active_signatures_from(status: Mapping[str, Any]) -> Iterator[str]:
    active = status.get("ACTIVE_PLUGINS")
    for plugin in active if type(active) is list else ():
        signature = plugin.get("SIGNATURE") if type(plugin) is dict else None
        if type(signature) is str:
            yield signature
