"""The whole life of each signature under a PyE2 client that is not ours, and whatever it may write.

Code that runs once for each request and the distributed job are deployed, updated, commanded and
archived, as ``test_wire_client_drives_node`` does it for code that runs again and again. Sections
are those of the PyE2 wire protocol.
"""

from __future__ import annotations

import base64
import inspect
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from wire_client import (
    CHAIN_DIST,
    NOWHERE,
    Expected,
    WireClient,
    code,
    instance_path,
    pipeline_object,
    run_once,
)
from wire_format import LEGACY_PREFIX, packed, without_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wire_client import Exchange, KnownNode, Path
    from wire_format import WireKey

    from pye2_cli.fleet import Fleet

Message = dict[str, Any]

REST_CUSTOM_EXEC = "REST_CUSTOM_EXEC_01"


def archived(client: WireClient, node: KnownNode, pipeline: str) -> Exchange:
    """Archive a pipeline that heartbeats show, and wait until they no longer do."""
    client.node_when(node.address, lambda known: pipeline in known.pipelines)
    told = client.archive(node, pipeline)
    client.node_when(node.address, lambda known: pipeline not in known.pipelines)
    return told


def asked(client: WireClient, node: KnownNode, path: Path, told: str) -> tuple[Exchange, Message]:
    """Send a command that waits for an answer: it is echoed without its parameters (section 6)."""
    data = {"k": [1, 2.5], "SDK_REQUEST": told}
    exchange = client.command_instance(node, path, {**data, "COMMAND_PARAMS": {"LOOK": True}})
    answer = client.payload(
        node.address,
        path,
        lambda each: (each.get("COMMAND_PARAMS") or {}).get("SDK_REQUEST") == told,
    )
    assert answer["COMMAND_PARAMS"] == data
    return exchange, answer


# --- each signature (section 13) ------------------------------------------------------------------


def test_code_that_runs_again_and_again_lives_through_all_commands(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = instance_path(pipeline_name)
    settings = run_once("return ['X', plugin.cfg_x]", X=1, PROCESS_DELAY=0.2)

    deployed = client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))
    client.result(node.address, path, ["X", 1])
    updated = client.batch_update(node, {path: {"X": 2}})
    client.result(node.address, path, ["X", 2])
    commanded, _ = asked(client, node, path, "c0")
    ended = archived(client, node, pipeline_name)

    assert deployed.steps == [(None, NOWHERE), (1, (pipeline_name, None, None)), (100, path)]
    assert updated.steps == [(1, path), (None, NOWHERE), (100, path)]
    assert commanded.steps == [(1, path), (101, path)]
    assert ended.steps[-1] == (4, (pipeline_name, None, None))


def a_request(text: str, when: str) -> Message:
    return {"DATA": code(text), "TIMESTAMP": when}


