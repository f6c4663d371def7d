"""Pipelines are read and written as PyE2 does; what a node must refuse is refused by its place."""

from typing import Any

import pytest

from pye2_wire.configuration import (
    instance_update,
    pipeline_config,
    pipeline_object,
    update_object,
)
from pye2core.errors import MessageRejected
from pye2core.messages import InstanceConfig, InstanceUpdate, PipelineConfig


def wire_pipeline(**changes: Any) -> dict[str, Any]:
    instance = {"INSTANCE_ID": "i1", "CODE": "abc"}
    return {
        "NAME": "p1",
        "DEFAULT_PLUGIN": False,
        "PLUGINS": [{"SIGNATURE": "CUSTOM_EXEC_01", "INSTANCES": [instance]}],
        "TYPE": "Void",
        "CAP_RESOLUTION": 1.0,
        **changes,
    }


def test_a_pipeline_is_read() -> None:
    assert pipeline_config(wire_pipeline()) == PipelineConfig(
        name="p1",
        data_source="Void",
        instances=(InstanceConfig("CUSTOM_EXEC_01", "i1", {"CODE": "abc"}),),
        settings={"CAP_RESOLUTION": 1.0},
    )


def test_a_pipeline_is_written_as_it_was_read() -> None:
    assert pipeline_object(pipeline_config(wire_pipeline())) == wire_pipeline()


def test_instances_are_grouped_by_signature_in_the_order_of_first_use() -> None:
    instances = [("B", "1"), ("A", "1"), ("B", "2")]
    pipeline = PipelineConfig("p", instances=tuple(InstanceConfig(*each) for each in instances))

    assert pipeline_object(pipeline)["PLUGINS"] == [
        {"SIGNATURE": "B", "INSTANCES": [{"INSTANCE_ID": "1"}, {"INSTANCE_ID": "2"}]},
        {"SIGNATURE": "A", "INSTANCES": [{"INSTANCE_ID": "1"}]},
    ]


def test_settings_cannot_displace_what_identifies() -> None:
    instance = InstanceConfig("S", "i", {"INSTANCE_ID": "other"})
    pipeline = PipelineConfig("p", instances=(instance,), settings={"NAME": "q", "TYPE": "x"})

    written = pipeline_object(pipeline)

    assert (written["NAME"], written["TYPE"]) == ("p", "Void")
    assert written["PLUGINS"][0]["INSTANCES"] == [{"INSTANCE_ID": "i"}]


def test_keys_become_upper_case_at_the_top_of_pipelines_and_instances_only() -> None:
    entry = {"instance_id": "i1", "code": {"inner": 1}}
    plugins = [{"signature": "custom_exec_01", "instances": [entry]}]
    read = pipeline_config({"name": "p", "type": "Void", "plugins": plugins, "url": {"a": 1}})

    assert read.settings == {"URL": {"a": 1}}
    assert read.instances == (InstanceConfig("custom_exec_01", "i1", {"CODE": {"inner": 1}}),)


def test_what_a_node_noted_on_a_pipeline_is_no_setting() -> None:
    notes = {
        "INITIATOR_ADDR": "a",
        "INITIATOR_ID": "b",
        "MODIFIED_BY_ADDR": "c",
        "MODIFIED_BY_ID": "d",
        "SESSION_ID": "e",
        "VALIDATED": True,
        "LAST_UPDATE_TIME": "f",
    }

    assert pipeline_config(wire_pipeline(**notes)) == pipeline_config(wire_pipeline())


def test_a_pipeline_may_have_no_instances() -> None:
    assert pipeline_config({"NAME": "p", "TYPE": "Void"}).instances == ()


PLUGIN = {"SIGNATURE": "S", "INSTANCES": [{"INSTANCE_ID": "i"}]}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"NAME": None}, "PAYLOAD: NAME is missing or empty"),
        ({"NAME": 5}, "PAYLOAD: NAME is 5, not a text"),
        ({"TYPE": None}, "pipeline 'p1': TYPE is missing or empty"),
        ({"TYPE": ""}, "pipeline 'p1': TYPE is missing or empty"),
        ({"PLUGINS": {}}, "pipeline 'p1': PLUGINS is {}, not a list"),
        ({"PLUGINS": [PLUGIN, 7]}, "pipeline 'p1': plugin 2 is 7, not an object"),
        (
            {"PLUGINS": [{"INSTANCES": [{"INSTANCE_ID": "i"}]}]},
            "pipeline 'p1': plugin 1: SIGNATURE is missing or empty",
        ),
        (
            {"PLUGINS": [PLUGIN, {"SIGNATURE": "t", "INSTANCES": []}]},
            "pipeline 'p1': plugin 2 (t): INSTANCES is missing or empty",
        ),
        (
            {"PLUGINS": [{"SIGNATURE": "S"}]},
            "pipeline 'p1': plugin 1 (S): INSTANCES is missing or empty",
        ),
        (
            {"PLUGINS": [{"SIGNATURE": "S", "INSTANCES": ["x"]}]},
            "pipeline 'p1': plugin 1 (S), instance 1 is 'x', not an object",
        ),
        (
            {"PLUGINS": [{"SIGNATURE": "S", "INSTANCES": [{"INSTANCE_ID": "i"}, {"A": 1}]}]},
            "pipeline 'p1': plugin 1 (S), instance 2: INSTANCE_ID is missing or empty",
        ),
        ({"PLUGINS": [PLUGIN, PLUGIN]}, "pipeline 'p1': S has two instances 'i'"),
    ],
)
def test_a_pipeline_that_cannot_run_is_refused_by_its_place(
    changes: dict[str, Any], place: str
) -> None:
    with pytest.raises(MessageRejected) as rejection:
        pipeline_config(wire_pipeline(**changes))

    assert rejection.value.reason == "shape"
    assert str(rejection.value).startswith(f"{place};")


UPDATE = {"NAME": "p", "SIGNATURE": "s", "INSTANCE_ID": "i", "INSTANCE_CONFIG": {"a": 1}}


def test_an_update_is_read_with_upper_case_changes() -> None:
    assert instance_update(UPDATE) == InstanceUpdate("p", "s", "i", {"A": 1})


def test_a_signature_is_the_same_in_any_case() -> None:
    plugins = [PLUGIN, {**PLUGIN, "SIGNATURE": "s"}]

    with pytest.raises(MessageRejected, match="S has two instances 'i'"):
        pipeline_config(wire_pipeline(PLUGINS=plugins))


def test_the_id_among_the_changes_is_no_change() -> None:
    config = {"INSTANCE_ID": "i", "A": 1}

    assert instance_update({**UPDATE, "INSTANCE_CONFIG": config}).changes == {"A": 1}


def test_an_update_is_written() -> None:
    assert update_object(InstanceUpdate("p", "S", "i", {"A": 1})) == {
        "NAME": "p",
        "SIGNATURE": "S",
        "INSTANCE_ID": "i",
        "INSTANCE_CONFIG": {"A": 1},
    }


@pytest.mark.parametrize("key", list(UPDATE))
def test_an_update_that_lacks_something_is_refused(key: str) -> None:
    with pytest.raises(MessageRejected, match=f"update 3: {key} is missing") as rejection:
        instance_update({**UPDATE, key: None}, "update 3")

    assert rejection.value.reason == "shape"
