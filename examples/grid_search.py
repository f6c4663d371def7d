"""A grid search of scikit-learn, with each fit on whichever of your nodes is free.

    python examples/grid_search.py             # the whole data set, 1,797 digits
    python examples/grid_search.py --compare   # and the same on this machine

Which settings have a support vector machine read handwritten digits best? Each setting is tried on
three parts of the digits; joblib hands each try to the backend ``pye2``. Nothing is pickled.

Nodes need scikit-learn and pye2-joblib, and their owners have to grant both, once:

    pip install scikit-learn pye2-joblib                         # on the node
    pye2 node allow ADDRESS --module sklearn --module pye2_joblib   # `pye2 key show` here: ADDRESS
"""

import argparse
import sys

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import pye2_joblib  # noqa: F401 - importing it is what makes the backend known
from pye2core import Session

GRID = {"svc__C": [0.1, 1, 10, 100], "svc__kernel": ["rbf", "linear"]}


def search(rows, numbers, jobs):
    """Try all settings, three times each; joblib's backend says where."""
    machine = make_pipeline(StandardScaler(), SVC())
    return GridSearchCV(machine, GRID, cv=3, n_jobs=jobs).fit(rows, numbers)


def show(found):
    """The settings, the best first."""
    results = found.cv_results_
    for place in np.argsort(results["rank_test_score"]):
        settings, score = results["params"][place], results["mean_test_score"][place]
        print(f"{score:.4f}  " + ", ".join(f"{name}={value}" for name, value in settings.items()))


def main():
    """Search on the nodes; exit code 1 if this machine finds something else."""
    arguments = argparse.ArgumentParser(description="which settings read digits best?")
    arguments.add_argument("--rows", type=int, help="how many digits; all unless said")
    arguments.add_argument("--compare", action="store_true", help="search on this machine, too")
    given = arguments.parse_args()

    digits = load_digits()
    rows, numbers = digits.data[: given.rows], digits.target[: given.rows]
    with (
        Session(silent=True) as session,  # the broker is in PYE2_BROKER, or in .env
        joblib.parallel_backend("pye2", session=session),
    ):
        slots = joblib.effective_n_jobs(-1)
        found = search(rows, numbers, jobs=slots)
    fits = len(found.cv_results_["params"]) * found.n_splits_
    print(f"{fits} fits on {slots} slots:")
    show(found)
    if given.compare:
        here = search(rows, numbers, jobs=1)
        is_same = np.array_equal(
            here.cv_results_["mean_test_score"], found.cv_results_["mean_test_score"]
        )
        print("the same scores as on this machine" if is_same else "this machine's differ")
        sys.exit(not is_same)


if __name__ == "__main__":
    main()
