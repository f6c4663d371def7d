"""Messages that arrived: their shape was read, and nobody has vouched for them yet.

You are in the PyE2 serializer. What is hostile ends here: whatever the bytes, :func:`parse` gives a
:class:`Pye2SealedMessage` or raises ``MessageRejected``, and so do its methods.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import define, field

from pye2_wire.ciphertext import decrypted_object
from pye2_wire.commands import DELEGATION, asks_for_sign_of_life, asks_to_pair, command_from
from pye2_wire.envelope import Event, formatter_name_from, path_from
from pye2_wire.formatters import formatter_named
from pye2_wire.heartbeats import STATUS_NESTING_LIMIT, heartbeat_from
from pye2_wire.notifications import notification_from
from pye2_wire.payloads import payload_from
from pye2_wire.plain import NESTING_LIMIT
from pye2_wire.reading import (
    flag_at,
    misshapen,
    optional_text_at,
    read_object_of_any_depth,
    require_depth,
    text_at,
    text_or_none,
)
from pye2_wire.reports import own_fields
from pye2_wire.signing import UNSIGNED_KEYS, check_signature, digest_of, signs_stated_hash
from pye2_wire.times import moment_of
from pye2core.abc import SealedMessage
from pye2core.errors import InvalidAddress, MessageRejected, NotProvided, PluginError
from pye2core.identity import address_of, public_key_of
from pye2core.messages import Origin, Requester

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pye2core.identity import Identity
    from pye2core.messages import InstancePath, Message, PayloadMessage

_LONGEST_ADDRESS = 128
_ADDRESSES_REMEMBERED = 1024

_ROUTING = ("EE_EVENT_TYPE", "EE_PAYLOAD_PATH", "SESSION_ID", "INITIATOR_ID", "INITIATOR_ADDR")
"""What is read in clear to decide what becomes of a message."""

_SPOILT_BY_NUMPY2 = (
    "its content is what was signed, but its sender runs PyE2 on NumPy 2, which writes numbers"
    " into what it signs as no receiver does (np.float64(1.5) for 1.5); have its owner install"
    " numpy<2 there or replace that node, or accept such payloads, marked as not verified, with"
    " Session(..., accept_numpy2_payloads=True)"
)
_OTHER_TEXT_WAS_SIGNED = (
    "its sender signed another content than this: it was changed on its way, or comes from PyE2 on"
    " NumPy 2, which signs many payloads wrongly, with numbers in which that cannot be made out;"
    " numpy<2 on the sending node rules out the latter"
)
_NOT_SIGNED_SO = (
    "it was changed on its way, or its sender does not sign as the PyE2 wire protocol says"
)

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
        asks_to_pair: whether it asks a node to be paired, in clear.
        is_encrypted: whether only its receiver can read what it says.
        delegation: of a command, in whose name a node brings it, which is in clear.
    """

    sender: str
    recipient: str | None
    path: InstancePath
    is_command: bool
    asks_for_sign_of_life: bool
    asks_to_pair: bool
    is_encrypted: bool
    delegation: str | None
    _size: int
    _message: dict[str, Any] = field(repr=False)
    _event: Event | None
    _verified: bool = field(default=False, init=False)
    _hashed: bytes | None = field(default=None, init=False, repr=False)

    @property
    def requester(self) -> Requester:
        """Of a command: who says that they ask, which is in clear; what is no text is left out."""
        return Requester(
            address=self.sender,
            name=text_or_none(self._message, "INITIATOR_ID"),
            session_id=text_or_none(self._message, "SESSION_ID"),
        )

    def own_fields(self, payload: PayloadMessage) -> Mapping[str, Any]:
        """Of what a payload says, what its instance itself says (section 11)."""
        return own_fields(payload.fields)

    @property
    def digest(self) -> str:
        """The hash of what is signed, computed here."""
        return self._hash().hex()

    def _hash(self) -> bytes:
        if self._hashed is None:
            self._hashed = digest_of(self._message)
        return self._hashed

    def verify(self) -> None:
        """Check the signature (PyE2 wire protocol, section 3.2).

        Raises:
            MessageRejected: reason "signature"; or "numpy2-signature", if the content is what was
                signed, but as PyE2 on NumPy 2 spells it (section 3.1, Q2).
        """
        verdict = check_signature(self._message, self._hash())
        if not verdict.valid:
            raise self._refusal(verdict.message)
        self._verified = True

    def _refusal(self, problem: str) -> MessageRejected:
        # Few ever need it.
        from pye2_wire.numpy2 import is_numpy2_content

        why = _NOT_SIGNED_SO
        if self._event is Event.PAYLOAD and self._other_text_was_signed():
            if is_numpy2_content(self._message, self._size):
                return MessageRejected(
                    _SPOILT_BY_NUMPY2, reason="numpy2-signature", sender=self.sender
                )
            why = _OTHER_TEXT_WAS_SIGNED
        return MessageRejected(f"{problem}; {why}", reason="signature", sender=self.sender)

    def _other_text_was_signed(self) -> bool:
        return self._message.get("EE_HASH") != self.digest and signs_stated_hash(self._message)

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
        decrypted = decrypted_object(self._message, identity, peer) if self.is_encrypted else None
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
            encrypted=self.is_encrypted,
            size=self._size,
        )


def parse(data: bytes) -> Pye2SealedMessage:
    """Read the shape of a message.

    Raises:
        MessageRejected: reason "shape" or "unsupported".
    """
    message = read_object_of_any_depth(data, "the message")
    # What is longer is no address; it is not worth remembering or logging all of it.
    claimed = optional_text_at(message, "EE_SENDER") or ""
    sender = _full_address(claimed[:_LONGEST_ADDRESS])
    try:
        event = _event_of(message)
        limit = STATUS_NESTING_LIMIT if event is Event.HEARTBEAT else NESTING_LIMIT
        require_depth(message, data, "the message", limit)
        encrypted = flag_at(message, "EE_IS_ENCRYPTED")
        # An action in clear beside an encrypted one is not what will be carried out.
        in_clear = event is None and not encrypted
        return Pye2SealedMessage(
            sender=sender,
            recipient=_recipient_of(message, event),
            path=path_from(message),
            is_command=event is None,
            asks_for_sign_of_life=in_clear and asks_for_sign_of_life(message),
            asks_to_pair=in_clear and asks_to_pair(message),
            is_encrypted=encrypted,
            delegation=optional_text_at(message, DELEGATION) if event is None else None,
            size=len(data),
            message=message,
            event=event,
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
    """What is in clear and what was encrypted, as one.

    By some of what is in clear it was decided what kind of message this is, whom it is for and
    whether it is of use to anybody (``_ROUTING``). What was encrypted may repeat that, but not
    contradict it: the message would be taken for one thing and used as another. Of all else, what
    was encrypted is believed, where PyE2's client believes what is in clear.

    Raises:
        MessageRejected: reason "shape": it contradicts.
    """
    if decrypted is not None:
        _refuse_contradictions(message, decrypted)
    outside = {key: message[key] for key in UNSIGNED_KEYS if key in message}
    merged = {**message, **(decrypted or {}), **outside}
    merged.pop("EE_ENCRYPTED_DATA", None)
    return merged


def _refuse_contradictions(message: Mapping[str, Any], decrypted: Mapping[str, Any]) -> None:
    in_clear = {"EE_PAYLOAD_PATH": None, **message}  # it was taken to be about nothing
    for key in _ROUTING:
        if key in decrypted and key in in_clear and decrypted[key] != in_clear[key]:
            raise misshapen(f"{key} says one thing in clear and another in the encrypted part")


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
