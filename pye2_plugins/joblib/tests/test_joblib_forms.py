"""Objects taken apart and put together again: what survives, what is refused, what is believed."""

from __future__ import annotations

import functools
import math
import re
import sys
import threading
from typing import Any

import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from pye2_calls.values import ValueNotCarried, ValueNotReadable, pack, unpack
from pye2_joblib.forms import FORMS, Again, Instance, Method, Randomness, Reference, Sent
from pye2_joblib.putting_together import PuttingTogether
from pye2_joblib.references import Returned, loaded, name_of
from pye2_joblib.taking_apart import TakingApart
from pye2_joblib.tasks import make_ready

KIND = "sklearn.linear_model._logistic:LogisticRegression"


def there_and_back(value: object) -> Any:
    taken = TakingApart(lambda _: None).apart(value, "value")
    return PuttingTogether(loaded, ()).together(unpack(pack(taken, FORMS), FORMS))


plain = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.tuples(st.integers()), inner)
        | st.frozensets(st.integers())
    ),
    max_leaves=20,
)


@given(plain)
def test_plain_values_are_what_they_were(value: object) -> None:
    assert there_and_back(value) == value


@given(plain)
def test_parameters_of_an_estimator_are_what_they_were(value: object) -> None:
    made = there_and_back(LogisticRegression(C=value))

    assert type(made) is LogisticRegression
    assert made.get_params()["C"] == value


def test_a_pipeline_predicts_as_before() -> None:
    rows, truth = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, truth)

    assert np.array_equal(there_and_back(fitted).predict(rows), fitted.predict(rows))


def test_a_random_state_goes_on_where_it_was() -> None:
    random = np.random.RandomState(3)
    random.rand(5)

    assert there_and_back(random).rand() == random.rand()


def test_an_array_of_objects_keeps_its_shape_and_items() -> None:
    array = np.empty((1, 2), dtype=object)
    array[0, 0], array[0, 1] = [1, 2], "text"

    made = there_and_back(array)

    assert made.shape == (1, 2)
    assert made.tolist() == [[[1, 2], "text"]]


def test_functions_methods_partials_and_patterns_come_as_they_were() -> None:
    estimator = LogisticRegression(C=3)

    made = there_and_back(
        [math.sqrt, np.log1p, estimator.get_params, functools.partial(pow, 2), re.compile("a+")]
    )

    assert made[0] is math.sqrt
    assert made[1] is np.log1p
    assert made[2]()["C"] == 3
    assert made[3](5) == 32
    assert made[4] == re.compile("a+")


def test_what_contains_itself_and_what_is_there_twice_stays_so() -> None:
    estimator = LogisticRegression()
    estimator.own = estimator

    first, second = there_and_back([estimator, estimator])

    assert first is second
    assert first.own is first


def test_a_list_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(ValueNotCarried, match=r"^value\[0\] contains itself"):
        there_and_back(endless)


def test_what_cannot_go_is_named_by_its_place() -> None:
    fitted = DecisionTreeClassifier().fit([[0], [1]], [0, 1])

    with pytest.raises(
        ValueNotCarried, match=r"^value\['model'\]\.tree_ is a sklearn\.tree\._tree"
    ):
        there_and_back({"model": fitted})
    with pytest.raises(ValueNotCarried, match=r"^value\.C is a lock"):
        there_and_back(LogisticRegression(C=threading.Lock()))


def test_plain_tasks_of_the_users_functions_ask_for_nothing() -> None:
    def own(number: int) -> int:
        return number

    ready = make_ready([(own, (1,), {}), (functools.partial(own, 2), (), {})], frozenset())

    assert ready.modules == frozenset()
    assert next(iter(ready.calls))[0] is own


def test_tasks_with_estimators_ask_for_the_same_modules_whatever_these_are() -> None:
    asked = {
        make_ready([(str, (each,), {})], frozenset()).modules
        for each in (LogisticRegression(), make_pipeline(StandardScaler()))
    }

    assert asked == {frozenset({"sklearn", "pye2_joblib.scikit_learn"})}


def test_packages_of_other_objects_are_asked_for() -> None:
    ready = make_ready([(str, (Requirement("joblib>=1"),), {})], frozenset())

    assert ready.modules == {"packaging"}


@pytest.mark.parametrize(
    "name",
    ["os:system", "builtins:eval", "subprocess:Popen", "sklearn:os", "numpy:no.such", ":", "x"],
)
def test_what_does_more_than_compute_cannot_be_named(name: str) -> None:
    with pytest.raises(ValueNotReadable):
        loaded(name)


def test_a_name_imports_nothing() -> None:
    assert "wave" not in sys.modules
    for name in ("wave:open", "hatchling:no"):
        with pytest.raises(ValueNotReadable):
            loaded(name)

    assert "wave" not in sys.modules
    assert "hatchling" not in sys.modules


def together_here(value: object, *sent: str, packages: frozenset[str] = frozenset()) -> Any:
    return PuttingTogether(Returned(set(sent), packages), ()).together(value)


def test_a_client_makes_objects_of_packages_of_which_something_was_sent() -> None:
    form = Instance(0, Reference(KIND), {"C": 2, "_sklearn_version": sklearn.__version__})

    assert together_here(form, packages=frozenset({"sklearn"})).C == 2
    with pytest.raises(ValueNotReadable, match=r"packages=\['sklearn'\]"):
        together_here(form)


def test_a_client_finds_functions_that_were_sent_and_no_others() -> None:
    name = name_of(make_pipeline)
    assert name is not None

    assert together_here(Reference(name), name) is make_pipeline
    with pytest.raises(ValueNotReadable, match="no class"):
        together_here(Reference(name), packages=frozenset({"sklearn"}))


@pytest.mark.parametrize(
    "form",
    [
        Sent(0),
        Sent("x"),  # type: ignore[arg-type] # a node can send anything
        Again(7),
        Instance(0, Reference(KIND), {"__class__": 1}),
        Instance(0, Reference(KIND), 3),
        Instance(0, 5, {}),
        Instance(0, Reference("numpy:ndarray"), {}),
        Method(3, "bit_length"),
        Randomness({"bit_generator": "MT19937", "state": 1}),
        Reference(3),  # type: ignore[arg-type] # as above
    ],
)
def test_forms_that_make_no_sense_are_unreadable_and_nothing_else(form: object) -> None:
    with pytest.raises(ValueNotReadable):
        together_here(form, packages=frozenset({"sklearn", "numpy"}))
