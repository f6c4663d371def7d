"""What a job's workers ask for, through whole nodes: granted where they run, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from pye2_testing import MemoryNetwork
from pye2core.errors import JobFailedError

THIRDS = "from fractions import Fraction\nreturn [str(Fraction(1, 3) + Fraction(1, 6))]"


def run_job(network: MemoryNetwork) -> list[Any]:
    """The last payload's data of a job of node-1 whose worker, on node-2, asks for a module."""
    last: list[Any] = []

    def on_data(pipeline: Any, payload: Any) -> None:
        del pipeline
        if payload["PROGRESS"] == 100:
            last.append(payload["DATA"])

    with network.session() as session:
        session.create_chain_dist_custom_job(
            node="node-1",
            worker_node_code=THIRDS,
            worker_node_plugin_config={"GRANTS": {"modules": ["fractions"]}},
            nr_remote_worker_nodes=1,
            main_node_process_real_time_collected_data="return data",
            main_node_finish_condition="return any(collected_data.values())",
            main_node_finish_condition_kwargs={},
            main_node_aggregate_collected_data="return collected_data[0][0]",
            on_data=on_data,
            deploy=True,
        )
        session.run(wait=lambda: not last, close_pipelines=True)
    return last


def test_a_worker_uses_what_its_node_grants_and_the_main_node_does_not() -> None:
    with MemoryNetwork(nodes=2) as network:
        network.grant("node-2", modules=["fractions"])

        assert run_job(network) == ["1/2"]


def test_what_the_main_node_grants_opens_nothing_on_the_workers_node() -> None:
    with MemoryNetwork(nodes=2) as network:
        network.grant("node-1", modules=["fractions"])

        with pytest.raises(JobFailedError, match="--module fractions"):
            run_job(network)
