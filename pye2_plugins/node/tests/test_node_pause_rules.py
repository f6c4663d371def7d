"""When an instance does not run by its settings, and what is told of that: values only."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_support import puppet

from pye2_node.pausing import Shift, Standing, pause_rules, turns_between
from pye2core.errors import InvalidConfiguration

PAUSE, RESUME, SHIFT_START, SHIFT_END = 110, 111, 112, 113
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
MORNING = [["08:00", "12:00"]]


@pytest.mark.parametrize(
    ("settings", "standing"),
    [
        ({}, Standing()),
        ({"FORCED_PAUSE": None, "WORKING_HOURS": None}, Standing()),
        ({"FORCED_PAUSE": True}, Standing(is_forced=True)),
        ({"FORCED_PAUSE": False}, Standing()),
        ({"WORKING_HOURS": MORNING}, Standing(shift=Shift.OFF)),
        ({"WORKING_HOURS": [["00:00", "01:00"]]}, Standing(shift=Shift.ON)),
        ({"WORKING_HOURS": MORNING, "IGNORE_WORKING_HOURS": True}, Standing()),
        ({"WORKING_HOURS": MORNING, "IGNORE_WORKING_HOURS": False}, Standing(shift=Shift.OFF)),
        (
            {"WORKING_HOURS": MORNING, "WORKING_HOURS_TIMEZONE": "Asia/Tokyo"},
            Standing(shift=Shift.ON),
        ),
        (
            {"FORCED_PAUSE": True, "WORKING_HOURS": MORNING},
            Standing(is_forced=True, shift=Shift.OFF),
        ),
    ],
)
def test_the_settings_say_when_an_instance_does_not_run_section_7(settings, standing):
    assert pause_rules(puppet(**settings), "p").standing(MONDAY) == standing


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"FORCED_PAUSE": "yes"}, "FORCED_PAUSE must be true or false, not 'yes'"),
        ({"FORCED_PAUSE": 1}, "FORCED_PAUSE must be true or false, not 1"),
        ({"IGNORE_WORKING_HOURS": []}, "IGNORE_WORKING_HOURS must be true or false"),
        ({"WORKING_HOURS": "always"}, "WORKING_HOURS must be a list of spans"),
        ({"WORKING_HOURS_TIMEZONE": "Here"}, "WORKING_HOURS_TIMEZONE must be the name"),
        ({"WORKING_HOURS": 5, "IGNORE_WORKING_HOURS": True}, "WORKING_HOURS must be"),
    ],
)
def test_settings_that_cannot_be_understood_are_refused_by_name(settings, told):
    with pytest.raises(InvalidConfiguration, match="the instance 'i'") as refused:
        pause_rules(puppet(**settings), "p")

    assert told in str(refused.value)
    assert refused.value.pipeline == "p"


standings = st.builds(Standing, st.booleans(), st.sampled_from(Shift))


@given(st.none() | standings, standings)
def test_what_begins_and_ends_is_told_once(before, after):
    turns = turns_between(before, after)
    was, now = before or Standing(), after

    assert (PAUSE in turns) is (now.is_forced and not was.is_forced)
    assert (RESUME in turns) is (was.is_forced and not now.is_forced)
    assert (SHIFT_END in turns) is (now.is_outside and not was.is_outside)
    assert {SHIFT_START, SHIFT_END} != set(turns)
    assert len(set(turns)) == len(turns)
    if before == after:
        assert turns == []
    if now.shift is Shift.ON and was.shift is not Shift.ON:
        assert SHIFT_START in turns
