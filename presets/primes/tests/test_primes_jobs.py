"""The prime-finding jobs: their parameters, and whole jobs run from the text that is sent."""

from __future__ import annotations

import ast
import functools
import itertools
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pye2_primes import jobs
from pye2_primes.jobs import BruteForce, Primes, Sieve, TrialDivision, count_primes
from pye2_primes.plugin import pye2_register_presets
from pye2core import Stage
from pye2core.code import as_function, capture, check_source, has_own_return
from pye2core.errors import PresetParameterError

ARGUMENTS = {
    "worker": ("plugin",),
    "process": ("plugin", "job_id", "collected_data", "data"),
    "finish": ("plugin", "collected_data"),
    "aggregate": ("plugin", "collected_data"),
    "progress": ("plugin", "collected_data"),
}


def naive_primes(upto: int) -> list[int]:
    return [n for n in range(2, upto + 1) if all(n % divisor for divisor in range(2, n))]


@functools.cache
def shipped(function, arguments: tuple[str, ...]):
    """The function that a node makes of the text."""
    code = capture(function, parameters=arguments)
    tree = as_function(ast.parse(code.source), parameters=arguments)
    namespace: dict = {}
    exec(compile(tree, "<node>", "exec"), namespace)
    return namespace["custom_code"]


def over_the_wire(value: object) -> object:
    return json.loads(json.dumps(value))


class Simulation:
    """A whole job in this process: workers that are called in turn, and the main node."""

    def __init__(self, job) -> None:
        self.stages = job.stages()
        self.main = SimpleNamespace(cfg_finish_condition_kwargs=self.stages.finish_kwargs)
        self.workers = [self._worker(number) for number in range(self.stages.workers)]
        self.collected: dict[int, list] = {number: [] for number in range(self.stages.workers)}

    def _worker(self, number: int) -> SimpleNamespace:
        settings = {f"cfg_{key.lower()}": over_the_wire(value) for key, value in self._config()}
        return SimpleNamespace(
            np=np,
            obj_cache={},
            cfg_job_id=number,
            cfg_nr_jobs=self.stages.workers,
            threadapi_map=lambda function, items, n_threads: list(map(function, items)),
            **settings,
        )

    def _config(self):
        return self.stages.worker_config.items()

    def stage(self, name: str, *arguments: object):
        function = shipped(getattr(self.stages, name), ARGUMENTS[name])
        return over_the_wire(function(*arguments))

    def step(self, number: int) -> bool:
        """One call of a worker's code; whether it gave anything."""
        data = self.stage("worker", self.workers[number])
        if data:
            self.receive(number, data)
        return bool(data)

    def receive(self, number: int, data: object) -> None:
        kept = self.stage("process", self.main, number, self.collected, data)
        if isinstance(kept, list):
            self.collected[number].extend(kept)
        elif kept is not None:
            self.collected[number].append(kept)

    def replace_worker(self, number: int) -> None:
        self.workers[number] = self._worker(number)
        self.collected[number] = []

    @property
    def finished(self) -> bool:
        return self.stage("finish", self.main, self.collected)

    @property
    def progress(self) -> float:
        return self.stage("progress", self.main, self.collected)

    def run(self) -> list[int]:
        for number in itertools.cycle(range(len(self.workers))):
            if self.finished:
                return self.stage("aggregate", self.main, self.collected)
            self.step(number)
        raise AssertionError("a job has at least one worker")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    """Chunks that are small enough for small jobs to have many."""
    monkeypatch.setattr(jobs, "WORK_OF_A_CHUNK", 5_000)
    monkeypatch.setattr(jobs, "NUMBERS_OF_A_CHUNK", 50)


# --- whole jobs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("job", [BruteForce, TrialDivision, Sieve, Primes])
def test_the_168_primes_below_1000_are_found(job):
    primes = Simulation(job(upto=1000, workers=2)).run()

    assert primes == naive_primes(1000)
    assert len(primes) == 168


@pytest.mark.parametrize("job", [TrialDivision, Sieve])
@given(upto=st.integers(2, 700), workers=st.integers(1, 7))
@example(upto=2, workers=5)
@example(upto=3, workers=1)
@example(upto=529, workers=3)
@example(upto=528, workers=3)
def test_a_split_range_gives_all_its_primes_in_order(job, upto, workers):
    assert Simulation(job(upto=upto, workers=workers)).run() == naive_primes(upto)


@given(upto=st.integers(2, 60), workers=st.integers(1, 4), batch=st.integers(1, 40))
def test_random_numbers_give_all_primes_in_order(upto, workers, batch):
    job = BruteForce(upto=upto, workers=workers, batch=batch)

    assert Simulation(job).run() == naive_primes(upto)


@pytest.mark.parametrize("job", [BruteForce, TrialDivision, Sieve])
@given(
    events=st.lists(
        st.tuples(st.sampled_from(["step", "step", "step", "replace"]), st.integers(0, 2)),
        max_size=30,
    )
)
def test_replaced_workers_do_not_change_the_result(job, events):
    simulation = Simulation(job(upto=200, workers=3))
    for event, number in events:
        if event == "step":
            simulation.step(number)
        else:
            simulation.replace_worker(number)

    assert simulation.run() == naive_primes(200)


