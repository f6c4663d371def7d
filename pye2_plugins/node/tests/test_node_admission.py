"""What a whole node makes of strangers and of messages that are broken or forged."""

import json
import os

import pytest
from node_support import FRIEND, LONG_AGO, SECONDS, STRANGER, pipeline, puppet

from pye2_node.allow_file import Guest, allow
from pye2_node.doorbell import ring
from pye2_wire.canonical import canonical
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import UNSIGNED_KEYS, signature_fields
from pye2core.abc import Channel
from pye2core.messages import (
    Action,
    NotificationKind,
)

# --- who may --------------------------------------------------------------------------------------


def test_a_stranger_is_told_who_can_let_it_in_and_nothing_is_done(start, connect, friend):
    node = start()
    stranger = connect(STRANGER)

    stranger.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)

    told = stranger.notification(-5000)
    assert told.kind is NotificationKind.ABNORMAL
    assert told.requester.address == STRANGER.address
    assert f"pye2 node allow {STRANGER.address}" in told.text
    assert "n1" in told.text
    assert node.on_loop(lambda: dict(node.node._ledger.pipelines)) == {}


def test_who_is_allowed_while_it_runs_gets_in_without_a_restart(start, connect, tmp_path):
    node = start()
    late = connect(STRANGER)

    allow(tmp_path / "n1" / "allow.toml", [Guest(STRANGER.address)], LONG_AGO)
    assert ring(tmp_path / "n1")
    late.heartbeat("n1", lambda each: STRANGER.address in each.allowed)
    late.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)

    late.notification(100, "p")


def test_anybody_may_ask_for_a_sign_of_life_and_leaves_no_trace(start, connect, friend):
    node = start()
    stranger = connect(STRANGER)
    friend.heartbeat("n1")
    friend.heartbeats.queue.clear()

    command = stranger.command(Action.FULL_HEARTBEAT, None, node.address)
    stranger.connection.send(command, Channel.config(node.address)).result(SECONDS)

    friend.heartbeat("n1")
    assert friend.notifications.empty()
    assert node.node._main.rejections.counts.total() == 0


def test_nobody_hears_the_bell_of_a_node_that_does_not_run(start, tmp_path):
    assert not ring(tmp_path / "n1")
    start().stop()

    assert not ring(tmp_path / "n1")


def test_ringing_without_end_does_no_harm(start, friend, tmp_path):
    node = start()
    for _ in range(100_000):
        ring(tmp_path / "n1")
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)

    friend.notification(100, "p")


# --- hostile messages -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"EE_SENDER": ',
        b'{"EE_ID": 5}',
        os.urandom(1000),
        b'{"EE_SENDER":' + b"[" * 100_000,
    ],
    ids=["nothing", "noise", "list", "truncated", "types", "random", "deep"],
)
def test_nonsense_on_its_channels_leaves_it_running(start, friend, raw, data):
    node = start()

    for channel in (Channel.config(node.address), Channel.config("n1"), Channel.ctrl()):
        raw.publish(channel, data).result(SECONDS)
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)

    friend.notification(100, "p")
    assert node.node._main.rejections.counts.total() >= 3


def test_a_command_whose_signature_is_broken_is_not_executed(start, friend, raw):
    node = start()
    command = friend.command(Action.UPDATE_PIPELINE, pipeline("bad", puppet()), node.address)
    data = Pye2Serializer().seal(command, FRIEND)

    raw.publish(Channel.config(node.address), data.replace(b'"bad"', b'"evil"')).result(SECONDS)
    friend.send(Action.UPDATE_PIPELINE, pipeline("good", puppet()), node.address)
    friend.notification(100, "good")

    assert set(node.on_loop(lambda: dict(node.node._ledger.pipelines))) == {"good"}
    assert node.node._main.rejections.counts["signature"] == 1


def test_a_command_for_another_node_is_not_executed(start, friend, raw):
    node = start()
    command = friend.command(Action.UPDATE_PIPELINE, pipeline("p", puppet()), STRANGER.address)

    raw.publish(Channel.config("n1"), Pye2Serializer().seal(command, FRIEND)).result(SECONDS)
    friend.send(Action.UPDATE_PIPELINE, pipeline("good", puppet()), node.address)
    friend.notification(100, "good")

    assert node.node._main.rejections.counts["recipient"] == 1


# --- commands that cannot be read -----------------------------------------------------------------


def unreadable(friend, node, body, **changes):
    """A signed command with this body, as bytes."""
    sealed = json.loads(Pye2Serializer().seal(friend.command(Action.STOP, None, node), FRIEND))
    unsigned = {key: value for key, value in sealed.items() if key not in UNSIGNED_KEYS}
    command = {**unsigned, **body, **changes}
    signature = signature_fields(canonical(command), FRIEND)
    return json.dumps({**command, **signature}).encode()


def test_a_command_that_cannot_be_read_is_answered_with_what_is_wrong(start, friend, raw):
    node = start()
    body = {"ACTION": "UPDATE_CONFIG", "PAYLOAD": {"NAME": "p", "PLUGINS": []}}

    raw.publish(Channel.config("n1"), unreadable(friend, node.address, body)).result(SECONDS)

    told = friend.notification(-1, "p")
    assert told.kind is NotificationKind.EXCEPTION
    assert "TYPE is missing" in told.text
    requester = (told.requester.address, told.requester.name, told.requester.session_id)
    assert requester == (FRIEND.address, "tests", "session-1")
    assert node.node._main.rejections.counts["shape"] == 1


def test_it_is_answered_once_however_often_it_is_played(start, friend, raw):
    node = start()
    played = unreadable(friend, node.address, {"ACTION": "DANCE", "PAYLOAD": None})

    for _ in range(3):
        raw.publish(Channel.config("n1"), played).result(SECONDS)
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)

    friend.notification(-1)
    said = [friend.notifications.get(timeout=SECONDS) for _ in range(3)]
    assert [each.code for each in said] == [None, 1, 100]


def test_a_stranger_is_not_told_what_is_wrong_with_its_commands(start, friend, connect, raw):
    node = start(guests=())
    stranger = connect(STRANGER)
    body = {"ACTION": "FULL_HEARTBEAT", "INITIATOR_ID": 5}

    raw.publish(Channel.config("n1"), unreadable(friend, node.address, body)).result(SECONDS)
    stranger.send(Action.STOP, None, node.address)

    assert stranger.notifications.get(timeout=SECONDS).code == -5000
    assert node.node._main.rejections.counts["shape"] == 1


# --- commands in clear ----------------------------------------------------------------------------


def test_a_node_that_takes_encrypted_commands_only_says_so_section_8(start, friend):
    node = start(accept_unencrypted_commands=False)

    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), "n1")

    told = friend.notification(-5000)
    assert told.kind is NotificationKind.ABNORMAL
    assert "n1 takes encrypted commands only" in told.text
    assert "--encrypted-commands-only" in told.info
    assert told.requester.session_id == "session-1"
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)
    friend.notification(100, "p")


def test_it_shows_itself_to_who_asks_in_clear_all_the_same(start, friend):
    start(accept_unencrypted_commands=False)
    friend.heartbeat("n1")
    friend.heartbeats.queue.clear()

    friend.send(Action.FULL_HEARTBEAT, None, "n1")

    friend.heartbeat("n1")
