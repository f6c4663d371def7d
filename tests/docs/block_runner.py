"""A process that runs a page's Python, block after block, in one namespace.

A line of JSON comes in for each block (``page``, ``line``, ``source``); one goes out when it is
done, with the traceback if it raised. With ``--network`` the namespace begins with a network in
this process, a ``session`` and a ``pipeline``.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
import traceback
from contextlib import ExitStack
from typing import Any


def _failure(job: dict[str, Any], page: list[str], names: dict[str, Any]) -> str | None:
    """Run a block in its place on the page, so that tracebacks and `inspect` find its lines."""
    source = job["source"].splitlines(keepends=True)
    page.extend(["\n"] * (job["line"] - 1 - len(page)))
    page.extend(source)
    linecache.cache[job["page"]] = (sum(map(len, page)), None, page, job["page"])
    placed = "\n" * (job["line"] - 1) + job["source"]
    try:
        exec(compile(placed, job["page"], "exec"), names)
    except Exception:  # noqa: BLE001 - the test that asked shows whatever it is
        return traceback.format_exc()
    return None


def _network(at_the_end: ExitStack) -> dict[str, Any]:
    from pye2_testing import MemoryNetwork  # not before the page's own settings count

    network = at_the_end.enter_context(MemoryNetwork(nodes=3))
    session = at_the_end.enter_context(network.session())
    pipeline = session.create_pipeline(node="node-1", name="page")
    return {"network": network, "session": session, "pipeline": pipeline}


def main() -> None:
    """Run what comes in until nothing more does."""
    page: list[str] = []
    names: dict[str, Any] = {"__name__": "page"}
    with ExitStack() as at_the_end:
        answers = at_the_end.enter_context(os.fdopen(os.dup(1), "w", encoding="utf-8"))
        os.dup2(2, 1)  # what blocks print is no answer
        if "--network" in sys.argv:
            names |= _network(at_the_end)
        for line in sys.stdin:
            answers.write(json.dumps(_failure(json.loads(line), page, names)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
