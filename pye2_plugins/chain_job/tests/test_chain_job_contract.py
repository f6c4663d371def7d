"""The signature of the distributed job keeps the contract of a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2_chain_job import plugin
from pye2_testing.contracts import SignatureContract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core import Instance, Pipeline


class TestChainJob(SignatureContract):
    plugin = plugin
    signature = "PROCESS_REAL_TIME_COLLECTED_DATA_CUSTOM_EXEC_CHAIN_DIST"
    wrong = ({"NODE_TIMEOUT": "soon"},)
    nodes = 2

    def create(self, pipeline: Pipeline, instance_id: str, settings: Mapping[str, Any]) -> Instance:
        return pipeline.create_chain_dist_custom_plugin_instance(
            main_node_process_real_time_collected_data="return data",
            main_node_finish_condition_kwargs={},
            main_node_finish_condition="return len(collected_data[0]) > 3",
            main_node_aggregate_collected_data="return collected_data[0]",
            worker_node_code="return [1]",
            nr_remote_worker_nodes=1,
            instance_id=instance_id,
            **settings,
        )
