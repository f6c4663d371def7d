"""Hours of a week, held against a model that counts minutes, and against clocks of the world."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pye2_node.working_hours import MOST_SPANS, WEEKDAYS, WorkingHours, working_hours

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WEEK = 7 * 24 * 60

ZONES = ["UTC", "Europe/Prague", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]
ZONES += ["Asia/Kathmandu", "America/Asuncion", "Africa/Cairo"]

minutes_of_day = st.integers(0, 24 * 60 - 1)
texts = minutes_of_day.map(lambda each: f"{each // 60:02}:{each % 60:02}")
spans = st.lists(st.tuples(texts, texts | st.just("24:00")).map(list), max_size=4)
weeks = st.dictionaries(st.sampled_from(WEEKDAYS), spans | st.none(), max_size=7)
all_hours = st.one_of(spans, weeks).map(working_hours).filter(lambda each: each is not None)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone


def at(text, day=0):
    hours, minutes = text.split(":")
    return MONDAY + timedelta(days=day, hours=int(hours), minutes=int(minutes))


# --- what they mean -------------------------------------------------------------------------------


def test_a_list_of_spans_is_for_every_day():
    hours = working_hours([["08:00", "12:00"], ["13:00", "17:30"]])

    for day in range(7):
        assert not hours.cover(at("07:59", day))
        assert hours.cover(at("08:00", day))
        assert not hours.cover(at("12:00", day))
        assert hours.cover(at("17:29", day))
        assert not hours.cover(at("17:30", day))


@pytest.mark.parametrize("name", ["TUE", "tue", "Tuesday", "TUESDAY"])
def test_an_object_has_a_list_for_each_weekday_under_its_name_in_any_case(name):
    hours = working_hours({name: [["08:00", "12:00"]], "WED": None, "THU": []})

    covered = [day for day in range(7) if hours.cover(at("09:00", day))]

    assert covered == [1]


def test_a_span_may_go_past_midnight():
    hours = working_hours({"SUN": [["22:00", "06:00"]]})

    assert not hours.cover(at("21:59", 6))
    assert hours.cover(at("22:00", 6))
    assert hours.cover(at("05:59", 7))
    assert not hours.cover(at("06:00", 7))
    assert not hours.cover(at("23:00", 7))


@pytest.mark.parametrize("span", [["00:00", "24:00"], ["00:00", "00:00"], ["07:00", "07:00"]])
def test_a_span_that_ends_when_it_begins_is_a_whole_day(span):
    hours = working_hours([span])

    assert all(hours.cover(MONDAY + timedelta(hours=each)) for each in range(48))
    assert hours.next_change(MONDAY) is None


@pytest.mark.parametrize("nothing", [None, [], {}])
def test_without_hours_there_is_always_work(nothing):
    assert working_hours(nothing) is None


def test_days_that_are_named_with_nothing_are_free():
    hours = working_hours({"MON": []})

    assert not hours.cover(MONDAY)
    assert hours.next_change(MONDAY) is None


def test_hours_are_those_of_their_time_zone():
    hours = working_hours([["08:00", "09:00"]], "America/New_York")

    assert hours.next_change(MONDAY) == at("13:00")
    assert working_hours([["08:00", "09:00"]]).next_change(MONDAY) == at("08:00")


@pytest.mark.parametrize("name", [None, "", "UTC", "Etc/UTC", "Africa/Abidjan"])
def test_without_a_time_zone_it_is_utc(name):
    assert working_hours([["08:00", "09:00"]], name).next_change(MONDAY) == at("08:00")


def test_a_time_that_a_clock_skips_is_as_much_later():
    prague = ZoneInfo("Europe/Prague")  # at 02:00 on 2026-03-29 it shows 03:00
    hours = working_hours([["02:30", "05:00"]], "Europe/Prague")

    begins = hours.next_change(datetime(2026, 3, 29, tzinfo=prague))

    assert begins.astimezone(prague).strftime("%H:%M") == "03:30"


def test_of_a_time_that_a_clock_shows_twice_the_first_one_counts():
    prague = ZoneInfo("Europe/Prague")  # at 03:00 on 2026-10-25 it shows 02:00
    hours = working_hours([["02:30", "02:45"]], "Europe/Prague")

    begins = hours.next_change(datetime(2026, 10, 25, tzinfo=prague))
    ends = hours.next_change(begins)
    again = hours.next_change(ends)

    assert ends - begins == timedelta(minutes=15)
    assert again - begins == timedelta(hours=25)


# --- against a model ------------------------------------------------------------------------------


def minutes_covered(stated):
    """The minutes of a week from Monday on in UTC, counted one by one."""
    lists = stated if isinstance(stated, dict) else dict.fromkeys(WEEKDAYS, stated)
    covered = set()
    for name, each_day in lists.items():
        for start, end in each_day or ():
            first, last = (int(each[:2]) * 60 + int(each[3:]) for each in (start, end))
            length = (last - first) % (24 * 60) or 24 * 60
            begin = WEEKDAYS.index(name) * 24 * 60 + first
            covered |= {minute % WEEK for minute in range(begin, begin + length)}
    return covered


@given(st.one_of(spans, weeks), st.integers(0, 2 * WEEK), st.integers(0, 59))
def test_they_cover_what_counting_minutes_covers(stated, minute, seconds):
    hours = working_hours(stated)
    covered = minutes_covered(stated)
    moment = MONDAY + minute * MINUTE + timedelta(seconds=seconds)

    if hours is None:
        assert not stated
        return
    assert hours.cover(moment) is (minute % WEEK in covered)
    steps = (each for each in range(1, WEEK + 1) if is_edge(covered, minute + each))
    assert hours.next_change(moment) == next((moment_of(minute + each) for each in steps), None)


def is_edge(covered, minute):
    return (minute % WEEK in covered) is not ((minute - 1) % WEEK in covered)


def moment_of(minute):
    return MONDAY + minute * MINUTE


@settings(deadline=None)
@given(all_hours, st.sampled_from(ZONES), moments, st.floats(0, 1))
@example(working_hours({"SUN": [["02:00", "03:00"]]}), "Europe/Prague", at("00:00", 82), 0.5)
def test_nothing_changes_until_the_next_change_and_then_it_does(plan, zone, moment, part):
    hours = WorkingHours(plan.week, ZoneInfo(zone))

    change = hours.next_change(moment)

    now = hours.cover(moment)
    until = change or moment + timedelta(days=8)
    assert hours.cover(moment + (until - moment) * part * 0.999999) is now
    if change is not None:
        assert change > moment
        assert hours.cover(change) is not now
        assert hours.cover(change - timedelta(microseconds=1)) is now


# --- what cannot be understood --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ("08:00-17:00", "must be a list of spans"),
        (5, "must be a list of spans"),
        (False, "must be a list of spans"),
        (["08:00", "17:00"], "'08:00' for a span"),
        ([["08:00"]], "for a span"),
        ([["08:00", "12:00", "13:00"]], "for a span"),
        ([["8:00", "12:00"]], "for a span"),
        ([["08:00", "24:01"]], "for a span"),
        ([["24:00", "08:00"]], "for a span"),
        ([["08:00", "12:60"]], "for a span"),
        ([["08:00\n", "12:00"]], "for a span"),
        ([["\u0660\u0668:\u0660\u0660", "12:00"]], "for a span"),
        ([[480, 720]], "for a span"),
        ([None], "None for a span"),
        ({"MON": "08:00"}, "'08:00' for a day"),
        ({"MON": {}}, "{} for a day"),
        ({"FUNDAY": []}, "'FUNDAY' for a weekday; they are called MON to SUN"),
        ({"MO": []}, "'MO' for a weekday"),
        ({"MON": [], "monday": []}, "names MONDAY twice"),
        ([["08:00", "09:00"]] * (MOST_SPANS + 1), f"at most {MOST_SPANS}"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_what_is_wrong(stated, told):
    with pytest.raises(ValueError, match="WORKING_HOURS") as refused:
        working_hours(stated)

    assert told in str(refused.value)


@pytest.mark.parametrize(
    "name", ["Nowhere/City", "America", "../../etc/passwd", 5, True, ["UTC"], "a\0b", "x" * 9999]
)
def test_a_time_zone_that_nobody_knows_is_refused(name):
    with pytest.raises(ValueError, match="WORKING_HOURS_TIMEZONE must be the name of a time zone"):
        working_hours(None, name)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(anything, anything)
@example(None, {each: [[None] * 5] * 5 for each in "abc"})
def test_whatever_is_stated_is_understood_or_refused(stated, zone):
    try:
        hours = working_hours(stated, zone)
    except ValueError as refused:
        assert len(str(refused)) < 300  # noqa: PT017 - how it is refused is what is asserted
    else:
        assert hours is None or isinstance(hours.cover(MONDAY), bool)
