"""joblib and scikit-learn on three nodes: the same as here, and what cannot go."""

from __future__ import annotations

import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import pye2_joblib
from pye2_calls.errors import CallTimeout, RemoteError
from pye2_calls.values import ValueNotCarried
from pye2_joblib.backend import NodesBackend
from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from call_network import CallNetwork

    from pye2core import Session

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "grid_search.py"

PATIENCE = 100

SEARCHES = {
    "logistic regression": (LogisticRegression(max_iter=300), {"C": [0.01, 1.0]}),
    "support vectors": (SVC(), {"C": [0.1, 10.0], "kernel": ["linear", "rbf"]}),
    "tree": (
        DecisionTreeClassifier(random_state=np.random.RandomState(7)),
        {"max_depth": [2, None], "criterion": ["gini", "entropy"]},
    ),
}

assert pye2_joblib  # importing it registers the backend


@pytest.fixture
def on_nodes(session: Session) -> Iterator[None]:
    with parallel_config("pye2", session=session, n_jobs=-1, timeout=PATIENCE):
        yield


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    rows, numbers = load_digits(return_X_y=True)
    return rows[:300] / 16, numbers[:300]


def square(number: int) -> int:
    return number * number


def own_score(truth: Any, found: Any) -> float:
    return float((truth == found).mean())


def halved(rows: Any) -> Any:
    return rows / 2


def never_ending() -> None:
    while True:
        pass


def without_times(results: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in results.items() if "time" not in name}


def test_a_users_function_needs_no_grant(on_nodes: None) -> None:
    assert Parallel()(delayed(square)(number) for number in range(50)) == [
        number * number for number in range(50)
    ]


def test_a_function_of_pythons_runs_there(on_nodes: None) -> None:
    assert Parallel()(delayed(math.sqrt)(number) for number in (4, 9)) == [2.0, 3.0]


def test_tasks_in_batches_come_in_order(session: Session) -> None:
    with parallel_config("pye2", session=session):
        parallel = Parallel(n_jobs=2, batch_size=7)
        assert parallel(delayed(square)(number) for number in range(20)) == [
            number * number for number in range(20)
        ]


