"""Commands expire, keys change, and what was said before cannot be read when its key is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from native_support import ALICE, BOB, COMMAND, DAY, MALLORY, NOON, PAYLOAD, Pair

from pye2_native_wire.introductions import AnnouncedKey, introduction_of
from pye2_native_wire.serializer import NativeSerializer
from pye2_native_wire.settings import NativeWireSettings
from pye2core.clock import ManualClock
from pye2core.connection import VolatileMemory
from pye2core.errors import DialectUnusable, MessageRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

WEEK = timedelta(days=7)


# --- commands -------------------------------------------------------------------------------------


def test_a_command_is_carried_out_for_a_week_and_then_refused(pair: Pair) -> None:
    data = pair.sealed(COMMAND)

    pair.clock.advance(7 * DAY - 1)
    assert pair.refused(data) == ""
    pair.clock.advance(1)
    assert pair.refused(data) == "expired"


def test_the_refusal_of_a_late_command_says_when_it_expired_and_what_to_do(pair: Pair) -> None:
    data = pair.sealed(COMMAND)
    pair.clock.advance(8 * DAY)

    with pytest.raises(MessageRejected, match=r"expired at 2026-03-08 12:00:00 UTC.*send it again"):
        pair.read(data)


def test_a_client_can_have_its_commands_expire_sooner(pair: Pair) -> None:
    hasty = NativeSerializer(clock=pair.clock, settings=NativeWireSettings(command_days=0.5))
    hasty.learn(BOB.address, pair.bob.dialect.introduction(BOB))
    data = hasty.seal(COMMAND, ALICE, encrypt_for=BOB.address)

    pair.clock.advance(DAY / 2)

    assert pair.refused(data) == "expired"


def test_results_do_not_expire(pair: Pair) -> None:
    data = pair.sealed(PAYLOAD)

    pair.clock.advance(8 * DAY)

    assert pair.refused(data) == ""


def test_a_command_from_a_clock_far_ahead_is_refused_as_it_could_be_played_again_for_ever(
    pair: Pair,
) -> None:
    ahead = NativeSerializer(clock=ManualClock(NOON + timedelta(days=24)))
    data = ahead.seal(COMMAND, ALICE)

    assert pair.refused(data) == "expired"


def test_a_machine_that_does_not_know_the_time_takes_commands(pair: Pair) -> None:
    data = pair.sealed(COMMAND)
    unset = NativeSerializer(
        clock=ManualClock(datetime(1970, 1, 1, tzinfo=UTC)), memory=pair.bob.memory
    )

    assert unset.parse(data).open(BOB).body == "p1"


class DoubtfulClock(ManualClock):
    """It says a moment that can be right, and is known to be wrong."""

    def is_set(self) -> bool:
        return False


def test_a_machine_that_doubts_its_clock_takes_commands_and_believes_announced_keys(
    pair: Pair,
) -> None:
    for days in (-200, 8):
        doubtful = NativeSerializer(
            clock=DoubtfulClock(NOON + timedelta(days=days)), memory=pair.bob.memory
        )
        doubtful.learn(ALICE.address, pair.alice.dialect.introduction(ALICE))

        assert doubtful.parse(pair.sealed(COMMAND)).open(BOB).body == "p1"


def test_a_machine_that_doubts_its_clock_destroys_no_key(pair: Pair) -> None:
    later = DoubtfulClock(NOON + timedelta(days=400))

    NativeSerializer(clock=later, memory=pair.bob.memory).introduction(BOB)

    assert pair.speaker(BOB, pair.bob.memory).dialect.parse(pair.sealed(COMMAND)).open(BOB)


def test_a_moment_beyond_the_calendar_is_rejected(pair: Pair) -> None:
    data = bytearray(pair.sealed(COMMAND, encrypt=False))
    data[56:64] = b"\x7f" + b"\xff" * 7  # created

    assert pair.refused(bytes(data)) == "shape"


# --- our own keys ---------------------------------------------------------------------------------


def test_a_key_is_announced_for_a_day(pair: Pair) -> None:
    bob = pair.bob.dialect
    today = bob.introduction(BOB)

    pair.clock.advance(DAY / 2 - 1)
    assert bob.introduction(BOB) == today
    pair.clock.advance(1)
    assert bob.introduction(BOB) != today


def test_two_processes_of_one_identity_have_the_same_keys(pair: Pair) -> None:
    again = pair.speaker(BOB, pair.bob.memory)

    assert again.dialect.introduction(BOB) == pair.bob.dialect.introduction(BOB)
    assert again.dialect.parse(pair.sealed(COMMAND)).open(BOB).body == "p1"


def test_after_a_restart_what_waited_can_be_read(pair: Pair) -> None:
    data = pair.sealed(COMMAND)
    pair.clock.advance(3 * DAY)

    restarted = pair.speaker(BOB, pair.bob.memory)
    restarted.dialect.introduction(BOB)

    assert restarted.dialect.parse(data).open(BOB).body == "p1"


def test_without_its_memory_nobody_can_read_it_and_the_refusal_says_why(pair: Pair) -> None:
    data = pair.sealed(COMMAND)

    with pytest.raises(MessageRejected, match="destroyed because of its age") as rejected:
        pair.speaker(BOB).dialect.parse(data).open(BOB)
    assert rejected.value.reason == "decryption"


def test_a_key_is_destroyed_when_all_that_was_encrypted_to_it_has_expired(pair: Pair) -> None:
    data, bob = pair.sealed(PAYLOAD), pair.bob
    kept = set(bob.memory.read("native private key"))

    pair.clock.advance(15 * DAY)
    bob.dialect.introduction(BOB)
    assert pair.refused(data) == ""
    pair.clock.advance(1 * DAY)
    bob.dialect.introduction(BOB)

    assert kept.isdisjoint(bob.memory.read("native private key"))
    assert pair.refused(data) == "decryption"


def test_the_keys_of_others_in_the_same_memory_stay(pair: Pair) -> None:
    shared = VolatileMemory()
    bob, mallory = pair.speaker(BOB, shared), pair.speaker(MALLORY, shared)
    mallory.dialect.introduction(MALLORY)

    for _ in range(20):
        pair.clock.advance(DAY)
        bob.dialect.introduction(BOB)

    names = shared.read("native private key")
    assert sum(name.startswith(MALLORY.address) for name in names) == 1


def test_a_clock_that_jumps_ahead_and_is_set_right_destroys_nothing(pair: Pair) -> None:
    data, shared = pair.sealed(COMMAND), pair.bob.memory
    ahead = ManualClock(NOON + timedelta(days=400))
    process = NativeSerializer(clock=ahead, memory=shared)

    process.introduction(BOB)
    ahead.advance(60)
    NativeSerializer(clock=ahead, memory=shared).introduction(BOB)
    pair.clock.advance(DAY)
    again = pair.speaker(BOB, shared)
    again.dialect.introduction(BOB)

    assert again.dialect.parse(data).open(BOB).body == "p1"


def test_a_clock_that_stays_ahead_is_believed(pair: Pair) -> None:
    data, shared = pair.sealed(COMMAND), pair.bob.memory
    ahead = ManualClock(NOON + timedelta(days=400))

    NativeSerializer(clock=ahead, memory=shared).introduction(BOB)
    ahead.advance(3600)
    NativeSerializer(clock=ahead, memory=shared).introduction(BOB)

    with pytest.raises(MessageRejected, match="destroyed because of its age"):
        pair.speaker(BOB, shared).dialect.parse(data).open(BOB)


def test_a_clock_that_was_reset_destroys_nothing(pair: Pair) -> None:
    data = pair.sealed(COMMAND)
    unset = NativeSerializer(
        clock=ManualClock(datetime(1970, 1, 1, tzinfo=UTC)), memory=pair.bob.memory
    )

    unset.introduction(BOB)

    assert pair.refused(data) == ""


class CountingMemory(VolatileMemory):
    """It knows how often it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def read(self, kind: str) -> Mapping[str, bytes]:
        self.reads += 1
        return super().read(kind)


