"""The seven presets keep the contract of a preset."""

from __future__ import annotations

from pye2_collect import plugin
from pye2_testing.contracts import PresetContract, StageCall

MORE_THAN_3 = {"FINISH_CONDITION_KWARGS": {"X": 3}}


class TestKeepUniquesInAggregated(PresetContract):
    plugin = plugin
    preset = "PROCESS_REAL_TIME_COLLECTED_DATA__KEEP_UNIQUES_IN_AGGREGATED_COLLECTED_DATA"
    calls = (StageCall((0, {0: [3], 1: [5]}, [3, 5, 7, 7]), gives=[7]),)


class TestKeepUniquesInNode(PresetContract):
    plugin = plugin
    preset = "PROCESS_REAL_TIME_COLLECTED_DATA__KEEP_UNIQUES_IN_NODE_COLLECTED_DATA"
    calls = (StageCall((0, {0: [3], 1: [5]}, [3, 5, 7, 7]), gives=[5, 7]),)


class TestKeepAll(PresetContract):
    plugin = plugin
    preset = "PROCESS_REAL_TIME_COLLECTED_DATA__KEEP_IN_NODE_COLLECTED_DATA"
    calls = (StageCall((0, {0: [3], 1: [5]}, [3, 5, 7, 7]), gives=[3, 5, 7, 7]),)


class TestAggregatedMoreThanX(PresetContract):
    plugin = plugin
    preset = "FINISH_CONDITION___AGGREGATED_DATA_MORE_THAN_X"
    calls = (
        StageCall(({0: [1, 2], 1: [3]},), gives=False, settings=MORE_THAN_3, progress=75),
        StageCall(({0: [1, 2], 1: [3, 4]},), gives=True, settings=MORE_THAN_3, progress=100),
    )


class TestEachNodeMoreThanX(PresetContract):
    plugin = plugin
    preset = "FINISH_CONDITION___EACH_NODE_COLLECTED_DATA_MORE_THAN_X"
    calls = (
        StageCall(({0: [1, 2, 3, 4], 1: [3]},), gives=False, settings=MORE_THAN_3, progress=62.5),
        StageCall(({0: [1, 2, 3, 4], 1: [5, 6, 7, 8]},), gives=True, settings=MORE_THAN_3),
    )


class TestAggregateAll(PresetContract):
    plugin = plugin
    preset = "AGGREGATE_COLLECTED_DATA___AGGREGATE_COLLECTED_DATA"
    calls = (StageCall(({0: [1, 2], 1: [3]},), gives=[1, 2, 3]),)


class TestAggregatePerNode(PresetContract):
    plugin = plugin
    preset = "AGGREGATE_COLLECTED_DATA___COLLECTED_DATA_PER_NODE"
    calls = (StageCall(({0: [1, 2], 1: [3]},), gives={"0": [1, 2], "1": [3]}),)
