"""Messages that arrived: their frame was read, and nobody has vouched for them yet.

You are in the native serializer. What is hostile ends here: whatever the bytes, :func:`parsed`
gives a :class:`NativeSealedMessage` or raises ``MessageRejected``, and so do its methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from attrs import define, field

from pye2_native_wire.commands import command_from
from pye2_native_wire.layout import SIGNATURE_BYTES, Kind, read_header
from pye2_native_wire.node_messages import heartbeat_from, notification_from, payload_from
from pye2_native_wire.sealing import decrypted
from pye2_native_wire.signing import FOR_MESSAGE, check_signature, digest_of
from pye2_native_wire.times import LONGEST_COMMAND
from pye2_native_wire.values import misshapen, unpacked
from pye2_wire.reports import own_fields
from pye2core.abc import SealedMessage
from pye2core.errors import BadSignature, MessageRejected
from pye2core.messages import Origin, Requester

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from pye2_native_wire.layout import Header
    from pye2core.identity import Identity
    from pye2core.messages import InstancePath, Message, PayloadMessage

_READERS: Mapping[Kind, Callable[[Header, Mapping[str, Any], Origin], Message]] = {
    Kind.COMMAND: command_from,
    Kind.PAYLOAD: payload_from,
    Kind.NOTIFICATION: notification_from,
    Kind.HEARTBEAT: heartbeat_from,
}


class Opener(Protocol):
    """What a message needs of its receiver."""

    def now(self) -> datetime | None:
        """The present moment; None where the clock is not set."""

    def content_key_of(self, header: Header) -> bytes:
        """The content key of a message for one of our identities.

        Raises:
            MessageRejected: reason "decryption".
        """


@define(eq=False, slots=False)
class NativeSealedMessage(SealedMessage):
    """A message in our own dialect.

    Attributes:
        sender: the address that it claims to come from.
        recipient: a command's target; of others the one that it was encrypted for.
        path: what it says it is about; nothing for a command.
        is_command: whether it is a command to a node.
        asks_for_sign_of_life: whether it only asks a node to show itself, and says so in clear.
        asks_to_pair: whether it asks a node to be paired, and says so in clear.
        is_encrypted: whether only its receiver can read what it says.
        delegation: of a command, in whose name a node brings it.
        header: all that is said outside of its body.
    """

    header: Header
    _data: bytes = field(repr=False)
    _body_at: int
    _opener: Opener = field(repr=False)
    _verified: bool = field(default=False, init=False)
    _hashed: bytes | None = field(default=None, init=False, repr=False)
    sender: str = field(init=False)
    recipient: str | None = field(init=False)
    path: InstancePath = field(init=False)
    is_command: bool = field(init=False)
    asks_for_sign_of_life: bool = field(init=False)
    asks_to_pair: bool = field(init=False)
    is_encrypted: bool = field(init=False)
    delegation: str | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        header = self.header
        receiver = header.receiver
        self.sender = header.sender
        self.is_command = header.kind is Kind.COMMAND
        self.recipient = header.target or (receiver.address if receiver is not None else None)
        self.path = header.path
        self.asks_for_sign_of_life = header.asks_for_sign_of_life
        self.asks_to_pair = header.asks_to_pair
        self.is_encrypted = receiver is not None
        self.delegation = header.delegation

    @property
    def requester(self) -> Requester:
        """Of a command: who asks, which is outside of its body."""
        return Requester(self.sender, self.header.name, self.header.session_id)

    @property
    def digest(self) -> str:
        """The hash of what is signed; the signature is no part of it."""
        return self._hash().hex()

    def _hash(self) -> bytes:
        if self._hashed is None:
            self._hashed = digest_of(FOR_MESSAGE, memoryview(self._data)[:-SIGNATURE_BYTES])
        return self._hashed

    def own_fields(self, payload: PayloadMessage) -> Mapping[str, Any]:
        """Of what a payload says, what its instance itself says."""
        return own_fields(payload.fields)

    def verify(self) -> None:
        """Check the signature.

        Raises:
            MessageRejected: reason "signature".
        """
        try:
            check_signature(self.sender, self._data[-SIGNATURE_BYTES:], self._hash())
        except BadSignature as error:
            raise MessageRejected(str(error), reason="signature", sender=self.sender) from error
        self._verified = True

    def open(self, identity: Identity) -> Message:
        """Decrypt what is encrypted for ``identity``, and give the message's meaning.

        Raises:
            MessageRejected: reason "decryption", "shape", "unsupported" or, of a command,
                "expired".
        """
        try:
            self._require_in_time()
            said = unpacked(self._body(identity))
            return _READERS[self.header.kind](self.header, said, self._origin())
        except MessageRejected as rejection:
            rejection.sender = self.sender
            raise

    def _require_in_time(self) -> None:
        expires, now = self.header.expires, self._opener.now()
        if expires is None or now is None:
            return
        if now >= expires:
            raise MessageRejected(
                f"it expired at {expires:%Y-%m-%d %H:%M:%S} UTC, and here it is"
                f" {now:%Y-%m-%d %H:%M:%S}: it came late, or one of the two clocks is wrong; send"
                " it again if it is still wanted",
                reason="expired",
            )
        if expires - now > LONGEST_COMMAND:
            raise MessageRejected(
                f"it is to be good until {expires:%Y-%m-%d %H:%M:%S} UTC, which is more than"
                f" {LONGEST_COMMAND.days} days from now ({now:%Y-%m-%d %H:%M:%S}): see that both"
                " clocks are right",
                reason="expired",
            )

    def _body(self, identity: Identity) -> bytes | memoryview:
        body = memoryview(self._data)[self._body_at : -SIGNATURE_BYTES]
        receiver = self.header.receiver
        if receiver is None:
            return body
        if receiver.address != identity.address:
            raise MessageRejected(
                f"it is encrypted for {receiver.address}, not for {identity.address}",
                reason="decryption",
            )
        return decrypted(body, self.content_key(), self._data[: self._body_at])

    def content_key(self) -> bytes:
        """What the keys of its sender's messages to its receiver are made from.

        Raises:
            MessageRejected: reason "decryption".
        """
        return self._opener.content_key_of(self.header)

    def _origin(self) -> Origin:
        return Origin(
            sender=self.sender,
            name=None if self.is_command else self.header.name,
            digest=self.digest,
            sent_at=self.header.created,
            verified=self._verified,
            encrypted=self.is_encrypted,
            size=len(self._data),
        )


def parsed(data: bytes, opener: Opener) -> NativeSealedMessage:
    """Read the frame of a message.

    Raises:
        MessageRejected: reason "shape" or "unsupported".
    """
    header, body_at = read_header(data)
    if len(data) < body_at + SIGNATURE_BYTES:
        raise misshapen("it is cut short")
    return NativeSealedMessage(header, data, body_at, opener)
