"""What a Mosquitto loses under which settings, and that whoever misses it is told so."""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from node_process import NodeProcess
from wire_format import NATIVE, WireConnection

from pye2_custom_code import missing
from pye2_testing.fixtures import require_mosquitto
from pye2_testing.mosquitto import Mosquitto
from pye2core import Session
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pye2core import Instance

pytestmark = pytest.mark.mosquitto

PATIENCE = 300.0
ENOUGH = 2_400
"""Results: more than hold a stalled session (1,000), the way to it (20) and the broker (1,000)."""


class Lines(logging.Handler):
    """What is logged, to wait for."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: queue.Queue[str] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put(record.getMessage())

    def up_to(self, part: str) -> list[str]:
        """The lines up to the first that has this in it."""
        seen = [self.lines.get(timeout=PATIENCE)]
        while part not in seen[-1]:
            seen.append(self.lines.get(timeout=PATIENCE))
        return seen


@define(eq=False)
class Place:
    """A Mosquitto, a node, and a session that has results from it."""

    mosquitto: Mosquitto
    node: NodeProcess
    session: Session
    shown: Lines
    logged: Lines
    may_go_on: threading.Event = field(factory=threading.Event)
    numbers: queue.Queue[int] = field(factory=queue.Queue)

    def deploy(self, delay: float) -> Instance:
        """Have results come, to a callback that first waits until it may go on."""
        assert self.session.wait_for_node(self.node.address, timeout=PATIENCE, verbose=False)
        pipeline = self.session.create_pipeline(node=self.node.address, name="results")
        instance = pipeline.create_custom_plugin_instance(
            instance_id="all",
            custom_code="return 1",
            on_data=self._take,
            process_delay=delay,
            encrypt_payload=False,  # for the one who counts along
        )
        pipeline.deploy(timeout=PATIENCE)
        return instance

    def _take(self, _pipeline: Any, _result: Any, payload: Any) -> None:
        self.may_go_on.wait()  # however long the node takes for what the test waits for
        self.numbers.put(payload["EXEC_SEQ"])

    def arrived_up_to(self, number: int) -> list[int]:
        """The numbers of the results that arrive until one is at least that."""
        taken = [self.numbers.get(timeout=PATIENCE)]
        while taken[-1] < number:
            taken.append(self.numbers.get(timeout=PATIENCE))
        return taken

    def wait_until_sent(self, number: int) -> None:
        """Wait until the node has published that many."""
        reached = threading.Event()

        def look(_topic: str, data: bytes) -> None:
            message = {} if data.startswith(NATIVE) else json.loads(data)
            if message.get("EXEC_SEQ", 0) >= number:
                reached.set()

        with WireConnection(self.mosquitto.url, f"tap_{uuid.uuid4().hex[:6]}", ["#"], look):
            assert reached.wait(PATIENCE)


@pytest.fixture
def listen_to_log() -> Iterator[Callable[[str], Lines]]:
    """Listens to what is logged under a name."""
    listening: list[tuple[logging.Logger, Lines]] = []

    def listen(name: str) -> Lines:
        listening.append((logging.getLogger(name), Lines()))
        logger, lines = listening[-1]
        logger.addHandler(lines)
        return lines

    yield listen
    for logger, lines in listening:
        logger.removeHandler(lines)


@pytest.fixture
def place(
    request: pytest.FixtureRequest, tmp_path: Path, listen_to_log: Callable[[str], Lines]
) -> Iterator[Place]:
    """Everything, on a Mosquitto with the lines in its configuration that the test names."""
    require_mosquitto()
    key_file = tmp_path / "key.pem"
    allowed = (load_or_create_key(key_file).address,)
    output = logging.getLogger(f"shown-{uuid.uuid4().hex}")
    shown, logged = listen_to_log(output.name), listen_to_log("pye2core.connection")
    output.setLevel(logging.INFO)
    shown.setLevel(logging.INFO)  # what a session shows is no warning
    with Mosquitto(tmp_path / "mosquitto", options=request.param) as mosquitto:
        node = NodeProcess(mosquitto.url, tmp_path / "node", "attic", allowed, log=subprocess.PIPE)
        with (
            node,
            Session(mosquitto.url, key_file=key_file, log=output) as session,
        ):
            here = Place(mosquitto, node, session, shown, logged)
            yield here
            here.may_go_on.set()


def in_its_log(node: NodeProcess, part: str) -> str:
    """The first line of a node's log that has this in it."""
    assert node.process.stderr is not None
    return next(line for line in node.process.stderr if part in line)


# --- restarts of the broker -----------------------------------------------------------------------


@pytest.mark.parametrize("place", [("persistence false",)], indirect=True, ids=["forgetful"])
def test_where_the_broker_forgets_the_user_and_the_node_s_owner_are_told(place: Place) -> None:
    place.may_go_on.set()
    place.deploy(delay=0.05)
    place.arrived_up_to(3)

    place.mosquitto.kill()
    place.mosquitto.start()

    *_, told = place.shown.up_to("has forgotten this client")
    assert "notifications and results that waited there" in told
    assert "`persistence true`" in told
    assert "commands that waited there" in in_its_log(place.node, "has forgotten this client")
    for _ in range(place.numbers.qsize() + 1):  # results come again
        place.numbers.get(timeout=PATIENCE)


@pytest.mark.parametrize(
    "place",
    [("persistence true", "autosave_interval 60", "max_queued_messages 0")],
    indirect=True,
    ids=["as documented"],
)
def test_a_broker_that_keeps_what_it_has_loses_nothing_in_a_restart(place: Place) -> None:
    place.may_go_on.set()
    place.deploy(delay=0.02)
    place.wait_until_sent(10)

    place.mosquitto.stop()
    place.mosquitto.start()

    told = place.logged.up_to("back at the broker")
    assert place.arrived_up_to(200) == list(range(1, 201))
    assert not [line for line in told if "has forgotten" in line]


# --- a broker's limit -----------------------------------------------------------------------------


@pytest.mark.parametrize("place", [("max_queued_messages 1000",)], indirect=True, ids=["default"])
def test_what_a_broker_drops_for_a_session_that_is_too_slow_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "LATE_SECONDS", 0.1)
    instance = place.deploy(delay=0.0)
    place.wait_until_sent(ENOUGH)

    place.may_go_on.set()
    told = place.shown.up_to("did not arrive")[-1]

    arrived = place.arrived_up_to(ENOUGH)
    assert len(arrived) < arrived[-1]
    assert f"results of results/CUSTOM_EXEC_01/all on attic ({place.node.address})" in told
    assert "`max_queued_messages 0`" in told
    assert instance.missing_results >= arrived[-1] - len(arrived)


@pytest.mark.parametrize("place", [("max_queued_messages 0",)], indirect=True, ids=["unlimited"])
def test_a_broker_without_a_limit_drops_nothing(place: Place) -> None:
    instance = place.deploy(delay=0.0)
    place.wait_until_sent(ENOUGH)

    place.may_go_on.set()

    assert place.arrived_up_to(ENOUGH) == list(range(1, ENOUGH + 1))
    assert instance.missing_results == 0
