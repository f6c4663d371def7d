"""Hashing a large message as PyE2 does, against writing it as JSON, which bounds it."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

from benchmarks.table import Row, typical_pair
from pye2_wire.signing import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 77 * 1024


def _other_value(rng: random.Random) -> Any:
    return rng.choice(
        [rng.randrange(100_000), True, None, f"some text {rng.random()}", 'a\n"line" of cöde()\n']
    )


def _float(rng: random.Random) -> float:
    """As nodes measure: loads and rounded figures, whole ones, and now and then a huge one."""
    kinds = (
        rng.uniform(0, 1000),
        round(rng.uniform(0, 100), 2),
        float(rng.randrange(1000)),
        rng.uniform(1, 10) * 1e20,
    )
    return rng.choices(kinds, (40, 30, 28, 2))[0]


def structured_message(floats: float) -> dict[str, Any]:
    """A message of 77 KiB, of records like those of a node's heartbeat.

    Args:
        floats: the share of floats among its values, 0 to 1.
    """
    rng = random.Random(1)

    def value() -> Any:
        return _float(rng) if rng.random() < floats else _other_value(rng)

    records: dict[str, Any] = {}
    message = {"EE_ID": "naeural-1", "DATA": records}
    length = 0
    while length < SIZE:
        record = {
            **{f"FIELD_{number}": value() for number in range(12)},
            "LIST": [value() for _ in range(12)],
            "INNER": {f"KEY_{number}": value() for number in range(8)},
        }
        records[f"RECORD_{len(records)}"] = record
        length += len(json.dumps(record))
    return message


def _per_call_ms(call: Callable[[], object]) -> Callable[[], float]:
    def measure() -> float:
        start = time.perf_counter()
        call()
        return (time.perf_counter() - start) * 1000

    return measure


def _row(name: str, floats: float, bound: float) -> Row:
    message = structured_message(floats)
    ours, reference = typical_pair(
        _per_call_ms(lambda: digest_of(message)),
        _per_call_ms(lambda: json.dumps(message, sort_keys=True, separators=(",", ":"))),
        runs=301,
    )
    return Row(name, ours, "ms", "against json.dumps, keys sorted, compact", reference, bound)


def rows() -> list[Row]:
    """A message without floats, and one where half of the values are floats."""
    return [
        _row("hashing 77 KiB without floats", 0.0, 1.5),
        _row("hashing 77 KiB, half of the values floats", 0.5, 4.0),
    ]
