"""Whether a command reaches the node that it names, and who else uses a node's name."""

from __future__ import annotations

import pytest

from pye2_cli.wire.names import NameBook, considered
from pye2_cli.wire.reading import Reader, Reading
from pye2_cli.wire.telling import as_line, as_object
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
    NotificationKind,
    PayloadMessage,
)

CLIENT, NODE, OTHER = (Identity.from_private_value(bytes([byte]) * 32) for byte in (1, 2, 3))
READER = Reader(installed_plugins())


def heartbeat(name: str, node: Identity) -> Reading:
    said = Heartbeat(name, node.address)
    return READER.read(Pye2Serializer(node_name=name).seal(said, node)).heard_on(Channel.ctrl())


def notification(name: str, node: Identity) -> Reading:
    said = Notification(NotificationKind.NORMAL, "done")
    return READER.read(Pye2Serializer(node_name=name).seal(said, node)).heard_on(Channel.notif())


def payload(name: str, sender: Identity) -> Reading:
    said = PayloadMessage(InstancePath("p", "S", "i"), {})
    return READER.read(Pye2Serializer(node_name=name).seal(said, sender))


def command(target: str, channel: str, encrypt_for: str | None = None) -> Reading:
    said = Command(Action.ARCHIVE_PIPELINE, "p1", target=target)
    data = Pye2Serializer().seal(said, CLIENT, encrypt_for=encrypt_for)
    return READER.read(data).heard_on(Channel.config(channel))


def book(*heard: Reading) -> NameBook:
    names = NameBook()
    for reading in heard:
        names.learn(reading)
    return names


# --- a command and the channel that it was sent on ------------------------------------------------


ATTIC = heartbeat("attic", NODE)


@pytest.mark.parametrize(
    ("target", "channel"),
    [
        (NODE.address, OTHER.address),
        ("attic", "cellar"),
        ("attic", OTHER.address),
        (OTHER.address, "attic"),
        ("cellar", NODE.address),
        (NODE.address, "cellar"),
    ],
)
@pytest.mark.parametrize("encrypt_for", [None, NODE.address])
def test_a_command_on_the_channel_of_another_node_will_be_ignored(
    target: str, channel: str, encrypt_for: str | None
) -> None:
    names = book(ATTIC, heartbeat("shed", OTHER))

    reading = considered(command(target, channel, encrypt_for), names)

    told = as_line(reading, names, None)
    assert reading.will_be_ignored
    assert "WILL BE IGNORED" in told
    assert f"it was sent to the node {channel}, but is for the node {target}" in told
    assert "the former hears and ignores it, the latter does not hear it" in told
    assert as_object(reading, None)["problems"][-1]["reason"] == "recipient"


@pytest.mark.parametrize(
    ("target", "channel"),
    [
        (NODE.address, NODE.address),
        (NODE.address.removeprefix("0xai_"), NODE.address),
        (NODE.address, "aixp_" + NODE.address.removeprefix("0xai_")),
        ("attic", "attic"),
        ("attic", NODE.address),
        (NODE.address, "attic"),
        ("unheard", "unheard"),
    ],
)
def test_a_command_on_the_channel_of_the_node_that_it_names_arrives(
    target: str, channel: str
) -> None:
    reading = considered(command(target, channel), book(ATTIC))

    assert not reading.will_be_ignored
    assert (reading.problems, reading.remarks) == ((), ())
    assert as_object(reading, None)["will_be_ignored"] is False


@pytest.mark.parametrize(("target", "channel"), [("attic", NODE.address), (NODE.address, "attic")])
def test_what_nothing_tells_is_said_to_be_unsure(target: str, channel: str) -> None:
    reading = considered(command(target, channel), NameBook())

    assert not reading.will_be_ignored
    assert reading.problems == ()
    assert "note: it arrives only if" in as_line(reading, NameBook(), None)


def test_a_question_to_all_nodes_may_be_asked_on_any_config_channel() -> None:
    said = Command(Action.FULL_HEARTBEAT, None, target=EVERY_NODE)
    reading = READER.read(Pye2Serializer().seal(said, CLIENT)).heard_on(Channel.config("attic"))

    assert considered(reading, book(ATTIC)) == reading


def test_a_message_that_is_nobodys_there_will_be_ignored_as_well() -> None:
    reading = heartbeat("attic", NODE).heard_on(Channel.config("cellar"))

    assert "WILL BE IGNORED (shape: such a message does not belong on config" in as_line(
        reading, NameBook(), None
    )


# --- names that several use -----------------------------------------------------------------------


@pytest.mark.parametrize("says", [heartbeat, notification])
@pytest.mark.parametrize("one_more", [heartbeat, notification])
def test_a_name_that_another_address_uses_is_told(says: object, one_more: object) -> None:
    assert callable(says)
    assert callable(one_more)
    reading = says("attic", OTHER)
    names = book(one_more("attic", NODE), reading)

    known = considered(reading, names)

    remark = f"the name attic is also used by {NODE.address}"
    assert remark in as_line(known, names, None)
    assert as_object(known, None)["remarks"][0].startswith(remark)
    assert known.problems == ()
    assert f"attic {OTHER.address}  " in as_line(known, names, None)


def test_a_name_that_one_address_uses_is_nothing_to_tell() -> None:
    names = book(ATTIC, notification("attic", NODE), heartbeat("cellar", OTHER))

    assert considered(ATTIC, names).remarks == ()


def test_clients_of_the_same_name_are_no_nodes() -> None:
    names = book(payload("me", CLIENT), payload("me", OTHER))

    assert considered(payload("me", CLIENT), names).remarks == ()
    assert names.name_of(CLIENT.address) is None


def test_a_command_to_a_name_that_several_use_reaches_all_of_them() -> None:
    names = book(ATTIC, heartbeat("attic", OTHER))

    (remark,) = considered(command("attic", "attic"), names).remarks
    assert remark.startswith("2 nodes call themselves attic, and all hear it: ")
    assert NODE.address in remark
    assert OTHER.address in remark
    assert considered(command("attic", NODE.address), names).remarks == ()


def test_of_many_that_use_a_name_the_first_are_told() -> None:
    many = [Identity.from_private_value(bytes([byte]) * 32) for byte in range(2, 8)]
    names = book(*(heartbeat("attic", each) for each in many))

    (remark,) = considered(ATTIC, names).remarks
    assert " and 2 more; " in remark


def test_made_up_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pye2_cli.wire.names.MOST_NODES", 2)

    names = book(heartbeat("one", CLIENT), heartbeat("two", NODE), heartbeat("three", OTHER))

    assert names.name_of(CLIENT.address) is None
    assert names.name_of(OTHER.address) == "three"
