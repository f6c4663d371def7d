"""Tells the payloads that NumPy 2 spoils from those that were changed on their way.

You are in the PyE2 serializer, beside ``signing`` (PyE2 wire protocol, section 3.1, Q2). A PyE2
node on NumPy 2 hashes ``np.float64(1.5)`` where its message has 1.5. A message does not say which
of its floats were numpy's: that is found by trying, with likely guesses first and never for long,
for anybody can send such a message. A hash that fits proves that the content is what was signed.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from itertools import combinations, groupby, islice
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pye2_wire.canonical import canonical, mended
from pye2_wire.signing import signed_part

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

MOST_HASHES = 256
"""Guesses at a message, for as long as it is short."""

MOST_HASHED_BYTES = 4 * 1024 * 1024
"""What all guesses at a message may come to."""

LARGEST_SEARCHED = 64 * 1024
"""Bytes of a message above which only its rate is tried."""

_RATE = "_P_PLUGIN_REAL_RESOLUTION"
"""How often an instance runs: a float of numpy's in every payload of PyE2's engine that has one."""

_OWN_PREFIX = "_P_"
"""What the engine notes of an instance. Its rate apart, these are Python's."""

_BY_NUMPY = frozenset({"PROGRESS", "SCORE", "TRUST", "CURRENT_RANKING[][1]"})
_BY_NUMPY_SUFFIX = "_PAST1H"
"""What else the engine is known to compute with numpy: a job's progress, NET_MON's means."""

_FEW = 8
"""So few floats are tried each on its own; of more, those of one name are tried together."""

_MANY = 64
"""Of so many names, those are tried together of which the same is suspected."""

# A lone surrogate: what was read from the wire has none, so that no text can be taken for a mark.
_MARK = "\udfff"
_MARKED = re.compile(b'"' + _MARK.encode("utf-8", "surrogatepass") + rb'(\d+)"')


@frozen
class _Float:
    """A float of a message, and what it is called: its key, and its place where that tells."""

    name: str
    value: float


@frozen
class _Run:
    """Neighbours of one group, with the text between and after them, in either spelling."""

    group: int
    by_python: bytes
    by_numpy: bytes


