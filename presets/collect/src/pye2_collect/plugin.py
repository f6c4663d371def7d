"""What this plugin offers: the seven presets, by PyE2's names (PyE2 wire protocol, section 13)."""

from __future__ import annotations

from pye2core import PresetDescriptor, Stage, hookimpl

_STAGES = "pye2_collect.stages"


@hookimpl
def pye2_register_presets() -> list[PresetDescriptor]:
    """Offer the general pieces of distributed jobs."""
    return [*_process_presets(), *_finish_presets(), *_aggregate_presets()]


def _process_presets() -> list[PresetDescriptor]:
    prefix = "PROCESS_REAL_TIME_COLLECTED_DATA__"
    return [
        PresetDescriptor(
            name=prefix + "KEEP_UNIQUES_IN_AGGREGATED_COLLECTED_DATA",
            stage=Stage.PROCESS,
            implementation=f"{_STAGES}:keep_uniques_in_aggregated",
            summary="Keep, each once, the items that no worker has found yet.",
        ),
        PresetDescriptor(
            name=prefix + "KEEP_UNIQUES_IN_NODE_COLLECTED_DATA",
            stage=Stage.PROCESS,
            implementation=f"{_STAGES}:keep_uniques_in_node",
            summary="Keep, each once, the items that this worker has not found yet.",
        ),
        PresetDescriptor(
            name=prefix + "KEEP_IN_NODE_COLLECTED_DATA",
            stage=Stage.PROCESS,
            implementation=f"{_STAGES}:keep_all",
            summary="Keep all items.",
        ),
    ]


def _finish_presets() -> list[PresetDescriptor]:
    return [
        PresetDescriptor(
            name="FINISH_CONDITION___AGGREGATED_DATA_MORE_THAN_X",
            stage=Stage.FINISH,
            implementation=f"{_STAGES}:aggregated_more_than_x",
            summary="Finish when more than X items are collected over all workers.",
            parameters=("X",),
            progress=f"{_STAGES}:progress_to_aggregated_more_than_x",
        ),
        PresetDescriptor(
            name="FINISH_CONDITION___EACH_NODE_COLLECTED_DATA_MORE_THAN_X",
            stage=Stage.FINISH,
            implementation=f"{_STAGES}:each_node_more_than_x",
            summary="Finish when more than X items are collected of every worker.",
            parameters=("X",),
            progress=f"{_STAGES}:progress_to_each_node_more_than_x",
        ),
    ]


def _aggregate_presets() -> list[PresetDescriptor]:
    return [
        PresetDescriptor(
            name="AGGREGATE_COLLECTED_DATA___AGGREGATE_COLLECTED_DATA",
            stage=Stage.AGGREGATE,
            implementation=f"{_STAGES}:aggregate_all",
            summary="One list of everything, in the order of the jobs.",
        ),
        PresetDescriptor(
            name="AGGREGATE_COLLECTED_DATA___COLLECTED_DATA_PER_NODE",
            stage=Stage.AGGREGATE,
            implementation=f"{_STAGES}:aggregate_per_node",
            summary="What was collected, by job.",
        ),
    ]