def test_short_tasks_go_together_by_themselves(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    submit = NodesBackend.submit

    def noting(backend: NodesBackend, func: Any, callback: Any = None) -> Any:
        sizes.append(len(func.items))
        return submit(backend, func, callback)

    monkeypatch.setattr(NodesBackend, "submit", noting)
    with parallel_config("pye2", session=session):
        first = Parallel(n_jobs=2)(delayed(square)(number) for number in range(1000))
        batches = len(sizes)
        second = Parallel(n_jobs=2)(delayed(square)(number) for number in range(4))

    assert first == [number * number for number in range(1000)]
    assert sum(sizes[:batches]) == 1000
    assert batches < 500
    assert second == [0, 1, 4, 9]
    assert sizes[batches:] == [1] * 4  # what others took says nothing of these


def test_results_come_as_they_are_ready(on_nodes: None) -> None:
    found = Parallel(return_as="generator_unordered")(delayed(square)(n) for n in range(20))

    assert sorted(found) == sorted(number * number for number in range(20))


def test_all_slots_of_the_nodes_are_jobs(session: Session) -> None:
    with parallel_config("pye2", session=session, n_jobs=-1):
        assert joblib.effective_n_jobs(-1) == 6
    with joblib.parallel_backend("pye2", session=session, nodes="n1"):
        assert joblib.effective_n_jobs(-1) == 2
        assert joblib.effective_n_jobs(5) == 5


def test_what_a_task_raises_is_raised_here(on_nodes: None) -> None:
    def divided(number: int) -> float:
        return 1 / number

    with pytest.raises(ZeroDivisionError) as raised:
        Parallel()(delayed(divided)(number) for number in (1, 0, 2))

    assert "return 1 / number" in str(raised.value.__cause__)


def test_a_task_that_takes_too_long_is_ended(session: Session) -> None:
    with (
        parallel_config("pye2", session=session, n_jobs=2, timeout=0.5),
        pytest.raises(CallTimeout),
    ):
        Parallel()(delayed(never_ending)() for _ in range(2))


def test_joblibs_own_timeout_gives_up_what_runs(session: Session) -> None:
    with parallel_config("pye2", session=session), pytest.raises(multiprocessing.TimeoutError):
        Parallel(n_jobs=2, timeout=0.5)(delayed(never_ending)() for _ in range(2))

    assert session.submit(square, 3).result(PATIENCE) == 9  # its slots are free again


def test_an_argument_that_cannot_go_is_named(on_nodes: None) -> None:
    with pytest.raises(ValueNotCarried, match=r"args\[0\]\['lock'\] is a lock"):
        Parallel()(delayed(square)(each) for each in [{"lock": threading.Lock()}])


def test_a_later_argument_that_cannot_go_is_an_error_too(session: Session) -> None:
    rows: list[Any] = [*range(30), {"lock": threading.Lock()}]

    with parallel_config("pye2", session=session), pytest.raises(ValueNotCarried):
        Parallel(n_jobs=2)(delayed(square)(each) for each in rows)


def test_a_backend_without_a_session_says_what_it_needs() -> None:
    with pytest.raises(SettingsError, match="session=session"):
        parallel_config("pye2")


@pytest.mark.parametrize("name", SEARCHES)
def test_a_grid_search_finds_what_it_finds_here(
    name: str, session: Session, digits: tuple[Any, Any]
) -> None:
    estimator, grid = SEARCHES[name]
    here = GridSearchCV(estimator, grid, cv=3).fit(*digits)

    with parallel_config("pye2", session=session, timeout=PATIENCE):
        there = GridSearchCV(estimator, grid, cv=3, n_jobs=-1).fit(*digits)

    np.testing.assert_equal(
        without_times(dict(there.cv_results_)), without_times(dict(here.cv_results_))
    )
    assert there.best_params_ == here.best_params_


def test_a_pipeline_takes_functions_of_the_users_along(
    on_nodes: None, digits: tuple[Any, Any]
) -> None:
    pipeline = make_pipeline(FunctionTransformer(halved), StandardScaler(), SVC())
    scorers = {"own": make_scorer(own_score), "theirs": make_scorer(accuracy_score)}

    found = cross_validate(pipeline, *digits, cv=3, scoring=scorers, n_jobs=3)

    assert min(found["test_own"]) > 0.8
    assert list(found["test_own"]) == list(found["test_theirs"])


def test_fitted_estimators_come_back(on_nodes: None, digits: tuple[Any, Any]) -> None:
    found = cross_validate(
        LogisticRegression(max_iter=300), *digits, cv=2, n_jobs=2, return_estimator=True
    )

    first = found["estimator"][0]
    assert type(first) is LogisticRegression
    assert first.predict(digits[0]).shape == (300,)


def test_a_forest_grows_here_where_it_asks_for_threads(
    on_nodes: None, digits: tuple[Any, Any]
) -> None:
    forest = RandomForestClassifier(3, n_jobs=2).fit(*digits)

    assert len(forest.estimators_) == 3


def test_a_fitted_tree_is_refused_by_its_place(on_nodes: None, digits: tuple[Any, Any]) -> None:
    with pytest.raises(RemoteError, match=r"estimator'?\]?\.tree_ is a sklearn\.tree\._tree\.Tree"):
        cross_validate(DecisionTreeClassifier(), *digits, cv=2, n_jobs=2, return_estimator=True)


def test_the_example_finds_what_it_finds_on_this_machine(
    network: CallNetwork, tmp_path: Path
) -> None:
    key_file = tmp_path / "_local_cache" / "_data" / "_pk_sdk.pem"
    key_file.parent.mkdir(parents=True)
    shutil.copy(network.key_file, key_file)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYE2_")}

    ran = subprocess.run(
        [sys.executable, EXAMPLE, "--rows", "150", "--compare"],
        cwd=tmp_path,
        env={**environment, "PYE2_BROKER": network.url},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert "24 fits on 6 slots" in ran.stdout
    assert "the same scores as on this machine" in ran.stdout
