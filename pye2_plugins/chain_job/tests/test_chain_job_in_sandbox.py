"""The functions that are sent into the sandbox of a job's main node."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pye2_chain_job.in_sandbox import begin, run_process


@pytest.mark.parametrize(
    ("given", "told", "kept"),
    [
        ([1, 2], [1, 2], [1, 2]),
        ([], [], []),
        (3, [3], [3]),
        (0, [0], [0]),
        (None, None, []),
    ],
)
def test_what_the_process_function_gives_is_kept_and_told_and_none_is_told_as_it_is(
    given: Any, told: Any, kept: Any
) -> None:
    functions = {"process": lambda plugin, job_id, collected, data: given}
    plugin = SimpleNamespace(obj_cache={}, functions=functions)
    begin(plugin, 1)

    assert run_process(plugin, 0, "data") == told
    assert plugin.obj_cache["pye2 collected data"] == {0: kept}
