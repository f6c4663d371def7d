"""The functions behind the seven presets: each is sent as text and runs on the job's main node.

A function here is sent alone, so that it can use nothing of this module: only its arguments, the
``plugin`` object and what it defines itself. ``collected_data`` holds, by job, the list of what was
kept of that worker's data (PyE2 wire protocol, section 13).

The functions that keep uniques remember, in ``plugin.obj_cache``, the keys of what each job has
collected, and add to it what was collected since they were last called. A worker that is replaced
begins with another, empty list: what was remembered of the old one is then forgotten.
"""

# ruff: noqa: ARG001 - a node calls every function with all the arguments of its stage

from __future__ import annotations

from typing import Any

CollectedData = dict[int, list[Any]]


# --- process ------------------------------------------------------------------------------------


def keep_uniques_in_aggregated(
    plugin: Any, job_id: int, collected_data: CollectedData, data: Any
) -> list[Any]:
    """Keep, each once, the new items that no job has collected yet."""

    def key_of(item: object) -> object:
        if isinstance(item, list):
            return ("list", *map(key_of, item))
        if isinstance(item, dict):
            return ("dict", frozenset((name, key_of(value)) for name, value in item.items()))
        return item

    def keys_of_job(job: int) -> set[object]:
        items = collected_data[job]
        known = remembered.get(job)
        if known is None or known["items"] is not items or known["count"] > len(items):
            known = {"items": items, "count": 0, "keys": set()}
            remembered[job] = known
        known["keys"].update(map(key_of, items[known["count"] :]))
        known["count"] = len(items)
        keys: set[object] = known["keys"]
        return keys

    remembered = plugin.obj_cache.setdefault("keep_uniques_in_aggregated", {})
    collected = [keys_of_job(job) for job in collected_data]
    taken = set()
    new = []
    for item in data if isinstance(data, list) else [data]:
        key = key_of(item)
        if key not in taken and not any(key in keys for keys in collected):
            taken.add(key)
            new.append(item)
    return new


def keep_uniques_in_node(
    plugin: Any, job_id: int, collected_data: CollectedData, data: Any
) -> list[Any]:
    """Keep, each once, the new items that this job has not collected yet."""

    def key_of(item: object) -> object:
        if isinstance(item, list):
            return ("list", *map(key_of, item))
        if isinstance(item, dict):
            return ("dict", frozenset((name, key_of(value)) for name, value in item.items()))
        return item

    items = collected_data[job_id]
    remembered = plugin.obj_cache.setdefault("keep_uniques_in_node", {})
    known = remembered.get(job_id)
    if known is None or known["items"] is not items or known["count"] > len(items):
        known = {"items": items, "count": 0, "keys": set()}
        remembered[job_id] = known
    known["keys"].update(map(key_of, items[known["count"] :]))
    known["count"] = len(items)
    taken = set()
    new = []
    for item in data if isinstance(data, list) else [data]:
        key = key_of(item)
        if key not in taken and key not in known["keys"]:
            taken.add(key)
            new.append(item)
    return new


def keep_all(plugin: Any, job_id: int, collected_data: CollectedData, data: Any) -> Any:
    """Keep all new items."""
    return data


# --- finish -------------------------------------------------------------------------------------


def aggregated_more_than_x(plugin: Any, collected_data: CollectedData) -> bool:
    """Finish when more than X items were collected over all jobs."""
    kwargs = plugin.cfg_finish_condition_kwargs
    if not kwargs or "X" not in kwargs:
        raise ValueError("FINISH_CONDITION_KWARGS must hold X, the number of items to exceed")
    return bool(sum(map(len, collected_data.values())) > kwargs["X"])


def progress_to_aggregated_more_than_x(plugin: Any, collected_data: CollectedData) -> float:
    """How much of X + 1 items is collected over all jobs, in percent."""
    wanted = plugin.cfg_finish_condition_kwargs["X"] + 1
    if wanted <= 0:
        return 100.0
    return float(min(100.0, 100.0 * sum(map(len, collected_data.values())) / wanted))


def each_node_more_than_x(plugin: Any, collected_data: CollectedData) -> bool:
    """Finish when more than X items were collected in every job."""
    kwargs = plugin.cfg_finish_condition_kwargs
    if not kwargs or "X" not in kwargs:
        raise ValueError("FINISH_CONDITION_KWARGS must hold X, the number of items to exceed")
    jobs = collected_data.values()
    return bool(jobs) and all(len(items) > kwargs["X"] for items in jobs)


def progress_to_each_node_more_than_x(plugin: Any, collected_data: CollectedData) -> float:
    """How much of X + 1 items each job has collected, on average, in percent."""
    wanted: float = plugin.cfg_finish_condition_kwargs["X"] + 1
    if not collected_data:
        return 0.0
    if wanted <= 0:
        return 100.0
    shares = [min(1.0, len(items) / wanted) for items in collected_data.values()]
    return 100.0 * sum(shares) / len(shares)


# --- aggregate ----------------------------------------------------------------------------------


def aggregate_all(plugin: Any, collected_data: CollectedData) -> list[Any]:
    """Give one list of everything, in the order of the jobs."""
    return [item for job in sorted(collected_data) for item in collected_data[job]]


def aggregate_per_node(plugin: Any, collected_data: CollectedData) -> CollectedData:
    """Give what was collected, by job."""
    return dict(collected_data)
