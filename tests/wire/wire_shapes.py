"""PyE2's formatters, as a client of PyE2 reads payloads that went through them.

You are among the peers that are not ours (PyE2 wire protocol, section 11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Message = dict[str, Any]


def restored(message: Message) -> Message | None:
    """A payload as it was before its formatter; None if the formatter is unknown."""
    name = message.get("EE_FORMATTER", message.get("SB_IMPLEMENTATION"))
    if name in (None, "", "default", "raw"):
        return message
    decoders = {"aixp1": _from_aixp1, "cavi2": _from_cavi2}
    return decoders[name](message) if name in decoders else None


def _from_aixp1(message: Message) -> Message:
    node, pipeline, signature, instance = message["EE_PAYLOAD_PATH"]
    data = dict(message["DATA"])
    plugin_meta, pipeline_meta = data.pop("PLUGIN_META"), data.pop("PIPELINE_META")
    return {
        **{key: value for key, value in message.items() if key != "DATA"},
        "EE_ID": node,
        "STREAM_NAME": pipeline,
        "STREAM": pipeline,
        "PIPELINE": pipeline,
        "SIGNATURE": signature,
        "INSTANCE_ID": instance,
        "PLUGIN_CATEGORY": "general",
        **plugin_meta,
        **pipeline_meta,
        **data,
    }


def _from_cavi2(message: Message) -> Message:
    data, metadata = message["data"], message["metadata"]
    identifiers = data["identifiers"]
    return {
        "EE_ID": message["sender"]["hostId"],
        "EE_TOTAL_MESSAGES": metadata["sbTotalMessages"],
        "EE_MESSAGE_ID": message["messageID"],
        "SIGNATURE": message["type"].upper(),
        "STREAM": identifiers["streamId"],
        "INITIATOR_ID": identifiers["initiatorId"],
        "INSTANCE_ID": identifiers["instanceId"],
        "SESSION_ID": identifiers["sessionId"],
        "ID": identifiers["payloadId"],
        "ID_TAGS": identifiers["idTags"],
        "TIMESTAMP_EXECUTION": data["time"],
        **{key.upper(): value for key, value in data["value"].items()},
        **{key.upper(): value for key, value in data["specificValue"].items()},
        **{f"_C_{key}": value for key, value in metadata["captureMetadata"].items()},
        **{f"_P_{key}": value for key, value in metadata["pluginMetadata"].items()},
        **{key: value for key, value in message.items() if key.startswith("EE")},
    }
