"""The jobs, with their checked parameters: all primes up to a number, on several workers.

Each class describes one job; ``stages()`` gives the functions that are sent and what they are told.
Nothing here is sent itself.
"""

from __future__ import annotations

import math
from typing import ClassVar, Final

from attrs import field, frozen

from pye2_primes import brute_force, chunks, parameters
from pye2core import JobStages

_MOST_AT_RANDOM: Final = 100_000
_MOST: Final = 10_000_000
_RESULT_IS_ONE_MESSAGE: Final = "the list of all primes has to fit into one message"
_RANDOM_IS_SLOW: Final = (
    "finding the last primes at random takes ever longer; use primes-trial-division or primes-sieve"
)

OVERHEAD_OF_A_NUMBER: Final = 150
"""What looking at one number costs besides its divisions, in divisions (measured)."""

WORK_OF_A_CHUNK: Final = 100_000_000
"""Divisions, so counted, of one chunk: about 0.2 s of pure Python, for more often than that no
partial result is sent."""

NUMBERS_OF_A_CHUNK: Final = 500_000
"""Numbers that are sieved at once: their primes are a message of half a MiB at most."""


@frozen
class BruteForce:
    """Workers draw random numbers and test them, until all primes are found.

    Attributes:
        upto: the largest number that may be drawn.
        workers: how many nodes share the work.
        batch: how many numbers a worker draws at once.

    Example:
        >>> BruteForce(upto=1000).stages().finish_kwargs
        {'COUNT': 168}
    """

    NAME: ClassVar[str] = "primes-brute-force"

    upto: int = field(
        default=1000,
        validator=parameters.whole_number(
            at_least=2, at_most=_MOST_AT_RANDOM, because=_RANDOM_IS_SLOW
        ),
    )
    workers: int = field(default=2, validator=parameters.workers())
    batch: int = field(
        default=20, validator=parameters.whole_number(at_least=1, at_most=_MOST_AT_RANDOM)
    )

    def stages(self) -> JobStages:
        """The functions to send and what to tell them."""
        return JobStages(
            worker=brute_force.draw_and_test,
            process=brute_force.keep_new,
            finish=brute_force.all_are_found,
            aggregate=brute_force.in_order,
            progress=brute_force.share_found,
            finish_kwargs={"COUNT": count_primes(self.upto)},
            worker_config={"UPTO": self.upto, "BATCH": self.batch},
            workers=self.workers,
        )


@frozen
class TrialDivision:
    """Workers divide every number of a range that is split among them, in pure Python.

    Attributes:
        upto: the last number of the range.
        workers: how many nodes share the work.
    """

    NAME: ClassVar[str] = "primes-trial-division"

    upto: int = field(
        default=1000,
        validator=parameters.whole_number(
            at_least=2, at_most=_MOST, because=_RESULT_IS_ONE_MESSAGE
        ),
    )
    workers: int = field(default=2, validator=parameters.workers())

    def stages(self) -> JobStages:
        """The functions to send and what to tell them."""
        work = work_of_trial_division(self.upto)
        count = _number_of_chunks(work, WORK_OF_A_CHUNK, self.workers)
        return JobStages(
            worker=chunks.divide_next_chunk,
            process=chunks.keep_chunk_once,
            finish=chunks.all_are_collected,
            aggregate=chunks.in_order,
            progress=chunks.share_collected,
            finish_kwargs={"CHUNKS": count},
            worker_config={"WORK": work, "OVERHEAD": OVERHEAD_OF_A_NUMBER, "CHUNKS": count},
            workers=self.workers,
        )


@frozen
class Sieve:
    """Workers sieve a range that is split among them, with numpy.

    Attributes:
        upto: the last number of the range.
        workers: how many nodes share the work.
    """

    NAME: ClassVar[str] = "primes-sieve"

    upto: int = field(
        default=1000,
        validator=parameters.whole_number(
            at_least=2, at_most=_MOST, because=_RESULT_IS_ONE_MESSAGE
        ),
    )
    workers: int = field(default=2, validator=parameters.workers())

    def stages(self) -> JobStages:
        """The functions to send and what to tell them."""
        count = _number_of_chunks(self.upto, NUMBERS_OF_A_CHUNK, self.workers)
        return JobStages(
            worker=chunks.sieve_next_chunk,
            process=chunks.keep_chunk_once,
            finish=chunks.all_are_collected,
            aggregate=chunks.in_order,
            progress=chunks.share_collected,
            finish_kwargs={"CHUNKS": count},
            worker_config={"UPTO": self.upto, "CHUNKS": count},
            workers=self.workers,
        )


_Method = type[BruteForce] | type[TrialDivision] | type[Sieve]

_METHODS: Final[dict[str, _Method]] = {
    "brute-force": BruteForce,
    "trial-division": TrialDivision,
    "sieve": Sieve,
}


@frozen
class Primes:
    """All primes up to a number, by one of the methods.

    Attributes:
        upto: the last number that is looked at.
        workers: how many nodes share the work.
        method: "brute-force", "trial-division" or "sieve".
    """

    NAME: ClassVar[str] = "primes"

    upto: int = 1000
    workers: int = 2
    method: str = field(default="trial-division", validator=parameters.one_of(tuple(_METHODS)))

    def __attrs_post_init__(self) -> None:
        self._job()  # the method's own job checks the other parameters

    def stages(self) -> JobStages:
        """The functions to send and what to tell them."""
        return self._job().stages()

    def _job(self) -> BruteForce | TrialDivision | Sieve:
        return _METHODS[self.method](upto=self.upto, workers=self.workers)


def count_primes(upto: int) -> int:
    """How many primes there are up to a number, it included.

    Example:
        >>> count_primes(1000)
        168
    """
    is_prime = bytearray([1]) * (upto + 1)
    is_prime[:2] = bytes(2)
    for number in range(2, math.isqrt(upto) + 1):
        if is_prime[number]:
            is_prime[number * number :: number] = bytes(
                len(range(number * number, upto + 1, number))
            )
    return sum(is_prime)


def work_of_trial_division(upto: int) -> int:
    """What dividing every number up to this one costs, in divisions.

    A number costs its integer root, as a prime does, and an overhead. Summed over the numbers from
    1 to below the square of a root, the roots are ``root * (root - 1) * (4 * root + 1) / 6``.
    """
    root = math.isqrt(upto)
    below_square = root * (root - 1) * (4 * root + 1) // 6
    return below_square + root * (upto + 1 - root * root) + OVERHEAD_OF_A_NUMBER * upto


def _number_of_chunks(work: int, work_of_a_chunk: int, workers: int) -> int:
    """So many that each worker has as many as the others."""
    return workers * max(1, math.ceil(work / (workers * work_of_a_chunk)))
