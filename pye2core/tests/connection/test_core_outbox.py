"""The outbox: order, confirmation, renewal, conflation, withdrawal, bounds."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pye2core.abc import Channel
from pye2core.connection import outbox as module
from pye2core.connection.outbox import Entry, Outbox

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Channel.payloads()
THERE = Channel.notif()


def entry(text: str, *, channel: Channel = HERE, conflate: str | None = None) -> Entry:
    return Entry(channel, text.encode(), conflate)


def filled(*texts: str) -> tuple[Outbox, list[Entry]]:
    box = Outbox()
    entries = [entry(text) for text in texts]
    for each in entries:
        box.add(each)
    return box, entries


def taken(box: Outbox) -> Iterator[str]:
    while (each := box.take()) is not None:
        yield each.data.decode()


def test_entries_are_taken_in_the_order_in_which_they_were_added() -> None:
    box, _ = filled("a", "b", "c")

    assert list(taken(box)) == ["a", "b", "c"]
    assert box.take() is None


def test_an_entry_stays_until_it_is_removed() -> None:
    box, (first, _) = filled("a", "b")
    list(taken(box))

    assert len(box) == 2
    assert box.waiting == 0
    assert box.remove(first)
    assert len(box) == 1


def test_an_entry_is_removed_once() -> None:
    box, (first,) = filled("a")

    assert box.remove(first)
    assert not box.remove(first)


def test_after_a_loss_what_was_under_way_goes_first_in_its_order() -> None:
    box, (_, second, _) = filled("a", "b", "c")
    list(taken(box))
    box.remove(second)
    box.add(entry("d"))

    box.renew()

    assert list(taken(box)) == ["a", "c", "d"]


def test_what_the_broker_confirmed_is_not_sent_again_though_its_sender_was_not_told_yet() -> None:
    box, (first, second) = filled("a", "b")
    list(taken(box))
    first.published, second.published = Future(), Future()
    first.published.set_result(None)
    second.published.set_exception(RuntimeError("lost"))

    box.renew()

    assert list(taken(box)) == ["b"]
    assert box.remove(first)


def test_what_the_broker_confirmed_is_not_among_what_is_given_up() -> None:
    box, (first, second) = filled("a", "b")
    list(taken(box))
    first.published = Future()
    first.published.set_result(None)

    assert box.clear() == [second]
    assert len(box) == 1


def test_a_confirmation_that_comes_after_the_renewal_counts() -> None:
    box, (first, _) = filled("a", "b")
    list(taken(box))
    box.renew()

    assert box.remove(first)
    assert list(taken(box)) == ["b"]


def test_an_entry_that_waits_can_be_withdrawn() -> None:
    box, (first, _) = filled("a", "b")

    assert first.done.cancel()
    assert list(taken(box)) == ["b"]
    assert len(box) == 1


def test_an_entry_that_is_or_was_under_way_cannot_be_withdrawn() -> None:
    box, (first,) = filled("a")
    box.take()

    assert not first.done.cancel()
    box.renew()
    assert not first.done.cancel()
    assert list(taken(box)) == ["a"]


def test_a_newer_entry_of_the_same_key_takes_the_place_and_the_future_of_one_that_waits() -> None:
    box = Outbox()
    old = entry("old", conflate="heartbeat")
    box.add(old)
    box.add(entry("other"))

    assert box.replace(entry("new", conflate="heartbeat")) is old
    assert list(taken(box)) == ["new", "other"]


@pytest.mark.parametrize(
    "newer",
    [
        entry("new", conflate="other key"),
        entry("new", conflate="key", channel=THERE),
        entry("new"),
    ],
)
def test_an_entry_of_another_key_or_channel_replaces_nothing(newer: Entry) -> None:
    box = Outbox()
    box.add(entry("old", conflate="key"))

    assert box.replace(newer) is None
    assert list(taken(box)) == ["old"]


def test_an_entry_that_is_under_way_is_not_replaced_until_the_connection_is_lost() -> None:
    box = Outbox()
    box.add(entry("old", conflate="key"))
    box.take()

    assert box.replace(entry("new", conflate="key")) is None
    box.renew()
    assert box.replace(entry("new", conflate="key")) is not None
    assert list(taken(box)) == ["new"]


def test_an_entry_that_was_withdrawn_is_not_replaced() -> None:
    box = Outbox()
    old = entry("old", conflate="key")
    box.add(old)
    old.done.cancel()

    assert box.replace(entry("new", conflate="key")) is None


def test_it_is_full_with_so_many_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 2)
    box, (first, _) = filled("a", "b")

    assert box.full
    box.take()
    assert box.full
    box.remove(first)
    assert not box.full


def test_it_is_full_with_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    box = Outbox()
    box.add(entry("12345", conflate="key"))
    assert not box.full

    box.replace(entry("1234567890", conflate="key"))

    assert box.full


def test_clearing_gives_everything_in_order() -> None:
    box, entries = filled("a", "b", "c")
    box.take()

    assert box.clear() == entries
    assert len(box) == 0
    assert not box.remove(entries[0])


class OutboxMachine(RuleBasedStateMachine):
    """Whatever happens to it: what was not confirmed or withdrawn comes out, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.box = Outbox()
        self.kept: list[Entry] = []
        self.given: list[Entry] = []

    @rule(size=st.integers(0, 50))
    def add(self, size: int) -> None:
        made = entry("x" * size)
        self.box.add(made)
        self.kept.append(made)

    @rule()
    def take(self) -> None:
        waiting = [each for each in self.kept if each not in self.given]
        expected = next((each for each in waiting if not each.done.cancelled()), None)
        assert self.box.take() is expected
        passed_over = waiting if expected is None else waiting[: waiting.index(expected)]
        self.kept = [each for each in self.kept if each not in passed_over]
        if expected is not None:
            self.given.append(expected)

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(self.kept))
        assert self.box.remove(chosen)
        self.kept.remove(chosen)
        self.given = [each for each in self.given if each is not chosen]

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.kept)).done.cancel()

    @rule()
    def lose_the_connection(self) -> None:
        self.box.renew()
        self.given = []

    @invariant()
    def counts_agree(self) -> None:
        assert len(self.box) == len(self.kept)
        assert self.box.waiting == len(self.kept) - len(self.given)
        assert self.box._bytes == sum(len(each.data) for each in self.kept)


TestOutboxMachine = OutboxMachine.TestCase