def is_numpy2_content(message: dict[str, Any], size: int) -> bool:
    """Whether ``EE_HASH`` is the hash of this content, some of its floats as NumPy 2 spells them.

    Args:
        message: as ``json.loads`` gives it, with no lone surrogate.
        size: its bytes.

    Example:
        >>> text = '{"a":1,"b":np.float64(1.0)}'
        >>> stated = hashlib.sha256(text.encode()).hexdigest()
        >>> is_numpy2_content({"a": 1.0, "b": 1.0, "EE_HASH": stated}, 100)
        True
        >>> is_numpy2_content({"a": 1.0, "b": 1.5, "EE_HASH": stated}, 100)
        False
    """
    floats: list[_Float] = []
    marked = signed_part(message)
    if size <= LARGEST_SEARCHED:
        marked = _marked(marked, "", floats)
    elif _RATE in marked:
        marked[_RATE] = _marked(marked[_RATE], _RATE, floats)
    if not floats:
        return False
    groups = _groups_of(floats)
    start, runs = _spelt(marked, floats, groups)
    longest = len(start) + sum(len(run.by_numpy) for run in runs)
    how_many = min(MOST_HASHES, MOST_HASHED_BYTES // longest + 1)
    stated = message.get("EE_HASH")
    guesses = islice(_guesses(floats, groups), how_many)
    return any(_hash_of(start, runs, guess) == stated for guess in guesses)


def _hash_of(start: bytes, runs: list[_Run], guess: int) -> str:
    texts = [run.by_numpy if guess >> run.group & 1 else run.by_python for run in runs]
    return hashlib.sha256(b"".join((start, *texts))).hexdigest()


# --- the two spellings ----------------------------------------------------------------------------


def _marked(value: Any, name: str, floats: list[_Float]) -> Any:
    """The same value with marks for floats, which are noted in the order of their numbers."""
    if type(value) is dict:
        return {key: _marked(item, key, floats) for key, item in value.items()}
    if type(value) is list:
        return _marked_list(value, name, floats)
    if type(value) is not float:
        return value
    if not math.isfinite(value):
        return None  # so it is hashed, whosever it is
    floats.append(_Float(name, value))
    return f"{_MARK}{len(floats) - 1}"


def _marked_list(items: list[Any], name: str, floats: list[_Float]) -> list[Any]:
    # In a list of floats alone, places tell nothing; in one like ["node", 0.5, 17.3] they do.
    are_alike = {float}.issuperset(map(type, items))
    return [
        _marked(
            item, name + (f"[{place}]" if type(item) is float and not are_alike else "[]"), floats
        )
        for place, item in enumerate(items)
    ]


def _spelt(
    marked: dict[str, Any], floats: list[_Float], groups: list[int]
) -> tuple[bytes, list[_Run]]:
    """A message's text up to its first mark, and what follows."""
    text = json.dumps(marked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    start, *rest = _MARKED.split(mended(text.encode("utf-8", "surrogatepass")))
    by_python = canonical({"": [each.value for each in floats]})[len('{"":[') : -len("]}")]
    python_texts = by_python.split(b",")
    # Nothing is stripped of these: they end in a bracket.
    numpy_texts = [f"np.float64({each.value!r})".encode() for each in floats]
    places = zip(map(int, rest[::2]), rest[1::2], strict=True)
    runs = [
        _Run(
            group,
            b"".join(python_texts[number] + after for number, after in neighbours),
            b"".join(numpy_texts[number] + after for number, after in neighbours),
        )
        for group, neighbours in (
            (group, list(each)) for group, each in groupby(places, lambda place: groups[place[0]])
        )
    ]
    return start, runs


# --- guessing -------------------------------------------------------------------------------------


def _groups_of(floats: list[_Float]) -> list[int]:
    """The group of each float; those of a group are all numpy's or all Python's."""
    if len(floats) <= _FEW:
        return list(range(len(floats)))
    names = {each.name for each in floats}
    kinds: dict[str, Hashable] = {name: name for name in names}
    if len(names) > _MANY:
        kinds = {name: tuple(suspects(name) for suspects in _SUSPICIONS) for name in names}
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(kinds[each.name], len(numbers)) for each in floats]


def _guesses(floats: list[_Float], groups: list[int]) -> Iterator[int]:
    """Which groups are numpy's, as the bits of a number; the likely guesses first, none twice."""
    likely = [
        sum({1 << group for each, group in zip(floats, groups, strict=True) if suspects(each.name)})
        for suspects in _SUSPICIONS
    ]
    bits = [1 << group for group in range(max(groups) + 1)]
    tried = {0}  # all are Python's: that was checked before
    for how_many in range(len(bits) + 1):
        for changed in map(sum, combinations(bits, how_many)):
            guesses = {guess ^ changed: None for guess in likely}
            yield from (guess for guess in guesses if guess not in tried)
            tried.update(guesses)


def _is_rate(name: str) -> bool:
    return name.removeprefix(_OWN_PREFIX) == _RATE.removeprefix(_OWN_PREFIX)


def _is_engines(name: str) -> bool:
    # The formatter cavi2 writes names without their prefix, or in lower case.
    loud = name.upper()
    return _is_rate(name) or loud in _BY_NUMPY or loud.endswith(_BY_NUMPY_SUFFIX)


def _is_rate_or_users(name: str) -> bool:
    return _is_rate(name) or not name.startswith(_OWN_PREFIX)


def _is_any(name: str) -> bool:
    del name
    return True


_SUSPICIONS = (_is_rate, _is_engines, _is_rate_or_users, _is_any)
