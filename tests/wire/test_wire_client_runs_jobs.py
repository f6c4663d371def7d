"""A PyE2 client that is not ours runs distributed jobs on nodes of ours.

PyE2 wire protocol, section 13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wire_client import (
    CHAIN_DIST,
    CUSTOM_EXEC,
    NOWHERE,
    KnownNode,
    WireClient,
    path_of,
    pipeline_object,
)
from wire_format import packed

if TYPE_CHECKING:
    from pye2_cli.fleet import Fleet


Message = dict[str, Any]


def chain_job(workers: int, target: int) -> Message:
    """Settings that an SDK of PyE2's sends; ``stream_type`` is in lower case there, too."""
    return {
        "CUSTOM_CODE_PROCESS_REAL_TIME_COLLECTED_DATA": packed(
            "return sorted(set(data) - set(sum(collected_data.values(), [])))"
        ),
        "CUSTOM_CODE_FINISH_CONDITION": packed(
            "return sum(map(len, collected_data.values())) >= "
            "plugin.cfg_finish_condition_kwargs['X']"
        ),
        "CUSTOM_CODE_AGGREGATE_COLLECTED_DATA": packed(
            "return sorted(sum(collected_data.values(), []))"
        ),
        "CUSTOM_CODE_REMOTE_NODE": packed(
            f"return [int(n) for n in plugin.np.random.randint(0, {target}, 50)]"
        ),
        "NR_REMOTE_NODES": workers,
        "NODE_PIPELINE_CONFIG": {"stream_type": "Void"},
        "NODE_PLUGIN_SIGNATURE": CUSTOM_EXEC,
        "NODE_PLUGIN_CONFIG": {},
        "FINISH_CONDITION_KWARGS": {"X": target},
    }


def test_a_distributed_job_runs_on_other_nodes_and_ends_with_its_result(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = (pipeline_name, CHAIN_DIST, f"{pipeline_name}_chain_dist_custom_exec_abc")

    told = client.deploy(
        node, pipeline_object(pipeline_name, {path[2]: chain_job(2, 20)}, CHAIN_DIST)
    )
    last = client.payload(node.address, path, lambda each: each.get("PROGRESS") == 100)

    assert told.steps == [(None, NOWHERE), (1, (pipeline_name, None, None)), (100, path)]
    assert last["DATA"] == list(range(20))
    assert type(last["PROGRESS"]) is int
    assert {"START_DATE", "ELAPSED_TIME", "REMAINING_TIME"} <= last.keys()
    assert last["INITIATOR_ID"] == client.name


def test_the_workers_of_a_distributed_job_are_pipelines_of_the_main_node(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = (pipeline_name, CHAIN_DIST, "job")
    client.overhear(node.address)

    client.deploy(node, pipeline_object(pipeline_name, {"job": chain_job(2, 30)}, CHAIN_DIST))
    client.payload(node.address, path, lambda each: each.get("PROGRESS") == 100)

    # Either may have found all before the other has sent anything, and what goes to another's inbox
    # comes on a connection of its own, later or earlier.
    workers = {f"{pipeline_name}_w_0", f"{pipeline_name}_w_1"}
    seen = client.wait_for(
        lambda: next((each for each in client.native if path_of(each)[0] in workers), None),
        "a payload of a worker",
    )
    assert seen["EE_SENDER"] != node.address
    assert seen["INITIATOR_ADDR"] == node.address
    assert seen["EE_PAYLOAD_PATH"][2:] == [CUSTOM_EXEC, "Default"]


def test_a_distributed_job_takes_an_instance_command(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = (pipeline_name, CHAIN_DIST, "job")
    client.deploy(node, pipeline_object(pipeline_name, {"job": chain_job(1, 5)}, CHAIN_DIST))

    told = client.command_instance(node, path, {"COMMAND_PARAMS": {"PAUSE": True}})

    assert [step for step in told.steps if step[0]] == [(1, path), (101, path)]


def test_a_distributed_job_that_is_archived_ends_its_workers(
    client: WireClient, node: KnownNode, fleet: Fleet, pipeline_name: str
) -> None:
    endless = chain_job(2, 5) | {"CUSTOM_CODE_FINISH_CONDITION": packed("return False")}
    client.overhear(node.address)
    client.deploy(node, pipeline_object(pipeline_name, {"job": endless}, CHAIN_DIST))
    workers = {f"{pipeline_name}_w_0", f"{pipeline_name}_w_1"}
    started = client.wait_for(
        lambda: (
            {
                each["EE_PAYLOAD_PATH"][1]: each["EE_SENDER"]
                for each in list(client.native)
                if each["EE_PAYLOAD_PATH"][1] in workers
            }
            if workers <= {each["EE_PAYLOAD_PATH"][1] for each in client.native}
            else None
        ),
        "payloads of both workers",
    )

    client.archive(node, pipeline_name)

    for worker, address in started.items():
        known = client.meet(address)
        if worker in known.pipelines:
            client.node_when(address, lambda known, gone=worker: gone not in known.pipelines)
