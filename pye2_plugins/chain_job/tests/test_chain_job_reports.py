"""What the client is told of a job, and when."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pye2_chain_job.reports import (
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    JobState,
    ReportTimer,
    Standing,
    clock_text,
    failed_fields,
    last_fields,
    partial_fields,
)

STANDING = Standing(
    state=JobState.DISTRIBUTE,
    state_info="2 of 2 workers have a node",
    percent=25.0,
    nodes={0: "0xai_a", 1: "0xai_b"},
    counts={0: 30, 1: 10},
    elapsed=60.0,
    started="2026-11-22 21:35:16.913790",
)


def test_a_payload_shows_each_nodes_share_and_an_estimate_of_the_rest() -> None:
    fields = partial_fields(STANDING, [1, 2])
    assert fields == {
        "PROGRESS": 25.0,
        "DATA": [1, 2],
        "DATA_COUNT": 40,
        "PROGRESS_BY_NODE": {
            "0": {"NODE": "0xai_a", "PROGRESS": 0.75},
            "1": {"NODE": "0xai_b", "PROGRESS": 0.25},
        },
        "STATE": "DISTRIBUTE_JOBS",
        "STATE_INFO": "2 of 2 workers have a node",
        "START_DATE": "2026-11-22 21:35:16.913790",
        "ELAPSED_TIME": "0:01:00",
        "REMAINING_TIME": "0:03:00",
    }


@given(st.none() | st.floats() | st.integers(-(10**400), 10**400))
def test_progress_is_a_number_below_100_until_the_last_payload(percent: float | None) -> None:
    fields = partial_fields(evolve(STANDING, percent=percent), None)
    assert isinstance(fields["PROGRESS"], float)
    assert 0.0 <= fields["PROGRESS"] < 100.0


def test_without_progress_the_rest_is_unknown() -> None:
    assert partial_fields(evolve(STANDING, percent=None), None)["REMAINING_TIME"] == "unknown"


def test_the_last_payload_has_the_whole_number_100() -> None:
    fields = last_fields(STANDING, [])
    assert fields["PROGRESS"] == 100
    assert isinstance(fields["PROGRESS"], int)
    assert fields["REMAINING_TIME"] == "0:00:00"


def test_a_failed_job_says_why() -> None:
    fields = failed_fields(evolve(STANDING, state=JobState.FAILED), "no nodes", {"MORE": 1})
    assert (fields["STATE"], fields["ERROR"], fields["MORE"]) == ("FAILED", "no nodes", 1)
    assert fields["PROGRESS"] == 25.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00:00"), (59.9, "0:00:59"), (3671.9, "1:01:11"), (360000, "100:00:00")],
)
def test_durations_are_told_as_pye2_does(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


# --- when -----------------------------------------------------------------------------------------


def test_the_first_payload_is_due_at_once() -> None:
    assert ReportTimer().is_due(0.0)


def test_what_moves_is_told_after_the_shortest_pause() -> None:
    timer = ReportTimer()
    timer.began(10.0)
    assert not timer.is_due(10.0 + SHORTEST_PAUSE)
    timer.moved()
    assert not timer.is_due(10.0 + SHORTEST_PAUSE / 2)
    assert timer.is_due(10.0 + SHORTEST_PAUSE)


def test_a_job_that_stands_still_is_told_after_the_longest_pause() -> None:
    timer = ReportTimer()
    timer.began(10.0)
    assert timer.due_at() == 10.0 + LONGEST_PAUSE
    assert timer.is_due(timer.due_at())


def test_a_report_that_is_costly_to_make_is_made_less_often() -> None:
    timer = ReportTimer()
    timer.began(10.0)
    timer.cost(1.0)
    timer.moved()
    assert not timer.is_due(15.0)
    assert timer.is_due(10.0 + LONGEST_PAUSE)
