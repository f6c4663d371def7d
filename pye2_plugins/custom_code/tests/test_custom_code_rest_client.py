"""The client's side of REST_CUSTOM_EXEC_01: what is sent, and what is read from the answer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_custom_code.rest_client import RestCustomExecInstance
from pye2_custom_code.settings import RestCustomExecSettings, checked
from pye2core.code import decode
from pye2core.errors import CodeError, CodeRefused
from pye2core.messages import InstanceConfig, InstancePath

CAPTURES = Path(__file__).resolve().parents[3] / "tests" / "data" / "captures"


def divide(plugin: Any) -> Any:
    zero = 0
    return 1 / zero


def instance_with(settings: dict[str, Any]) -> RestCustomExecInstance:
    """An instance that ``wait_exec`` has deployed."""
    key = ("REST_CUSTOM_EXEC_01", "inst")
    temporary = {key: InstanceConfig(*key, settings)}
    pipeline: Any = SimpleNamespace(
        name="pipe",
        session=SimpleNamespace(new_callback_thread=lambda owner: None),
        configurations=SimpleNamespace(temporary=temporary),
    )
    return RestCustomExecInstance(pipeline, *key)


def waited_for(code: Any, **config: Any) -> dict[str, Any]:
    """The settings of what ``wait_exec`` deploys on a pipeline without input."""
    return RestCustomExecInstance.settings_for(code, config, has_input=False)


# --- what is sent ---------------------------------------------------------------------------------


def test_a_function_becomes_a_request_and_the_rest_settings() -> None:
    settings = RestCustomExecInstance.settings_from(custom_code=divide, number=21)

    request = settings.pop("REQUEST")
    assert decode(request["DATA"].pop("CODE")) == "zero = 0\nreturn 1 / zero"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", request.pop("TIMESTAMP"))
    assert request == {"DATA": {}}
    assert settings == {"NUMBER": 21}


def test_settings_can_be_changed_without_a_request() -> None:
    assert RestCustomExecInstance.settings_from(result_key="R") == {"RESULT_KEY": "R"}


def test_what_is_waited_for_comes_in_fields_of_its_own() -> None:
    settings = waited_for("return 1")

    assert settings["RESULT_KEY"] == "REST_EXECUTION_RESULT"
    assert settings["ERROR_KEY"] == "REST_EXECUTION_ERROR"


def test_the_users_settings_come_with_it_and_do_not_change_what_is_waited_for() -> None:
    settings = waited_for("return 1", X=5, RESULT_KEY="MINE", ALLOW_EMPTY_INPUTS="as I wish")

    assert settings["X"] == 5
    assert settings["RESULT_KEY"] == "REST_EXECUTION_RESULT"
    assert settings["ALLOW_EMPTY_INPUTS"] == "as I wish"


def test_only_where_there_is_no_input_it_runs_without() -> None:
    fed = RestCustomExecInstance.settings_for("return 1", {}, has_input=True)
    unfed = RestCustomExecInstance.settings_for("return 1", {}, has_input=False)

    assert (fed["ALLOW_EMPTY_INPUTS"], fed["RUN_WITHOUT_IMAGE"]) == (False, False)
    assert (unfed["ALLOW_EMPTY_INPUTS"], unfed["RUN_WITHOUT_IMAGE"]) == (True, True)


def test_each_instance_has_a_name_of_its_own() -> None:
    names = {RestCustomExecInstance.new_id("pipe") for _ in range(10)}

    assert len(names) == 10
    for name in names:
        assert re.fullmatch("pipe_rest_custom_exec_synchronous_[0-9a-f]{8}", name)


def test_code_that_cannot_run_on_a_node_is_refused() -> None:
    with pytest.raises(CodeRefused, match="import"):
        waited_for("import os")
    with pytest.raises(CodeError):
        waited_for(len)


# --- what is read ---------------------------------------------------------------------------------


def test_the_result_and_the_error_are_read() -> None:
    instance = instance_with(waited_for("return 1"))

    said = {"REST_EXECUTION_RESULT": 5, "REST_EXECUTION_ERROR": None, "EXEC_WARNING": ["beware"]}
    assert instance.outcome_in(said) == (5, None)
    said = {"REST_EXECUTION_RESULT": None, "REST_EXECUTION_ERROR": {"message": "what PyE2 says"}}
    assert instance.outcome_in(said) == (None, {"message": "what PyE2 says"})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"STATUS": "Working hours shift STARTED"},
        {"INFO_MANIFEST": {}},
        {"REST_EXECUTION_RESULT": 5},
        {"REST_EXECUTION_ERROR": "no"},
        {"COMMAND_PARAMS": {}},
    ],
)
def test_other_payloads_say_nothing_of_it(fields: dict[str, Any]) -> None:
    assert instance_with(waited_for("return 1")).outcome_in(fields) is None


def test_an_error_is_told_in_the_users_own_lines() -> None:
    instance = instance_with(waited_for(divide))
    failure = {"TYPE": "ZeroDivisionError", "MESSAGE": "division by zero", "LINE": 2}
    said = {"REST_EXECUTION_RESULT": None, "REST_EXECUTION_ERROR": "…", "EXEC_FAILURE": failure}

    _, error = instance.outcome_in(said) or (None, None)

    line = divide.__code__.co_firstlineno + 2
    assert error == f"ZeroDivisionError: division by zero\n  {__file__}:{line}, in divide"


anything = st.none() | st.integers() | st.text() | st.dictionaries(st.text(), st.integers())
keys = st.sampled_from(["REST_EXECUTION_RESULT", "REST_EXECUTION_ERROR", "EXEC_FAILURE"])


@given(st.dictionaries(keys | st.text(), anything | st.dictionaries(keys, anything)))
def test_whatever_a_payload_says_it_is_read_or_ignored(fields: dict[str, Any]) -> None:
    outcome = instance_with(waited_for("return 1")).outcome_in(fields)

    has_both = {"REST_EXECUTION_RESULT", "REST_EXECUTION_ERROR"} <= fields.keys()
    assert (outcome is not None) == has_both


# --- as PyE2's client and engine were recorded ----------------------------------------------------


def recorded(step: str, channel: str) -> list[dict[str, Any]]:
    """What was said in a step on a channel."""
    capture = json.loads((CAPTURES / "engine_plain.json").read_text())
    chosen = [each for each in capture["messages"] if each["step"] == step]
    return [json.loads(each["raw_utf8"]) for each in chosen if each["topic"].endswith(channel)]


def requests_in(command: dict[str, Any]) -> list[dict[str, Any]]:
    plugins = command["PAYLOAD"]["PLUGINS"]
    return [
        instance
        for plugin in plugins
        if plugin["SIGNATURE"] == "REST_CUSTOM_EXEC_01"
        for instance in plugin["INSTANCES"]
    ]


def test_our_settings_have_the_keys_of_a_pye2_client() -> None:
    (command,) = recorded("wait_exec", "config")
    (sent,) = requests_in(command)

    ours = waited_for("return 1")

    assert {*ours, "INSTANCE_ID"} == sent.keys()
    assert ours["REQUEST"].keys() == sent["REQUEST"].keys()
    assert ours["REQUEST"]["DATA"].keys() == sent["REQUEST"]["DATA"].keys()
    assert (ours["RESULT_KEY"], ours["ERROR_KEY"]) == (sent["RESULT_KEY"], sent["ERROR_KEY"])


def test_the_requests_of_a_pye2_client_can_be_run() -> None:
    commands = [*recorded("wait_exec", "config"), *recorded("wait_exec error", "config")]
    settings = [
        checked(RestCustomExecSettings, each, InstancePath("p", "REST_CUSTOM_EXEC_01", "i"))
        for command in commands
        for each in requests_in(command)
    ]

    sources = [each.request.source for each in settings if each.request is not None]

    assert len(sources) == 3
    assert sources[0] == sources[1]
    assert sources[0].startswith("x = [i * i for i in range(3)]")
    assert len({each.request.digest for each in settings if each.request is not None}) == 2


def test_the_result_of_a_pye2_engine_is_read() -> None:
    said = [
        each
        for each in recorded("wait_exec", "payloads")
        if each["EE_PAYLOAD_PATH"][2] == "REST_CUSTOM_EXEC_01"
    ]
    instance = instance_with(waited_for("return 1"))

    outcomes = [instance.outcome_in(each) for each in said]

    assert outcomes == [None, ({"msg": "héllo", "x": [0, 1, 4]}, None)]
