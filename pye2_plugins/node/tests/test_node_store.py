"""What a node must still know after a crash."""

import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from node_support import WallClock

from pye2_node.desired import DesiredPipeline, from_json, to_json
from pye2_node.store import DIGESTS_KEPT, CommandId, Drop, Put, Store
from pye2core.clock import ManualClock
from pye2core.errors import NodeError
from pye2core.messages import InstanceConfig, InstancePath, PipelineConfig, Requester

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
PATH = InstancePath("p", "S", "i")
COMMAND = CommandId("0xai_someone", "d1")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(), json_values, max_size=5)
optional_text = st.none() | st.text()
requesters = st.builds(Requester, optional_text, optional_text, optional_text)
instances = st.builds(InstanceConfig, st.text(), st.text(), objects)
pipelines = st.builds(
    DesiredPipeline,
    st.builds(PipelineConfig, st.text(), st.text(), st.lists(instances).map(tuple), objects),
    requesters,
    requesters,
    st.datetimes(timezones=st.just(UTC)),
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "node.sqlite"


@pytest.fixture
def opened(file):
    """Opens the store as often as it is called, as if the node had started again."""
    stores = []

    def open_again(clock=None):
        for store in stores:
            store.close()
        stores.append(Store(file, clock or ManualClock()))
        return stores[-1]

    yield open_again
    for store in stores:
        store.close()


def simple(name="p"):
    return DesiredPipeline(PipelineConfig(name), Requester("a"), Requester("b"), NOW)


@given(pipelines)
def test_a_pipeline_survives_being_written(pipeline):
    assert from_json(to_json(pipeline)) == pipeline


@settings(max_examples=25)
@given(pipelines)
def test_a_pipeline_is_there_after_a_restart(tmp_path_factory, pipeline):
    file = tmp_path_factory.mktemp("store") / "node.sqlite"
    first = Store(file, ManualClock())
    first.commit([Put(pipeline)])
    first.close()

    second = Store(file, ManualClock())
    found = second.pipelines()
    second.close()

    assert found == {pipeline.config.name: pipeline}


def test_a_pipeline_that_was_dropped_is_gone(opened):
    store = opened()
    store.commit([Put(simple("a")), Put(simple("b"))])

    store.commit([Drop("a"), Drop("never was")])

    assert set(opened().pipelines()) == {"b"}


def test_a_command_is_taken_once(opened):
    store = opened()

    assert not store.has_seen(COMMAND)
    assert store.commit([Put(simple())], COMMAND)
    assert store.has_seen(COMMAND)
    assert not store.commit([Drop("p")], COMMAND)
    assert set(store.pipelines()) == {"p"}


def test_a_command_that_was_taken_is_known_after_a_restart(opened):
    opened().commit([], COMMAND)

    assert opened().has_seen(COMMAND)


def test_several_commands_are_taken_at_once_and_each_only_once(opened):
    store = opened()
    store.commit([], CommandId("a", "old"))

    kept = store.commit_all([([], CommandId("a", each)) for each in ("new", "old", "new", "newer")])

    assert kept == [True, False, False, True]
    assert store.has_seen(CommandId("a", "newer"))


def test_a_command_that_is_only_noted_is_known_and_is_not_taken_again(opened):
    store = opened()

    assert store.note(COMMAND)
    assert store.has_seen(COMMAND)
    assert not store.note(COMMAND)


def test_what_was_noted_is_known_after_a_restart_once_it_was_written(opened):
    store = opened()
    store.note(COMMAND)
    store.keep_noted()
    assert store.noted == 0
    assert not store.note(COMMAND)

    store = opened()
    assert store.has_seen(COMMAND)
    assert not store.note(COMMAND)


def test_what_was_noted_and_could_not_be_written_is_still_known(opened, file):
    store = opened()
    store.note(COMMAND)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("DROP TABLE seen")

    with pytest.raises(NodeError):
        store.keep_noted()

    assert store.noted == 1
    other.close()


def test_a_command_that_was_taken_is_not_noted(opened):
    store = opened()
    store.commit([], COMMAND)

    assert not store.note(COMMAND)


def test_the_same_digest_of_another_sender_is_another_command(opened):
    store = opened()
    store.commit([], COMMAND)

    assert not store.has_seen(CommandId("0xai_another", COMMAND.digest))


def test_commands_are_remembered_for_thirty_days(opened):
    clock = ManualClock()
    opened(clock).commit([], COMMAND)

    clock.advance((DIGESTS_KEPT - timedelta(hours=1)).total_seconds())
    assert opened(clock).has_seen(COMMAND)

    clock.advance(timedelta(hours=2).total_seconds())
    assert not opened(clock).has_seen(COMMAND)


def test_what_was_seen_before_the_clock_was_set_is_remembered_afterwards(opened):
    opened(ManualClock(datetime(1970, 1, 1, 0, 1, tzinfo=UTC))).commit([], COMMAND)

    assert opened(ManualClock(NOW)).has_seen(COMMAND)
    assert opened(ManualClock(NOW + DIGESTS_KEPT - timedelta(hours=1))).has_seen(COMMAND)
    assert not opened(ManualClock(NOW + DIGESTS_KEPT + timedelta(hours=1))).has_seen(COMMAND)


def test_a_clock_that_was_reset_forgets_no_command(opened):
    opened(ManualClock(NOW)).commit([], COMMAND)

    assert opened(ManualClock(datetime(1970, 1, 1, tzinfo=UTC))).has_seen(COMMAND)
    assert opened(ManualClock(NOW)).has_seen(COMMAND)


def test_what_was_seen_by_a_clock_that_was_known_to_be_behind_is_remembered_afterwards(opened):
    clock = WallClock(NOW)
    clock.is_known = False
    opened(clock).commit([], COMMAND)

    clock.put_forward(timedelta(days=200))
    clock.is_known = True
    assert opened(clock).has_seen(COMMAND)

    clock.advance((DIGESTS_KEPT - timedelta(hours=1)).total_seconds())
    assert opened(clock).has_seen(COMMAND)
    clock.advance(timedelta(hours=2).total_seconds())
    assert not opened(clock).has_seen(COMMAND)


def test_what_was_seen_before_the_clock_was_found_to_be_behind_is_remembered_afterwards(opened):
    clock = WallClock(NOW)
    store = opened(clock)
    store.commit([], COMMAND)

    clock.put_forward(timedelta(days=200))
    store.commit([], CommandId("0xai_someone", "d2"))
    assert opened(clock).has_seen(COMMAND)

    clock.advance((DIGESTS_KEPT - timedelta(hours=1)).total_seconds())
    assert opened(clock).has_seen(COMMAND)
    clock.advance(timedelta(hours=2).total_seconds())
    assert not opened(clock).has_seen(COMMAND)


def test_what_was_seen_by_a_clock_that_was_ahead_is_not_remembered_for_ever(opened):
    opened(ManualClock(NOW + timedelta(days=4000))).commit([], COMMAND)

    assert opened(ManualClock(NOW)).has_seen(COMMAND)
    assert not opened(ManualClock(NOW + DIGESTS_KEPT + timedelta(hours=1))).has_seen(COMMAND)


def test_nothing_is_forgotten_while_the_clock_is_not_set(opened):
    clock = WallClock(NOW)
    store = opened(clock)
    store.commit([], COMMAND)

    clock.is_known = False
    clock.advance((2 * DIGESTS_KEPT).total_seconds())
    store.commit([], CommandId("0xai_someone", "d2"))

    assert store.has_seen(COMMAND)


def test_old_commands_are_forgotten_while_the_node_runs(opened):
    clock = ManualClock()
    store = opened(clock)
    store.commit([], COMMAND)

    clock.advance((DIGESTS_KEPT + timedelta(days=1)).total_seconds())
    store.commit([], CommandId("0xai_someone", "d2"))

    assert not store.has_seen(COMMAND)


def test_what_an_instance_keeps_is_there_after_a_restart(opened):
    store = opened()
    store.save_state(PATH, b"first")
    store.save_state(PATH, b"\x00second")

    assert opened().load_state(PATH) == b"\x00second"


def test_instances_do_not_share_what_they_keep(opened):
    store = opened()
    store.save_state(PATH, b"mine")

    assert store.load_state(InstancePath("p", "S", "j")) is None
    assert store.kept_states() == {PATH}


def test_what_an_instance_kept_can_be_forgotten(opened):
    store = opened()
    store.save_state(PATH, b"mine")

    store.forget_state(PATH)

    assert store.load_state(PATH) is None


def test_only_the_owner_can_read_it(opened, file):
    opened()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_is_no_database_is_left_as_it_is(file):
    file.write_text("this is not a database, but somebody's letter")

    with pytest.raises(NodeError, match=r"move the file away"):
        Store(file, ManualClock())
    assert file.read_text().startswith("this is not")


def test_a_database_of_a_later_version_is_refused(opened, file):
    opened()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA user_version = 99")

    with pytest.raises(NodeError, match="format 99"):
        opened()


def test_what_cannot_be_written_changes_nothing_and_says_so(opened, file):
    store = opened()
    rival = sqlite3.connect(file, isolation_level=None)
    rival.execute("PRAGMA busy_timeout = 0")
    store._database.execute("PRAGMA busy_timeout = 0")
    rival.execute("BEGIN IMMEDIATE")

    with pytest.raises(NodeError, match="locked"):
        store.commit([Put(simple())], COMMAND)
    rival.execute("ROLLBACK")
    rival.close()

    assert not store.has_seen(COMMAND)
    assert store.pipelines() == {}


def test_after_it_was_closed_it_says_so(opened):
    store = opened()
    store.close()

    with pytest.raises(NodeError):
        store.save_state(PATH, b"late")


def test_a_database_from_before_nodes_were_kept_is_taken_over(file, opened):
    opened().commit([], COMMAND)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DROP TABLE guest_nodes")

    again = opened()
    again.keep_guest_node("0xai_node")

    assert again.has_seen(COMMAND)
    assert again.guest_nodes() == {"0xai_node"}
