"""The formatter ``aixp1``: everything that a message says lies in its ``DATA``.

You are in the PyE2 serializer (PyE2 wire protocol, section 11). What surrounds a message stays
outside; what its path tells is left out and restored from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2_wire.envelope import BOOKKEEPING, ONLY_OUTSIDE, Event
from pye2_wire.formatters import Formatter
from pye2_wire.reading import as_list, as_object, misshapen, object_at, text_at
from pye2_wire.unsendable import UnsendableValue

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLUGIN, _PIPELINE = "_P_", "_C_"
_PLUGIN_META, _PIPELINE_META = "PLUGIN_META", "PIPELINE_META"

_LEFT_OUT = BOOKKEEPING | {
    "STREAM_NAME",
    "SIGNATURE",
    "INSTANCE_ID",
    "INITIATOR_ID",
    "SESSION_ID",
}
_LEFT_OUT_OF_PAYLOADS = _LEFT_OUT | {"STREAM", "PIPELINE"}

_PATH_LENGTH = 4


class Aixp1(Formatter):
    """Moves what is said into ``DATA``, of payloads the figures of plugin and pipeline apart.

    Example:
        >>> Aixp1().encode({"EE_EVENT_TYPE": "PAYLOAD", "EE_ID": "n", "EXEC_RESULT": 1})
        {'DATA': {'PLUGIN_META': {}, 'PIPELINE_META': {}, 'EXEC_RESULT': 1}}
    """

    def encode(self, message: dict[str, Any]) -> dict[str, Any]:
        """Shape a message.

        Raises:
            UnsendableValue: a payload has a field of the formatter's own name.
        """
        if message.get("EE_EVENT_TYPE") == Event.PAYLOAD.value:
            return {"DATA": _payload_data(message)}
        return {"DATA": {key: value for key, value in message.items() if key not in _LEFT_OUT}}

    def decode(self, message: dict[str, Any]) -> dict[str, Any]:
        """Restore a message that was received.

        Raises:
            MessageRejected: reason "shape": it lacks ``DATA``, its kind or its path.
        """
        said = object_at(message, "DATA")
        outside = {key: value for key, value in message.items() if key != "DATA"}
        if text_at(message, "EE_EVENT_TYPE") == Event.PAYLOAD.value:
            said = _payload_fields(said)
            about = _about_payload(_path_of(message))
        else:
            about = _about(_path_of(message))
        believed = {key: value for key, value in said.items() if key not in ONLY_OUTSIDE}
        return {**believed, **about, **outside}


def _payload_data(message: Mapping[str, Any]) -> dict[str, Any]:
    plugin: dict[str, Any] = {}
    pipeline: dict[str, Any] = {}
    data: dict[str, Any] = {_PLUGIN_META: plugin, _PIPELINE_META: pipeline}
    for key, value in message.items():
        if key in _LEFT_OUT_OF_PAYLOADS:
            continue
        if key in (_PLUGIN_META, _PIPELINE_META):
            raise UnsendableValue(
                f"The field {key} of a payload cannot be sent by the formatter aixp1, which uses"
                " that name itself. Rename the field, or choose another formatter.",
                path=key,
            )
        if key.startswith(_PLUGIN):
            plugin[key] = value
        elif key.startswith(_PIPELINE):
            pipeline[key] = value
        else:
            data[key] = value
    return data


def _payload_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(data)
    plugin = as_object(fields.pop(_PLUGIN_META, {}), f"DATA.{_PLUGIN_META}")
    pipeline = as_object(fields.pop(_PIPELINE_META, {}), f"DATA.{_PIPELINE_META}")
    return {**plugin, **pipeline, "PLUGIN_CATEGORY": "general", **fields}


def _path_of(message: Mapping[str, Any]) -> list[Any]:
    path = as_list(message.get("EE_PAYLOAD_PATH"), "EE_PAYLOAD_PATH")
    if len(path) != _PATH_LENGTH:
        raise misshapen("EE_PAYLOAD_PATH is not a list of four texts or nulls")
    return path


def _about(path: list[Any]) -> dict[str, Any]:
    node, pipeline, signature, instance_id = path
    about = {"EE_ID": node, "STREAM_NAME": pipeline, "SIGNATURE": signature}
    # PyE2 says nothing of an instance where there is none, although it says so of a signature.
    return about if instance_id is None else {**about, "INSTANCE_ID": instance_id}


def _about_payload(path: list[Any]) -> dict[str, Any]:
    node, pipeline, signature, instance_id = path
    return {
        "EE_ID": node,
        "STREAM_NAME": pipeline,
        "STREAM": pipeline,
        "PIPELINE": pipeline,
        "SIGNATURE": signature,
        "INSTANCE_ID": instance_id,
    }
