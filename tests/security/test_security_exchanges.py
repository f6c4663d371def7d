"""A worker that says what a signature's part in it never says: the node believes none of it.

The code is not checked and forges frames on the worker's own channel; the system's layers are on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest

from pye2_node.sandbox import SandboxLimits, SandboxPool
from pye2_node.sandbox.confinement import WRITING_FD
from pye2_node.sandbox.layers.names import ALL_LAYERS, Layer
from pye2_node.sandbox.layers.rlimits import WorkerLimits
from pye2core.errors import SandboxDied

if TYPE_CHECKING:
    from collections.abc import Iterator

PART: Final = "pye2_testing.code_in_sandbox:CodeInSandbox"
TIMEOUT: Final = 60
LARGEST: Final = 1024 * 1024
LIMITS: Final = SandboxLimits(
    worker=WorkerLimits(exchange=LARGEST), layers=ALL_LAYERS - {Layer.CHECK}, events=200
)
FORGING: Final = f"""
import json, os, struct
def forge(head, data):
    text = json.dumps(head).encode()
    body = struct.pack(">xI", len(text)) + text + data
    raw(struct.pack(">I", len(body)) + body)
def raw(sent):
    while sent:
        sent = sent[os.write({WRITING_FD}, sent):]
"""


class Owner:
    """Hears what a worker says."""

    async def on_log(self, text: str) -> None:
        """Nobody reads it."""

    async def on_limit(self, name: str, value: float) -> None:
        """Nobody is told."""


class Stage:
    """A pool whose workers' code is not checked."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._pool = SandboxPool(LIMITS, modules=[PART.partition(":")[0]])

    def exchange(self, forgery: str, *, items: list[bytes] | None = None) -> list[bytes]:
        """What two exchanges with one worker come to, of which the first forges frames."""

        async def on_item(data: bytes) -> None:
            assert items is not None
            items.append(data)

        async def play() -> list[bytes]:
            worker: Any = await self._pool.spawn(Owner(), in_sandbox=PART)  # type: ignore[arg-type]  # as far as it is used
            sources = [f"{FORGING}\n{forgery}\nreturn b'honest'", "return b'second'"]
            heard = None if items is None else on_item
            try:
                return [
                    await worker.exchange(each.encode(), timeout=TIMEOUT, on_item=heard)
                    for each in sources
                ]
            finally:
                await worker.stop(grace=0)

        return self._runner.run(play())

    def close(self) -> None:
        """End all workers."""
        self._runner.run(self._pool.stop())


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        running = Stage(runner)
        yield running
        running.close()


def test_a_forged_answer_is_an_answer_and_the_real_one_answers_nothing_else(stage: Stage) -> None:
    answers = stage.exchange("forge({'did': 'exchange', 'id': 1}, b'forged')")

    assert answers == [b"forged", b"second"]


def test_an_answer_to_a_question_that_was_not_asked_yet_ends_the_worker(stage: Stage) -> None:
    with pytest.raises(SandboxDied, match="what no worker sends"):
        stage.exchange("forge({'did': 'exchange', 'id': 2}, b'forged')")


def test_items_that_nobody_asked_for_end_the_worker(stage: Stage) -> None:
    with pytest.raises(SandboxDied, match="an item that nobody asked for"):
        stage.exchange("forge({'did': 'item'}, b'forged')")


@pytest.mark.parametrize("size", [0, LARGEST // 4])
def test_pieces_without_an_end_end_the_worker(stage: Stage, size: int) -> None:
    with pytest.raises(SandboxDied, match="what no worker sends"):
        stage.exchange(f"while True:\n    forge({{'did': 'piece'}}, bytes({size}))", items=[])


def test_answers_without_an_end_end_the_worker(stage: Stage) -> None:
    with pytest.raises(SandboxDied, match="a third answer"):
        stage.exchange("while True:\n    forge({'did': 'exchange', 'id': 1}, b'forged')")


@pytest.mark.parametrize("event", ["{'did': 'limit', 'name': 'memory'}", "{'did': ['save']}"])
def test_megabytes_with_an_event_that_takes_few_end_the_worker(stage: Stage, event: str) -> None:
    with pytest.raises(SandboxDied, match="that takes few"):
        stage.exchange(f"forge({event}, bytes(2 << 20))", items=[])


def test_a_second_crash_ends_the_worker(stage: Stage) -> None:
    with pytest.raises(SandboxDied, match="a second crash"):
        stage.exchange("while True:\n    forge({'did': 'crashed', 'text': 'x'}, b'')")


def test_items_without_an_end_end_the_worker(stage: Stage) -> None:
    items: list[bytes] = []

    with pytest.raises(SandboxDied, match="events"):
        stage.exchange("while True:\n    forge({'did': 'item'}, b'x')", items=items)

    assert len(items) <= LIMITS.events


@pytest.mark.parametrize(
    "forgery",
    [
        "raw(b'\\xff\\xff\\xff\\xff')",
        "raw(b'\\0\\0\\0\\1\\0')",
        "raw(b'\\0\\0\\0\\6\\0\\xff\\xff\\xff\\xff{')",
        "forge([1], b'')",
        "forge({'did': 'exchange', 'id': 'one'}, b'')",
        "forge({'did': 'exchange', 'id': 1, 'x': ['[' * 20000]}, b'')",
        'text = b\'{"did": "exchange", "id": 1}\'; raw(struct.pack(\'>I\', len(text)) + text)',
        "text = b'{\"did\": \"item\"}'; raw(struct.pack('>I', len(text)) + text)",
        'text = b\'{"did": "item", "data": [1]}\'; raw(struct.pack(\'>I\', len(text)) + text)',
    ],
)
def test_what_is_no_frame_of_an_exchange_ends_the_worker(stage: Stage, forgery: str) -> None:
    with pytest.raises(SandboxDied, match="what no worker"):
        stage.exchange(forgery, items=[])
