"""A whole node on a machine whose clock is behind when it is started, and is put right then."""

import queue
from datetime import timedelta

import pytest
from node_support import FRIEND, SECONDS, pipeline, puppet

from pye2_native_wire.serializer import NativeSerializer
from pye2core.abc import Channel
from pye2core.clock import SYSTEM_CLOCK, ManualClock, SystemClock
from pye2core.connection import Dialects
from pye2core.messages import Action, Command, Requester
from pye2core.plugins import installed_plugins

FRIENDS_SESSION = Requester(FRIEND.address, "tests", "session-1")
TOO_LATE = timedelta(days=8)


class ShiftedClock(SystemClock):
    """The time of this machine, and how far it is off; that can be changed."""

    def __init__(self, by):
        self.by = by

    def now(self):
        return super().now() + self.by


@pytest.fixture
def rejected(registry, monkeypatch):
    """What the node has rejected, as it is told to observers."""
    told = queue.Queue()

    def observe(hook, **arguments):
        if hook == "pye2_message_rejected":
            told.put(arguments["error"].reason)

    monkeypatch.setattr(registry, "observe", observe, raising=False)
    return told


@pytest.fixture
def native_friend(connect):
    """A client that speaks our own dialect, too."""
    return connect(dialects=Dialects.installed(installed_plugins()))


def late_command(name, node):
    """A command of the friend's, in our own dialect, that has expired."""
    then = ManualClock(SYSTEM_CLOCK.now() - TOO_LATE)
    body = pipeline(name, puppet())
    command = Command(Action.UPDATE_PIPELINE, body, node.address, FRIENDS_SESSION)
    return NativeSerializer(clock=then).seal(command, FRIEND)


def test_nothing_expires_until_the_clock_is_right_and_what_was_taken_is_not_taken_again(
    start, native_friend, raw, rejected, timesync
):
    friend, clock = native_friend, ShiftedClock(timedelta())

    def publish(data):
        raw.publish(Channel.config(node.address), data).result(SECONDS)

    node = start(clock=clock)
    friend.heartbeat("n1", lambda each: each.clock_trouble is None)
    node.stop()

    clock.by = -timedelta(days=100)
    node = start(clock=clock)
    friend.heartbeat("n1", lambda each: "this node ran at" in (each.clock_trouble or ""))
    # By that clock this one is good for more than a hundred days, which is more than is allowed.
    friend.send(Action.UPDATE_PIPELINE, pipeline("in time", puppet()), node.address)
    friend.confirmed("in time")
    late = late_command("late", node)
    publish(late)
    friend.confirmed("late")
    publish(late)
    assert rejected.get(timeout=SECONDS) == "replay"

    clock.by = timedelta()
    publish(late_command("later", node))
    assert rejected.get(timeout=SECONDS) == "expired"
    friend.send(Action.UPDATE_PIPELINE, pipeline("in time again", puppet()), node.address)
    friend.confirmed("in time again")
    publish(late)
    assert rejected.get(timeout=SECONDS) == "replay"
    friend.send(Action.FULL_HEARTBEAT, None, node.address)
    friend.heartbeat("n1", lambda each: not each.is_brief and each.clock_trouble is None)
    node.stop()

    node = start(clock=clock)
    publish(late)
    assert rejected.get(timeout=SECONDS) == "replay"
