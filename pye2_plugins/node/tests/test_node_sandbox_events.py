import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_node.sandbox import answers
from pye2_node.sandbox.events import EventDesk
from pye2_node.sandbox.frames import FrameError
from pye2_node.sandbox.layers.rlimits import WorkerLimits
from pye2_node.sandbox.limits import SandboxLimits

LIMITS = SandboxLimits(worker=WorkerLimits(output=100, cache_text=50), events=10)


class Owner:
    def __init__(self, error=None):
        self.heard = []
        self.error = error

    async def on_log(self, text):
        await self.hear("log", text)

    async def on_payload(self, fields):
        await self.hear("payload", fields)

    async def on_cache_save(self, name, text):
        await self.hear("save", name, text)

    async def on_cache_load(self, name):
        await self.hear("load", name)
        return "kept"

    async def on_limit(self, name, value):
        await self.hear("limit", name, value)

    async def hear(self, *what):
        if self.error:
            raise self.error
        self.heard.append(what)


def take(*taken, owner=None, log=None):
    """Hand frames to a desk; what the owner heard, what the worker is answered, the desk."""
    owner = owner or Owner()
    replies = []

    async def reply(field, text):
        replies.append({field: text})

    async def run():
        desk = EventDesk(owner, reply, LIMITS, log or logging.getLogger("test"))
        for frame in taken:
            await desk.take(frame)
        return desk

    return owner.heard, replies, asyncio.run(run())


def test_events_reach_the_owner_in_order():
    heard, _, desk = take(
        {"did": "log", "text": "a\n"},
        {"did": "print", "text": "b\nc\n"},
        {"did": "payload", "fields": {"x": 1}},
    )

    assert heard == [("log", "a"), ("log", "b\nc"), ("payload", {"x": 1})]
    assert desk.printed == "b\nc\n"


def test_texts_are_kept_and_loaded_for_the_worker():
    heard, replies, _ = take(
        {"did": "save", "name": "data.x-1.json", "text": "[]"},
        {"did": "load", "name": "data.x-1.json"},
    )

    assert heard == [("save", "data.x-1.json", "[]"), ("load", "data.x-1.json")]
    assert replies == [{"error": None}, {"text": "kept"}]


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a/b", "a\x00b", "x" * 101, "a b", "é\n"])
@pytest.mark.parametrize("what", ["save", "load"])
def test_a_name_that_is_not_fit_to_be_a_files_never_reaches_the_owner(what, name):
    heard, replies, _ = take({"did": what, "name": name, "text": "x"})

    assert heard == []
    assert "cannot be the name" in replies[0]["error"]


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"did": "call"},
        {"did": ["log"]},
        {"did": "log"},
        {"did": "log", "text": 1},
        {"did": "print", "text": None},
        {"did": "payload", "fields": [1]},
        {"did": "save", "name": 1, "text": "x"},
        {"did": "save", "name": "x", "text": 5},
        {"did": "save", "name": "x", "text": "x" * 51},
        {"did": "load"},
    ],
    ids=str,
)
def test_a_forged_event_is_a_frame_error_and_reaches_nobody(frame):
    owner = Owner()

    with pytest.raises(FrameError):
        take(frame, owner=owner)
    assert owner.heard == []


def test_more_events_than_one_call_may_have_are_a_frame_error():
    with pytest.raises(FrameError, match="more than 10 events"):
        take(*[{"did": "log", "text": "x"}] * 11)


def test_more_output_than_one_call_may_have_is_a_frame_error():
    with pytest.raises(FrameError, match="more output"):
        take(*[{"did": "log", "text": "x" * 101}] * 10)


def test_every_call_has_its_own_limits():
    async def run():
        desk = EventDesk(Owner(), None, LIMITS, logging.getLogger("test"))
        for _ in range(5):
            desk.begin_call()
            for _ in range(10):
                await desk.take({"did": "print", "text": "x" * 20})
        return desk.printed

    assert asyncio.run(run()) == "x" * 200


def test_an_owner_that_fails_is_logged_and_the_worker_told(caplog):
    _, replies, _ = take(
        {"did": "log", "text": "a"},
        {"did": "payload", "fields": {}},
        {"did": "save", "name": "a", "text": "b"},
        {"did": "load", "name": "a"},
        owner=Owner(OSError("disk full")),
    )

    assert "disk full" in replies[0]["error"]
    assert "could not load" in replies[1]["error"]
    assert len(caplog.records) == 4


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
frame_of = st.fixed_dictionaries(
    {},
    optional={
        "did": st.sampled_from(["log", "print", "payload", "save", "load", "call"]) | any_json,
        "text": any_json,
        "fields": any_json,
        "name": any_json,
        "seconds": any_json,
        "failure": any_json,
        "problems": any_json,
    },
)


@given(frame_of)
def test_whatever_a_worker_says_is_understood_or_a_frame_error(frame):
    for read in (
        lambda: take(frame),
        lambda: answers.call_result(frame, ""),
        lambda: answers.problems(frame),
    ):
        try:
            read()
        except FrameError as error:
            assert str(error)  # noqa: PT017 - either way is right


def test_a_forged_failure_has_its_texts_cut():
    long = "x" * 1_000_000
    failure = dict.fromkeys(("type", "message", "source_line", "traceback", "function"), long)

    told = answers.call_result({"seconds": 1.0, "failure": {**failure, "line": 1}}, "").failure

    texts = (told.type, told.message, told.source_line, told.traceback, told.function)
    assert sum(map(len, texts)) < 30_000


def test_forged_problems_are_cut_and_counted():
    long = "x" * 1_000_000
    problem = {"function": long, "line": 1, "column": 1, "message": long, "name": long}

    ((function, told),) = answers.problems({"problems": [problem]})

    assert len(function) + len(told.message) + len(told.name) < 10_000
    with pytest.raises(FrameError):
        answers.problems({"problems": [problem] * 5000})


def test_a_limit_is_told_once_with_the_nodes_own_value():
    heard, _, _ = take(*[{"did": "limit", "name": "output", "value": 7}] * 3)

    assert heard == [("limit", "output", 100)]


def test_a_limit_that_there_is_not_is_nothing_that_a_worker_says():
    with pytest.raises(FrameError):
        take({"did": "limit", "name": "patience"})
