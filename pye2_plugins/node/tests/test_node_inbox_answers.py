"""Answers to those who ask how the node is."""

import asyncio

import pytest

from pye2_node.answer_rate import ANSWERS_A_SECOND
from pye2_node.inbox_answers import MOST_WAITING, SHOWN_EVERY, InboxAnswers
from pye2core.clock import SYSTEM_CLOCK, ManualClock


class Loop:
    """Keeps what is to be called later."""

    def __init__(self, clock):
        self._clock = clock
        self.later = []

    def call_later(self, seconds, call, *arguments):
        self.later.append((self._clock.monotonic() + seconds, call, arguments))

    def advance(self, seconds):
        self._clock.advance(seconds)
        due = [each for each in self.later if each[0] <= self._clock.monotonic()]
        self.later = [each for each in self.later if each not in due]
        for _, call, arguments in due:
            call(*arguments)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def loop(clock):
    return Loop(clock)


@pytest.fixture
def told():
    return []


@pytest.fixture
def answers(told, clock, loop):
    return InboxAnswers(told.append, clock, loop)


def test_who_asks_is_answered_at_once(answers, told):
    answers.asked("a")

    assert told == ["a"]


def test_who_asks_too_soon_is_answered_a_little_later_and_once(answers, told, loop):
    for _ in range(5):
        answers.asked("a")
    assert told == ["a"]

    loop.advance(SHOWN_EVERY)
    loop.advance(SHOWN_EVERY)

    assert told == ["a", "a"]


def test_a_crowd_is_answered_by_and_by(answers, told, loop):
    crowd = [str(number) for number in range(ANSWERS_A_SECOND * 2)]
    for each in crowd:
        answers.asked(each)
    assert told == crowd[:ANSWERS_A_SECOND]

    for _ in range(round(1 / SHOWN_EVERY)):
        loop.advance(SHOWN_EVERY)

    assert sorted(told) == sorted(crowd)


def test_a_flood_costs_no_more_than_a_crowd(answers, told, loop):
    for number in range(10_000):
        answers.asked(str(number))

    assert len(loop.later) == MOST_WAITING
    assert len(told) == ANSWERS_A_SECOND


def test_it_runs_on_a_real_loop():
    async def scenario():
        told = asyncio.Queue()
        answers = InboxAnswers(told.put_nowait, SYSTEM_CLOCK, asyncio.get_running_loop())
        answers.asked("a")
        answers.asked("a")
        async with asyncio.timeout(20):
            assert [await told.get(), await told.get()] == ["a", "a"]

    asyncio.run(scenario())
