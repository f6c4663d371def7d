"""Functions whose source is sent into the sandbox of a job's main node, beside the user's own.

Nothing here is called on the node itself. Each function is sent alone: it can use only its
arguments and the ``plugin`` object, whose ``functions`` hold all that was defined in the sandbox.
The collected data lives there, in ``plugin.obj_cache``, so that only what is new crosses the pipe;
its keys, and ``job_id``, are whole numbers as the users of PyE2 know them.
"""

from __future__ import annotations

from typing import Any


def begin(plugin: Any, nr_jobs: int) -> None:
    """Begin with an empty list for every job."""
    plugin.obj_cache["pye2 collected data"] = {job_id: [] for job_id in range(nr_jobs)}


def keep(plugin: Any, job_id: int, items: list[Any]) -> None:
    """Put back what was collected before."""
    plugin.obj_cache["pye2 collected data"][job_id].extend(items)


def discard(plugin: Any, job_id: int) -> None:
    """Forget what a job has collected; its next worker begins with a new list."""
    plugin.obj_cache["pye2 collected data"][job_id] = []


def run_process(plugin: Any, job_id: int, data: Any) -> list[Any] | None:
    """Have the user's function say what to keep of a worker's data, keep it and tell it.

    None where the function gave None: that keeps nothing, and may be a ``return`` that is missing.
    """
    collected_data = plugin.obj_cache["pye2 collected data"]
    found = plugin.functions["process"](plugin, job_id, collected_data, data)
    if found is None:
        return None
    items = list(found) if isinstance(found, list) else [found]
    collected_data[job_id].extend(items)
    return items


def run_finish(plugin: Any) -> bool:
    """Have the user's function say whether the job is done."""
    return bool(plugin.functions["finish"](plugin, plugin.obj_cache["pye2 collected data"]))


def run_aggregate(plugin: Any) -> Any:
    """Have the user's function make the result."""
    return plugin.functions["aggregate"](plugin, plugin.obj_cache["pye2 collected data"])


def run_progress(plugin: Any) -> Any:
    """Have the user's function say how far the job is, in percent."""
    return plugin.functions["progress"](plugin, plugin.obj_cache["pye2 collected data"])