def test_keys_that_never_were_have_the_memory_read_once_a_second(pair: Pair) -> None:
    memory = CountingMemory()
    other = pair.speaker(BOB, memory).dialect
    asked = [pair.sealed(COMMAND) for _ in range(10)]

    for data in asked:
        with pytest.raises(MessageRejected):
            other.parse(data).open(BOB)
    assert memory.reads == 1
    pair.clock.advance(1)
    with pytest.raises(MessageRejected):
        other.parse(asked[0]).open(BOB)
    assert memory.reads == 2


def test_a_key_that_another_process_made_is_found_within_a_second(pair: Pair) -> None:
    shared = VolatileMemory()
    other = pair.speaker(BOB, shared).dialect
    with pytest.raises(MessageRejected):
        other.parse(pair.sealed(COMMAND)).open(BOB)
    pair.bob = pair.speaker(BOB, shared)
    pair.alice = pair.speaker(ALICE)
    pair.introduce()
    data = pair.sealed(COMMAND)

    pair.clock.advance(1)

    assert other.parse(data).open(BOB).body == "p1"


# --- the keys of peers ----------------------------------------------------------------------------


def test_without_a_key_of_the_receiver_nothing_is_sent_and_the_error_says_what_to_do(
    pair: Pair,
) -> None:
    with pytest.raises(DialectUnusable, match="pye2 wire forget") as refused:
        pair.alice.dialect.seal(COMMAND, ALICE, encrypt_for=MALLORY.address)

    assert (refused.value.address, refused.value.dialect) == (MALLORY.address, "native")


