"""The X25519 keys: our own, which change daily, and those that peers have announced.

You are in the native serializer (PyE2 wire protocol, sections 19.4 and 19.5). A private
key is kept until what was encrypted to it has expired, and destroyed then: whoever gets hold of
this machine later cannot read what was said before.
"""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from pye2_native_wire.introductions import (
    AnnouncedKey,
    announced_key,
    introduction_of,
    key_id_of,
)
from pye2_native_wire.times import CLOCK_SKEW, KEPT, SEALABLE
from pye2core.errors import DialectUnusable, MessageRejected
from pye2core.identity import address_of, public_key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.abc import DialectMemory
    from pye2core.clock import Clock
    from pye2core.identity import Identity

_KIND = "native private key"
_READING = "native clock reading"
_BETWEEN_READINGS = timedelta(hours=1)
_ADDRESSES_REMEMBERED = 1024
_RELOAD_SECONDS = 1.0
"""So seldom is the disk asked for keys that other processes of the identity may have made: they
make one a day, and whoever signs at all can name keys that never were."""


class OwnKeys:
    """Our private keys, one for each day, shared by all who have the same memory; thread-safe.

    Args:
        memory: where they are kept.
        clock: says what day it is.
        randomness: makes so many random bytes.
        on_destroyed: called when private keys were destroyed.
    """

    def __init__(
        self,
        memory: DialectMemory,
        clock: Clock,
        randomness: Callable[[int], bytes] = os.urandom,
        *,
        on_destroyed: Callable[[], None],
    ) -> None:
        self._memory = memory
        self._clock = clock
        self._randomness = randomness
        self._on_destroyed = on_destroyed
        self._lock = threading.Lock()
        self._introductions: dict[str, tuple[datetime, str]] = {}
        self._known: dict[tuple[str, bytes], X25519PrivateKey] = {}
        self._reloaded: dict[str, float] = {}

    def introduction(self, identity: Identity) -> str:
        """Today's key of ``identity``, as it is announced."""
        today = _day_of(self._clock.now())
        with self._lock:
            made_on, text = self._introductions.get(identity.address, (None, ""))
            if made_on == today:
                return text
            self._destroy_old(identity.address)
            text = self._made(identity, today)
            self._introductions[identity.address] = (today, text)
            return text

    def _made(self, identity: Identity, day: datetime) -> str:
        # Another process of the same identity may have been faster: its key is today's then.
        drawn = self._randomness(32)
        private = self._memory.add(_KIND, _name_of(identity.address, day), drawn)
        key = X25519PrivateKey.from_private_bytes(private)
        public = key.public_key().public_bytes_raw()
        self._known[identity.address, key_id_of(public)] = key
        return introduction_of(AnnouncedKey(public, day, day + SEALABLE), identity)

    def _destroy_old(self, address: str) -> None:
        """Destroy what had its time already when the clock was read before.

        A clock that jumps ahead, and is set right again, has cost no key then.
        """
        if not self._clock.is_set():
            return
        before = self._reading_before(address)
        if before is None:
            return
        limit = before - KEPT
        names = [each for each in self._memory.read(_KIND) if _is_older(each, address, limit)]
        for name in names:
            self._memory.erase(_KIND, name)
        if names or self._known:
            self._known.clear()
            self._reloaded.clear()
            self._on_destroyed()

    def _reading_before(self, address: str) -> datetime | None:
        """What the clock said a while ago; None if that is not known, or was later than now."""
        now, noted = self._clock.now(), self._memory.get(_READING, address)
        before = None if noted is None else datetime.fromisoformat(noted.decode())
        if before is not None and before <= now < before + _BETWEEN_READINGS:
            return None
        self._memory.write(_READING, address, now.isoformat().encode())
        return before if before is not None and before < now else None

    def private_key(self, address: str, key_id: bytes) -> X25519PrivateKey:
        """The key of ``address`` with that id.

        Raises:
            MessageRejected: reason "decryption": it is not here.
        """
        with self._lock:
            found = self._known.get((address, key_id))
            if found is None and self._may_reload(address):
                self._read_all(address)
                found = self._known.get((address, key_id))
        if found is None:
            raise MessageRejected(
                f"it is encrypted to the key {key_id.hex()} of {address}, which is not here: it was"
                " destroyed because of its age, or is on another computer that uses the same"
                " identity; have it sent again",
                reason="decryption",
            )
        return found

    def _may_reload(self, address: str) -> bool:
        now = self._clock.monotonic()
        reloaded = self._reloaded.get(address)
        if reloaded is not None and now - reloaded < _RELOAD_SECONDS:
            return False
        self._reloaded[address] = now
        return True

    def _read_all(self, address: str) -> None:
        for name, private in self._memory.read(_KIND).items():
            if name.startswith(address):
                key = X25519PrivateKey.from_private_bytes(private)
                public = key.public_key().public_bytes_raw()
                self._known[address, key_id_of(public)] = key


def _day_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _name_of(address: str, day: datetime) -> str:
    return f"{address} {day.date().isoformat()}"


def _is_older(name: str, address: str, limit: datetime) -> bool:
    owner, _, day = name.partition(" ")
    return owner == address and datetime.fromisoformat(day).replace(tzinfo=UTC) < limit


@lru_cache(maxsize=_ADDRESSES_REMEMBERED)
def in_one_spelling(address: str) -> str:
    """The one text of an address that has many.

    Raises:
        InvalidAddress: it is none.
    """
    return address_of(public_key_of(address))


class PeerKeys:
    """What peers have announced; thread-safe.

    Args:
        clock: says which keys are good.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[str, AnnouncedKey] = {}
        self._texts: dict[str, str] = {}

    def learn(self, address: str, introduction: str) -> None:
        """Take in what ``address`` announces; what is older than what is known changes nothing.

        Raises:
            MessageRejected: reason "introduction": it is not what that address says of itself, or
                is not good now.
        """
        owner = in_one_spelling(address)
        known = self._keys.get(owner)
        if known is not None and self._texts.get(owner) == introduction and self._is_good(known):
            return
        key = announced_key(owner, introduction)
        if not self._is_good(key):
            raise MessageRejected(
                f"the key that {address} announces is good from {key.not_before} to"
                f" {key.not_after}, and here it is {self._clock.now()}: see that both clocks are"
                " right",
                reason="introduction",
                sender=address,
            )
        if known is None or known.not_before <= key.not_before:
            self._keys[owner], self._texts[owner] = key, introduction

    def forget(self, address: str) -> None:
        """Forget what an address has announced."""
        owner = in_one_spelling(address)
        self._texts.pop(owner, None)
        self._keys.pop(owner, None)

    def key_of(self, address: str) -> AnnouncedKey:
        """What messages for ``address`` are encrypted to.

        Raises:
            DialectUnusable: no key of it is known that is good now.
        """
        key = self._keys.get(in_one_spelling(address))
        if key is not None and self._is_good(key):
            return key
        why = "it has announced no key" if key is None else f"its key expired at {key.not_after}"
        raise DialectUnusable(
            f"nothing was sent to {address}: it speaks pye2's own dialect, but {why}, and it is not"
            " spoken to in a weaker one. It announces a new key when it is heard from next; wait"
            " for that. If pye2-native-wire was removed there on purpose, run: pye2 wire forget"
            f" {address}",
            address=address,
            dialect="native",
        )

    def _is_good(self, key: AnnouncedKey) -> bool:
        if not self._clock.is_set():
            return True
        return key.not_before - CLOCK_SKEW <= self._clock.now() < key.not_after
