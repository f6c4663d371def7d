"""Messages that arrived: their shape was read, and nobody has vouched for them yet.

You are in the PyE2 serializer. What is hostile ends here: whatever the bytes, :func:`parse` gives a
:class:`Pye2SealedMessage` or raises ``MessageRejected``, and so do its methods.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from attrs import define, field

from pye2_wire.ciphertext import decrypted_object
from pye2_wire.commands import asks_for_sign_of_life, command_from
from pye2_wire.envelope import Event, formatter_name_from, path_from
from pye2_wire.formatters import formatter_named
from pye2_wire.heartbeats import heartbeat_from
from pye2_wire.notifications import notification_from
from pye2_wire.payloads import payload_from
from pye2_wire.reading import flag_at, misshapen, optional_text_at, read_object, text_at
from pye2_wire.signing import UNSIGNED_KEYS, check_signature, digest_of
from pye2_wire.times import moment_of
from pye2core.abc import SealedMessage
from pye2core.errors import InvalidAddress, MessageRejected, NotProvided, PluginError
from pye2core.identity import address_of, public_key_of
from pye2core.messages import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pye2core.identity import Identity
    from pye2core.messages import InstancePath, Message

_LONGEST_ADDRESS = 128
_ADDRESSES_REMEMBERED = 1024

_OPENERS: Mapping[Event, Callable[[dict[str, Any], Origin], Message]] = {
    Event.HEARTBEAT: heartbeat_from,
    Event.NOTIFICATION: notification_from,
    Event.PAYLOAD: payload_from,
}


@define(eq=False)
class Pye2SealedMessage(SealedMessage):
    """A message in PyE2's dialect.

    Attributes:
        sender: the address that it claims to come from, in its full form; empty if it claims none.
        recipient: a command's target; of an encrypted message the one that it was encrypted for.
        path: what it says it is about; nothing for a command.
        is_command: whether it is a command to a node.
        asks_for_sign_of_life: whether it only asks a node to show itself, and says so in clear.
    """

    sender: str
    recipient: str | None
    path: InstancePath
    is_command: bool
    asks_for_sign_of_life: bool
    _size: int
    _message: dict[str, Any] = field(repr=False)
    _event: Event | None
    _encrypted: bool
    _verified: bool = field(default=False, init=False)

    @cached_property
    def digest(self) -> str:
        """The hash of what is signed, computed here."""
        return digest_of(self._message).hex()

    def verify(self) -> None:
        """Check the signature (PyE2 wire protocol, section 3.2).

        Raises:
            MessageRejected: reason "signature".
        """
        verdict = check_signature(self._message, bytes.fromhex(self.digest))
        if not verdict.valid:
            raise MessageRejected(
                f"{verdict.message}; it was changed on its way, or its sender does not sign as the"
                " PyE2 wire protocol says",
                reason="signature",
                sender=self.sender,
            )
        self._verified = True

    def open(self, identity: Identity) -> Message:
        """Decrypt what is encrypted for ``identity``, and give the message's meaning.

        It need not be verified before: ``Origin.verified`` says whether it was.

        Raises:
            MessageRejected: reason "decryption", "shape" or "unsupported".
        """
        return self._opened(identity, self.sender)

    def open_sent(self, identity: Identity) -> Message:
        """Decrypt what ``identity`` encrypted for another, for whoever looks at what was sent.

        Nobody who acts on messages may use it: it opens what is for somebody else.

        Raises:
            MessageRejected: reason "decryption", "shape" or "unsupported".
        """
        return self._opened(identity, self.recipient or "")

    def _opened(self, identity: Identity, peer: str) -> Message:
        try:
            return self._meaning(identity, peer)
        except MessageRejected as rejection:
            rejection.sender = self.sender
            raise

    def _meaning(self, identity: Identity, peer: str) -> Message:
        decrypted = decrypted_object(self._message, identity, peer) if self._encrypted else None
        if self._event is None:
            said = self._message if decrypted is None else decrypted
            return command_from(self._message, said, self._origin(self._message))
        message = _restored(_merged(self._message, decrypted))
        return _OPENERS[self._event](message, self._origin(message))

    def _origin(self, message: Mapping[str, Any]) -> Origin:
        return Origin(
            sender=self.sender,
            name=None if self.is_command else optional_text_at(message, "EE_ID"),
            digest=self.digest,
            sent_at=moment_of(message.get("EE_TIMESTAMP"), message.get("EE_TIMEZONE")),
            verified=self._verified,
            encrypted=self._encrypted,
            size=self._size,
        )


def parse(data: bytes) -> Pye2SealedMessage:
    """Read the shape of a message.

    Raises:
        MessageRejected: reason "shape" or "unsupported".
    """
    message = read_object(data, "the message")
    # What is longer is no address; it is not worth remembering or logging all of it.
    claimed = optional_text_at(message, "EE_SENDER") or ""
    sender = _full_address(claimed[:_LONGEST_ADDRESS])
    try:
        event = _event_of(message)
        encrypted = flag_at(message, "EE_IS_ENCRYPTED")
        # An action in clear beside an encrypted one is not what will be carried out.
        in_clear = event is None and not encrypted
        return Pye2SealedMessage(
            sender=sender,
            recipient=_recipient_of(message, event),
            path=path_from(message),
            is_command=event is None,
            asks_for_sign_of_life=in_clear and asks_for_sign_of_life(message),
            size=len(data),
            message=message,
            event=event,
            encrypted=encrypted,
        )
    except MessageRejected as rejection:
        rejection.sender = sender
        raise


def _event_of(message: Mapping[str, Any]) -> Event | None:
    """The kind of a node's message; None if it is a command."""
    stated = optional_text_at(message, "EE_EVENT_TYPE")
    if stated is None:
        if "ACTION" in message or "EE_ENCRYPTED_DATA" in message:
            return None
        raise misshapen("it has neither EE_EVENT_TYPE nor ACTION")
    try:
        return Event(stated)
    except ValueError:
        raise MessageRejected(
            f"the EE_EVENT_TYPE {stated[:64]!r} is unknown; known are"
            f" {', '.join(event.value for event in Event)}",
            reason="unsupported",
        ) from None


def _recipient_of(message: Mapping[str, Any], event: Event | None) -> str | None:
    if event is None:
        return text_at(message, "EE_ID")
    is_for_one = flag_at(message, "EE_IS_ENCRYPTED")
    return optional_text_at(message, "INITIATOR_ADDR") if is_for_one else None


def _merged(message: dict[str, Any], decrypted: dict[str, Any] | None) -> dict[str, Any]:
    """What is in clear and what was encrypted, as one; what was encrypted is believed."""
    outside = {key: message[key] for key in UNSIGNED_KEYS if key in message}
    merged = {**message, **(decrypted or {}), **outside}
    merged.pop("EE_ENCRYPTED_DATA", None)
    return merged


def _restored(message: dict[str, Any]) -> dict[str, Any]:
    name = formatter_name_from(message)
    try:
        return formatter_named(name).decode(message)
    except (NotProvided, PluginError) as error:
        raise MessageRejected(
            f"it needs a formatter to be read: {error}", reason="unsupported"
        ) from error


@lru_cache(maxsize=_ADDRESSES_REMEMBERED)
def _full_address(text: str) -> str:
    """The one text of an address that has many; anything else as it is."""
    try:
        return address_of(public_key_of(text))
    except InvalidAddress:
        return text