@pytest.mark.parametrize("job", [TrialDivision, Sieve])
def test_a_chunk_that_comes_twice_is_dropped(job):
    simulation = Simulation(job(upto=200, workers=2))
    simulation.step(0)
    (chunk,) = simulation.collected[0]

    simulation.receive(0, chunk)

    assert simulation.collected[0] == [chunk]
    assert simulation.run() == naive_primes(200)


@pytest.mark.parametrize("job", [TrialDivision, Sieve])
def test_a_worker_whose_piece_is_done_gives_nothing_more(job):
    simulation = Simulation(job(upto=1000, workers=3))
    while simulation.step(1):
        pass

    assert simulation.stage("worker", simulation.workers[1]) is None
    assert len(simulation.collected[1]) == simulation.stages.finish_kwargs["CHUNKS"] / 3
    assert not simulation.finished


@pytest.mark.parametrize("job", [BruteForce, TrialDivision, Sieve])
def test_progress_goes_from_0_to_100(job):
    simulation = Simulation(job(upto=1000, workers=2))
    shares = [simulation.progress]
    for number in itertools.cycle([0, 1]):
        if simulation.finished:
            break
        simulation.step(number)
        shares.append(simulation.progress)

    assert shares[0] == 0
    assert shares == sorted(shares)
    assert max(shares[:-1]) < 100
    assert shares[-1] == 100


@pytest.mark.parametrize("workers", [2, 3])
def test_the_divisions_are_shared_out_equally(workers):
    simulation = Simulation(TrialDivision(upto=20_000, workers=workers))
    for number in range(workers):
        while simulation.step(number):
            pass

    # Nearly all divisions are made on primes: as many as the root of each.
    divisions = [
        sum(math.isqrt(prime) for chunk in chunks for prime in chunk["PRIMES"])
        for chunks in simulation.collected.values()
    ]

    assert max(divisions) < 1.1 * min(divisions)


@pytest.mark.parametrize("job", [TrialDivision, Sieve])
@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_every_worker_has_as_many_chunks_as_the_others(job, workers):
    chunks = job(upto=5000, workers=workers).stages().finish_kwargs["CHUNKS"]

    assert chunks > workers
    assert chunks % workers == 0


# --- what is sent -------------------------------------------------------------------------------


@pytest.mark.parametrize("job", [BruteForce(), TrialDivision(), Sieve()], ids=repr)
@pytest.mark.parametrize("stage", ARGUMENTS)
def test_every_text_that_is_sent_passes_the_check(job, stage):
    code = capture(getattr(job.stages(), stage), parameters=ARGUMENTS[stage])

    assert check_source(code.source, parameters=code.parameters) == []
    assert has_own_return(ast.parse(code.source))


@pytest.mark.parametrize("method", [BruteForce, TrialDivision, Sieve])
def test_the_chosen_method_is_what_is_run(method):
    name = method.NAME.removeprefix("primes-")

    assert Primes(upto=500, workers=3, method=name).stages() == method(upto=500, workers=3).stages()


def test_the_presets_name_their_jobs():
    presets = {preset.name: preset for preset in pye2_register_presets()}

    assert {name: preset.implementation for name, preset in presets.items()} == {
        job.NAME: f"pye2_primes.jobs:{job.__name__}"
        for job in (Primes, BruteForce, TrialDivision, Sieve)
    }
    assert all(preset.stage is Stage.JOB and preset.summary for preset in presets.values())


# --- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("job", [BruteForce, TrialDivision, Sieve])
@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("upto", 1, "at least 2, not 1"),
        ("upto", 10**9, "at most"),
        ("upto", 10.0, "a whole number, not 10.0"),
        ("upto", "1000", "a whole number, not '1000'"),
        ("upto", True, "a whole number, not True"),
        ("workers", 0, "at least 1, not 0"),
        ("workers", None, "a whole number, not None"),
        ("workers", 10**6, "at most 1000"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(job, parameter, value, words):
    with pytest.raises(PresetParameterError, match=words) as raised:
        job(**{parameter: value})

    assert (raised.value.preset, raised.value.parameter) == (job.NAME, parameter)
    assert f"preset {job.NAME}: `{parameter}`" in str(raised.value)


def test_a_batch_is_at_least_one_number():
    with pytest.raises(PresetParameterError, match="`batch` must be at least 1, not 0"):
        BruteForce(batch=0)


def test_a_range_too_long_for_random_numbers_is_refused_with_a_way_out():
    with pytest.raises(PresetParameterError, match="use primes-trial-division or primes-sieve"):
        BruteForce(upto=100_001)


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(PresetParameterError, match="brute-force, trial-division, sieve") as raised:
        Primes(method="magic")

    assert (raised.value.preset, raised.value.parameter) == ("primes", "method")


def test_the_chosen_method_checks_the_other_parameters_at_once():
    with pytest.raises(PresetParameterError) as raised:
        Primes(upto=200_000, method="brute-force")

    assert raised.value.parameter == "upto"


@given(st.integers(2, 2000))
def test_the_primes_are_counted(upto):
    assert count_primes(upto) == len(naive_primes(upto))
