"""Messages and configurations as values."""

from __future__ import annotations

import attrs
import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from pye2core import messages
from pye2core.messages import (
    Action,
    Command,
    Heartbeat,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    Notification,
    NotificationCode,
    NotificationKind,
    PayloadMessage,
    PipelineConfig,
)
from pye2core.messages.configuration import VOID, upper_keys

FIRST = InstanceConfig("CUSTOM_EXEC_01", "first", {"PROCESS_DELAY": 1})
SECOND = InstanceConfig("CUSTOM_EXEC_01", "second")
PIPELINE = PipelineConfig("p", instances=(FIRST, SECOND))

NAMES = st.text("abAB_", min_size=1, max_size=3)
INSTANCES = st.builds(InstanceConfig, NAMES, NAMES, st.dictionaries(NAMES, st.integers()))


def key(instance: InstanceConfig) -> tuple[str, str]:
    return instance.signature.upper(), instance.instance_id


# --- configurations -------------------------------------------------------------------------------


def test_keys_become_upper_case_at_the_top_only() -> None:
    settings = {"code": {"inner": 1}, "PROCESS_DELAY": 2}

    assert upper_keys(settings) == {"CODE": {"inner": 1}, "PROCESS_DELAY": 2}


def test_a_pipeline_has_no_input_unless_it_is_given_one() -> None:
    assert PipelineConfig("p").data_source == VOID


def test_a_changed_instance_has_the_changes_over_its_settings() -> None:
    changed = FIRST.changed({"PROCESS_DELAY": 2, "CODE": "x"})

    assert changed == InstanceConfig("CUSTOM_EXEC_01", "first", {"PROCESS_DELAY": 2, "CODE": "x"})
    assert FIRST.settings == {"PROCESS_DELAY": 1}


def test_an_instance_is_found_by_its_signature_in_any_case_and_its_exact_id() -> None:
    assert PIPELINE.instance("custom_exec_01", "second") is SECOND
    assert PIPELINE.instance("CUSTOM_EXEC_01", "SECOND") is None
    assert PIPELINE.instance("OTHER", "second") is None


def test_an_instance_that_is_there_is_replaced_in_its_place() -> None:
    newer = InstanceConfig("custom_exec_01", "first", {"PROCESS_DELAY": 5})

    assert PIPELINE.with_instance(newer).instances == (newer, SECOND)
    assert PIPELINE.instances == (FIRST, SECOND)


def test_an_instance_that_is_not_there_is_added_at_the_end() -> None:
    third = InstanceConfig("CUSTOM_EXEC_01", "third")

    assert PIPELINE.with_instance(third).instances == (FIRST, SECOND, third)


@given(st.lists(INSTANCES, max_size=6), INSTANCES)
def test_with_an_instance_a_pipeline_has_it_once_and_all_others_as_they_were(
    before: list[InstanceConfig], newer: InstanceConfig
) -> None:
    pipeline = PipelineConfig("p")
    for each in before:
        pipeline = pipeline.with_instance(each)

    after = pipeline.with_instance(newer)

    assert after.instance(newer.signature, newer.instance_id) is newer
    assert [each for each in after.instances if key(each) != key(newer)] == [
        each for each in pipeline.instances if key(each) != key(newer)
    ]
    assert len({key(each) for each in after.instances}) == len(after.instances)


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "failed"),
    [
        (NotificationCode.PIPELINE_OK, False),
        (NotificationCode.PIPELINE_FAILED, True),
        (NotificationCode.COMM_RECEIVED_BAD_COMMAND, True),
        (-7, True),
        (7, False),
        (None, False),
    ],
)
def test_a_notification_with_a_negative_code_says_that_something_failed(
    code: int | None, *, failed: bool
) -> None:
    assert Notification(NotificationKind.NORMAL, "text", code).failed is failed


@pytest.mark.parametrize("code", [code for code in NotificationCode if code.name.endswith("_OK")])
def test_a_code_and_its_failure_are_each_other_s_negative(code: NotificationCode) -> None:
    failure = NotificationCode.__members__.get(code.name.replace("_OK", "_FAILED"))

    assert code > 0
    assert failure in (None, -code)


@pytest.mark.parametrize(
    "message",
    [
        Command(Action.STOP, None, "0xai_node"),
        PayloadMessage(InstancePath(), {}),
        Notification(NotificationKind.NORMAL, "text"),
        Heartbeat("attic", "0xai_attic"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_message_that_was_not_received_has_no_origin_and_does_not_change(
    message: Command | PayloadMessage | Notification | Heartbeat,
) -> None:
    assert message.origin is None
    with pytest.raises(FrozenInstanceError):
        message.origin = None  # type: ignore[misc]  # that it is refused is the test


def test_a_heartbeat_that_says_nothing_else_takes_commands_only_from_those_it_allows() -> None:
    beat = Heartbeat("attic", "0xai_attic")

    assert beat.secured
    assert beat.allowed == ()


def test_the_annotations_of_all_models_can_be_had_as_types() -> None:
    messages.resolve_types()

    named = [getattr(messages, name) for name in messages.__all__]
    models = [each for each in named if isinstance(each, type) and attrs.has(each)]
    texts = [
        f"{model.__name__}.{each.name}"
        for model in models
        for each in attrs.fields(model)
        if isinstance(each.type, str)
    ]
    assert {Command, Heartbeat} <= set(models)
    assert texts == []
    assert attrs.fields(Heartbeat).report.type == messages.NodeReport | None


def test_an_update_tells_its_settings_from_the_command_that_comes_with_them() -> None:
    sent = {"speed": 2, "instance_id": "i", "Instance_Command": {"STOP": True}}
    update = InstanceUpdate("p", "S_01", "i", sent)

    assert (update.settings, update.command) == ({"SPEED": 2}, {"STOP": True})
    assert InstanceUpdate("p", "S_01", "i", {"SPEED": 2}).command is None