def test_a_key_that_is_no_longer_good_is_not_used(pair: Pair) -> None:
    pair.clock.advance(7 * DAY)

    with pytest.raises(DialectUnusable, match="expired at"):
        pair.sealed(COMMAND)


def test_the_newest_key_is_used_whichever_was_heard_last(pair: Pair) -> None:
    old = pair.bob.dialect.introduction(BOB)
    pair.clock.advance(DAY)
    pair.introduce()
    new = pair.sealed(COMMAND)

    pair.alice.dialect.learn(BOB.address, old)  # played again by somebody

    assert pair.sealed(COMMAND)[73:81] == new[73:81]


def test_an_address_in_another_spelling_is_the_same_peer(pair: Pair) -> None:
    spelled = "aixp_" + BOB.address.removeprefix("0xai_")

    data = pair.alice.dialect.seal(COMMAND, ALICE, encrypt_for=spelled)

    assert pair.read(data).body == "p1"


def test_who_is_forgotten_is_not_spoken_to(pair: Pair) -> None:
    pair.alice.dialect.forget(BOB.address)

    with pytest.raises(DialectUnusable, match="announced no key"):
        pair.sealed(COMMAND)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (NOON - WEEK, NOON - timedelta(seconds=1)),
        (NOON + timedelta(days=2), NOON + WEEK),
        (NOON, NOON + timedelta(days=32)),
        (NOON, NOON),
    ],
    ids=["past", "future", "for too long", "never"],
)
def test_a_key_that_is_not_good_now_is_not_learnt(
    pair: Pair, begin: datetime, end: datetime
) -> None:
    with pytest.raises(MessageRejected) as rejected:
        pair.alice.dialect.learn(
            MALLORY.address, introduction_of(AnnouncedKey(b"\x09" * 32, begin, end), MALLORY)
        )
    assert rejected.value.reason == "introduction"


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)])
def test_a_key_with_which_every_secret_is_the_same_is_not_learnt(pair: Pair, point: bytes) -> None:
    key = AnnouncedKey(point, NOON, NOON + WEEK)

    with pytest.raises(MessageRejected):
        pair.alice.dialect.learn(MALLORY.address, introduction_of(key, MALLORY))


@given(place=st.integers(0, 150), letter=st.sampled_from("AQgw_-0z é="))
def test_no_letter_of_an_introduction_can_be_changed(place: int, letter: str) -> None:
    pair = Pair()
    text = pair.bob.dialect.introduction(BOB)
    changed = text[:place] + letter + text[place + 1 :]
    stranger = pair.speaker(MALLORY)

    try:
        stranger.dialect.learn(BOB.address, changed)
    except MessageRejected:
        return

    data = stranger.dialect.seal(COMMAND, MALLORY, encrypt_for=BOB.address)
    assert pair.read(data).body == "p1"  # the last bits of base64 mean nothing


# --- the work that is done once -------------------------------------------------------------------


def test_one_content_key_serves_for_an_hour_and_each_message_has_its_own(pair: Pair) -> None:
    one, two = pair.sealed(COMMAND), pair.sealed(COMMAND)
    pair.clock.advance(3600)
    three = pair.sealed(COMMAND)

    wrapped = [each[81:161] for each in (one, two, three)]
    assert wrapped[0] == wrapped[1] != wrapped[2]
    assert one[161:] != two[161:]
    assert [pair.refused(each) for each in (one, two, three)] == ["", "", ""]
