"""The client's side of CUSTOM_EXEC_01: what is sent, and what the user is told."""

from __future__ import annotations

import queue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pye2_custom_code import missing
from pye2_custom_code.client import CustomExecInstance
from pye2core import Payload
from pye2core.clock import ManualClock
from pye2core.code import decode, digest
from pye2core.errors import CodeError, CodeRefused
from pye2core.messages import InstanceConfig, PayloadMessage, PipelineConfig

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable


def double(plugin: Any) -> Any:
    number = plugin.cfg_number
    return 2 * number


def divide(plugin: Any) -> Any:
    zero = 0
    return 1 / zero


def forgetful(plugin: Any) -> Any:
    return np.sqrt(missing)  # noqa: F821 - that these do not exist is the point


class Surroundings:
    """A pipeline with one instance, and what its session was told to show."""

    def __init__(self, **settings: Any) -> None:
        self.shown: list[str] = []
        self.reported: queue.Queue[str] = queue.Queue()
        self.config = InstanceConfig("CUSTOM_EXEC_01", "inst", settings)
        session = SimpleNamespace(
            new_callback_thread=lambda owner: None,
            P=lambda text, **more: self.shown.append(text),
            warn=self.reported.put,
            clock=ManualClock(),
            peers=SimpleNamespace(name_of=lambda node: "attic"),
        )
        proposed = PipelineConfig("pipe", instances=(self.config,))
        self.pipeline: Any = SimpleNamespace(
            name="pipe",
            node_addr="0xai_attic",
            session=session,
            configurations=SimpleNamespace(proposed=proposed),
            hear_results=lambda: None,
        )
        self.instance = CustomExecInstance(self.pipeline, "CUSTOM_EXEC_01", "inst")
        self.heard: list[tuple[Any, ...]] = []

    def receive(self, message: str = "", **fields: Any) -> None:
        on_data = self.instance.wrap_on_data(lambda *arguments: self.heard.append(arguments))
        on_data(self.pipeline, Payload(fields, digest=message))


def failure(line: int) -> dict[str, Any]:
    return {
        "TYPE": "ZeroDivisionError",
        "MESSAGE": "division by zero",
        "LINE": line,
        "SOURCE_LINE": "return 1 / zero",
        "FUNCTION": "code",
        "TRACEBACK": "",
    }


# --- what is sent ---------------------------------------------------------------------------------


def test_a_function_becomes_packed_code_and_the_rest_settings() -> None:
    settings = CustomExecInstance.settings_from(custom_code=double, number=21, process_delay=2)
    assert decode(settings.pop("CODE")) == "number = plugin.cfg_number\nreturn 2 * number"
    assert settings == {"NUMBER": 21, "PROCESS_DELAY": 2}


def test_settings_can_be_changed_without_the_code() -> None:
    assert CustomExecInstance.settings_from(process_delay=1) == {"PROCESS_DELAY": 1}


def test_code_that_cannot_run_on_a_node_is_refused_with_everything_at_once() -> None:
    with pytest.raises(CodeRefused) as caught:
        CustomExecInstance.settings_from(custom_code=forgetful)
    assert {problem.name for problem in caught.value.problems} == {"np", "missing"}
    assert f"{__file__}:{forgetful.__code__.co_firstlineno + 1}" in str(caught.value)


@pytest.mark.parametrize("code", [len, print, 5, object()])
def test_code_that_cannot_be_read_back_is_an_error_that_says_so(code: Any) -> None:
    with pytest.raises(CodeError):
        CustomExecInstance.settings_from(custom_code=code)


# --- results --------------------------------------------------------------------------------------


def test_the_callback_is_given_the_pipeline_the_result_and_the_payload() -> None:
    there = Surroundings()
    there.receive(EXEC_RESULT=42, EXEC_ERRORS=None)
    ((pipeline, result, payload),) = there.heard
    assert pipeline is there.pipeline
    assert result == 42
    assert payload["EXEC_RESULT"] == 42
    assert not there.shown


@pytest.mark.parametrize("result", [0, False, "", []])
def test_a_result_that_is_false_is_a_result(result: Any) -> None:
    there = Surroundings()
    there.receive(EXEC_RESULT=result)
    assert there.heard[0][1] == result


def test_information_takes_the_place_of_a_result() -> None:
    there = Surroundings()
    there.receive(EXEC_INFO="warming up")
    assert there.heard[0][1] == "warming up"


def test_a_payload_without_a_result_is_not_given() -> None:
    there = Surroundings()
    there.receive(EXEC_RESULT=None, EXEC_ERRORS=None)
    there.receive(STATUS="Working hours shift STARTED")
    assert not there.heard
    assert not there.shown, "a payload that has no field for errors says nothing of errors"


def test_the_instances_own_field_names_are_known() -> None:
    there = Surroundings(RESULT_KEY="data", ERROR_KEY="trouble")
    there.receive(DATA=7, TROUBLE=None)
    there.receive(DATA=None, TROUBLE="it is broken")
    assert [result for _, result, _ in there.heard] == [7]
    assert there.shown == ["pipe/CUSTOM_EXEC_01/inst: it is broken"]


