"""The serializer of PyE2's wire dialect: the door to this package.

``canonical`` and ``signing`` know what is hashed and signed; ``commands``, ``payloads``,
``notifications`` and ``heartbeats`` know what is said; ``envelope`` knows what surrounds it; here
it is put together. The way back begins in ``sealed``. Field names of PyE2 occur nowhere outside of
this package.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pye2_wire.canonical import compact, mended, spaced
from pye2_wire.ciphertext import encrypted_text
from pye2_wire.commands import command_envelope
from pye2_wire.envelope import ENVELOPE, IN_CLEAR, Event, Stamps, routing_fields
from pye2_wire.formatters import formatter_named, name_on_the_wire
from pye2_wire.heartbeats import brief_heartbeat_body, heartbeat_body
from pye2_wire.notifications import notification_body
from pye2_wire.payloads import addressed, payload_body
from pye2_wire.plain import as_plain
from pye2_wire.sealed import parse
from pye2_wire.settings import WireSettings
from pye2_wire.signing import UNSIGNED_KEYS, short_signature_fields, signature_fields
from pye2_wire.unsendable import UnsendableValue
from pye2core.abc import Serializer
from pye2core.clock import SYSTEM_CLOCK
from pye2core.messages import Command, Heartbeat, InstancePath, Notification, PayloadMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_wire.sealed import Pye2SealedMessage
    from pye2core.clock import Clock
    from pye2core.identity import Identity
    from pye2core.messages import Message

_DEFAULTS = WireSettings()

_OBJECT_OPENS = re.compile(rb"[ \t\r\n]*\{")


class Pye2Serializer(Serializer):
    """PyE2's wire dialect.

    Args:
        node_name: the name of the node that speaks; clients need none.
        clock: dates what is sent.
        settings: the owner's choices.

    Example:
        >>> from pye2core import Identity
        >>> from pye2core.messages import Action, Command
        >>> client, node = Identity.generate(), Identity.generate()
        >>> dialect = Pye2Serializer()
        >>> command = Command(Action.ARCHIVE_PIPELINE, "p1", target=node.address)
        >>> data = dialect.seal(command, client, encrypt_for=node.address)
        >>> arrived = dialect.parse(data)
        >>> arrived.verify()
        >>> arrived.open(node).body
        'p1'
    """

    def __init__(
        self,
        node_name: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        settings: WireSettings = _DEFAULTS,
    ) -> None:
        self._node_name = node_name
        self._stamps = Stamps(clock)
        self._settings = settings

    def recognises(self, data: bytes) -> bool:
        """Whether these bytes look like PyE2's: an object with a key of its prefix."""
        return _OBJECT_OPENS.match(data) is not None and b'"EE_' in data

    def parse(self, data: bytes) -> Pye2SealedMessage:
        """Read the shape of a message, trusting nothing.

        Raises:
            MessageRejected: reason "shape" or "unsupported".
        """
        return parse(data)

    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        """Encode and sign ``message``; commands and payloads can be encrypted.

        Raises:
            InvalidAddress: ``encrypt_for`` is not an address.
            UnsendableValue: the message holds what this dialect cannot carry (a TypeError).
            NotProvided: no installed plugin offers the formatter that a payload asks for.
        """
        if isinstance(message, Command):
            return self._sealed_command(message, identity, encrypt_for)
        if isinstance(message, PayloadMessage):
            return self._sealed_payload(message, identity, encrypt_for)
        _refuse_encryption(message, encrypt_for)
        if isinstance(message, Notification):
            body = as_plain(notification_body(message, self._stamps.now()))
            said = self._node_message(Event.NOTIFICATION, self._speaker(), message.path, body)
        elif message.is_brief:
            stamps = self._stamps.briefly(Event.HEARTBEAT, message.name)
            brief = {**brief_heartbeat_body(message), **stamps}
            return _signed(brief, identity, short_signature_fields)
        else:
            version = self._settings.heartbeat_version
            body = heartbeat_body(message, self._stamps.now(), version)
            said = self._node_message(Event.HEARTBEAT, message.name, InstancePath(), body)
        return _signed(said, identity)

    def _sealed_command(self, command: Command, identity: Identity, receiver: str | None) -> bytes:
        envelope = command_envelope(command, self._stamps.now(), identity, receiver)
        signature = signature_fields(mended(compact(envelope)), identity)
        return spaced({**envelope, **signature}).encode()

    def _sealed_payload(
        self, payload: PayloadMessage, identity: Identity, receiver: str | None
    ) -> bytes:
        if receiver is not None:
            payload = addressed(payload, receiver)
        body = as_plain(payload_body(payload))
        message = self._node_message(
            Event.PAYLOAD, self._speaker(), payload.path, body, payload.formatter
        )
        if receiver is not None:
            message = _encrypted(message, identity, receiver)
        return _signed(message, identity)

    def _node_message(
        self,
        event: Event,
        speaker: str,
        path: InstancePath,
        body: dict[str, Any],
        formatter: str | None = None,
    ) -> dict[str, Any]:
        said = {key: value for key, value in body.items() if key not in UNSIGNED_KEYS}
        message = {**said, **self._stamps.next(event, speaker)}
        return {**_shaped(message, formatter), **routing_fields(speaker, path, formatter)}

    def _speaker(self) -> str:
        if self._node_name is None:
            raise UnsendableValue(
                "Payloads and notifications cannot be sent by a serializer that knows no node's"
                " name. Make it with Pye2Serializer(node_name=…).",
                path="EE_ID",
            )
        return self._node_name


def _shaped(message: dict[str, Any], formatter: str | None) -> dict[str, Any]:
    """A message as its formatter has it, with what surrounds it still outside."""
    if name_on_the_wire(formatter) is None:
        return message
    # A formatter nests what it is given more deeply, and may be anybody's.
    shaped = as_plain(formatter_named(formatter).encode(message))
    return {**shaped, **{key: message[key] for key in ENVELOPE if key in message}}


def _refuse_encryption(message: Notification | Heartbeat, encrypt_for: str | None) -> None:
    if encrypt_for is not None:
        raise UnsendableValue(
            f"A {type(message).__name__.lower()} cannot be encrypted for {encrypt_for}: in PyE2's"
            " dialect it is for everybody. Send it with encrypt_for=None.",
            path="",
        )


def _encrypted(message: dict[str, Any], identity: Identity, receiver: str) -> dict[str, Any]:
    """A node's message with all but what routes it hidden from everybody but ``receiver``."""
    open_keys = {*IN_CLEAR, "EE_PAYLOAD_PATH", "SB_IMPLEMENTATION"}
    hidden = {
        key: value
        for key, value in message.items()
        if key not in open_keys and key != "EE_IS_ENCRYPTED"
    }
    return {
        **{key: value for key, value in message.items() if key in open_keys},
        "EE_IS_ENCRYPTED": True,
        "EE_ENCRYPTED_DATA": encrypted_text(compact(hidden), identity, receiver),
    }


def _signed(
    message: dict[str, Any],
    identity: Identity,
    fields: Callable[[bytes, Identity], dict[str, str]] = signature_fields,
) -> bytes:
    text = compact(message)
    signature = json.dumps(fields(mended(text), identity), separators=(",", ":"))
    # The text is not made a second time: the signature's fields continue it.
    return text[:-1] + b"," + signature[1:].encode()
