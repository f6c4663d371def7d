"""The seven presets, run as a node runs them: from their text."""

from __future__ import annotations

import ast
from importlib import import_module
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_collect.plugin import pye2_register_presets
from pye2core import Stage
from pye2core.code import as_function, capture, check_source, has_own_return

PROCESS = "PROCESS_REAL_TIME_COLLECTED_DATA__"
KEEP_UNIQUES = PROCESS + "KEEP_UNIQUES_IN_AGGREGATED_COLLECTED_DATA"
KEEP_UNIQUES_IN_NODE = PROCESS + "KEEP_UNIQUES_IN_NODE_COLLECTED_DATA"
KEEP_ALL = PROCESS + "KEEP_IN_NODE_COLLECTED_DATA"
MORE_THAN_X = "FINISH_CONDITION___AGGREGATED_DATA_MORE_THAN_X"
EACH_MORE_THAN_X = "FINISH_CONDITION___EACH_NODE_COLLECTED_DATA_MORE_THAN_X"
ALL_IN_ONE = "AGGREGATE_COLLECTED_DATA___AGGREGATE_COLLECTED_DATA"
PER_NODE = "AGGREGATE_COLLECTED_DATA___COLLECTED_DATA_PER_NODE"

PRESETS = {preset.name: preset for preset in pye2_register_presets()}
PROCESS_ARGUMENTS = ("plugin", "job_id", "collected_data", "data")
OTHER_ARGUMENTS = ("plugin", "collected_data")


def captured(import_string: str, stage: Stage):
    module, _, name = import_string.partition(":")
    arguments = PROCESS_ARGUMENTS if stage is Stage.PROCESS else OTHER_ARGUMENTS
    return capture(getattr(import_module(module), name), parameters=arguments)


def shipped(code):
    """The function that a node makes of the text."""
    tree = as_function(ast.parse(code.source), parameters=code.parameters)
    namespace: dict = {}
    exec(compile(tree, "<node>", "exec"), namespace)
    return namespace["custom_code"]


FUNCTIONS = {
    name: shipped(captured(preset.implementation, preset.stage)) for name, preset in PRESETS.items()
}
PROGRESS = {
    name: shipped(captured(preset.progress, preset.stage))
    for name, preset in PRESETS.items()
    if preset.progress is not None
}


def main_node(**kwargs: object) -> SimpleNamespace:
    return SimpleNamespace(obj_cache={}, cfg_finish_condition_kwargs=kwargs or None)


class Job:
    """What a main node does with what its workers send."""

    def __init__(self, preset: str, jobs: int = 2) -> None:
        self.plugin = main_node()
        self.process = FUNCTIONS[preset]
        self.collected: dict[int, list] = {job: [] for job in range(jobs)}

    def receive(self, job: int, data: object) -> None:
        kept = self.process(self.plugin, job, self.collected, data)
        if isinstance(kept, list):
            self.collected[job].extend(kept)
        elif kept is not None:
            self.collected[job].append(kept)

    def replace_worker(self, job: int) -> None:
        self.collected[job] = []


def test_the_presets_are_those_of_pye2():
    assert {name: preset.stage for name, preset in PRESETS.items()} == {
        KEEP_UNIQUES: Stage.PROCESS,
        KEEP_UNIQUES_IN_NODE: Stage.PROCESS,
        KEEP_ALL: Stage.PROCESS,
        MORE_THAN_X: Stage.FINISH,
        EACH_MORE_THAN_X: Stage.FINISH,
        ALL_IN_ONE: Stage.AGGREGATE,
        PER_NODE: Stage.AGGREGATE,
    }


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_text_that_is_sent_passes_the_check(preset):
    for implementation in filter(None, [preset.implementation, preset.progress]):
        code = captured(implementation, preset.stage)

        assert check_source(code.source, parameters=code.parameters) == []
        assert has_own_return(ast.parse(code.source))
        assert preset.summary


@pytest.mark.parametrize("name", [MORE_THAN_X, EACH_MORE_THAN_X])
def test_the_finish_presets_require_x(name):
    assert PRESETS[name].parameters == ("X",)


# --- process ------------------------------------------------------------------------------------


def test_what_any_job_has_is_not_kept_again():
    job = Job(KEEP_UNIQUES)

    job.receive(0, [2, 3, 2])
    job.receive(1, [3, 5, 5])
    job.receive(0, [5, 7])

    assert job.collected == {0: [2, 3, 7], 1: [5]}


def test_what_another_job_has_is_kept_where_each_job_counts_for_itself():
    job = Job(KEEP_UNIQUES_IN_NODE)

    job.receive(0, [2, 3, 2])
    job.receive(1, [3, 5, 5])
    job.receive(0, [3, 7])

    assert job.collected == {0: [2, 3, 7], 1: [3, 5]}


def test_everything_is_kept_where_nothing_is_sorted_out():
    job = Job(KEEP_ALL)

    job.receive(0, [2, 2])
    job.receive(0, {"a": 1})

    assert job.collected[0] == [2, 2, {"a": 1}]


@pytest.mark.parametrize("preset", [KEEP_UNIQUES, KEEP_UNIQUES_IN_NODE])
@pytest.mark.parametrize("item", [7, "text", {"a": [1, {"b": 2}]}, None, True])
def test_data_that_is_no_list_is_one_item(preset, item):
    job = Job(preset)

    job.receive(0, item)
    job.receive(0, item)

    assert job.collected[0] == [item]


@pytest.mark.parametrize("preset", [KEEP_UNIQUES, KEEP_UNIQUES_IN_NODE])
def test_items_that_cannot_be_hashed_are_told_apart(preset):
    job = Job(preset)

    job.receive(0, [[1, 2], [2, 1], {"a": 1, "b": 2}, {"b": 2, "a": 1}, [1, 2], [[]], []])

    assert job.collected[0] == [[1, 2], [2, 1], {"a": 1, "b": 2}, [[]], []]


