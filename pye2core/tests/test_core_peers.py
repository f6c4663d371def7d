"""Who is on the network: names that nobody can take over, and how long a heartbeat counts."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pye2core.clock import ManualClock
from pye2core.errors import MessageRejected
from pye2core.identity import Identity, without_prefix
from pye2core.messages import Heartbeat, Presence
from pye2core.peers import (
    ASK_AGAIN_SECONDS,
    ASKED_A_SECOND,
    LIVES_REMEMBERED,
    LONGEST_NAME,
    MOST_NAMES,
    MOST_NODES,
    ONLINE_SECONDS,
    PeerBook,
)

ATTIC, CELLAR = (
    Identity.from_words([word, "core", "peers"]).address for word in ("attic", "cellar")
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def book(clock: ManualClock) -> PeerBook:
    return PeerBook(clock)


# --- online ---------------------------------------------------------------------------------------


def test_a_node_that_was_never_heard_from_is_not_there(book: PeerBook) -> None:
    assert book.online() == {}
    assert book.heartbeat(ATTIC) is None
    assert book.seconds_since(ATTIC) is None
    assert book.address_of("attic") is None
    assert book.name_of(ATTIC) is None


def test_a_node_is_online_from_its_first_heartbeat(book: PeerBook) -> None:
    beat = Heartbeat("attic", ATTIC)

    assert book.hear(beat).is_new

    assert book.online() == {ATTIC: beat}
    assert book.heartbeat(ATTIC) is beat
    assert book.address_of("attic") == ATTIC
    assert book.name_of(ATTIC) == "attic"


def test_the_newest_heartbeat_counts(book: PeerBook) -> None:
    book.hear(Heartbeat("attic", ATTIC, status={"N": 1}))

    assert not book.hear(Heartbeat("attic", ATTIC, status={"N": 2})).is_new

    assert book.online()[ATTIC].status == {"N": 2}


def test_a_node_stays_online_for_a_minute_after_its_last_heartbeat(
    book: PeerBook, clock: ManualClock
) -> None:
    book.hear(Heartbeat("attic", ATTIC))
    clock.advance(ONLINE_SECONDS)
    assert ATTIC in book.online()
    assert book.seconds_since(ATTIC) == 60.0

    clock.advance(0.5)

    assert book.online() == {}
    assert book.heartbeat(ATTIC) is None
    assert book.seconds_since(ATTIC) == 60.5


def test_an_expired_node_keeps_its_name_and_is_new_when_it_is_back(
    book: PeerBook, clock: ManualClock
) -> None:
    book.hear(Heartbeat("attic", ATTIC))
    clock.advance(ONLINE_SECONDS * 2)

    assert book.address_of("attic") == ATTIC
    assert book.name_of(ATTIC) == "attic"
    assert book.hear(Heartbeat("attic", ATTIC)).is_new


def test_a_forgotten_node_is_offline_at_once_and_new_when_it_is_back(book: PeerBook) -> None:
    book.hear(Heartbeat("attic", ATTIC))

    book.forget(ATTIC)
    book.forget(CELLAR)

    assert book.online() == {}
    assert book.hear(Heartbeat("attic", ATTIC)).is_new


# --- names ----------------------------------------------------------------------------------------


def test_a_name_is_not_taken_over_by_another_address(book: PeerBook) -> None:
    book.hear(Heartbeat("attic", ATTIC))

    with pytest.raises(MessageRejected, match=f"{CELLAR} calls itself 'attic'") as caught:
        book.hear(Heartbeat("attic", CELLAR))

    assert (caught.value.reason, caught.value.sender) == ("name-taken", CELLAR)
    assert book.address_of("attic") == ATTIC
    assert CELLAR not in book.online()


@pytest.mark.parametrize(
    ("pinned", "advice"), [({"attic": ATTIC}, "pye2 pair CODE --replace"), ({}, "another --name")]
)
def test_a_taken_name_says_what_to_do_about_it(
    clock: ManualClock, pinned: dict[str, str], advice: str
) -> None:
    book = PeerBook(clock, pinned)
    if not pinned:
        book.hear(Heartbeat("attic", ATTIC))

    with pytest.raises(MessageRejected, match=advice):
        book.hear(Heartbeat("attic", CELLAR))


def test_a_name_is_not_taken_over_from_a_node_that_is_away(
    book: PeerBook, clock: ManualClock
) -> None:
    book.hear(Heartbeat("attic", ATTIC))
    book.forget(ATTIC)
    clock.advance(ONLINE_SECONDS * 100)

    with pytest.raises(MessageRejected):
        book.hear(Heartbeat("attic", CELLAR))


def test_a_rejected_heartbeat_does_not_put_a_node_offline(book: PeerBook) -> None:
    book.hear(Heartbeat("attic", ATTIC))
    book.hear(Heartbeat("cellar", CELLAR))

    with pytest.raises(MessageRejected):
        book.hear(Heartbeat("attic", CELLAR))

    assert set(book.online()) == {ATTIC, CELLAR}
    assert book.name_of(CELLAR) == "cellar"


@pytest.mark.parametrize("pinned", [ATTIC, without_prefix(ATTIC), f"aixp_{without_prefix(ATTIC)}"])
def test_a_pinned_name_belongs_to_its_address_before_anybody_is_heard(
    clock: ManualClock, pinned: str
) -> None:
    book = PeerBook(clock, {"attic": pinned})

    assert book.address_of("attic") == ATTIC
    with pytest.raises(MessageRejected):
        book.hear(Heartbeat("attic", CELLAR))
    assert book.hear(Heartbeat("attic", ATTIC)).is_new


def test_the_pins_that_are_given_are_not_written_to(clock: ManualClock) -> None:
    pinned = {"attic": ATTIC}

    PeerBook(clock, pinned).hear(Heartbeat("cellar", CELLAR))

    assert pinned == {"attic": ATTIC}


@pytest.mark.parametrize("name", [ATTIC, without_prefix(ATTIC), f"aixp_{without_prefix(ATTIC)}"])
def test_nobody_can_call_himself_by_the_address_of_another(book: PeerBook, name: str) -> None:
    with pytest.raises(MessageRejected) as caught:
        book.hear(Heartbeat(name, CELLAR))

    assert caught.value.reason == "name-taken"
    assert book.address_of(ATTIC) is None


def test_a_node_may_be_called_by_its_own_address(book: PeerBook) -> None:
    assert book.hear(Heartbeat(ATTIC, ATTIC)).is_new
    assert book.address_of(ATTIC) == ATTIC


@pytest.mark.parametrize("node", [ATTIC, without_prefix(ATTIC), "attic"])
def test_a_node_is_found_by_its_name_and_by_its_address_in_any_form(
    book: PeerBook, node: str
) -> None:
    book.hear(Heartbeat("attic", ATTIC))

    assert book.address_of(node) == ATTIC


def test_one_node_may_change_its_name(book: PeerBook) -> None:
    book.hear(Heartbeat("attic", ATTIC))
    book.hear(Heartbeat("loft", ATTIC))

    assert book.name_of(ATTIC) == "loft"
    assert book.address_of("loft") == ATTIC


# --- floods ---------------------------------------------------------------------------------------


def flood(book: PeerBook, count: int) -> None:
    for number in range(count):
        book.hear(Heartbeat(f"flood-{number}", f"0xai_{number}"))


def test_a_name_that_is_longer_than_a_name_is_rejected(book: PeerBook) -> None:
    with pytest.raises(MessageRejected) as caught:
        book.hear(Heartbeat("x" * (LONGEST_NAME + 1), ATTIC))

    assert (caught.value.reason, caught.value.sender) == ("shape", ATTIC)
    assert book.online() == {}


def test_a_flood_of_nodes_is_rejected_and_those_that_were_there_stay(book: PeerBook) -> None:
    book.hear(Heartbeat("attic", ATTIC))
    flood(book, MOST_NODES - 1)

    with pytest.raises(MessageRejected) as caught:
        book.hear(Heartbeat("one more", CELLAR))

    assert (caught.value.reason, caught.value.sender) == ("crowded", CELLAR)
    assert not book.hear(Heartbeat("attic", ATTIC)).is_new
    assert len(book.online()) == MOST_NODES


def test_nodes_that_are_away_make_room_and_keep_their_names(
    book: PeerBook, clock: ManualClock
) -> None:
    flood(book, MOST_NODES)
    clock.advance(ONLINE_SECONDS + 1)

    assert book.hear(Heartbeat("attic", ATTIC)).is_new

    assert book.seconds_since("0xai_8") is None
    with pytest.raises(MessageRejected, match="the name of 0xai_8"):
        book.hear(Heartbeat("flood-8", ATTIC))


def test_one_node_cannot_make_up_names_without_end(book: PeerBook) -> None:
    for number in range(MOST_NAMES):
        book.hear(Heartbeat(f"name-{number}", ATTIC))

    with pytest.raises(MessageRejected) as caught:
        book.hear(Heartbeat("one more", ATTIC))

    assert caught.value.reason == "crowded"
    assert not book.hear(Heartbeat("name-0", ATTIC)).is_new


def test_it_can_be_read_while_heartbeats_come_in(book: PeerBook) -> None:
    finished = threading.Event()

    def hear() -> None:
        for number in range(3000):
            book.hear(Heartbeat(f"node-{number}", f"0xai_{number}"))
        finished.set()

    hearing = threading.Thread(target=hear)
    hearing.start()
    while not finished.is_set():
        book.online()
    hearing.join()

    assert len(book.online()) == 3000


def test_who_keeps_something_about_a_node_is_told_when_it_is_forgotten(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pye2core.peers.MOST_NODES", 2)
    forgotten: list[str] = []
    book = PeerBook(clock, on_forgotten=forgotten.append)
    book.hear(Heartbeat("attic", ATTIC))
    clock.advance(61)
    book.hear(Heartbeat("cellar", CELLAR))
    assert forgotten == []

    book.hear(Heartbeat("loft", "0xai_loft"))
    book.hear(Heartbeat("cellar", CELLAR, presence=Presence.LEAVING))

    assert forgotten == [ATTIC, CELLAR]


# --- brief heartbeats -----------------------------------------------------------------------------


def full(life: str = "a", revision: int = 1, **fields: Any) -> Heartbeat:
    return Heartbeat("attic", ATTIC, allowed=(CELLAR,), life=life, revision=revision, **fields)


def brief(life: str = "a", revision: int = 1, **fields: Any) -> Heartbeat:
    return Heartbeat(
        "attic", ATTIC, is_brief=True, pipelines=None, life=life, revision=revision, **fields
    )


def test_a_brief_heartbeat_keeps_a_node_online_and_what_is_known_of_it(
    book: PeerBook, clock: ManualClock
) -> None:
    told = {"UPTIME": 5, "PYE2_SLOTS": {"total": 4}, "PYE2_LABELS": {"gpu": "1"}}
    book.hear(full(load=1.0, status=told))
    clock.advance(ONLINE_SECONDS)

    heard = book.hear(brief(load=50.0, free_memory=2.0, status={"CPU_USED": 50.0}))

    clock.advance(ONLINE_SECONDS)
    known = book.online()[ATTIC]
    assert heard.heartbeat is known
    assert (known.allowed, known.pipelines, known.is_brief) == ((CELLAR,), (), False)
    assert (known.load, known.free_memory) == (50.0, 2.0)
    assert known.status == {**told, "CPU_USED": 50.0}
    assert (heard.is_new, heard.is_current, heard.should_ask) == (False, True, False)


@pytest.mark.parametrize("said", [brief(revision=2), brief(life="b")], ids=["changed", "new life"])
def test_a_node_that_has_changed_since_is_to_be_asked(book: PeerBook, said: Heartbeat) -> None:
    book.hear(full())

    heard = book.hear(said)

    assert (heard.is_current, heard.should_ask) == (False, True)
    assert heard.heartbeat.allowed == (CELLAR,)


def test_a_node_of_which_nothing_is_known_is_online_and_to_be_asked(book: PeerBook) -> None:
    heard = book.hear(brief())

    assert (heard.is_new, heard.should_ask) == (True, True)
    assert book.online()[ATTIC].pipelines is None


def test_a_node_is_not_asked_again_at_once(book: PeerBook, clock: ManualClock) -> None:
    asked = []
    for _ in range(3):
        asked.append(book.hear(brief()).should_ask)
        clock.advance(ASK_AGAIN_SECONDS / 2)

    assert asked == [True, False, True]


def test_after_its_full_heartbeat_a_node_is_known(book: PeerBook) -> None:
    book.hear(brief(revision=2))
    book.hear(full(revision=2))

    assert book.hear(brief(revision=2)).is_current


# --- the end of a connection ----------------------------------------------------------------------


def end(presence: Presence, life: str | None = "a") -> Heartbeat:
    return Heartbeat("attic", ATTIC, is_brief=True, pipelines=None, life=life, presence=presence)


def test_a_node_that_was_lost_is_offline_until_it_is_heard_again(book: PeerBook) -> None:
    book.hear(full())

    book.hear(end(Presence.LOST))
    was_online, was_lost = ATTIC in book.online(), book.is_lost(ATTIC)
    heard = book.hear(brief("b"))

    assert (was_online, was_lost) == (False, True)
    assert (heard.is_new, heard.heartbeat.allowed) == (True, (CELLAR,))
    assert not book.is_lost(ATTIC)


def test_how_long_ago_a_node_was_lost_is_known_until_it_is_heard_again(
    book: PeerBook, clock: ManualClock
) -> None:
    assert book.seconds_lost(ATTIC) is None
    book.hear(full())
    assert book.seconds_lost(ATTIC) is None

    book.hear(end(Presence.LOST))
    clock.advance(3)
    lost_for = book.seconds_lost(ATTIC)
    book.hear(brief("b"))

    assert (lost_for, book.seconds_lost(ATTIC)) == (3, None)


def test_with_a_grace_a_node_that_was_lost_is_online_for_so_long(clock: ManualClock) -> None:
    book = PeerBook(clock, grace=10.0)
    book.hear(full())

    book.hear(end(Presence.LOST))
    clock.advance(9.9)
    assert ATTIC in book.online()

    clock.advance(0.1)
    assert ATTIC not in book.online()


@pytest.mark.parametrize("presence", [Presence.LEAVING, Presence.LOST])
@pytest.mark.parametrize("life", ["before", None])
def test_the_end_of_an_earlier_connection_changes_nothing(
    book: PeerBook, presence: Presence, life: str | None
) -> None:
    book.hear(full(life="now"))

    with pytest.raises(MessageRejected) as rejection:
        book.hear(end(presence, life))

    assert rejection.value.reason == "stale"
    assert ATTIC in book.online()


def test_the_end_of_the_newest_connection_counts_before_its_full_heartbeat(book: PeerBook) -> None:
    book.hear(full(life="a"))
    book.hear(brief(life="b"))

    book.hear(end(Presence.LOST, "b"))

    assert ATTIC not in book.online()


@pytest.mark.parametrize("presence", [Presence.LEAVING, Presence.LOST])
def test_the_end_of_a_node_that_nobody_knows_says_nothing(
    book: PeerBook, presence: Presence
) -> None:
    assert not book.hear(end(presence)).is_new
    assert book.online() == {}


@pytest.mark.parametrize("played_again", [full("a"), brief("a"), full("a", revision=9)])
def test_what_comes_from_a_connection_that_has_ended_changes_nothing(
    book: PeerBook, played_again: Heartbeat
) -> None:
    """Otherwise its end could be played again after it."""
    book.hear(full("a"))
    book.hear(full("b", revision=2))

    for again in (played_again, end(Presence.LEAVING, "a")):
        with pytest.raises(MessageRejected) as rejection:
            book.hear(again)
        assert rejection.value.reason == "stale"

    assert book.online()[ATTIC].life == "b"


@pytest.mark.parametrize("presence", [Presence.LEAVING, Presence.LOST])
def test_a_node_that_is_gone_is_not_brought_back_by_what_it_said(
    book: PeerBook, presence: Presence
) -> None:
    book.hear(full("a"))
    book.hear(end(presence, "a"))

    with pytest.raises(MessageRejected):
        book.hear(full("a"))

    assert ATTIC not in book.online()


@pytest.mark.parametrize("late", [full(revision=5), brief(revision=5)])
def test_a_heartbeat_that_a_newer_one_has_overtaken_changes_nothing(
    book: PeerBook, late: Heartbeat
) -> None:
    newest = full(revision=7)
    book.hear(newest)

    heard = book.hear(late)

    assert heard.heartbeat is newest
    assert book.online()[ATTIC] is newest


def test_a_farewell_does_not_make_a_node_be_asked_more_often(book: PeerBook) -> None:
    asked = 0
    for number in range(100):
        asked += book.hear(brief(f"life-{number}")).should_ask
        book.hear(end(Presence.LEAVING, f"life-{number}"))

    assert asked == 1


def test_a_crowd_of_unknown_nodes_is_asked_by_and_by(book: PeerBook) -> None:
    asked = 0
    for number in range(200):
        unknown = Heartbeat(f"n{number}", f"0xai_{number}", is_brief=True, pipelines=None)
        asked += book.hear(unknown).should_ask

    assert asked == ASKED_A_SECOND


def test_the_lives_of_nodes_that_are_made_up_fill_no_memory(book: PeerBook) -> None:
    for number in range(MOST_NODES + 10):
        gone = Heartbeat(
            f"n{number}", f"0xai_{number}", is_brief=True, life="a", presence=Presence.LEAVING
        )
        book.hear(gone)
    for number in range(100):
        book.hear(full(f"life-{number}"))

    assert len(book._ended._of) <= MOST_NODES
    assert len(book._ended._of[ATTIC]) <= LIVES_REMEMBERED
