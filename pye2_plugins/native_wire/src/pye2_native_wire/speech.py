"""Messages in this dialect, to bytes and from bytes (PyE2 wire protocol, section 19).

You are in the native serializer, behind its door. Imported when the first message is sealed or
parsed: who only introduces itself needs none of it.
"""

from __future__ import annotations

import io
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pye2_native_wire.commands import command_map
from pye2_native_wire.keys import in_one_spelling
from pye2_native_wire.layout import SIGNATURE_BYTES, Header, Kind, header_bytes
from pye2_native_wire.node_messages import heartbeat_map, notification_map, payload_map
from pye2_native_wire.sealed import parsed
from pye2_native_wire.sealing import TAG_BYTES, IncomingKeys, OutgoingKeys, encrypt_into
from pye2_native_wire.signing import FOR_MESSAGE, digest_of, signature_of
from pye2_native_wire.values import packed
from pye2_wire.unsendable import UnsendableValue
from pye2core.messages import (
    SIGNS_OF_LIFE,
    Action,
    Command,
    Heartbeat,
    InstancePath,
    Notification,
    PayloadMessage,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pye2_native_wire.keys import OwnKeys, PeerKeys
    from pye2_native_wire.sealed import NativeSealedMessage
    from pye2_native_wire.sealing import OutgoingKey
    from pye2core.clock import Clock
    from pye2core.identity import Identity
    from pye2core.messages import Message


class Speech:
    """What is said and heard in this dialect by one who has its keys.

    Args:
        node_name: the name of the node that speaks; None for a client.
        clock: dates what is sent and says what has expired.
        command_days: for so many days a command can be carried out.
        randomness: makes so many random bytes.
        own: the speaker's private keys.
        peers: what peers have announced.
    """

    def __init__(
        self,
        node_name: str | None,
        clock: Clock,
        command_days: float,
        randomness: Callable[[int], bytes],
        own: OwnKeys,
        peers: PeerKeys,
    ) -> None:
        self._node_name = node_name
        self._clock = clock
        self._command_life = timedelta(days=command_days)
        self._randomness = randomness
        self._own = own
        self._peers = peers
        self._numbers = itertools.count(1)
        self._incoming = IncomingKeys()
        self._outgoing = OutgoingKeys(clock, randomness)

    def forget_content_keys(self) -> None:
        """Let go of what was unwrapped."""
        self._incoming.forget()

    # --- from bytes -------------------------------------------------------------------------------

    def parse(self, data: bytes) -> NativeSealedMessage:
        """Read the shape of a message, trusting nothing.

        Raises:
            MessageRejected: reason "shape" or "unsupported".
        """
        return parsed(data, self)

    def now(self) -> datetime | None:
        """The present moment; None where the clock is not set."""
        return self._clock.now() if self._clock.is_set() else None

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

    def seal(self, message: Message, identity: Identity, encrypt_for: str | None) -> bytes:
        """Encode, encrypt and sign ``message``; every kind can be encrypted.

        Raises:
            InvalidAddress: ``encrypt_for`` is not an address.
            DialectUnusable: ``encrypt_for`` has announced no key that is good now.
            UnsendableValue: the message holds what this dialect cannot carry (a TypeError).
        """
        body = packed(_body_of(message))
        key = None if encrypt_for is None else self._key_for(encrypt_for, identity)
        header = header_bytes(self._header(message, identity, key))
        return _sealed(header, body, None if key is None else key.content_key, identity)

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
                asks_to_pair=key is None and message.action is Action.PAIR,
                expires=now + self._command_life,
                target=message.target,
                name=message.requester.name,
                session_id=message.requester.session_id,
                path=InstancePath(),
                delegation=message.delegation,
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


def _sealed(
    header: bytes, body: memoryview, content_key: bytes | None, identity: Identity
) -> bytes:
    """A message; its body, which may be millions of bytes, is written once, to where it stays."""
    end = len(header) + len(body) + (0 if content_key is None else TAG_BYTES)
    made = io.BytesIO(header)
    made.seek(end + SIGNATURE_BYTES - 1)
    made.write(b"\0")  # makes room for all of it
    with made.getbuffer() as room:
        if content_key is None:
            room[len(header) : end] = body
        else:
            encrypt_into(room[len(header) : end], body, content_key, header)
        room[end:] = signature_of(digest_of(FOR_MESSAGE, room[:end]), identity)
    return made.getvalue()


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