@pytest.mark.parametrize("preset", [KEEP_UNIQUES, KEEP_UNIQUES_IN_NODE])
def test_what_a_replaced_worker_had_is_kept_again(preset):
    job = Job(preset)
    job.receive(0, [1, 2])
    job.receive(1, [3])

    job.replace_worker(0)
    job.receive(0, [1, 2, 4])

    assert job.collected == {0: [1, 2, 4], 1: [3]}


@pytest.mark.parametrize("preset", [KEEP_UNIQUES, KEEP_UNIQUES_IN_NODE])
def test_a_list_that_was_emptied_in_place_is_noticed(preset):
    job = Job(preset)
    job.receive(0, [1, 2])

    job.collected[0].clear()
    job.receive(0, [2])

    assert job.collected[0] == [2]


@pytest.mark.parametrize("preset", [KEEP_UNIQUES, KEEP_UNIQUES_IN_NODE])
def test_what_was_collected_before_a_restart_counts(preset):
    job = Job(preset)
    job.collected[0] = [1, [2]]

    job.receive(0, [1, [2], 3])

    assert job.collected[0] == [1, [2], 3]


class Counted:
    """An item that counts how often it is hashed."""

    hashed = 0

    def __hash__(self) -> int:
        Counted.hashed += 1
        return id(self)

    __eq__ = object.__eq__


@pytest.mark.parametrize("preset", [KEEP_UNIQUES, KEEP_UNIQUES_IN_NODE])
def test_what_is_collected_is_looked_at_once_however_often_data_comes(preset):
    job = Job(preset)
    job.receive(0, [Counted() for _ in range(1000)])
    Counted.hashed = 0

    for number in range(100):
        job.receive(0, [number])

    assert Counted.hashed <= 1000


ITEMS = st.recursive(
    st.integers(0, 3) | st.sampled_from(["a", "", None, 1.0, 1.5]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
EVENTS = st.lists(st.tuples(st.integers(0, 2), st.none() | st.lists(ITEMS, max_size=6)))


@pytest.mark.parametrize("preset", [KEEP_UNIQUES, KEEP_UNIQUES_IN_NODE])
@given(events=EVENTS)
def test_uniques_are_those_that_comparing_all_items_gives(preset, events):
    job = Job(preset, jobs=3)
    expected: dict[int, list] = {0: [], 1: [], 2: []}

    for number, data in events:
        if data is None:
            job.replace_worker(number)
            expected[number] = []
            continue
        job.receive(number, data)
        for item in data:
            others = expected if preset == KEEP_UNIQUES else [number]
            if not any(item in expected[other] for other in others):
                expected[number].append(item)

    assert job.collected == expected


# --- finish -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "collected", "expected"),
    [
        (MORE_THAN_X, {0: [1], 1: [2]}, False),
        (MORE_THAN_X, {0: [1], 1: [2, 3]}, True),
        (MORE_THAN_X, {}, False),
        (EACH_MORE_THAN_X, {0: [1, 2, 3], 1: [1, 2]}, False),
        (EACH_MORE_THAN_X, {0: [1, 2, 3], 1: [1, 2, 3]}, True),
        (EACH_MORE_THAN_X, {}, False),
    ],
)
def test_a_job_is_finished_when_there_is_more_than_x(preset, collected, expected):
    assert FUNCTIONS[preset](main_node(X=2), collected) is expected


@pytest.mark.parametrize("preset", [MORE_THAN_X, EACH_MORE_THAN_X])
@pytest.mark.parametrize("kwargs", [{}, {"Y": 1}])
def test_a_missing_x_is_an_error_that_names_it(preset, kwargs):
    with pytest.raises(ValueError, match="FINISH_CONDITION_KWARGS must hold X"):
        FUNCTIONS[preset](main_node(**kwargs), {0: []})


@pytest.mark.parametrize(
    ("preset", "collected", "expected"),
    [
        (MORE_THAN_X, {}, 0),
        (MORE_THAN_X, {0: [1], 1: [2]}, 50),
        (MORE_THAN_X, {0: [1] * 9}, 100),
        (EACH_MORE_THAN_X, {}, 0),
        (EACH_MORE_THAN_X, {0: [], 1: [1] * 9}, 50),
        (EACH_MORE_THAN_X, {0: [1] * 4, 1: [1] * 2}, 75),
    ],
)
def test_progress_is_the_share_of_what_is_needed(preset, collected, expected):
    assert PROGRESS[preset](main_node(X=3), collected) == expected


@pytest.mark.parametrize("preset", [MORE_THAN_X, EACH_MORE_THAN_X])
@given(
    x=st.integers(-2, 20),
    collected=st.dictionaries(st.integers(0, 3), st.lists(st.none(), max_size=20), max_size=4),
)
def test_a_finished_job_is_at_100_percent_and_no_job_is_above(preset, x, collected):
    progress = PROGRESS[preset](main_node(X=x), collected)

    assert 0 <= progress <= 100
    if FUNCTIONS[preset](main_node(X=x), collected):
        assert progress == 100


# --- aggregate ----------------------------------------------------------------------------------


def test_everything_becomes_one_list_in_the_order_of_the_jobs():
    assert FUNCTIONS[ALL_IN_ONE](main_node(), {1: [3, [4]], 0: [1, 2]}) == [1, 2, 3, [4]]


def test_what_was_collected_is_given_by_job():
    assert FUNCTIONS[PER_NODE](main_node(), {0: [1], 1: []}) == {0: [1], 1: []}
