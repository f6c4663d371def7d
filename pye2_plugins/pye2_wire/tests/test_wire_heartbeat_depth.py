"""Whatever heartbeat we send, we can read: open or compressed, however deep its state is nested."""

import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_wire.canonical import canonical
from pye2_wire.heartbeats import STATUS_NESTING_LIMIT
from pye2_wire.plain import NESTING_LIMIT
from pye2_wire.sealed import parse
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.settings import HeartbeatVersion, WireSettings
from pye2_wire.signing import signature_fields, signed_part
from pye2_wire.unsendable import UnsendableValue
from pye2core.errors import MessageRejected
from pye2core.identity import Identity
from pye2core.messages import (
    Action,
    Command,
    Heartbeat,
    InstanceConfig,
    InstanceUpdate,
    PipelineConfig,
)

NODE = Identity.from_private_value(bytes.fromhex("22" * 32))
CLIENT = Identity.from_private_value(bytes.fromhex("11" * 32))
ALONE = Heartbeat("naeural-1", NODE.address)
BOTH = pytest.mark.parametrize("version", HeartbeatVersion)

keys = st.text("ABCDEFG_0123456789", min_size=1, max_size=8).map("X_".__add__)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text('aé"\\[{')
layers = st.lists(st.none() | keys, min_size=NESTING_LIMIT - 10, max_size=NESTING_LIMIT + 4)


def nested(leaf: Any, around: list[str | None]) -> Any:
    for key in around:
        leaf = [leaf] if key is None else {key: leaf}
    return leaf


def levels_of(value: Any) -> int:
    levels, inside = 0, [value]
    while inside := [each for each in inside if type(each) in (dict, list)]:
        levels += 1
        inside = [
            item for each in inside for item in (each.values() if type(each) is dict else each)
        ]
    return levels


def dialect(version: HeartbeatVersion) -> Pye2Serializer:
    return Pye2Serializer("naeural-1", settings=WireSettings(heartbeat_version=version))


def arrived(heartbeat: Heartbeat, version: HeartbeatVersion) -> Heartbeat:
    sealed = parse(dialect(version).seal(heartbeat, NODE))
    sealed.verify()
    opened = sealed.open(CLIENT)
    assert isinstance(opened, Heartbeat)
    return opened


@BOTH
@settings(deadline=None)
@given(keys, leaves, layers)
def test_a_status_of_any_depth_that_is_sent_is_read(
    version: HeartbeatVersion, key: str, leaf: Any, around: list[str | None]
) -> None:
    status = {key: nested(leaf, around)}
    heartbeat = evolve(ALONE, status=status)

    if levels_of(status) > STATUS_NESTING_LIMIT:
        with pytest.raises(UnsendableValue):
            dialect(version).seal(heartbeat, NODE)
    else:
        assert arrived(heartbeat, version).status[key] == status[key]


@BOTH
@settings(deadline=None)
@given(keys, leaves, layers)
def test_a_pipeline_of_any_depth_that_a_command_may_bring_is_published(
    version: HeartbeatVersion, key: str, leaf: Any, around: list[str | None]
) -> None:
    changes = {key: nested(leaf, around)}
    update = InstanceUpdate("p", "S", "i", changes)
    command = Command(Action.UPDATE_INSTANCE, update, NODE.address)
    pipeline = PipelineConfig("p", "Void", (InstanceConfig("S", "i", changes),))
    try:
        dialect(version).seal(command, CLIENT, encrypt_for=NODE.address)
    except UnsendableValue:
        return

    assert arrived(evolve(ALONE, pipelines=(pipeline,)), version).pipelines == (pipeline,)


def signed(message: dict[str, Any]) -> bytes:
    unsigned = signed_part(message)
    return json.dumps({**unsigned, **signature_fields(canonical(unsigned), NODE)}).encode()


def of_depth(levels: int, event: str) -> bytes:
    inner = nested(1, [None] * (levels - 1))
    return signed({"EE_EVENT_TYPE": event, "EE_ID": "n", "NOTIFICATION_TYPE": "NORMAL", "X": inner})


@pytest.mark.parametrize(
    ("event", "levels"),
    [
        ("HEARTBEAT", STATUS_NESTING_LIMIT),
        ("NOTIFICATION", NESTING_LIMIT),
        ("PAYLOAD", NESTING_LIMIT),
    ],
)
def test_what_is_nested_one_level_too_deeply_is_rejected(event: str, levels: int) -> None:
    sealed = parse(of_depth(levels, event))
    sealed.verify()
    sealed.open(CLIENT)

    with pytest.raises(MessageRejected, match=f"more than {levels} levels") as rejection:
        parse(of_depth(levels + 1, event))
    assert (rejection.value.reason, rejection.value.sender) == ("shape", NODE.address)


def test_so_is_a_command() -> None:
    command = {"EE_ID": "n", "ACTION": "ARCHIVE_CONFIG"}
    parse(signed({**command, "PAYLOAD": nested(1, [None] * (NESTING_LIMIT - 1))}))

    with pytest.raises(MessageRejected, match=f"more than {NESTING_LIMIT} levels"):
        parse(signed({**command, "PAYLOAD": nested(1, [None] * NESTING_LIMIT)}))
