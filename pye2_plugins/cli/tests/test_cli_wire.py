"""``pye2 wire`` without a broker: what one message shows, and which are chosen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_cli.wire.names import NameBook
from pye2_cli.wire.reading import Reader, Reading
from pye2_cli.wire.selecting import Selection
from pye2_cli.wire.telling import as_line, as_object
from pye2_native_wire.serializer import NativeSerializer
from pye2_wire.serializer import Pye2Serializer
from pye2core import Identity, installed_plugins
from pye2core.abc import Channel
from pye2core.messages import (
    EVERY_NODE,
    Action,
    Command,
    Heartbeat,
    InstancePath,
    Notification,
    NotificationCode,
    NotificationKind,
    PayloadMessage,
    PipelineConfig,
    Presence,
)

RECORDED = Path(__file__).parents[3] / "tests/data/captures/engine_plain.json"
CLIENT, NODE, STRANGER = (Identity.from_private_value(bytes([byte]) * 32) for byte in (1, 2, 3))
CLIENT_SPEAKS, NODE_SPEAKS = Pye2Serializer(), Pye2Serializer(node_name="attic")
READER = Reader(installed_plugins())
PATH = InstancePath("p1", "CUSTOM_EXEC_01", "i1")

HEARTBEAT = NODE_SPEAKS.seal(
    Heartbeat("attic", NODE.address, (CLIENT.address,), pipelines=(PipelineConfig("p1"),)), NODE
)
PAYLOAD = NODE_SPEAKS.seal(PayloadMessage(PATH, {"EXEC_RESULT": [1.0, float("nan")]}), NODE)
PAYLOAD_OF_CELLAR = Pye2Serializer(node_name="cellar").seal(PayloadMessage(PATH, {}), STRANGER)
NOTIFICATION = NODE_SPEAKS.seal(
    Notification(NotificationKind.NORMAL, "[/red]done\x1b[2J", NotificationCode.PIPELINE_OK, PATH),
    NODE,
)

ROLL_CALL = CLIENT_SPEAKS.seal(Command(Action.FULL_HEARTBEAT, None, target=EVERY_NODE), CLIENT)


def sign_of_life(presence: Presence = Presence.ONLINE) -> bytes:
    said = Heartbeat(
        "attic", NODE.address, presence=presence, is_brief=True, life="0a1b2c3d", revision=7
    )
    return NODE_SPEAKS.seal(said, NODE)


def command(encrypt_for: str | None = None, pipeline: str = "p1") -> bytes:
    said = Command(Action.UPDATE_PIPELINE, PipelineConfig(pipeline), target=NODE.address)
    return CLIENT_SPEAKS.seal(said, CLIENT, encrypt_for=encrypt_for)


def native_command() -> bytes:
    """A command in our own dialect, to a node that has introduced itself."""
    ours = NativeSerializer()
    ours.learn(NODE.address, NativeSerializer(node_name="attic").introduction(NODE))
    said = Command(Action.ARCHIVE_PIPELINE, "p1", target=NODE.address)
    return ours.seal(said, CLIENT, encrypt_for=NODE.address)


NATIVE_COMMAND = native_command()


def forged(data: bytes) -> bytes:
    return data.replace(b'"p1"', b'"p2"')


def line(reading: Reading, names: NameBook | None = None) -> str:
    return as_line(reading, names or NameBook(), None)


# --- one message ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kind", "title"),
    [
        (HEARTBEAT, "heartbeat", "1 pipelines, 1 allowed"),
        (NOTIFICATION, "notification", "1 NORMAL: [/red]done?[2J"),
        (PAYLOAD, "payload", "p1/CUSTOM_EXEC_01/i1"),
        (command(), "command", "update pipeline"),
        (PAYLOAD, "payload", f"attic {NODE.address}  "),
        (HEARTBEAT, "heartbeat", f"attic {NODE.address}  "),
        (NOTIFICATION, "notification", f"attic {NODE.address}  "),
    ],
)
def test_a_good_message_of_each_kind_is_told_on_one_line(
    data: bytes, kind: str, title: str
) -> None:
    reading = READER.read(data)

    told = line(reading)
    assert reading.kind == kind
    assert title in told
    assert told.endswith("verified")
    assert "\n" not in told


def test_a_message_in_our_own_dialect_is_marked_and_one_in_everybodys_is_not() -> None:
    ours, plain = READER.read(NATIVE_COMMAND), READER.read(command())

    assert "  native  verified" in line(ours)
    assert "  native" not in line(plain)
    assert [as_object(each, None)["dialect"] for each in (ours, plain)] == ["native", "pye2"]


def test_what_is_no_message_is_in_no_dialect() -> None:
    assert as_object(READER.read(b"{}"), None)["dialect"] is None


def test_a_changed_message_is_shown_with_what_is_wrong() -> None:
    reading = READER.read(forged(PAYLOAD))

    assert not reading.verified
    assert reading.path.pipeline == "p2"
    assert "NOT VERIFIED (signature: Corrupted digest!" in line(reading)


def test_a_payload_that_numpy_2_spoilt_is_told_from_a_changed_one() -> None:
    messages = json.loads(RECORDED.read_text("utf-8"))["messages"]
    spoilt = next(each["raw_utf8"] for each in messages if each["topic"].endswith("/payloads"))

    assert "unverified (NumPy 2)" in line(READER.read(spoilt.encode()))
    changed = spoilt.replace('"SIGNATURE":"', '"SIGNATURE":"X')
    assert "NOT VERIFIED" in line(READER.read(changed.encode()))


@pytest.mark.parametrize("reader_key", [NODE, CLIENT])
def test_either_end_of_an_encrypted_message_reads_it(reader_key: Identity) -> None:
    data = command(encrypt_for=NODE.address)

    reading = Reader(installed_plugins(), [STRANGER, reader_key]).read(data)

    assert reading.path.pipeline == "p1"
    assert reading.encrypted
    assert line(reading).endswith("verified, encrypted")


def test_what_nobody_here_can_decrypt_says_whose_key_is_needed() -> None:
    reading = Reader(installed_plugins(), [STRANGER]).read(command(encrypt_for=NODE.address))

    assert reading.verified
    assert reading.kind == "command"
    assert f"NOT READ (decryption: it is encrypted for {NODE.address}" in line(reading)


def hint(reading: Reading) -> str:
    (problem,) = reading.problems
    assert problem.reason == "decryption"
    return problem.text


def test_who_can_read_it_is_told_with_where_that_key_is() -> None:
    told = hint(READER.read(command(encrypt_for=NODE.address)))

    assert "node.pem in the node's home" in told
    assert "or of its sender (_local_cache/_data/_pk_sdk.pem in the client's folder)" in told
    assert "--key" in told


def test_of_an_encrypted_result_the_sender_is_the_node() -> None:
    data = NODE_SPEAKS.seal(PayloadMessage(PATH, {}), NODE, encrypt_for=CLIENT.address)

    assert "or of its sender (node.pem in the node's home)" in hint(READER.read(data))


def test_a_sender_whose_key_was_tried_is_not_asked_for_it_again() -> None:
    said = Command(Action.ARCHIVE_PIPELINE, "p1", target=STRANGER.address)
    data = CLIENT_SPEAKS.seal(said, CLIENT, encrypt_for=NODE.address)

    told = hint(Reader(installed_plugins(), [CLIENT]).read(data))

    assert "the key of its sender does not decrypt it" in told
    assert "was encrypted for another than it names" in told
    assert "--key" not in told


@pytest.mark.parametrize("keys", [[], [CLIENT]])
def test_what_is_encrypted_for_a_name_is_opened_by_that_nodes_key_alone(
    keys: list[Identity],
) -> None:
    said = Command(Action.ARCHIVE_PIPELINE, "p1", target="attic")
    data = CLIENT_SPEAKS.seal(said, CLIENT, encrypt_for=NODE.address)

    told = hint(Reader(installed_plugins(), keys).read(data))

    assert "for the node called attic: only that node's key opens it (node.pem" in told
    assert ("its sender's key does not help" in told) is bool(keys)
    assert Reader(installed_plugins(), [NODE]).read(data).path.pipeline == "p1"


def test_an_encrypted_result_is_known_for_one_though_nobody_can_read_it() -> None:
    data = NODE_SPEAKS.seal(PayloadMessage(PATH, {}), NODE, encrypt_for=CLIENT.address)

    reading = READER.read(data)

    assert (reading.kind, reading.recipient) == ("payload", CLIENT.address)
    assert reading.message is None


@pytest.mark.parametrize(
    ("presence", "words"),
    [
        (Presence.ONLINE, "brief, state 7"),
        (Presence.LEAVING, "farewell: goes offline"),
        (Presence.LOST, "last will: its connection was lost"),
    ],
)
def test_brief_heartbeats_farewells_and_wills_are_told_in_words(
    presence: Presence, words: str
) -> None:
    reading = READER.read(sign_of_life(presence)).heard_on(Channel.ctrl())

    told = as_object(reading, None)
    assert f"  {words}  " in line(reading)
    assert (told["kind"], told["title"]) == ("heartbeat", words)
    assert (told["message"]["presence"], told["message"]["is_brief"]) == (presence.value, True)
    assert (told["message"]["life"], told["message"]["revision"]) == ("0a1b2c3d", 7)


def test_a_roll_call_is_told_in_words() -> None:
    reading = READER.read(ROLL_CALL).heard_on(Channel.roll_call())

    told = as_object(reading, None)
    assert f"{CLIENT.address} > all nodes  roll call: send a full heartbeat" in line(reading)
    assert (told["channel"], told["recipient"]) == ("rollcall", EVERY_NODE)
    assert told["title"] == "roll call: send a full heartbeat"
    assert told["problems"] == []


@pytest.mark.parametrize(
    ("data", "channel"),
    [
        (command(), Channel.ctrl()),
        (command(), Channel.roll_call()),
        (HEARTBEAT, Channel.roll_call()),
        (HEARTBEAT, Channel.config(NODE.address)),
    ],
)
def test_a_message_on_the_wrong_channel_says_so(data: bytes, channel: Channel) -> None:
    reading = READER.read(data).heard_on(channel)

    assert f"does not belong on {channel.kind.value}" in line(reading)


@pytest.mark.parametrize("data", [HEARTBEAT, sign_of_life()])
def test_a_heartbeat_may_be_an_answer_in_an_inbox(data: bytes) -> None:
    assert READER.read(data).heard_on(Channel.inbox(CLIENT.address)).problems == ()


@settings(deadline=None)
@given(
    st.binary()
    | st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)
    ).map(lambda value: json.dumps({"EE_SENDER": value, "ACTION": value, "EE_ID": "x"}).encode())
)
def test_whatever_comes_is_one_line_and_one_json_object(data: bytes) -> None:
    reading = READER.read(data).heard_on(Channel.payloads())

    assert reading.problems
    assert line(reading).isprintable()
    assert json.loads(json.dumps(as_object(reading, None)))["readable"] in (True, False)


def test_json_has_what_the_message_says_and_no_numbers_that_json_has_not() -> None:
    told = json.dumps(as_object(READER.read(PAYLOAD), None), allow_nan=False)

    message = json.loads(told)["message"]
    assert message["fields"]["EXEC_RESULT"] == [1.0, None]
    assert "origin" not in message


@pytest.mark.parametrize("data", [PAYLOAD, forged(PAYLOAD), b"no message"])
def test_json_has_the_message_as_it_came(data: bytes) -> None:
    told = as_object(READER.read(data), None)

    assert (told["raw"], told["raw_base64"]) == (data.decode(), None)


def test_json_has_what_is_no_text_in_base64() -> None:
    told = as_object(READER.read(b"\xff\x00"), None)

    assert (told["raw"], told["raw_base64"]) == (None, "/wA=")


# --- which are shown ------------------------------------------------------------------------------


def named() -> NameBook:
    names = NameBook()
    names.learn(READER.read(HEARTBEAT))
    return names


@pytest.mark.parametrize(
    "node",
    [
        "attic",
        NODE.address,
        NODE.address.removeprefix("0xai_"),
        NODE.address.replace("0xai_", "aixp_"),
    ],
)
@pytest.mark.parametrize("data", [HEARTBEAT, PAYLOAD, NOTIFICATION, command()])
def test_a_node_is_chosen_by_name_and_by_address(node: str, data: bytes) -> None:
    assert Selection([node]).takes(READER.read(data), named())
    assert not Selection(["cellar"]).takes(READER.read(data), named())


def test_a_command_to_a_node_that_was_not_heard_may_be_for_the_one_that_is_chosen_by_name() -> None:
    assert Selection(["attic"]).takes(READER.read(command()), NameBook())
    assert not Selection([STRANGER.address]).takes(READER.read(command()), NameBook())
    assert not Selection(["attic"]).takes(READER.read(PAYLOAD_OF_CELLAR), NameBook())


UNREAD = NODE_SPEAKS.seal(PayloadMessage(PATH, {}), NODE, encrypt_for=CLIENT.address)


@pytest.mark.parametrize(
    ("data", "channel"),
    [
        (UNREAD, Channel.payloads()),
        (UNREAD, Channel.inbox(CLIENT.address)),
        (b"junk", Channel.notif()),
        (b"junk", Channel.config(NODE.address)),
        (b"junk", Channel.config("attic")),
    ],
)
def test_what_tells_no_node_may_be_of_the_one_that_is_chosen_until_its_name_is_heard(
    data: bytes, channel: Channel
) -> None:
    reading = READER.read(data).heard_on(channel)
    by_name = reading.sender is not None or channel.owner is not None

    assert Selection(["attic"]).takes(reading, NameBook())
    assert Selection(["attic"]).takes(reading, named()) is by_name
    assert not Selection(["cellar"]).takes(reading, named_too("cellar"))


def named_too(name: str) -> NameBook:
    """Of this node and of another one."""
    names = named()
    said = Heartbeat(name, STRANGER.address)
    names.learn(READER.read(Pye2Serializer(node_name=name).seal(said, STRANGER)))
    return names


@pytest.mark.parametrize("node", ["attic", "cellar"])
def test_a_roll_call_is_for_whatever_node_is_chosen(node: str) -> None:
    assert Selection([node]).takes(READER.read(ROLL_CALL), named())


def test_a_heartbeat_that_does_not_verify_gives_nobody_a_name() -> None:
    names = NameBook()
    names.learn(READER.read(forged(HEARTBEAT.replace(b'"attic"', b'"cellar"'))))

    assert names.name_of(NODE.address) is None


def test_a_pipeline_is_chosen_and_what_may_be_about_it_is_shown() -> None:
    shown = Selection(pipelines=["p1"])

    assert shown.takes(READER.read(command()), NameBook())
    assert shown.takes(READER.read(command(encrypt_for=NODE.address)), NameBook())
    assert not shown.takes(READER.read(command(pipeline="p2")), NameBook())
    assert not shown.takes(READER.read(HEARTBEAT), NameBook())


def test_of_several_that_are_named_each_is_shown() -> None:
    heartbeat, payload, cellar, note = map(
        READER.read, (HEARTBEAT, PAYLOAD, PAYLOAD_OF_CELLAR, NOTIFICATION)
    )
    of_p2 = READER.read(command(pipeline="p2"))

    kinds = Selection(kinds=["heartbeat", "notification"])
    nodes = Selection(["attic", "cellar"])
    pipelines = Selection(pipelines=["p2", "p3"])
    assert [kinds.takes(each, named()) for each in (heartbeat, payload, note)] == [1, 0, 1]
    assert [nodes.takes(each, named()) for each in (payload, cellar)] == [1, 1]
    assert [pipelines.takes(each, named()) for each in (payload, of_p2)] == [0, 1]


def test_all_ways_to_choose_must_agree() -> None:
    shown = Selection(["attic"], ["payload"], ["p1"])

    assert shown.takes(READER.read(PAYLOAD), named())
    assert not shown.takes(READER.read(NOTIFICATION), named())
    assert not shown.takes(READER.read(PAYLOAD_OF_CELLAR), named())


def test_a_kind_is_chosen_also_where_only_the_channel_tells() -> None:
    unreadable = READER.read(b"garbage").heard_on(Channel.notif())

    assert Selection(kinds=["notification"]).takes(unreadable, NameBook())
    assert not Selection(kinds=["payload"]).takes(unreadable, NameBook())
