"""Our own dialect, put together: the door of this package (PyE2 wire protocol, section 19).

You are in the native serializer. Here messages are sealed and parsed; what they say is written and
read in ``commands`` and ``node_messages``, what surrounds it in ``layout``.
"""

from __future__ import annotations

import itertools
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pye2_native_wire.commands import command_map
from pye2_native_wire.keys import OwnKeys, PeerKeys, in_one_spelling
from pye2_native_wire.layout import Header, Kind, header_bytes, looks_native
from pye2_native_wire.node_messages import heartbeat_map, notification_map, payload_map
from pye2_native_wire.sealed import parsed
from pye2_native_wire.sealing import IncomingKeys, OutgoingKeys, encrypted
from pye2_native_wire.settings import NativeWireSettings
from pye2_native_wire.signing import FOR_MESSAGE, signature_of
from pye2_native_wire.values import UnsendableValue, packed
from pye2core.abc import Serializer
from pye2core.clock import SYSTEM_CLOCK
from pye2core.connection import VolatileMemory
from pye2core.messages import (
    SIGNS_OF_LIFE,
    Command,
    Heartbeat,
    InstancePath,
    Notification,
    PayloadMessage,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pye2_native_wire.sealed import NativeSealedMessage
    from pye2_native_wire.sealing import OutgoingKey
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
        self._command_life = timedelta(days=settings.command_days)
        self._randomness = randomness
        self._numbers = itertools.count(1)
        self._incoming = IncomingKeys()
        self._outgoing = OutgoingKeys(clock, randomness)
        self._peers = PeerKeys(clock)
        self._own = OwnKeys(
            VolatileMemory() if memory is None else memory,
            clock,
            randomness,
            on_destroyed=self.forget_content_keys,
        )

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
        self._incoming.forget()

    # --- from bytes -------------------------------------------------------------------------------

    def recognises(self, data: bytes) -> bool:
        """Whether these bytes begin as messages of this dialect do."""
        return looks_native(data)

    def parse(self, data: bytes) -> NativeSealedMessage:
        """Read the shape of a message, trusting nothing.

        Raises:
            MessageRejected: reason "shape" or "unsupported".
        """
        return parsed(data, self)

    def now(self) -> datetime:
        """The present moment."""
        return self._clock.now()

    def content_key_of(self, header: Header) -> bytes:
        """The content key of a message for one of our identities.

        Raises:
            MessageRejected: reason "decryption".
        """
        receiver = header.receiver
        assert receiver is not None
        return self._incoming.content_key(
            header.sender,
            receiver,
            lambda: self._own.private_key(receiver.address, receiver.key_id),
        )

    # --- to bytes ---------------------------------------------------------------------------------

    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        """Encode, encrypt and sign ``message``; every kind can be encrypted.

        Raises:
            InvalidAddress: ``encrypt_for`` is not an address.
            DialectUnusable: ``encrypt_for`` has announced no key that is good now.
            UnsendableValue: the message holds what this dialect cannot carry (a TypeError).
        """
        body = packed(_body_of(message))
        key = None if encrypt_for is None else self._key_for(encrypt_for, identity)
        header = header_bytes(self._header(message, identity, key))
        if key is not None:
            body = encrypted(body, key.content_key, header)
        said = FOR_MESSAGE + header + body
        return said[len(FOR_MESSAGE) :] + signature_of(said, identity)

    def _key_for(self, receiver: str, identity: Identity) -> OutgoingKey:
        address = in_one_spelling(receiver)
        announced = self._peers.key_of(address)
        return self._outgoing.key_for(identity.address, address, announced)

    def _header(self, message: Message, identity: Identity, key: OutgoingKey | None) -> Header:
        now = self._clock.now()
        common: dict[str, Any] = {
            "sender": identity.address,
            "receiver": None if key is None else key.receiver,
            "message_id": self._randomness(16),
            "created": now,
            "sequence": next(self._numbers),
        }
        if isinstance(message, Command):
            return Header(
                **common,
                kind=Kind.COMMAND,
                asks_for_sign_of_life=key is None and message.action in SIGNS_OF_LIFE,
                expires=now + self._command_life,
                target=message.target,
                name=message.requester.name,
                session_id=message.requester.session_id,
                path=InstancePath(),
            )
        return Header(
            **common,
            kind=_kind_of(message),
            asks_for_sign_of_life=False,
            expires=None,
            target=None,
            name=message.name if isinstance(message, Heartbeat) else self._speaker(),
            session_id=None,
            path=InstancePath() if isinstance(message, Heartbeat) else message.path,
        )

    def _speaker(self) -> str:
        if self._node_name is None:
            raise UnsendableValue(
                "Payloads and notifications cannot be sent by a serializer that knows no node's"
                " name. Make it with NativeSerializer(node_name=…).",
                path="name",
            )
        return self._node_name


def _body_of(message: Message) -> dict[str, Any]:
    if isinstance(message, Command):
        return command_map(message)
    if isinstance(message, PayloadMessage):
        return payload_map(message)
    if isinstance(message, Notification):
        return notification_map(message)
    return heartbeat_map(message)


def _kind_of(message: PayloadMessage | Notification | Heartbeat) -> Kind:
    if isinstance(message, PayloadMessage):
        return Kind.PAYLOAD
    return Kind.NOTIFICATION if isinstance(message, Notification) else Kind.HEARTBEAT
