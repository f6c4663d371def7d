"""The formatter ``cavi2``: a nested object with lower-case names.

You are in the PyE2 serializer (PyE2 wire protocol, section 11). The shape loses the case of a
field's name (upper case is restored) and the ``_V_`` before the name of a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2_wire.envelope import ONLY_OUTSIDE, Event
from pye2_wire.formatters import Formatter
from pye2_wire.reading import as_object, object_at, text_at
from pye2_wire.unsendable import UnsendableValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAME = "cavi2"

_VALUE, _PLUGIN, _CAPTURE = "_V_", "_P_", "_C_"

_SENDER = "DecentrAI-ExecutionEngine"

_IDENTIFIERS: Mapping[str, str] = {
    "streamId": "STREAM",
    "instanceId": "INSTANCE_ID",
    "payloadId": "ID",
    "initiatorId": "INITIATOR_ID",
    "sessionId": "SESSION_ID",
    "idTags": "ID_TAGS",
}
_IMAGE: Mapping[str, str] = {"id": "IMG", "height": "IMG_HEIGHT", "width": "IMG_WIDTH"}

_TOLD_APART = ONLY_OUTSIDE | {
    "EE_ID",
    "EE_MESSAGE_ID",
    "EE_TIMESTAMP",
    "EE_TOTAL_MESSAGES",
    "EE_VERSION",
}
"""What has a place of its own in a message of any kind, or stays outside."""

# The tags of an instance are told twice, as an identifier and among what is specific.
_TOLD_APART_IN_PAYLOADS = (
    _TOLD_APART | (set(_IDENTIFIERS.values()) - {"ID_TAGS"}) | set(_IMAGE.values())
) | {"SIGNATURE", "TIMESTAMP_EXECUTION"}

_NO_DATA: dict[str, Any] = {
    "identifiers": {},
    "value": {},
    "specificValue": {},
    "time": None,
    "img": dict.fromkeys(_IMAGE),
}


class Cavi2(Formatter):
    """Sorts what is said into identifiers, values and figures.

    Example:
        >>> shaped = Cavi2().encode({"EE_EVENT_TYPE": "NOTIFICATION", "INFO": "x"})
        >>> shaped["type"], shaped["metadata"]["info"]
        ('notification', 'x')
    """

    def encode(self, message: dict[str, Any]) -> dict[str, Any]:
        """Shape a message.

        Raises:
            UnsendableValue: two of its names differ only in their case.
        """
        if message.get("EE_EVENT_TYPE") == Event.PAYLOAD.value:
            kind, category = str(message.get("SIGNATURE")), message.get("PLUGIN_CATEGORY")
            data, further = _payload_data(message), _payload_metadata(message)
        else:
            kind, category = str(message.get("EE_EVENT_TYPE")), ""
            data, further = _NO_DATA, _lowered(message, message.keys() - _TOLD_APART)
        version = message.get("EE_VERSION")
        return {
            "messageID": message.get("EE_MESSAGE_ID"),
            "type": kind.lower(),
            "category": "general" if category is None else category,
            "version": version,
            "data": data,
            "metadata": {
                "sbTotalMessages": message.get("EE_TOTAL_MESSAGES"),
                "sbCurrentMessage": message.get("EE_MESSAGE_ID"),
                **further,
            },
            "time": {
                "deviceTime": "",
                "hostTime": message.get("EE_TIMESTAMP"),
                "internetTime": "",
            },
            "sender": {
                "id": _SENDER,
                "instanceId": f"DecentrAI-EE-v{version}",
                "hostId": message.get("EE_ID"),
            },
            "demoMode": False,
        }

    def decode(self, message: dict[str, Any]) -> dict[str, Any]:
        """Restore a message that was received.

        Raises:
            MessageRejected: reason "shape": a part is missing or is not what it must be.
        """
        metadata = object_at(message, "metadata")
        if text_at(message, "EE_EVENT_TYPE") == Event.PAYLOAD.value:
            said = _payload_fields(message, metadata)
        else:
            told = {"sbTotalMessages", "sbCurrentMessage"}
            said = _raised({key: metadata[key] for key in metadata.keys() - told})
        return {
            "EE_FORMATTER": NAME,
            "EE_ID": object_at(message, "sender").get("hostId"),
            "EE_TIMESTAMP": object_at(message, "time").get("hostTime"),
            "EE_TOTAL_MESSAGES": metadata.get("sbTotalMessages"),
            "EE_MESSAGE_ID": message.get("messageID"),
            **{key: value for key, value in said.items() if key not in ONLY_OUTSIDE},
            # What surrounds the message was seen before it was restored; nothing inside denies it.
            **{key: value for key, value in message.items() if key.startswith("EE")},
        }


# --- to the wire ----------------------------------------------------------------------------------


def _payload_data(message: Mapping[str, Any]) -> dict[str, Any]:
    further = message.keys() - _TOLD_APART_IN_PAYLOADS
    specific = [key for key in further if not key.startswith((_VALUE, _PLUGIN, _CAPTURE))]
    values = _without_prefix(message, _VALUE)
    return {
        "identifiers": {name: message.get(key) for name, key in _IDENTIFIERS.items()},
        "value": _lowered(values, values),
        "specificValue": _lowered(message, specific),
        "time": message.get("TIMESTAMP_EXECUTION"),
        "img": {name: message.get(key) for name, key in _IMAGE.items()},
    }


def _payload_metadata(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "captureMetadata": _without_prefix(message, _CAPTURE),
        "pluginMetadata": _without_prefix(message, _PLUGIN),
    }


def _without_prefix(message: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        key.removeprefix(prefix): value for key, value in message.items() if key.startswith(prefix)
    }


def _lowered(message: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    lowered: dict[str, Any] = {}
    for key in keys:
        name = key.lower()
        if name in lowered:
            raise UnsendableValue(
                f"The field {key} cannot be sent by the formatter {NAME}, which writes names in"
                f" lower case: another field is {name!r} then. Rename one of them, or choose"
                " another formatter.",
                path=key,
            )
        lowered[name] = message[key]
    return lowered


# --- from the wire --------------------------------------------------------------------------------


def _payload_fields(message: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    data = object_at(message, "data")
    identifiers = object_at(data, "identifiers", "data: ")
    image = _part(data, "img", "data")
    return {
        "SIGNATURE": text_at(message, "type").upper(),
        **{key: identifiers.get(name) for name, key in _IDENTIFIERS.items()},
        **_raised(_part(data, "value", "data")),
        **_raised(_part(data, "specificValue", "data")),
        "TIMESTAMP_EXECUTION": data.get("time"),
        **{key: image[name] for name, key in _IMAGE.items() if image.get(name) is not None},
        **_with_prefix(_part(metadata, "captureMetadata", "metadata"), _CAPTURE),
        **_with_prefix(_part(metadata, "pluginMetadata", "metadata"), _PLUGIN),
    }


def _part(source: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    """The object at ``key``, which may be missing."""
    value = source.get(key)
    return {} if value is None else as_object(value, f"{where}: {key}")


def _raised(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key.upper(): value for key, value in fields.items()}


def _with_prefix(fields: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {f"{prefix}{key}": value for key, value in fields.items()}
