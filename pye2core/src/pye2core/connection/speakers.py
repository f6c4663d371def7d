"""Who speaks which dialect: what was heard, what peers tell of themselves, and what that means.

Sans-I/O but for the memory; thread-safe. A peer that is known to speak a dialect is never spoken to
in a weaker one; what it says to us alone is not taken in a weaker one than it has used for that
before. Nothing here knows a dialect: they are places in a row, the weakest first.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field

from pye2core.identity import with_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pye2core.abc import DialectMemory

MOST_STRANGERS: Final = 65_536
"""Peers that are known besides those that are kept. Keys cost nothing: without a bound, whoever
reaches the broker could fill our memory. Who was met longest ago makes room, so that newcomers are
spoken to as they ask for; never one that is kept, or that would be a way to weaken a dialect."""

_KIND = "speaker"
_FORGOTTEN = b"forgotten"
"""Kept in the place of what somebody had forgotten. That nothing is found says nothing: a memory
that cannot be read just now, for want of a file descriptor, finds nothing either."""

_SAYS_THE_SAME: Final = timedelta(hours=1)
"""For so long it is not written down that a peer has said once more what is known of it."""

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _nobody_minds(_: str) -> None:
    """What is told where nothing is lost with a peer that makes room."""


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
        on_crowded_out: told of each peer that had to make room.
    """

    def __init__(
        self, memory: DialectMemory, on_crowded_out: Callable[[str], None] = _nobody_minds
    ) -> None:
        self._memory = memory
        self._on_crowded_out = on_crowded_out
        self._lock = threading.RLock()
        self._known: dict[str, Speaker] = {}
        self._strangers: OrderedDict[str, None] = OrderedDict()
        self._written: dict[str, bytes] = {}
        self._kept: dict[str, Speaker] = {}
        """What was written last, since this began."""
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

    def of(self, address: str) -> Speaker:
        """What is known of a peer, to be changed; another one may have to make room for it."""
        name = with_prefix(address)
        with self._lock:
            speaker = self._known.setdefault(name, Speaker())
            crowded_out = None if name in self._written else self._crowded_out_by(name)
        if crowded_out is not None:
            self._on_crowded_out(crowded_out)
        return speaker

    def _crowded_out_by(self, stranger: str) -> str | None:
        """Who makes room for one that is not kept: the one of these that was met longest ago."""
        self._strangers[stranger] = None
        self._strangers.move_to_end(stranger)
        if len(self._strangers) <= MOST_STRANGERS:
            return None
        oldest, _ = self._strangers.popitem(last=False)
        del self._known[oldest]
        return oldest

    def is_kept(self, address: str) -> bool:
        """Whether a peer is one that is remembered for good."""
        return with_prefix(address) in self._written

    def keep(self, address: str) -> None:
        """Remember for good what is known of a peer, soon: nobody waits here for a disk."""
        with self._lock:
            name = with_prefix(address)
            speaker = self._known.get(name)
            if speaker is None:  # it was forgotten, or made room, while we spoke
                return
            if not self._is_news(self._kept.get(name), speaker):
                return
            self._kept[name] = evolve(speaker, introductions=dict(speaker.introductions))
            self._written[name] = _to_json(speaker)
            self._strangers.pop(name, None)
            self._unwritten[name] = None
            if self._writing is None or not self._writing.is_alive():
                self._writing = threading.Thread(target=self._write, name="pye2-speakers")
                self._writing.start()

    def _is_news(self, kept: Speaker | None, speaker: Speaker) -> bool:
        """Whether more is known than is kept.

        Who says the same of itself with every message is not worth the disk each time: what it said
        meanwhile, should somebody repeat it, is nothing else.
        """
        if kept is None:
            return True
        since = speaker.introduced_at - kept.introduced_at
        return not timedelta() <= since <= _SAYS_THE_SAME or kept != evolve(
            speaker, introduced_at=kept.introduced_at, withdrawn=kept.withdrawn
        )

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
            if name not in self._written or self._memory.get(_KIND, name) != _FORGOTTEN:
                return False
            del self._written[name]
            self._kept.pop(name, None)
            self._known.pop(name, None)
            return True


def forget_speaker(memory: DialectMemory, address: str) -> bool:
    """Have a peer forgotten, also by a process that runs; whether it was known."""
    name = with_prefix(address)
    if memory.get(_KIND, name) in (None, _FORGOTTEN):
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
