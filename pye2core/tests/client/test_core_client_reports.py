"""Which of two things that a node said is the newer one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pye2core.client.reports import LONG_AGO, LONGEST_WAY, SETTLING, Moment, Report
from pye2core.messages import Heartbeat, Origin, PipelineConfig

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MOMENTS = st.builds(
    Moment,
    st.none() | st.floats(-100, 100).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    st.floats(-100, 100),
    st.sampled_from([0.0, SETTLING]),
)


def at(seconds: float, *, heard: float = 0.0, doubt: float = 0.0) -> Moment:
    return Moment(NOON + timedelta(seconds=seconds), heard, doubt)


def test_the_nodes_own_clock_tells_whatever_came_first() -> None:
    confirmed, beat = at(2, heard=10), at(1.999, heard=11.5)

    assert not confirmed.precedes(beat)
    assert beat.precedes(confirmed)


def test_where_the_node_says_no_time_a_second_of_ours_must_have_passed() -> None:
    confirmed = Moment(None, 10)

    assert not confirmed.precedes(at(0, heard=10 + SETTLING / 2))
    assert confirmed.precedes(at(0, heard=10 + SETTLING))


def test_a_clock_that_was_put_back_deafens_nobody_for_long() -> None:
    confirmed = at(3600, heard=10)

    assert not confirmed.precedes(at(0, heard=20))
    assert confirmed.precedes(at(0, heard=10 + LONGEST_WAY))


def test_all_is_newer_than_what_was_never_told() -> None:
    assert LONG_AGO.precedes(Moment(None, 0))


@given(MOMENTS, MOMENTS)
def test_no_two_moments_precede_each_other(first: Moment, second: Moment) -> None:
    both = first.precedes(second) and second.precedes(first)

    assert not both or abs(first.heard - second.heard) >= SETTLING
    assert not first.precedes(first)


def test_pye2s_nodes_may_have_looked_a_second_before_they_stamped() -> None:
    confirmed = at(0)
    origin = Origin("0xai_node", sent_at=NOON + timedelta(seconds=0.9))
    pye2s = Heartbeat("node", "0xai_node", pipelines=(PipelineConfig("p"),), origin=origin)
    ours = Heartbeat("node", "0xai_node", life="5be80d31", revision=1, origin=origin)

    assert not confirmed.precedes(Report.of(pye2s, 0).moment)
    assert confirmed.precedes(Report.of(ours, 0).moment)
    assert Report.of(pye2s, 0).pipelines == {"p": PipelineConfig("p")}
    assert Report.of(ours, 0).pipelines == {}
