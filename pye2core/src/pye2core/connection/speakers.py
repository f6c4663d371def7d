"""Who speaks which dialect: what was heard, what peers tell of themselves, and what that means.

Sans-I/O but for the memory; thread-safe. A peer that is known to speak a dialect is never spoken to
in a weaker one; what it says to us alone is not taken in a weaker one than it has used for that
before. Nothing here knows a dialect: they are places in a row, the weakest first.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from pye2core.identity import with_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pye2core.abc import DialectMemory

MOST_SPEAKERS: Final = 65_536
"""Peers that are remembered. Keys cost nothing: without a bound, whoever reaches the broker could
fill our memory. Nobody is forgotten to make room, or that would be a way to weaken a dialect."""

_KIND = "speaker"
_FORGOTTEN = b"forgotten"
"""Kept in the place of what somebody had forgotten. That nothing is found says nothing: a memory
that cannot be read just now, for want of a file descriptor, finds nothing either."""

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@define
class Speaker:
    """What is known of one peer.

    Attributes:
        introductions: what it told of itself, by dialect.
        introduced_at: when it said so last.
        heard: the strongest dialect that it was heard speaking; empty for none.
        confides: the strongest dialect in which it has encrypted something for us: it knows how we
            are spoken to.
        withdrawn: dialects that it has told of, and later no more.
    """

    introductions: dict[str, str] = field(factory=dict)
    introduced_at: datetime = _LONG_AGO
    heard: str = ""
    confides: str = ""
    withdrawn: frozenset[str] = frozenset()


class Speakers:
    """What is known of all peers.

    Args:
        memory: where it is kept of whom we have spoken with.
    """

    def __init__(self, memory: DialectMemory) -> None:
        self._memory = memory
        self._lock = threading.RLock()
        self._known: dict[str, Speaker] = {}
        self._written: dict[str, bytes] = {}
        self._unwritten: dict[str, None] = {}
        self._writing: threading.Thread | None = None
        for address, value in memory.read(_KIND).items():
            if value == _FORGOTTEN:
                continue
            self._known[address] = _from_json(value)
            self._written[address] = value

    def get(self, address: str) -> Speaker | None:
        """What is known of a peer."""
        return self._known.get(with_prefix(address))

    def __iter__(self) -> Iterator[tuple[str, Speaker]]:
        """All peers, with what is known of them."""
        return iter(list(self._known.items()))

    def of(self, address: str) -> Speaker | None:
        """What is known of a peer, to be changed; None if there is no room for another one."""
        with self._lock:
            name = with_prefix(address)
            if name not in self._known and len(self._known) >= MOST_SPEAKERS:
                return None
            return self._known.setdefault(name, Speaker())

    def is_kept(self, address: str) -> bool:
        """Whether a peer is one that is remembered for good."""
        return with_prefix(address) in self._written

    def keep(self, address: str) -> None:
        """Remember for good what is known of a peer, soon: nobody waits here for a disk."""
        with self._lock:
            name = with_prefix(address)
            value = _to_json(self._known[name])
            if self._written.get(name) == value:
                return
            self._written[name] = value
            self._unwritten[name] = None
            if self._writing is None or not self._writing.is_alive():
                self._writing = threading.Thread(target=self._write, name="pye2-speakers")
                self._writing.start()

    def _write(self) -> None:
        """Write all that waits for it, one after the other, and each as it is newest then."""
        while (name := self._next_unwritten()) is not None:
            value = self._written.get(name)
            if value is not None:
                self._memory.write(_KIND, name, value)

    def _next_unwritten(self) -> str | None:
        with self._lock:
            if not self._unwritten:
                self._writing = None
                return None
            return self._unwritten.popitem()[0]

    def settle(self) -> None:
        """Wait until all that is to be remembered is."""
        # What is being begun cannot be waited for yet.
        with self._lock:
            writing = self._writing
        if writing is not None:
            writing.join()

    def was_forgotten(self, address: str) -> bool:
        """Whether somebody had a peer forgotten since, in the memory; it is forgotten here, too."""
        self.settle()
        with self._lock:
            name = with_prefix(address)
            if name not in self._written or self._memory.read(_KIND).get(name) != _FORGOTTEN:
                return False
            del self._written[name]
            self._known.pop(name, None)
            return True


def forget_speaker(memory: DialectMemory, address: str) -> bool:
    """Have a peer forgotten, also by a process that runs; whether it was known."""
    name = with_prefix(address)
    if memory.read(_KIND).get(name, _FORGOTTEN) == _FORGOTTEN:
        return False
    memory.write(_KIND, name, _FORGOTTEN)
    return True


def _to_json(speaker: Speaker) -> bytes:
    return json.dumps(
        {
            "introductions": speaker.introductions,
            "introduced_at": speaker.introduced_at.isoformat(),
            "heard": speaker.heard,
            "confides": speaker.confides,
        },
        sort_keys=True,
    ).encode()


def _from_json(value: bytes) -> Speaker:
    found: Mapping[str, Any] = json.loads(value)
    return Speaker(
        introductions=dict(found["introductions"]),
        introduced_at=datetime.fromisoformat(found["introduced_at"]),
        heard=found["heard"],
        confides=found["confides"],
    )
