"""A distributed job on a simulated network that loses, repeats, delays and kills.

Time is a number that jumps from one happening to the next. Each worker has to deliver the numbers
from 0 of its piece, each marked with the process that made it, so that a mixture shows.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from random import Random

import pytest
from attrs import define, field, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pye2_chain_job import journal
from pye2_chain_job.actions import (
    Aggregate,
    CheckFinish,
    Close,
    Deploy,
    Discard,
    Emit,
    MeasureProgress,
    Notify,
    Process,
)
from pye2_chain_job.events import (
    CallReturned,
    CommandLeft,
    LastPayloadSent,
    NodeHeard,
    PeersKnown,
    Tick,
    WorkerNotification,
    WorkerPayload,
)
from pye2_chain_job.job import Job
from pye2_chain_job.placement import Requirements
from pye2_chain_job.reports import SHORTEST_PAUSE
from pye2_chain_job.worker_pipeline import MANIFEST_SECONDS
from pye2_chain_job.workers import JobPlan
from pye2core.abc import CodeFailure, Peer

ITEMS = 6
LONGEST = 3000.0
STORM = 200.0
BEAT = 10.0
MAIN = "0xai_main"


@frozen
class Weather:
    """How bad the network is."""

    lost: float = 0.0
    repeated: float = 0.0
    late: float = 0.0
    raising: float = 0.0
    forgetting: float = 0.0
    away: tuple[tuple[int, float, float], ...] = ()
    """Node, when it goes, for how long."""
    numbered: bool = True
    restarts: tuple[float, ...] = ()
    """When the main node crashes and starts anew with what it kept last."""
    meeting: float = BEAT
    """Seconds within which all nodes have been heard once; 1 where they answer a new one."""


@define
class SimWorker:
    session_id: str
    job_id: int
    run: str
    made: int = 0
    sent: int = 0
    sent_at: float = 0.0


@define
class SimNode:
    address: str
    is_up: bool = True
    workers: dict[str, SimWorker] = field(factory=dict)
    missed: list[object] = field(factory=list)
    """Commands that the broker keeps for it."""


class Simulation:
    def __init__(self, rng: Random, nodes: int, pieces: int, weather: Weather) -> None:
        self.rng = rng
        self.weather = weather
        self.now = 100.0
        self.order = itertools.count()
        self.happenings: list[tuple[float, int, object]] = []
        self.runs = (f"run{number}" for number in itertools.count())
        self.nodes = {f"0xai_{n}": SimNode(f"0xai_{n}") for n in range(nodes)}
        self.nodes[MAIN] = SimNode(MAIN)
        self.seen: dict[str, float] = {}
        self.emitted: list[tuple[float, Emit]] = []
        self.notices: list[Notify] = []
        self.calls_under_way = 0
        self.plan = JobPlan(
            pipeline="job",
            requester="('job', 'CHAIN', 'i')",
            token="t",
            pieces=pieces,
            requirements=Requirements("CUSTOM_EXEC_01", (), MAIN),
            measures_progress=True,
        )
        self.life = 0
        self.kept: bytes | None = None
        self.begin(Job(self.plan, rng, started="then", now=self.now))
        for node in self.nodes.values():
            self.at(rng.uniform(0, weather.meeting), lambda node=node: self.beat(node))
        for number, at, seconds in weather.away:
            self.at(at, lambda n=number, s=seconds: self.leave(n, s))
        for at in weather.restarts:
            self.at(at, self.crash)

    # --- the main node ----------------------------------------------------------------------------

    def begin(self, job: Job) -> None:
        self.job = job
        self.life += 1
        self.calls_under_way = 0
        self.collected = {job_id: list(items) for job_id, items in job.collector.collected.items()}
        self.carry_out(job.begin(self.peers(), self.now))

    def crash(self) -> None:
        if not self.job.is_over:
            restored = journal.restore(self.kept, "same", self.plan, self.rng, self.now)
            self.begin(restored or Job(self.plan, self.rng, started="then", now=self.now))

    def keep(self) -> None:
        self.kept = journal.encode(journal.snapshot(self.job, "same", self.now))

    def tell(self, event: object) -> None:
        self.carry_out(self.job.handle(event, self.now))
        if self.rng.random() < 0.3:
            self.keep()

    def carry_out(self, actions: list[object]) -> None:
        for action in actions:
            match action:
                case Deploy() | Close():
                    self.command(action)
                case Emit():
                    self.emitted.append((self.now, action))
                    if action.last:
                        self.keep()
                        self.later(0.05, lambda: self.tell(LastPayloadSent()))
                case Notify():
                    self.notices.append(action)
                case _:
                    self.calls_under_way += 1
                    assert self.calls_under_way == 1
                    self.later(self.rng.uniform(0, 0.05), lambda a=action: self.finish(a))

    def finish(self, call: object) -> None:
        self.calls_under_way -= 1
        self.tell(CallReturned(call, self.value_of(call), size=10, seconds=0.001))

    def value_of(self, call: object) -> object:
        match call:
            case Discard(job_id):
                self.collected[job_id] = []
                return None
            case Process(job_id, data):
                self.collected[job_id].extend(data)
                return list(data)
            case CheckFinish():
                return all(len(items) >= ITEMS for items in self.collected.values())
            case MeasureProgress():
                return 100.0 * sum(map(len, self.collected.values())) / ITEMS
            case Aggregate():
                return {str(job_id): list(items) for job_id, items in self.collected.items()}
        raise AssertionError(call)

    # --- time -------------------------------------------------------------------------------------

    def at(self, seconds: float, happening: object) -> None:
        heapq.heappush(self.happenings, (100.0 + seconds, next(self.order), happening))

    def later(self, seconds: float, happening: object) -> None:
        """Let something happen in this life of the main node."""
        life = self.life

        def if_alive() -> None:
            if life == self.life:
                happening()

        self.after(seconds, if_alive)

    def after(self, seconds: float, happening: object) -> None:
        heapq.heappush(self.happenings, (self.now + seconds, next(self.order), happening))

    def run(self) -> None:
        idle_ticks = 0
        while not self.job.is_over:
            wake_at = self.job.wake_at()
            if wake_at is not None and wake_at <= self.happenings[0][0]:
                idle_ticks = idle_ticks + 1 if wake_at <= self.now else 0
                assert idle_ticks < 5, "the job wants to be woken again and again"
                self.now = max(self.now, wake_at)
                self.tell(Tick())
            else:
                self.now, _, happening = heapq.heappop(self.happenings)
                happening()
            assert self.now < LONGEST, "the job is stuck"

    # --- nodes ------------------------------------------------------------------------------------

    def peers(self) -> tuple[Peer, ...]:
        return tuple(
            Peer(address, address[5:], allows_me=True)
            for address, seen in self.seen.items()
            if self.now - seen <= 60
        )

    def beat(self, node: SimNode) -> None:
        if node.is_up and node.address != MAIN:
            self.seen[node.address] = self.now
            self.tell(PeersKnown(self.peers()))
            self.tell(NodeHeard(node.address, frozenset(node.workers)))
        self.after(BEAT, lambda: self.beat(node))

    def leave(self, number: int, seconds: float) -> None:
        node = list(self.nodes.values())[number % len(self.nodes)]
        if node.address != MAIN:
            node.is_up = False
            self.after(seconds, lambda: self.come_back(node))

    def come_back(self, node: SimNode) -> None:
        """A node restarts: its pipelines are there again, without their memory."""
        node.is_up = True
        for worker in node.workers.values():
            self.forget(worker)
        missed, node.missed = node.missed, []
        for command in missed:
            self.take(node, command)

    def forget(self, worker: SimWorker) -> None:
        worker.run, worker.made, worker.sent = next(self.runs), 0, 0

    def command(self, command: Deploy | Close) -> None:
        node = self.nodes[command.node]
        if isinstance(command, Deploy):
            self.later(0.01, lambda: self.tell(CommandLeft(command.session_id)))
        self.after(0.02, lambda: self.take(node, command))

    def take(self, node: SimNode, command: Deploy | Close) -> None:
        if not node.is_up:
            node.missed.append(command)
        elif isinstance(command, Close):
            code = 4 if node.workers.pop(command.pipeline, None) else -4
            self.notify(node, command, code)
        else:
            self.notify(node, command, 1)
            self.notify(node, command, 100)
            self.start(node, command)

    def start(self, node: SimNode, command: Deploy) -> None:
        if command.pipeline in node.workers:
            return  # an update: what runs goes on, and goes on stating its first session
        worker = SimWorker(command.session_id, command.job_id, next(self.runs))
        node.workers[command.pipeline] = worker
        self.after(0.1, lambda: self.work(node, command.pipeline, worker))

    def notify(
        self, node: SimNode, command: Deploy | Close, code: int | None, **more: object
    ) -> None:
        notice = WorkerNotification(
            node.address, command.pipeline, command.session_id, code, **more
        )
        for _ in range(1 + (self.rng.random() < self.weather.repeated)):
            self.after(self.delay(), lambda: self.tell(notice))

    def work(self, node: SimNode, pipeline: str, worker: SimWorker) -> None:
        if node.workers.get(pipeline) is not worker:
            return
        if node.is_up:
            self.work_once(node, pipeline, worker)
        self.after(self.rng.uniform(0.05, 1.0), lambda: self.work(node, pipeline, worker))

    def work_once(self, node: SimNode, pipeline: str, worker: SimWorker) -> None:
        is_storm = self.now < STORM  # a worker that forgets for ever cannot come to an end
        if is_storm and self.rng.random() < self.weather.forgetting:
            self.forget(worker)
        if self.rng.random() < self.weather.raising:
            about = Close(node.address, pipeline, worker.session_id)
            failure = CodeFailure("ValueError", "bad luck", 3, "raise ValueError")
            self.notify(node, about, None, is_exception=True, failure=failure)
        elif worker.made < ITEMS:
            data = [[worker.job_id, worker.made, worker.run]]
            worker.made += 1
            self.send(node, pipeline, worker, {"DATA": data})
        elif self.now - worker.sent_at > MANIFEST_SECONDS:
            self.send(node, pipeline, worker, {"DATA": None})

    def send(
        self, node: SimNode, pipeline: str, worker: SimWorker, fields: dict[str, object]
    ) -> None:
        worker.sent += 1
        worker.sent_at = self.now
        if self.weather.numbered:
            fields |= {"EXEC_RUN": worker.run, "EXEC_SEQ": worker.sent}
        payload = WorkerPayload(node.address, pipeline, worker.session_id, fields, 10)
        if self.rng.random() >= self.weather.lost:
            for _ in range(1 + (self.rng.random() < self.weather.repeated)):
                self.after(self.delay(), lambda: self.tell(payload))

    def delay(self) -> float:
        return 0.01 + (self.rng.uniform(0, 3.0) if self.rng.random() < self.weather.late else 0)

    # --- what must hold ---------------------------------------------------------------------------

    @property
    def last(self) -> dict[str, object]:
        return dict(self.emitted[-1][1].fields)

    def check(self) -> None:
        self.check_payloads()
        if self.last["PROGRESS"] == 100:
            self.check_result()
        else:
            assert self.last["STATE"] == "FAILED"
            assert self.last["ERROR"]
        assert not any(node.workers for node in self.nodes.values() if node.is_up)

    def check_payloads(self) -> None:
        lasts = [emit for _, emit in self.emitted if emit.last]
        assert lasts
        assert all(emit == lasts[0] for emit in lasts), "a restart repeats the same last payload"
        for _, emit in self.emitted:
            assert emit.last or emit.fields["PROGRESS"] < 100
            assert emit.fields["PROGRESS"] is not None

    def check_result(self) -> None:
        assert set(self.last["DATA"]) == set(map(str, range(self.plan.pieces)))
        for job_id, items in ((int(job_id), items) for job_id, items in self.last["DATA"].items()):
            assert [item[:2] for item in items] == [[job_id, k] for k in range(len(items))]
            assert len(items) >= ITEMS
            assert len({item[2] for item in items}) == 1, "data of two workers is mixed"


def simulate(seed: int, nodes: int, pieces: int, weather: Weather) -> Simulation:
    simulation = Simulation(Random(seed), nodes, pieces, weather)
    simulation.run()
    return simulation


SEEDS = st.integers(0, 2**32)
BAD = st.floats(0, 0.3)


def aways() -> st.SearchStrategy[tuple[tuple[int, float, float], ...]]:
    one = st.tuples(st.integers(0, 5), st.floats(0, 60), st.floats(0.1, 200))
    return st.lists(one, max_size=4).map(tuple)


slow = settings(
    max_examples=60,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_a_job_on_a_good_network_gives_the_right_result() -> None:
    simulation = simulate(1, nodes=3, pieces=2, weather=Weather())
    simulation.check()
    assert simulation.last["PROGRESS"] == 100


def test_each_piece_gets_a_node_of_its_own_while_there_are_enough() -> None:
    simulation = Simulation(Random(1), 4, 3, Weather(meeting=1.0))
    placed: list[Counter[str]] = []
    original = simulation.command
    simulation.command = lambda command: (
        placed.append(Counter(simulation.job.workers.nodes().values())),
        original(command),
    )[1]
    simulation.run()
    assert all(max(count.values(), default=1) == 1 for count in placed)


@slow
@given(SEEDS, st.integers(1, 4), st.integers(1, 4))
def test_a_job_on_a_good_network_never_fails(seed: int, nodes: int, pieces: int) -> None:
    simulation = simulate(seed, nodes, pieces, Weather())
    simulation.check()
    assert simulation.last["PROGRESS"] == 100


@slow
@given(SEEDS, st.builds(Weather, repeated=BAD, late=BAD))
def test_repeated_and_late_messages_change_nothing(seed: int, weather: Weather) -> None:
    simulation = simulate(seed, 3, 2, weather)
    simulation.check()
    assert simulation.last["PROGRESS"] == 100


@slow
@given(SEEDS, st.builds(Weather, away=aways(), repeated=BAD, late=BAD))
def test_nodes_that_die_are_replaced(seed: int, weather: Weather) -> None:
    simulation = simulate(seed, 4, 2, weather)
    simulation.check()


@slow
@given(
    SEEDS,
    st.builds(Weather, lost=BAD, repeated=BAD, late=BAD, raising=BAD, forgetting=BAD, away=aways()),
)
def test_whatever_happens_the_job_ends_with_the_right_result_or_a_reason(
    seed: int, weather: Weather
) -> None:
    simulate(seed, 3, 3, weather).check()


@slow
@given(
    SEEDS,
    st.builds(
        Weather,
        lost=BAD,
        late=st.floats(0, 1),
        forgetting=BAD,
        restarts=st.lists(st.floats(0, 60), min_size=1, max_size=4).map(tuple),
    ),
)
def test_a_main_node_that_crashes_goes_on_and_mixes_nothing(seed: int, weather: Weather) -> None:
    simulate(seed, 3, 3, weather).check()


@slow
@given(SEEDS, st.builds(Weather, away=aways(), late=BAD, numbered=st.just(value=False)))
def test_workers_that_do_not_number_their_payloads_bring_the_job_to_an_end(
    seed: int, weather: Weather
) -> None:
    simulation = simulate(seed, 3, 2, weather)
    simulation.check_payloads()


def test_a_worker_that_always_raises_fails_the_job_with_its_error() -> None:
    simulation = simulate(5, nodes=3, pieces=2, weather=Weather(raising=1.0))
    assert simulation.last["STATE"] == "FAILED"
    assert "3 times with the same error" in simulation.last["ERROR"]
    assert "ValueError: bad luck (line 3: raise ValueError)" in simulation.last["ERROR"]
    assert simulation.last["EXEC_FAILURE"]["LINE"] == 3


def test_without_another_node_the_main_node_works_alone() -> None:
    simulation = simulate(2, nodes=0, pieces=2, weather=Weather())
    simulation.check()
    assert simulation.last["PROGRESS"] == 100


def test_partial_payloads_come_at_most_five_times_a_second() -> None:
    simulation = simulate(3, nodes=3, pieces=3, weather=Weather())
    times = [at for at, emit in simulation.emitted if not emit.last]
    assert len(times) > 3
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    # A payload is due when its pause is over, and sent when the calls it needs have returned.
    assert min(pauses) > SHORTEST_PAUSE - 0.15


@pytest.mark.parametrize("node", range(3))
def test_a_node_that_comes_back_after_it_was_replaced_is_told_to_stop(node: int) -> None:
    weather = Weather(away=((node, 11.0, 100.0),))
    simulation = Simulation(Random(node), 3, 3, weather)
    simulation.run()
    simulation.check_result()
