"""Commands that wait together are planned in their order and kept in one transaction."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from node_support import desired, pipeline, puppet

from pye2_node import ledger as ledger_module
from pye2_node.commands import Plan
from pye2_node.ledger import Asked, Ledger
from pye2_node.store import CommandId, Put
from pye2core.errors import InvalidConfiguration, NodeError

if TYPE_CHECKING:
    import pytest

    from pye2_node.store import Store


def nothing_changed(digest: str) -> Asked:
    return Asked(CommandId("a", digest), lambda known: Plan())


def for_one_life(digest: str) -> Asked:
    return Asked(CommandId("a", digest), lambda known: Plan(is_for_one_life=True))


def put(digest: str, name: str) -> Asked:
    change = Put(desired(pipeline(name, puppet())))
    return Asked(CommandId("a", digest), lambda known: Plan(changes=[change]))


def refused(digest: str) -> Asked:
    def plan(known: Any) -> Plan:
        raise InvalidConfiguration("no", pipeline=None)

    return Asked(CommandId("a", digest), plan)


def take(store: Store, *asked: Asked) -> tuple[Ledger, list[Any]]:
    async def main() -> tuple[Ledger, list[Any]]:
        ledger = Ledger(store)
        return ledger, await ledger.take(asked)

    return asyncio.run(main())


def test_commands_that_change_nothing_are_kept_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = []
    commit_all = store.commit_all
    monkeypatch.setattr(store, "commit_all", lambda taken: commits.append(1) or commit_all(taken))

    _, outcomes = take(store, *map(nothing_changed, "abcde"))

    assert outcomes == [Plan()] * 5
    assert len(commits) == 1
    assert all(store.has_seen(CommandId("a", each)) for each in "abcde")


def test_what_comes_after_a_change_waits_until_that_is_kept(store: Store) -> None:
    ledger, outcomes = take(store, nothing_changed("x"), put("y", "p"), nothing_changed("z"))

    assert len(outcomes) == 2
    assert "p" in ledger.pipelines
    assert not store.has_seen(CommandId("a", "z"))


def test_one_that_is_refused_costs_only_itself_and_is_not_marked_as_taken(store: Store) -> None:
    _, (first, second, third) = take(store, nothing_changed("x"), refused("y"), put("z", "p"))

    assert isinstance(second, InvalidConfiguration)
    assert (first, third.changes != []) == (Plan(), True)
    assert not store.has_seen(CommandId("a", "y"))


def test_the_same_command_twice_is_taken_once(store: Store) -> None:
    ledger, outcomes = take(store, nothing_changed("x"), nothing_changed("x"), put("x", "p"))

    assert outcomes == [Plan(), None, None]
    assert "p" not in ledger.pipelines


def test_where_the_disk_fails_nothing_is_done(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(taken: Any) -> list[bool]:
        raise NodeError("the disk is full")

    monkeypatch.setattr(store, "commit_all", fail)

    ledger, outcomes = take(store, nothing_changed("x"), refused("y"), put("z", "p"))

    assert [type(each) for each in outcomes] == [NodeError, InvalidConfiguration, NodeError]
    assert "p" not in ledger.pipelines


def test_a_command_for_one_life_does_not_wait_for_the_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object) -> list[bool]:
        raise NodeError("the disk is full")

    monkeypatch.setattr(store, "commit_all", write)

    _, outcomes = take(store, *map(for_one_life, "xyx"), nothing_changed("z"))

    assert outcomes[:3] == [Plan(is_for_one_life=True)] * 2 + [None]
    assert isinstance(outcomes[3], NodeError)
    assert store.has_seen(CommandId("a", "x"))


def test_what_was_taken_without_the_disk_gets_there_soon(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "WRITTEN_AFTER", 0.0)
    written = asyncio.Event()

    async def main() -> None:
        ledger, loop = Ledger(store), asyncio.get_running_loop()
        keep = store.keep_noted

        def kept() -> None:
            keep()
            loop.call_soon_threadsafe(written.set)

        monkeypatch.setattr(store, "keep_noted", kept)
        writing = asyncio.create_task(ledger.write_behind())
        await ledger.take([for_one_life("x")])
        await written.wait()
        writing.cancel()

    asyncio.run(main())

    assert store.noted == 0
    assert store.has_seen(CommandId("a", "x"))


def test_no_more_than_some_wait_for_the_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MOST_NOTED", 1)

    take(store, *map(for_one_life, "xy"))

    assert store.noted == 1
    assert all(store.has_seen(CommandId("a", each)) for each in "xy")
