"""A PyE2 client that is not ours may spell a signature as it likes, and finds it again so.

It takes payloads only if their path has the signature as it gave it (section 5.3). Whatever is
looked up is found in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wire_client import CONFIG_OK, PIPELINE_OK, Expected, named, pipeline_object, run_once
from wire_format import PATIENCE

from pye2core import Session

if TYPE_CHECKING:
    from pathlib import Path as FilePath

    from wire_client import KnownNode, WireClient

Message = dict[str, Any]

SPELLED = "Custom_Exec_01"


def instances_of(node: KnownNode, pipeline: str) -> list[tuple[str, str]]:
    """The instances that a heartbeat shows, by signature and id."""
    plugins = node.pipelines.get(pipeline, {"PLUGINS": []})["PLUGINS"]
    return [
        (plugin["SIGNATURE"], each["INSTANCE_ID"])
        for plugin in plugins
        for each in plugin["INSTANCES"]
    ]


def test_messages_spell_a_signature_as_the_configuration_does(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = (pipeline_name, SPELLED, "one")
    pipeline = pipeline_object(pipeline_name, {"one": run_once("return 1")}, SPELLED)

    told = client.deploy(node, pipeline)
    payload = client.result(node.address, path, 1)
    asked = client.command_instance(node, path, {"A": 1})
    known = client.node_when(node.address, lambda known: instances_of(known, pipeline_name))

    assert told.steps[-1] == (100, path)
    assert (told.said[-1]["SIGNATURE"], payload["SIGNATURE"]) == (SPELLED, SPELLED)
    assert asked.steps == [(1, path), (101, path)]
    assert instances_of(known, pipeline_name) == [(SPELLED, "one")]


def test_an_error_in_custom_code_is_told_in_the_same_spelling(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = (pipeline_name, SPELLED, "one")

    client.deploy(node, pipeline_object(pipeline_name, {"one": run_once("return 1 / 0")}, SPELLED))

    client.payload(node.address, path, lambda each: each.get("EXEC_ERRORS"))
    client.notification(lambda each: each["EE_PAYLOAD_PATH"] == [node.name, *path])


def test_an_update_in_another_spelling_is_of_the_same_instance(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = (pipeline_name, SPELLED, "one")
    settings = run_once("return plugin.cfg_v", V=1, PROCESS_DELAY=0.1)
    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}, SPELLED))
    client.result(node.address, path, 1)

    other = (pipeline_name, "CUSTOM_EXEC_01", "one")
    told = client.update_instance(node, other, {"V": 2})
    client.result(node.address, path, 2)
    known = client.meet(node.address)

    assert told.steps == [(1, path), (100, path)]
    assert instances_of(known, pipeline_name) == [(SPELLED, "one")]


def test_a_list_of_updates_in_another_spelling_names_them_as_they_are(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = (pipeline_name, SPELLED, "one")
    client.deploy(node, pipeline_object(pipeline_name, {"one": run_once("return 1")}, SPELLED))

    told = client.batch_update(node, {(pipeline_name, "custom_exec_01", "one"): {"X": 1}})

    assert {step for step in told.steps if step[0] is not None} == {(1, path), (100, path)}
    summary = next(each for each in told.said if "BATCH_UPDATE_PIPELINE_INSTANCE" in each)
    assert summary["BATCH_UPDATE_PIPELINE_INSTANCE"] == [list(path)]


def test_a_whole_pipeline_in_another_spelling_keeps_its_instance_and_spells_it_so(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    settings = run_once("return plugin.obj_cache.setdefault('seen', plugin.cfg_v)", V=1)
    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}, SPELLED))
    client.payload(node.address, (pipeline_name, SPELLED, "one"))

    spelled = (pipeline_name, "custom_exec_01", "one")
    wanted = [Expected(PIPELINE_OK, (pipeline_name, None, None)), Expected(CONFIG_OK, spelled)]
    faster = {**settings, "V": 2, "PROCESS_DELAY": 0.1}
    changed = pipeline_object(pipeline_name, {"one": faster}, spelled[1])
    told = client.ask(node, "UPDATE_CONFIG", changed, wanted)
    # What it kept in memory is still there: it is the same instance, with the same process.
    client.result(node.address, spelled, 1)

    assert told.steps[-1] == (100, spelled)
    known = client.meet(node.address)
    assert instances_of(known, pipeline_name) == [(spelled[1], "one")]


def test_two_spellings_of_one_instance_are_refused(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    pipeline = pipeline_object(pipeline_name, {"one": run_once("return 1")}, SPELLED)
    pipeline["PLUGINS"] += [{**pipeline["PLUGINS"][0], "SIGNATURE": "CUSTOM_EXEC_01"}]

    told = client.deploy(node, pipeline)

    assert told.steps[-1] == (-1, (pipeline_name, None, None))
    assert "two instances 'one'" in told.said[-1]["NOTIFICATION"]


def test_what_is_not_there_is_denied_in_the_spelling_of_who_asks(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = (pipeline_name, SPELLED, "nobody")
    update = {**named(path), "INSTANCE_CONFIG": {"X": 1}}

    told = client.ask(node, "UPDATE_PIPELINE_INSTANCE", update, [Expected(PIPELINE_OK, path)])

    assert told.steps == [(-1, path)]


def test_our_client_finds_an_instance_that_another_spelled_otherwise(
    client: WireClient, node: KnownNode, pipeline_name: str, our_key_file: FilePath
) -> None:
    settings = run_once("return plugin.cfg_v", V=1, PROCESS_DELAY=0.1)
    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}, SPELLED))
    path = (pipeline_name, SPELLED, "one")

    with Session(broker=client.url, key_file=our_key_file, silent=True) as session:
        assert session.wait_for_node(node.address, timeout=PATIENCE, verbose=False)
        pipeline = session.attach_to_pipeline(node=node.address, name=pipeline_name)
        instance = pipeline.attach_to_plugin_instance(signature="custom_exec_01", instance_id="one")
        instance.update_instance_config(v=2)
        pipeline.deploy()
        succeeded = instance.was_last_operation_successful

    assert succeeded is True
    client.result(node.address, path, 2)
