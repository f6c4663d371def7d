"""``@remote(…)`` notes what a function needs and leaves the function what it is."""

from __future__ import annotations

import importlib

import pytest

from pye2core import remote
from pye2core.client.marks import REMOTE
from pye2core.errors import SettingsError


def test_a_marked_function_is_the_function() -> None:
    def score(row: int) -> int:
        return row + 1

    assert remote(timeout=60)(score) is score
    assert score(1) == 2


def test_only_what_was_said_is_noted() -> None:
    @remote(needs={"gpu": 1}, timeout=None)
    def score(row: int) -> int:
        return row

    assert getattr(score, REMOTE) == {"needs": {"gpu": 1}, "timeout": None}


def test_the_outer_mark_says_what_both_say() -> None:
    @remote(retries=5)
    @remote(retries=1, timeout=60)
    def score(row: int) -> int:
        return row

    assert getattr(score, REMOTE) == {"retries": 5, "timeout": 60}


def test_its_name_stays_the_functions_whatever_is_imported() -> None:
    importlib.import_module("pye2core.client.marks")

    assert importlib.import_module("pye2core.client").remote is remote


def test_without_parentheses_it_says_how_it_is_written():
    with pytest.raises(SettingsError, match=r"@remote\(timeout=60\)"):

        @remote
        def f():
            pass