# --- exceptions -----------------------------------------------------------------------------------


def test_an_exception_is_shown_with_the_line_of_the_users_own_file() -> None:
    there = Surroundings(**CustomExecInstance.settings_from(custom_code=divide))
    there.receive(EXEC_RESULT=None, EXEC_ERRORS="…", EXEC_FAILURE=failure(2))
    (shown,) = there.shown
    assert "ZeroDivisionError: division by zero" in shown
    line = divide.__code__.co_firstlineno + 2
    assert f"{__file__}:{line}, in divide: return 1 / zero" in shown


def test_the_line_is_known_from_the_digest_that_nodes_publish_too() -> None:
    packed = CustomExecInstance.settings_from(custom_code=divide)["CODE"]
    there = Surroundings(CODE=digest(decode(packed)))
    there.receive(EXEC_RESULT=None, EXEC_ERRORS="…", EXEC_FAILURE=failure(2))
    assert f"{__file__}:" in there.shown[0]


def test_an_exception_of_code_from_elsewhere_is_shown_with_the_line_of_the_source() -> None:
    there = Surroundings(CODE="sha256:" + "0" * 64)
    there.receive(EXEC_ERRORS="…", EXEC_FAILURE=failure(2))
    assert "division by zero (line 2: return 1 / zero)" in there.shown[0]


def test_an_exception_is_shown_without_a_callback_too() -> None:
    there = Surroundings()
    there.instance.wrap_on_data(None)(there.pipeline, Payload({"EXEC_ERRORS": "no"}))
    assert there.shown == ["pipe/CUSTOM_EXEC_01/inst: no"]


def test_an_exception_is_shown_once_however_many_callbacks_there_are() -> None:
    there = Surroundings()
    for _ in range(3):
        there.receive("first", EXEC_ERRORS="no")
    there.receive("second", EXEC_ERRORS="no")
    assert len(there.shown) == 2


def test_a_notification_of_an_exception_tells_it_in_the_users_own_lines() -> None:
    there = Surroundings(**CustomExecInstance.settings_from(custom_code=divide))
    heard: list[Payload] = []
    on_notification = there.instance.wrap_on_notification(lambda _, said: heard.append(said))
    on_notification(there.pipeline, Payload({"NOTIFICATION": "…", "EXEC_FAILURE": failure(2)}))
    on_notification(there.pipeline, Payload({"NOTIFICATION": "all is well"}))
    assert f"{__file__}:" in heard[0]["EXCEPTION"]
    assert "EXCEPTION" not in heard[1]


def test_without_a_callback_for_notifications_there_is_nothing_to_call() -> None:
    assert Surroundings().instance.wrap_on_notification(None) is None


@pytest.mark.parametrize("said", [None, 5, "text", {}, {"TYPE": 1, "MESSAGE": 2}, {"TYPE": "E"}])
def test_a_failure_that_is_none_is_shown_as_what_the_node_said(said: Any) -> None:
    there = Surroundings()
    there.receive(EXEC_ERRORS="what the node said", EXEC_FAILURE=said)
    assert there.shown == ["pipe/CUSTOM_EXEC_01/inst: what the node said"]


# --- results that did not arrive ------------------------------------------------------------------


def hear(there: Surroundings, *numbers: int) -> None:
    """Payloads arrive, as a session hands them on."""
    for number in numbers:
        fields = {"EXEC_RESULT": number, "EXEC_RUN": "a", "EXEC_SEQ": number}
        message = PayloadMessage(there.instance.path, fields)
        for _thread, call in there.instance.calls_for_payload(message):
            call()


def test_results_that_did_not_arrive_are_told_with_their_place_and_what_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(missing, "LATE_SECONDS", 0.0)
    there = Surroundings()
    there.instance.temporary_attach(lambda *arguments: None)

    hear(there, 1, 2, 6)

    text = there.reported.get(timeout=30)
    there.instance.ended()
    assert text.startswith("3 results of pipe/CUSTOM_EXEC_01/inst on attic (0xai_attic)")
    assert "max_queued_messages 0" in text
    assert there.instance.missing_results == 3


def test_an_instance_that_has_ended_tells_nothing_of_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, waiting_threads: Callable[[], list[threading.Thread]]
) -> None:
    monkeypatch.setattr(missing, "LATE_SECONDS", 3600.0)
    there = Surroundings()
    there.instance.temporary_attach(lambda *arguments: None)
    hear(there, 1, 3)
    (waiting,) = waiting_threads()

    there.instance.ended()

    waiting.join(30)
    assert not waiting.is_alive()


def test_results_that_came_while_nobody_listened_are_not_missing() -> None:
    there = Surroundings()
    hear(there, 1, 2)
    there.instance.temporary_attach(lambda *arguments: None)

    hear(there, 90, 91)

    assert there.instance.missing_results == 0
