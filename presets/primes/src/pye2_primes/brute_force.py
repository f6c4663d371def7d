"""The functions of the brute-force job: random numbers, of which the primes are kept.

Each is sent alone and can use nothing of this module: only its arguments, the ``plugin`` object and
what it defines itself.
"""

# ruff: noqa: ARG001 - a node calls every function with all the arguments of its stage

from __future__ import annotations

from typing import Any


def draw_and_test(plugin: Any) -> list[int]:
    """On a worker: draw a batch of random numbers and give those that are prime."""

    def is_prime(number: int) -> bool:
        divisors = range(2, int(plugin.np.sqrt(number)) + 1)
        return number > 1 and all(number % divisor for divisor in divisors)

    numbers = plugin.np.random.randint(1, plugin.cfg_upto + 1, plugin.cfg_batch).tolist()
    are_primes = plugin.threadapi_map(is_prime, numbers, n_threads=4)
    return [number for number, prime in zip(numbers, are_primes, strict=True) if prime]


def keep_new(
    plugin: Any, job_id: int, collected_data: dict[int, list[int]], data: list[int]
) -> list[int]:
    """Keep the primes that no worker has found yet."""
    known = set().union(*collected_data.values())
    return sorted(set(data) - known)


def all_are_found(plugin: Any, collected_data: dict[int, list[int]]) -> bool:
    """Finish when as many primes are found as there are."""
    wanted: int = plugin.cfg_finish_condition_kwargs["COUNT"]
    return sum(map(len, collected_data.values())) >= wanted


def share_found(plugin: Any, collected_data: dict[int, list[int]]) -> float:
    """The share of the primes that is found, in percent."""
    wanted: int = plugin.cfg_finish_condition_kwargs["COUNT"]
    return min(100.0, 100.0 * sum(map(len, collected_data.values())) / wanted)


def in_order(plugin: Any, collected_data: dict[int, list[int]]) -> list[int]:
    """Give the primes in ascending order."""
    return sorted(set().union(*collected_data.values()))
