"""Our own dialect, put together: the door of this package (PyE2 wire protocol, section 19).

You are in the native serializer. Here its speaker introduces itself and learns of peers; what seals
and parses messages is in ``speech``, imported when the first of them is there.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from pye2_native_wire.keys import OwnKeys, PeerKeys
from pye2_native_wire.magic import looks_native
from pye2_native_wire.settings import NativeWireSettings
from pye2core.abc import Serializer
from pye2core.clock import SYSTEM_CLOCK
from pye2core.connection import VolatileMemory

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_native_wire.sealed import NativeSealedMessage
    from pye2_native_wire.speech import Speech
    from pye2core.abc import DialectMemory
    from pye2core.clock import Clock
    from pye2core.identity import Identity
    from pye2core.messages import Message

_DEFAULTS = NativeWireSettings()


class NativeSerializer(Serializer):
    """Our own dialect: exact bytes are signed, and encryption is to keys that change.

    Args:
        node_name: the name of the node that speaks; clients need none.
        clock: dates what is sent and says what has expired.
        settings: the owner's choices.
        memory: where private keys are kept until they are destroyed; None for this object alone.
        randomness: makes so many random bytes.

    Example:
        >>> from pye2core import Identity
        >>> from pye2core.messages import Action, Command
        >>> client, node = Identity.generate(), Identity.generate()
        >>> ours, theirs = NativeSerializer(), NativeSerializer(node_name="attic")
        >>> ours.learn(node.address, theirs.introduction(node))
        >>> command = Command(Action.ARCHIVE_PIPELINE, "p1", target=node.address)
        >>> arrived = theirs.parse(ours.seal(command, client, encrypt_for=node.address))
        >>> arrived.verify()
        >>> arrived.open(node).body
        'p1'
    """

    def __init__(
        self,
        node_name: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        settings: NativeWireSettings = _DEFAULTS,
        memory: DialectMemory | None = None,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._node_name = node_name
        self._clock = clock
        self._settings = settings
        self._randomness = randomness
        self._peers = PeerKeys(clock)
        self._own = OwnKeys(
            VolatileMemory() if memory is None else memory,
            clock,
            randomness,
            on_destroyed=self.forget_content_keys,
        )
        self._lock = threading.Lock()
        self._begun: Speech | None = None

    # --- who can be spoken to ---------------------------------------------------------------------

    def introduction(self, identity: Identity) -> str:
        """What peers must know to speak this dialect to ``identity``: its key of today."""
        return self._own.introduction(identity)

    def learn(self, address: str, introduction: str) -> None:
        """Take in what a peer told of itself.

        Raises:
            MessageRejected: reason "introduction".
        """
        self._peers.learn(address, introduction)

    def forget(self, address: str) -> None:
        """Forget what a peer told of itself."""
        self._peers.forget(address)

    def forget_content_keys(self) -> None:
        """Let go of what was unwrapped: the next message of each sender is unwrapped anew."""
        if self._begun is not None:
            self._begun.forget_content_keys()

    # --- messages ---------------------------------------------------------------------------------

    def recognises(self, data: bytes) -> bool:
        """Whether these bytes begin as messages of this dialect do."""
        return looks_native(data)

    def parse(self, data: bytes) -> NativeSealedMessage:
        """Read the shape of a message, trusting nothing.

        Raises:
            MessageRejected: reason "shape" or "unsupported".
        """
        return self._speech.parse(data)

    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        """Encode, encrypt and sign ``message``; every kind can be encrypted.

        Raises:
            InvalidAddress: ``encrypt_for`` is not an address.
            DialectUnusable: ``encrypt_for`` has announced no key that is good now.
            UnsendableValue: the message holds what this dialect cannot carry (a TypeError).
        """
        return self._speech.seal(message, identity, encrypt_for)

    @property
    def _speech(self) -> Speech:
        """What reads and writes messages, from the first one on: it takes memory."""
        return self._begun or self._begin()

    def _begin(self) -> Speech:
        with self._lock:
            if self._begun is None:
                from pye2_native_wire.speech import Speech

                self._begun = Speech(
                    self._node_name,
                    self._clock,
                    self._settings.command_days,
                    self._randomness,
                    self._own,
                    self._peers,
                )
            return self._begun
