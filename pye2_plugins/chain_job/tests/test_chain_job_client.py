"""The client's side of a distributed job: what is sent, and how its failure reaches the user."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pye2_chain_job.client import ChainJobInstance
from pye2core import Payload
from pye2core.code import decode
from pye2core.errors import (
    CodeError,
    CodeRefused,
    InvalidConfiguration,
    JobFailedError,
    PresetParameterError,
    UnknownPreset,
)
from pye2core.messages import InstanceConfig, PipelineConfig

UNIQUES = "PROCESS_REAL_TIME_COLLECTED_DATA__KEEP_UNIQUES_IN_AGGREGATED_COLLECTED_DATA"
MORE_THAN_X = "FINISH_CONDITION___AGGREGATED_DATA_MORE_THAN_X"
ALL = "AGGREGATE_COLLECTED_DATA___AGGREGATE_COLLECTED_DATA"


def work(plugin: Any) -> Any:
    return [plugin.cfg_job_id]


def keep(plugin: Any, job_id: int, collected_data: Any, data: Any) -> Any:
    return data


def finish(plugin: Any, collected_data: Any) -> Any:
    return len(collected_data) > 3


def aggregate(plugin: Any, collected_data: Any) -> Any:
    everything = [item for items in collected_data.values() for item in items]
    return 1 / len(everything)


def use_numpy(plugin: Any, collected_data: Any) -> Any:
    return np.sum(collected_data)  # noqa: F821 - that it does not exist is the point


def use_missing(plugin: Any) -> Any:
    return missing  # noqa: F821 - that it does not exist is the point


def settings(**changes: Any) -> dict[str, Any]:
    arguments = {
        "main_node_process_real_time_collected_data": UNIQUES,
        "main_node_finish_condition": MORE_THAN_X,
        "main_node_finish_condition_kwargs": {"X": 167},
        "main_node_aggregate_collected_data": ALL,
        "worker_node_code": work,
        "nr_remote_worker_nodes": 2,
    }
    return ChainJobInstance.settings_from(**{**arguments, **changes})


def surroundings(config: dict[str, Any]) -> tuple[ChainJobInstance, list[JobFailedError]]:
    failed: list[JobFailedError] = []
    session = SimpleNamespace(new_callback_thread=lambda owner: None, fail_job=failed.append)
    wanted = InstanceConfig(ChainJobInstance.SIGNATURE, "inst", config)
    proposed = PipelineConfig("pipe", instances=(wanted,))
    pipeline: Any = SimpleNamespace(
        name="pipe", session=session, configurations=SimpleNamespace(proposed=proposed)
    )
    return ChainJobInstance(pipeline, ChainJobInstance.SIGNATURE, "inst"), failed


# --- what is refused before anything is sent ---


@pytest.mark.parametrize("number", [0, -1, 4097, 1.5, "2", True])
def test_a_number_of_workers_that_cannot_be_is_refused_at_the_client(number: Any) -> None:
    with pytest.raises(InvalidConfiguration, match="nr_remote_worker_nodes must be a whole number"):
        settings(nr_remote_worker_nodes=number)


@pytest.mark.parametrize("number", [None, 1, 2.0, 4096])
def test_a_number_of_workers_that_can_be_is_sent_as_it_is(number: Any) -> None:
    assert settings(nr_remote_worker_nodes=number)["NR_REMOTE_NODES"] == number


# --- what is sent ---------------------------------------------------------------------------------


def test_a_job_becomes_the_keys_of_pye2() -> None:
    sent = settings(
        worker_node_plugin_config={"UPTO": 1000},
        worker_node_pipeline_config={"CAP_RESOLUTION": 1},
        worker_node_plugin_signature="CUSTOM_EXEC_01",
        node_timeout=30,
    )
    codes = {key for key in sent if key.startswith("CUSTOM_CODE_")}
    assert codes == {
        "CUSTOM_CODE_PROCESS_REAL_TIME_COLLECTED_DATA",
        "CUSTOM_CODE_FINISH_CONDITION",
        "CUSTOM_CODE_AGGREGATE_COLLECTED_DATA",
        "CUSTOM_CODE_REMOTE_NODE",
        "CUSTOM_CODE_PROGRESS",
    }
    assert {key: value for key, value in sent.items() if key not in codes} == {
        "FINISH_CONDITION_KWARGS": {"X": 167},
        "NR_REMOTE_NODES": 2,
        "NODE_PLUGIN_CONFIG": {"UPTO": 1000},
        "NODE_PIPELINE_CONFIG": {"stream_type": "Void", "CAP_RESOLUTION": 1},
        "NODE_PLUGIN_SIGNATURE": "CUSTOM_EXEC_01",
        "NODE_TIMEOUT": 30,
    }
    assert decode(sent["CUSTOM_CODE_REMOTE_NODE"]) == "return [plugin.cfg_job_id]"


def test_presets_are_sent_as_source() -> None:
    sent = settings()
    source = decode(sent["CUSTOM_CODE_FINISH_CONDITION"])
    assert "plugin.cfg_finish_condition_kwargs" in source
    assert MORE_THAN_X not in source


def test_the_progress_of_a_finish_preset_goes_with_it() -> None:
    assert 'kwargs["X"] + 1' in decode(settings()["CUSTOM_CODE_PROGRESS"])


def test_a_progress_function_can_be_given() -> None:
    sent = settings(main_node_finish_condition=finish, main_node_progress=finish)
    assert decode(sent["CUSTOM_CODE_PROGRESS"]) == "return len(collected_data) > 3"


def test_without_one_no_progress_is_sent() -> None:
    assert "CUSTOM_CODE_PROGRESS" not in settings(main_node_finish_condition=finish)


@pytest.mark.parametrize("name", [MORE_THAN_X.lower(), MORE_THAN_X.title()])
def test_presets_are_known_in_any_case(name: str) -> None:
    assert settings(main_node_finish_condition=name) == settings()


def test_settings_can_be_changed_without_the_functions() -> None:
    changes = ChainJobInstance.settings_from(nr_remote_worker_nodes=3, node_timeout=20)
    assert changes == {"NR_REMOTE_NODES": 3, "NODE_TIMEOUT": 20}


def fetch(plugin: Any) -> Any:
    from fractions import Fraction

    return [str(Fraction(1, 3))]


def test_the_workers_code_asks_in_the_workers_settings() -> None:
    asked = {"GRANTS": {"modules": ["fractions"]}}

    sent = settings(worker_node_code=fetch, worker_node_plugin_config=asked)

    assert sent["NODE_PLUGIN_CONFIG"] == asked
    assert "GRANTS" not in sent


def test_what_the_main_node_is_to_be_granted_is_not_the_workers() -> None:
    with pytest.raises(CodeRefused):
        settings(worker_node_code=fetch, grants={"modules": ["fractions"]})


# --- what cannot be sent --------------------------------------------------------------------------


def test_a_preset_without_its_parameter_is_refused() -> None:
    with pytest.raises(PresetParameterError, match="needs X") as caught:
        settings(main_node_finish_condition_kwargs={})
    assert caught.value.preset == MORE_THAN_X
    assert caught.value.parameter == "X"


def test_a_preset_that_nobody_offers_is_told_by_its_name() -> None:
    with pytest.raises(UnknownPreset, match="FINISH_CONDITION___WHEN_I_LIKE"):
        settings(main_node_finish_condition="FINISH_CONDITION___WHEN_I_LIKE")


def test_a_preset_for_another_stage_is_refused() -> None:
    with pytest.raises(PresetParameterError, match="for the stage 'aggregate'"):
        settings(main_node_finish_condition=ALL)


def test_all_functions_are_checked_before_the_first_complaint() -> None:
    with pytest.raises(CodeRefused) as caught:
        settings(main_node_aggregate_collected_data=use_numpy, worker_node_code=use_missing)
    assert {problem.name for problem in caught.value.problems} == {"np", "missing"}
    assert "use_numpy" in str(caught.value)
    assert "use_missing" in str(caught.value)


def test_a_function_with_other_parameters_is_refused() -> None:
    with pytest.raises(CodeError, match="plugin, job_id, collected_data, data"):
        settings(main_node_process_real_time_collected_data=finish)


# --- what comes back ------------------------------------------------------------------------------


def test_every_payload_reaches_the_callback() -> None:
    instance, failed = surroundings(settings())
    heard: list[Any] = []
    on_data = instance.wrap_on_data(lambda *arguments: heard.append(arguments))
    payload = Payload({"PROGRESS": 100, "DATA": [2, 3], "STATE": "FINISHED"})
    on_data(instance.pipeline, payload)
    assert heard == [(instance.pipeline, payload)]
    assert not failed


def test_a_job_that_has_failed_fails_the_session_with_the_reason() -> None:
    instance, failed = surroundings(settings())
    on_data = instance.wrap_on_data(None)
    on_data(instance.pipeline, Payload({"STATE": "FAILED", "ERROR": "no node could be found"}))
    (error,) = failed
    assert error.reason == "no node could be found"
    assert error.pipeline == "pipe"
    assert "no node could be found" in str(error)


def test_a_function_that_raised_is_told_in_the_lines_of_the_users_own_file() -> None:
    instance, failed = surroundings(settings(main_node_aggregate_collected_data=aggregate))
    failure = {"TYPE": "ZeroDivisionError", "MESSAGE": "division by zero", "LINE": 2}
    payload = {
        "STATE": "FAILED",
        "ERROR": "the job's aggregate function failed",
        "ERROR_STAGE": "aggregate",
        "EXEC_FAILURE": {**failure, "SOURCE_LINE": "return 1 / len(everything)"},
    }
    instance.wrap_on_data(None)(instance.pipeline, Payload(payload))
    line = aggregate.__code__.co_firstlineno + 2
    assert f"{__file__}:{line}, in aggregate: return 1 / len(everything)" in str(failed[0])


@pytest.mark.parametrize("stage", [None, 5, "nothing"])
def test_a_failure_of_an_unknown_stage_is_told_all_the_same(stage: Any) -> None:
    instance, failed = surroundings(settings())
    failure = {"TYPE": "E", "MESSAGE": "m", "LINE": 7, "SOURCE_LINE": "raise E"}
    payload = {"STATE": "FAILED", "ERROR_STAGE": stage, "EXEC_FAILURE": failure}
    instance.wrap_on_data(None)(instance.pipeline, Payload(payload))
    assert "E: m (line 7: raise E)" in str(failed[0])
