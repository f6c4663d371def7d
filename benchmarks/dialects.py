"""Checking and decrypting one command of 1 KiB, in each dialect, against what cannot be avoided.

That is coincurve's check of a signature over the same bytes and AES-GCM's decryption of them.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from coincurve import PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.table import Row, progress, typical_pair
from pye2_native_wire.serializer import NativeSerializer
from pye2_wire.serializer import Pye2Serializer
from pye2core.identity import Identity
from pye2core.messages import Action, Command, InstanceUpdate, Requester

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.abc import Serializer

_REPEATS = 50
_RUNS = 101
_CODE = "x" * 600
_AT_MOST = 2.0

ALICE, BOB = Identity.generate(), Identity.generate()
COMMAND = Command(
    Action.UPDATE_INSTANCE,
    InstanceUpdate("pipeline", "CUSTOM_EXEC_01", "one", {"CODE": _CODE}),
    BOB.address,
    Requester(ALICE.address, "desk", "desk_1a2b_1", frozenset()),
)


def microseconds(work: Callable[[], object]) -> float:
    """What doing it once takes, of many times."""
    start = time.perf_counter()
    for _ in range(_REPEATS):
        work()
    return (time.perf_counter() - start) / _REPEATS * 1e6


def reading(receiver: Serializer, data: bytes) -> Callable[[], object]:
    """All that is between bytes and a command that can be carried out."""

    def read() -> object:
        sealed = receiver.parse(data)
        sealed.verify()
        return sealed.open(BOB)

    return read


def unavoidable(data: bytes) -> Callable[[], object]:
    """The two primitives on the same bytes, with keys that are ready."""
    signer, cipher, nonce = PrivateKey(), AESGCM(os.urandom(32)), os.urandom(12)
    signature, key = signer.sign(data), signer.public_key
    ciphertext = cipher.encrypt(nonce, data, None)

    def primitives() -> object:
        assert key.verify(signature, data)
        return cipher.decrypt(nonce, ciphertext, None)

    return primitives


def native_pair() -> tuple[NativeSerializer, NativeSerializer]:
    """Two who have introduced themselves to each other."""
    sender, receiver = NativeSerializer(), NativeSerializer(node_name="attic")
    sender.learn(BOB.address, receiver.introduction(BOB))
    return sender, receiver


def _row(name: str, receiver: Serializer, data: bytes, bound: float | None) -> Row:
    read, raw = reading(receiver, data), unavoidable(data)
    ours, reference = typical_pair(lambda: microseconds(read), lambda: microseconds(raw), _RUNS)
    note = f"{len(data):,} bytes; against coincurve + AES-GCM on the same"
    return Row(name, ours, "µs", note, reference, bound)


def _first_row(receiver: NativeSerializer, data: bytes) -> Row:
    """A message whose content key was not seen before: HPKE besides."""
    read, raw = reading(receiver, data), unavoidable(data)

    def first() -> object:
        receiver.forget_content_keys()
        return read()

    ours, reference = typical_pair(lambda: microseconds(first), lambda: microseconds(raw), _RUNS)
    note = "with HPKE, once an hour for each sender; against the same"
    return Row("the first of its sender", ours, "µs", note, reference)


def rows() -> list[Row]:
    """Our own dialect, and PyE2's."""
    progress("reading a command in each dialect")
    sender, receiver = native_pair()
    native = sender.seal(COMMAND, ALICE, encrypt_for=BOB.address)
    pye2 = Pye2Serializer().seal(COMMAND, ALICE, encrypt_for=BOB.address)
    return [
        _row("verify + decrypt, our own dialect", receiver, native, _AT_MOST),
        _first_row(receiver, native),
        _row("verify + decrypt, PyE2's dialect", Pye2Serializer(), pye2, None),
    ]
