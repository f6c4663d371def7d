"""Which inputs reach what no shorter one reaches: the few of a corpus that are worth keeping."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fuzz_corpus import LONGEST_INPUT
from fuzz_targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_OURS = ("/pye2core/", "/pye2_")


def fewest(target: str, inputs: Iterable[bytes]) -> list[bytes]:
    """Of these inputs those that reach a step which no shorter one reaches."""
    run = TARGETS[target]
    kept, known = [], set[tuple[Any, ...]]()
    for data in sorted({each for each in inputs if len(each) <= LONGEST_INPUT}, key=_by_length):
        reached = _steps(run, data)
        if not reached <= known:
            known |= reached
            kept.append(data)
    return kept


def _by_length(data: bytes) -> tuple[int, bytes]:
    return len(data), data


def _steps(run: Callable[[bytes], None], data: bytes) -> set[tuple[Any, ...]]:
    """Every step from a line of ours to the next that the target makes with this input."""
    steps = set[tuple[Any, ...]]()

    def enter(frame: Any, event: str, argument: object) -> Any:
        del event, argument
        name = frame.f_code.co_filename
        return follow(frame.f_code) if any(part in name for part in _OURS) else None

    def follow(code: Any) -> Callable[[Any, str, object], Any]:
        before = 0

        def step(frame: Any, event: str, argument: object) -> Any:
            nonlocal before
            del argument
            if event == "line":
                steps.add((code, before, frame.f_lineno))
                before = frame.f_lineno
            return step

        return step

    sys.settrace(enter)
    try:
        run(data)
    finally:
        sys.settrace(None)
    return steps
