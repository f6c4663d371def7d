"""Heartbeats are sent when they are due, to whom they are for."""

import asyncio
from types import SimpleNamespace

import pytest

from pye2_node.askers import Askers
from pye2_node.heartbeat import FULL_EVERY, WHEN_ASKED, HeartbeatSchedule
from pye2_node.pulse import Pulse
from pye2core.abc import Channel
from pye2core.messages import Heartbeat

FULL = Heartbeat("n", "0xai_n")
BRIEF = Heartbeat("n", "0xai_n", is_brief=True)
CTRL = Channel.ctrl()


class World:
    """A pulse with everything that surrounds it, at a standstill."""

    def __init__(self, clock):
        self.clock = clock
        self.sent = []
        self.has_pye2_peers = False
        self._calls = []
        self.pulse = Pulse(
            HeartbeatSchedule(10, clock),
            SimpleNamespace(full=lambda: FULL, brief=lambda: BRIEF),
            SimpleNamespace(send=lambda said, to, conflate: self.sent.append((said, to))),
            must_say_everything=lambda: self.has_pye2_peers,
            loop=SimpleNamespace(call_soon_threadsafe=lambda *call: self._calls.append(call)),
        )
        self.schedule = self.pulse._schedule

    def run_calls(self):
        calls, self._calls = self._calls, []
        for call, *arguments in calls:
            call(*arguments)
        return len(calls)

    def pass_time(self, seconds):
        """In small steps, sending what is due; what was sent."""
        for _ in range(round(seconds * 10)):
            if self.schedule.seconds_left <= 1e-9:
                self.pulse.send_due()
            self.clock.advance(0.1)
        sent, self.sent[:] = list(self.sent), []
        return sent


@pytest.fixture
def world(clock):
    world = World(clock)
    world.pass_time(5)
    return world


def test_one_who_asks_alone_is_answered_alone(world):
    world.pulse.asked_by("a")
    world.run_calls()

    assert world.pass_time(1) == [(FULL, Channel.inbox("a"))]


def test_where_several_ask_one_heartbeat_is_for_all(world):
    for each in ("a", "b", "c"):
        world.pulse.asked_by(each)
    world.run_calls()

    assert world.pass_time(1) == [(FULL, CTRL)]


def test_who_has_no_inbox_is_answered_in_public(world):
    world.pulse.asked_by(None)
    world.run_calls()

    assert world.pass_time(1) == [(FULL, CTRL)]


def test_a_flood_of_questions_costs_two_heartbeats_a_second_and_next_to_nothing_else(world):
    sent = []
    for number in range(1000):
        world.pulse.asked_by(f"stranger-{number % 60}")
        world.run_calls()
        sent += world.pass_time(0.1)

    assert len(sent) <= 2 * 100 + 10 + 2


def test_the_loop_is_not_told_of_questions_that_change_nothing(world):
    for number in range(1000):
        world.pulse.asked_by(f"stranger-{number}")

    assert world.run_calls() == 2


def test_after_an_answer_the_next_question_counts_again(world):
    for _ in range(3):
        world.pulse.asked_by("a")
        world.run_calls()
        assert world.pass_time(1) == [(FULL, Channel.inbox("a"))]


def test_a_quiet_node_says_briefly_that_it_is_there(world):
    sent = [said for said, _ in world.pass_time(FULL_EVERY)]

    assert sent == [BRIEF] * 5 + [FULL]


def test_while_peers_of_pye2_are_about_it_says_everything(world):
    world.has_pye2_peers = True

    assert [said for said, _ in world.pass_time(FULL_EVERY)] == [FULL] * 6


def test_who_asked_before_everybody_was_told_is_answered_with_that(world):
    world.pulse.changed()
    world.pulse.asked_by("a")
    world.run_calls()
    world.clock.advance(WHEN_ASKED * 10)

    first, *more = world.pass_time(1)

    assert first in [(FULL, CTRL), (FULL, Channel.inbox("a"))]
    assert len(more) <= 1


def test_askers_can_be_added_from_many_threads():
    async def scenario():
        askers = Askers()
        changed = await asyncio.gather(
            *(asyncio.to_thread(askers.add, str(number)) for number in range(50))
        )
        assert sum(changed) == 2
        assert askers.take() is None
        assert askers.add("x")
        assert askers.take() == "x"

    asyncio.run(scenario())
