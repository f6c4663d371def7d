"""What ``pye2 wire`` notices from several messages: what came again, what was never heard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pye2_cli.wire import noticing
from pye2_cli.wire.names import NameBook
from pye2_cli.wire.noticing import SETTLING, Hints, Repetitions, UnheardCommands
from pye2_cli.wire.reading import Reader, Reading
from pye2_cli.wire.telling import as_line, as_object, time_of_day
from pye2_wire.serializer import Pye2Serializer
from pye2core import Identity, installed_plugins
from pye2core.abc import Channel, Serializer
from pye2core.messages import (
    Action,
    Command,
    Heartbeat,
    InstancePath,
    Notification,
    NotificationCode,
    NotificationKind,
    PayloadMessage,
)

CLIENT, NODE, OTHER = (Identity.from_private_value(bytes([byte]) * 32) for byte in (1, 2, 3))
READER = Reader(installed_plugins())
BEGIN = datetime(2026, 1, 31, 12, 0, 0, 42_000, tzinfo=UTC)
LATER = BEGIN + SETTLING


def heard(data: bytes, channel: Channel) -> Reading:
    return READER.read(data).heard_on(channel)


def command(node: Identity = NODE) -> Reading:
    said = Command(Action.ARCHIVE_PIPELINE, "p", target=node.address)
    return heard(Pye2Serializer().seal(said, CLIENT), Channel.config(node.address))


def notification(code: NotificationCode | None, node: Identity = NODE) -> Reading:
    said = Notification(NotificationKind.NORMAL, "done", code, InstancePath("p"))
    return heard(Pye2Serializer(node_name="attic").seal(said, node), Channel.notif())


CONFIRMATION = notification(NotificationCode.PIPELINE_OK)


# --- what came again ------------------------------------------------------------------------------


def test_a_command_that_comes_again_is_marked_with_when_it_came_first() -> None:
    repetitions, sent = Repetitions(), command()

    first = repetitions.remarked(sent, BEGIN)
    again = repetitions.remarked(sent, LATER)

    assert not first.remarks
    assert again.remarks == (f"the same as at {time_of_day(BEGIN)}; nodes ignore what comes again",)
    assert f"note: {again.remarks[0]}" in as_line(again, NameBook(), LATER)


def test_another_command_is_none_that_came_again_and_results_are_not_looked_at() -> None:
    repetitions = Repetitions()
    result = notification(None)

    told = [repetitions.remarked(each, BEGIN) for each in (command(), command(), result, result)]

    assert not any(each.remarks for each in told)


def test_of_many_commands_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noticing, "MOST_COMMANDS", 1)
    repetitions, first, second = Repetitions(), command(), command()

    for each in (first, second):
        repetitions.remarked(each, BEGIN)

    assert not repetitions.remarked(first, LATER).remarks
    assert repetitions.remarked(first, LATER).remarks


# --- what was never heard -------------------------------------------------------------------------


def told_of(*events: tuple[Reading, datetime]) -> list[str]:
    lines: list[str] = []
    names = NameBook()
    watch = UnheardCommands(lines.append, names, since=BEGIN)
    for reading, moment in events:
        names.learn(reading)
        watch.hear(reading, moment)
    return lines


def test_confirmed_commands_that_were_not_heard_are_told_of_once() -> None:
    quiet = notification(None)

    (line,) = told_of((quiet, BEGIN), (CONFIRMATION, LATER), (CONFIRMATION, LATER))

    assert line.startswith("attic confirms a command that was not heard here")
    assert time_of_day(BEGIN) in line
    assert "access rules" in line


@pytest.mark.parametrize(
    "events",
    [
        [(command(), BEGIN), (CONFIRMATION, LATER)],
        [(notification(None), BEGIN), (notification(None), LATER)],
        [(notification(None), BEGIN), (CONFIRMATION, LATER - timedelta(seconds=1))],
        [(notification(None), BEGIN), (notification(NotificationCode.PLUGIN_DELAYED), LATER)],
    ],
    ids=["heard", "no confirmation", "just begun", "no answer"],
)
def test_nothing_is_told_where_nothing_is_amiss(events: list[tuple[Reading, datetime]]) -> None:
    assert not told_of(*events)


def test_commands_to_another_node_are_no_sign_of_those_to_this_one() -> None:
    assert told_of((command(OTHER), BEGIN), (CONFIRMATION, LATER))


# --- what was told before -------------------------------------------------------------------------


def encrypted(receiver: Identity, serializer: Serializer) -> Reading:
    said = Command(Action.ARCHIVE_PIPELINE, "p", target=receiver.address)
    data = serializer.seal(said, CLIENT, encrypt_for=receiver.address)
    return heard(data, Channel.config(receiver.address))


def why(reading: Reading) -> str:
    (problem,) = reading.problems
    return problem.text


def test_whose_key_is_needed_is_told_at_length_once_for_each_receiver() -> None:
    hints, ours = Hints(), Pye2Serializer()

    first, again, other = (
        why(hints.shortened(encrypted(receiver, ours))) for receiver in (NODE, NODE, OTHER)
    )

    assert "--key" in first
    assert again == f"as before, for {NODE.address}"
    assert "--key" in other


def test_what_is_wrong_otherwise_is_told_each_time() -> None:
    hints = Hints()
    data = Pye2Serializer().seal(Command(Action.ARCHIVE_PIPELINE, "p", target="x"), CLIENT)
    changed = READER.read(data.replace(b'"p"', b'"q"'))

    assert hints.shortened(changed) == hints.shortened(changed) == changed


# --- what a message is ----------------------------------------------------------------------------


def proof() -> bytes:
    said = PayloadMessage(InstancePath(), {})
    nobody = Identity.generate().address
    return Pye2Serializer(node_name="laptop").seal(said, CLIENT, encrypt_for=nobody)


@pytest.mark.parametrize("keys", [(), (CLIENT,)], ids=["a stranger", "its sender"])
def test_what_proves_an_inbox_is_called_so_and_is_no_problem(keys: tuple[Identity, ...]) -> None:
    own = Channel.inbox(CLIENT.address)

    reading = Reader(installed_plugins(), keys).read(proof()).heard_on(own)

    told = as_line(reading, NameBook(), BEGIN)
    assert "proof: a client finds out whether its own inbox is heard" in told
    assert told.endswith("  verified, encrypted")
    assert not reading.problems
    assert str(as_object(reading, BEGIN)["title"]).startswith("proof")


def test_in_anothers_inbox_it_proves_nothing() -> None:
    reading = READER.read(proof()).heard_on(Channel.inbox(OTHER.address))

    assert "proof" not in as_line(reading, NameBook(), BEGIN)
    assert reading.problems


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "it is empty"),
        (b"abc\xff", "it is no text in UTF-8 (byte 3 of 4)"),
        (b"hello", "it is text, but no JSON (Expecting value"),
        (b"[1]", "it is JSON, but no object ([1])"),
        (b'{"temperature": 7}', "it is a JSON object of another kind (temperature)"),
        (b"{}", "it is a JSON object of another kind (with nothing in it)"),
    ],
)
def test_what_is_no_message_is_told_with_what_it_is(data: bytes, told: str) -> None:
    (problem,) = READER.read(data).problems

    assert problem.reason == "shape"
    assert "no installed wire dialect recognises it" in problem.text
    assert told in problem.text


def test_a_heartbeat_is_none_of_that() -> None:
    data = Pye2Serializer(node_name="attic").seal(Heartbeat("attic", NODE.address), NODE)

    assert not heard(data, Channel.ctrl()).problems