def test_code_that_runs_once_lives_through_all_commands(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = (pipeline_name, REST_CUSTOM_EXEC, "one")
    keys = {"RESULT_KEY": "REST_EXECUTION_RESULT", "ERROR_KEY": "REST_EXECUTION_ERROR"}
    settings = {"REQUEST": a_request("return plugin.cfg_x", "first"), "X": 1, **keys}

    def answered(when: str) -> Any:
        said = client.payload(node.address, path, lambda each: each.get("TIMESTAMP") == when)
        return said["REST_EXECUTION_RESULT"]

    deployed = client.deploy(
        node, pipeline_object(pipeline_name, {"one": settings}, REST_CUSTOM_EXEC)
    )
    first = answered("first")
    second_request = a_request("return plugin.cfg_x", "second")
    updated = client.batch_update(node, {path: {"REQUEST": second_request, "X": 2}})
    second = answered("second")
    commanded, _ = asked(client, node, path, "a0")
    ended = archived(client, node, pipeline_name)

    assert (first, second) == (1, 2)
    assert deployed.steps == [(None, NOWHERE), (1, (pipeline_name, None, None)), (100, path)]
    assert updated.steps == [(1, path), (None, NOWHERE), (100, path)]
    assert commanded.steps == [(1, path), (101, path)]
    assert ended.steps[-1] == (4, (pipeline_name, None, None))


def job_that_ends_above(target: int) -> Message:
    """A job whose workers count: a preset's name among its callbacks, as PyE2's SDK sends it."""
    return {
        "CUSTOM_CODE_PROCESS_REAL_TIME_COLLECTED_DATA": packed("return data"),
        "CUSTOM_CODE_FINISH_CONDITION": packed(
            "kwargs = plugin.cfg_finish_condition_kwargs\n"
            "return sum(map(len, collected_data.values())) > kwargs['X']"
        ),
        "CUSTOM_CODE_AGGREGATE_COLLECTED_DATA": packed(
            "return len(sum(collected_data.values(), []))"
        ),
        "CUSTOM_CODE_REMOTE_NODE": packed("return [1, 2, 3]"),
        "NR_REMOTE_NODES": 2,
        "NODE_PIPELINE_CONFIG": {"stream_type": "Void"},
        "NODE_PLUGIN_SIGNATURE": "CUSTOM_EXEC_01",
        "NODE_PLUGIN_CONFIG": {"PROCESS_DELAY": 0.2},
        "FINISH_CONDITION_KWARGS": {"X": target},
    }


def test_a_distributed_job_lives_through_all_commands(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = (pipeline_name, CHAIN_DIST, "job")
    whole = (pipeline_name, None, None)
    endless = job_that_ends_above(10**9)

    deployed = client.deploy(node, pipeline_object(pipeline_name, {"job": endless}, CHAIN_DIST))
    # From here on all workers have sent something: until then the job says that it has no result.
    client.payload(node.address, path, lambda each: bool(each.get("DATA")))
    commanded, _ = asked(client, node, path, "b0")
    updated = client.batch_update(node, {path: {"FINISH_CONDITION_KWARGS": {"X": 4}}})
    last = client.payload(node.address, path, lambda each: each.get("PROGRESS") == 100)
    ended = archived(client, node, pipeline_name)

    assert last["DATA"] > 4
    assert deployed.steps == [(None, NOWHERE), (1, whole), (100, path)]
    assert commanded.steps == [(1, path), (101, path)]
    assert updated.steps == [(1, path), (None, NOWHERE), (100, path)]
    assert ended.steps[-1] == (4, whole)


# --- custom code (section 12) ---------------------------------------------------------------------


def user_function(plugin: Any) -> Any:
    """A user's function; what is sent begins with this line."""

    for part in plugin.cfg_parts:
        if part > 1:
            return part
    return None


def cut_from(function: Callable[..., Any]) -> str:
    """What a PyE2 client sends of a function: all but its first line, cut by the indentation."""
    lines = [each.rstrip() for each in inspect.getsource(function).splitlines()[1:]]
    first = next(each for each in lines if each)
    indentation = len(first) - len(first.lstrip())
    return "\n".join(each[indentation:] for each in lines)


BODY = "for part in plugin.cfg_parts:\n  if part > 1:\n    return part\nreturn None"
SCRIPT = "found = [each for each in plugin.cfg_parts if each > 1]\n{name} = found[0]"

FORMS = {
    "a function": (packed(cut_from(user_function)), 2),
    "the text of a body": (packed(BODY), 2),
    "a file that ends with a newline": (packed(f"# a file\n{BODY}\n"), 2),
    "a script with __result": (packed(SCRIPT.format(name="__result")), 2),
    "a script with _result": (packed(SCRIPT.format(name="_result")), 2),
    "a script with result": (packed(SCRIPT.format(name="result")), 2),
    "a script with a return in a word": (packed("returned = 1\nresult = returned + 1"), 2),
    "a body that is not compressed": (base64.b64encode(BODY.encode()).decode(), 2),
    "a script that is not compressed": (
        base64.b64encode(SCRIPT.format(name="result").encode()).decode(),
        2,
    ),
    "blank lines first, as cut from a def": (packed("\n\nreturn 2"), 2),
}


def test_code_in_each_form_and_under_both_rules_of_wrapping_gives_its_result(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    often = {
        f"often {number}": {"CODE": shipped, "PARTS": [1, 2, 3], "PROCESS_DELAY": 60}
        for number, (shipped, _) in enumerate(FORMS.values())
    }
    once = {
        f"once {number}": {
            "REQUEST": {"DATA": {"CODE": shipped}, "TIMESTAMP": "now"},
            "PARTS": [1, 2, 3],
        }
        for number, (shipped, _) in enumerate(FORMS.values())
    }
    pipeline = pipeline_object(pipeline_name, often)
    pipeline["PLUGINS"] += pipeline_object(pipeline_name, once, REST_CUSTOM_EXEC)["PLUGINS"]

    client.deploy(node, pipeline)

    for number, (form, (_, value)) in enumerate(FORMS.items()):
        for path in (
            instance_path(pipeline_name, f"often {number}"),
            (pipeline_name, REST_CUSTOM_EXEC, f"once {number}"),
        ):
            said = client.payload(node.address, path, lambda each: "EXEC_RESULT" in each)
            assert (said["EXEC_RESULT"], said["EXEC_ERRORS"]) == (value, None), (form, path)


# --- addresses (section 2) ------------------------------------------------------------------------


def in_the_old_form(address: str) -> str:
    return LEGACY_PREFIX + without_prefix(address)


@pytest.fixture(params=["aixp_", ""], ids=["old prefix", "no prefix"])
def old_client(
    request: pytest.FixtureRequest, broker_url: str, wire_key: WireKey
) -> Iterator[WireClient]:
    """A client that writes its own address with another prefix, or none."""
    spelled = request.param + without_prefix(wire_key.address)
    with WireClient(broker_url, key=wire_key, name="old", writes_address_as=spelled) as connected:
        yield connected
    assert connected.unverified == []
    assert connected.deafened_by == []


@pytest.fixture
def old_pipeline(old_client: WireClient, fleet: Fleet) -> Iterator[tuple[KnownNode, str]]:
    """A node, and the name of a pipeline for it that is archived in the end."""
    node, name = old_client.meet(fleet.nodes[0].address), f"old-{uuid.uuid4().hex[:8]}"
    yield node, name
    old_client.archive(node, name)


def test_a_client_that_writes_its_address_in_an_older_form_is_the_same_one(
    old_client: WireClient, old_pipeline: tuple[KnownNode, str]
) -> None:
    node, name = old_pipeline
    path = instance_path(name)
    settings = run_once("return plugin.cfg_x", X=1, PROCESS_DELAY=0.2, ENCRYPT_PAYLOAD=True)

    deployed = old_client.deploy(node, pipeline_object(name, {"one": settings}))
    payload = old_client.result(node.address, path, 1)
    updated = old_client.batch_update(node, {path: {"X": 2}})
    old_client.result(node.address, path, 2)
    commanded, _ = asked(old_client, node, path, "old")

    assert deployed.sent["EE_SENDER"] != old_client.address
    assert deployed.steps[-1] == (100, path)
    assert updated.steps[-1] == (100, path)
    assert commanded.steps == [(1, path), (101, path)]
    assert payload["EE_IS_ENCRYPTED"] is True
    assert payload["INITIATOR_ADDR"] == old_client.address


def test_a_node_that_is_named_by_an_older_form_of_its_address_takes_all_commands(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    """A client puts into ``EE_ID`` what it was given; the topic is that of the address."""
    path = instance_path(pipeline_name)
    named = in_the_old_form(node.address)
    pipeline = pipeline_object(pipeline_name, {"one": run_once("return 'found'")})
    expected = [Expected(1, (pipeline_name, None, None)), Expected(100, path)]

    told = client.ask(
        node, "UPDATE_CONFIG", pipeline, expected, target=named, topic_of=node.address
    )
    client.result(node.address, path, "found")

    assert told.sent["EE_ID"] == named
    assert told.steps == [(None, NOWHERE), (1, (pipeline_name, None, None)), (100, path)]


# --- keys in any case (section 7) -----------------------------------------------------------------


def in_lower_case(settings: Message) -> Message:
    return {key.lower(): value for key, value in settings.items()}


def test_a_configuration_in_lower_case_is_the_same_one(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = instance_path(pipeline_name)
    settings = in_lower_case(
        run_once("return [plugin.cfg_x, plugin.cfg_nested]", X=1, NESTED={"Kept": 1}, TAGS="t")
    )
    instance = {"instance_id": "one", **settings, "process_delay": 0.2}
    pipeline = {
        "name": pipeline_name,
        "type": "void",
        "default_plugin": False,
        "live_feed": True,
        "plugins": [{"signature": "CUSTOM_EXEC_01", "instances": [instance]}],
    }
    expected = [Expected(1, (pipeline_name, None, None)), Expected(100, path)]

    deployed = client.ask(node, "UPDATE_CONFIG", pipeline, expected)
    first = client.result(node.address, path, [1, {"Kept": 1}])
    known = client.node_when(node.address, lambda known: pipeline_name in known.pipelines)
    updated = client.batch_update(node, {path: {"x": 2, "Process_Delay": 0.1}})
    client.result(node.address, path, [2, {"Kept": 1}])
    alone = client.update_instance(node, path, {"x": 3, "encrypt_payload": True})
    secret = client.result(node.address, path, [3, {"Kept": 1}])

    stored = known.pipelines[pipeline_name]
    assert stored["LIVE_FEED"] is True
    (shown,) = stored["PLUGINS"][0]["INSTANCES"]
    assert {key for key in (*stored, *shown) if key != key.upper()} == set()
    assert first["TAGS"] == "t"
    assert secret["EE_IS_ENCRYPTED"] is True
    assert [each.steps[-1] for each in (deployed, updated, alone)] == [(100, path)] * 3
    (now,) = client.meet(node.address).pipelines[pipeline_name]["PLUGINS"][0]["INSTANCES"]
    assert (now["X"], now["PROCESS_DELAY"], "x" in now) == (3, 0.1, False)


def test_an_update_and_a_command_in_lower_case_are_read(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = instance_path(pipeline_name)
    settings = run_once("return plugin.cfg_x", X=1, PROCESS_DELAY=0.2)
    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))
    named = {"name": path[0], "signature": path[1].lower(), "instance_id": path[2]}

    changes = {"instance_config": {"instance_id": "one", "x": 2}}
    expected = [Expected(1, path), Expected(100, path)]
    updated = client.ask(node, "BATCH_UPDATE_PIPELINE_INSTANCE", [{**named, **changes}], expected)
    # What is within a value stays as it is: the command itself is spelled as section 6 says.
    command = {"instance_config": {"instance_command": {"k": 1, "COMMAND_PARAMS": {"LOOK": True}}}}
    commanded = client.ask(
        node,
        "UPDATE_PIPELINE_INSTANCE",
        {**named, **command},
        [Expected(1, path), Expected(101, path)],
    )

    client.result(node.address, path, 2)
    assert updated.steps == [(1, path), (None, NOWHERE), (100, path)]
    assert commanded.steps == [(1, path), (101, path)]
    answer = client.payload(node.address, path, lambda each: each.get("COMMAND_PARAMS"))
    assert answer["COMMAND_PARAMS"] == {"k": 1}
