"""The functions of the jobs that split a range into chunks.

The range is cut into chunks that cost about the same; chunk ``k`` belongs to job ``k`` modulo the
number of jobs, so that all are equally loaded. A worker takes one chunk at each call and remembers
where it is in ``plugin.obj_cache``; one that is replaced begins again with its first chunk. What it
gives is ``{"CHUNK": k, "PRIMES": […]}``, the same whenever it is computed, so that a chunk that
comes twice is dropped.

Each function is sent alone and can use nothing of this module: only its arguments, the ``plugin``
object and what it defines itself.
"""

# ruff: noqa: ARG001 - a node calls every function with all the arguments of its stage

from __future__ import annotations

from typing import Any

Chunk = dict[str, Any]
CollectedData = dict[int, list[Chunk]]


# --- on the workers -----------------------------------------------------------------------------


def divide_next_chunk(plugin: Any) -> Chunk | None:
    """Find the primes of the next chunk by trial division; None when this worker's are done.

    The work is counted in divisions, as ``jobs`` counts it: for each number its integer root, and
    an overhead besides. Chunk ``k`` begins where ``k / cfg_chunks`` of all work is done. All of it
    is integer arithmetic, so that every worker computes the same bounds.
    """
    overhead: int = plugin.cfg_overhead
    all_work: int = plugin.cfg_work
    all_chunks: int = plugin.cfg_chunks

    def work_below_square(root: int) -> int:
        return root * (root - 1) * (4 * root + 1) // 6 + overhead * (root * root - 1)

    def start_of(chunk: int) -> int:
        work = all_work * chunk // all_chunks
        low, high = 1, 2
        while work_below_square(high) <= work:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            if work_below_square(middle) <= work:
                low = middle
            else:
                high = middle
        return low * low + (work - work_below_square(low)) // (low + overhead)

    def is_prime(number: int) -> bool:
        for divisor in range(2, int(number**0.5) + 1):
            if number % divisor == 0:
                return False
        return number > 1

    done = plugin.obj_cache.get("chunks_done", 0)
    chunk = plugin.cfg_job_id + done * plugin.cfg_nr_jobs
    if chunk >= all_chunks:
        return None
    numbers = range(start_of(chunk), start_of(chunk + 1))
    primes = [number for number in numbers if is_prime(number)]
    plugin.obj_cache["chunks_done"] = done + 1
    return {"CHUNK": chunk, "PRIMES": primes}


def sieve_next_chunk(plugin: Any) -> Chunk | None:
    """Find the primes of the next chunk with a segmented sieve; None when this worker's are done.

    The chunks are equally long, because sieving costs about the same for every number.
    """
    np = plugin.np

    def primes_up_to_root() -> list[int]:
        root = int(plugin.cfg_upto**0.5) + 1
        is_prime = np.ones(root + 1, dtype=bool)
        is_prime[:2] = False
        for number in range(2, int(root**0.5) + 1):
            if is_prime[number]:
                is_prime[number * number :: number] = False
        found: list[int] = np.flatnonzero(is_prime).tolist()
        return found

    done = plugin.obj_cache.get("chunks_done", 0)
    chunk = plugin.cfg_job_id + done * plugin.cfg_nr_jobs
    if chunk >= plugin.cfg_chunks:
        return None
    if "divisors" not in plugin.obj_cache:
        plugin.obj_cache["divisors"] = primes_up_to_root()
    first = 2 + (plugin.cfg_upto - 1) * chunk // plugin.cfg_chunks
    stop = 2 + (plugin.cfg_upto - 1) * (chunk + 1) // plugin.cfg_chunks
    is_prime = np.ones(stop - first, dtype=bool)
    for divisor in plugin.obj_cache["divisors"]:
        multiple = max(divisor * divisor, -(-first // divisor) * divisor)
        is_prime[multiple - first :: divisor] = False
    plugin.obj_cache["chunks_done"] = done + 1
    return {"CHUNK": chunk, "PRIMES": (np.flatnonzero(is_prime) + first).tolist()}


# --- on the main node ---------------------------------------------------------------------------


def keep_chunk_once(
    plugin: Any, job_id: int, collected_data: CollectedData, data: Chunk
) -> Chunk | None:
    """Keep a chunk unless this job has it already."""
    known = {item["CHUNK"] for item in collected_data[job_id]}
    return None if data["CHUNK"] in known else data


def all_are_collected(plugin: Any, collected_data: CollectedData) -> bool:
    """Finish when every chunk is there."""
    found = {item["CHUNK"] for items in collected_data.values() for item in items}
    wanted: int = plugin.cfg_finish_condition_kwargs["CHUNKS"]
    return len(found) == wanted


def share_collected(plugin: Any, collected_data: CollectedData) -> float:
    """The share of the chunks that is there, in percent: they all cost about the same."""
    found = {item["CHUNK"] for items in collected_data.values() for item in items}
    wanted: int = plugin.cfg_finish_condition_kwargs["CHUNKS"]
    return 100.0 * len(found) / wanted


def in_order(plugin: Any, collected_data: CollectedData) -> list[int]:
    """Give the primes in ascending order: chunk by chunk, each in itself in order."""
    chunks = {item["CHUNK"]: item["PRIMES"] for items in collected_data.values() for item in items}
    return [prime for chunk in sorted(chunks) for prime in chunks[chunk]]
