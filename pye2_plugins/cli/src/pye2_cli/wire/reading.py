"""Reads one message as far as it goes, and keeps every reason why it goes no further.

You are in ``pye2 wire``. A session or a node stops at the first thing that is wrong with a message;
here it is shown with all that can be known of it. What a dialect looks like is its serializer's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from attrs import evolve, frozen

from pye2core.abc import MAX_MESSAGE, ChannelKind
from pye2core.connection import Dialects, VolatileMemory
from pye2core.errors import MessageRejected
from pye2core.identity import Identity, is_address, same_address
from pye2core.messages import (
    Command,
    Heartbeat,
    InstancePath,
    InstanceUpdate,
    Notification,
    PayloadMessage,
    PipelineCommand,
    PipelineConfig,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pye2core import PluginRegistry
    from pye2core.abc import Channel, DialectMemory, SealedMessage
    from pye2core.messages import Message

_SHOWN = 200
"""Characters of an unforeseen error's text that are shown: it may quote the whole message."""

_KEYS_SHOWN = 100
"""Characters of what is no message at all."""

_KIND_ON = {
    ChannelKind.CTRL: "heartbeat",
    ChannelKind.NOTIF: "notification",
    ChannelKind.PAYLOADS: "payload",
    ChannelKind.INBOX: "payload",
    ChannelKind.CONFIG: "command",
    ChannelKind.ROLL_CALL: "command",
}

_NODES_FILE = "node.pem in the node's home"
_CLIENTS_FILE = "_local_cache/_data/_pk_sdk.pem in the client's folder"
_DAMAGED = "it is damaged, or was encrypted for another than it names"

_FOR_COMMANDS = frozenset({ChannelKind.CONFIG, ChannelKind.ROLL_CALL})


@frozen
class Problem:
    """One thing for which a receiver would refuse a message.

    Attributes:
        reason: as ``MessageRejected.reason``: "signature", "decryption", "shape", …
        text: what is wrong.
    """

    reason: str
    text: str


@frozen
class Reading:
    """A message as far as it could be read.

    Attributes:
        data: the bytes.
        sealed: its shape; None if it has none that is known.
        message: what it says; None if that could not be read.
        verified: whether its signature is good.
        problems: why it was not verified or could not be read; none if all is well.
        channel: where it was heard, if it was.
        remarks: what else is worth knowing; for none of it the message is refused.
        dialect: the name of the dialect it is in; None if it has no shape that is known.
    """

    data: bytes
    sealed: SealedMessage | None = None
    message: Message | None = None
    verified: bool = False
    problems: tuple[Problem, ...] = ()
    channel: Channel | None = None
    remarks: tuple[str, ...] = ()
    dialect: str | None = None

    @property
    def kind(self) -> str | None:
        """What kind of message it is; None where nothing tells."""
        if self.message is not None:
            return _kind_of(self.message)
        if self.sealed is not None and self.sealed.is_command:
            return "command"
        # A result; or, seldom, what an instance said of its failure, which looks the same unopened.
        if self.sealed is not None and self.sealed.recipient is not None:
            return "payload"
        return _KIND_ON[self.channel.kind] if self.channel is not None else None

    @property
    def sender(self) -> str | None:
        """The address that it claims to come from."""
        return (self.sealed.sender or None) if self.sealed is not None else None

    @property
    def recipient(self) -> str | None:
        """Whom it is for: an address, a node's name, or None for everybody."""
        return self.sealed.recipient if self.sealed is not None else None

    @property
    def node_name(self) -> str | None:
        """The name that the sending node states."""
        if isinstance(self.message, Heartbeat):
            return self.message.name
        origin = self.message.origin if self.message is not None else None
        return origin.name if origin is not None else None

    @property
    def encrypted(self) -> bool:
        """Whether it is encrypted for one receiver."""
        if self.is_proof:
            return True
        origin = self.message.origin if self.message is not None else None
        if origin is not None:
            return origin.encrypted
        return any(problem.reason == "decryption" for problem in self.problems)

    @property
    def path(self) -> InstancePath:
        """What it is about."""
        if isinstance(self.message, Command):
            return _path_of(self.message)
        return self.sealed.path if self.sealed is not None else InstancePath()

    @property
    def pipelines(self) -> frozenset[str] | None:
        """The pipelines it is about; None where that cannot be read."""
        if self.message is None and self.path.pipeline is None:
            return None
        if isinstance(self.message, Command) and isinstance(self.message.body, tuple):
            return frozenset(update.pipeline for update in self.message.body)
        return frozenset([self.path.pipeline] if self.path.pipeline else [])

    @property
    def own_fields(self) -> Mapping[str, Any] | None:
        """Of a payload, what its instance itself says; None for all else."""
        if self.sealed is None or not isinstance(self.message, PayloadMessage):
            return None
        return self.sealed.own_fields(self.message)

    @property
    def is_proof(self) -> bool:
        """Whether it is what clients send themselves, to find out whether they hear their inbox.

        It says nothing, and nobody can decrypt it (PyE2 wire protocol, section 17.3).
        """
        if (
            self.channel is None
            or self.channel.kind is not ChannelKind.INBOX
            or self.sealed is None
        ):
            return False
        to_itself = same_address(self.channel.owner or "", self.sealed.sender)
        is_shut = self.sealed.recipient is not None
        return to_itself and is_shut and self.kind == "payload" and self.path.pipeline is None

    @property
    def will_be_ignored(self) -> bool:
        """Whether whoever hears it takes no notice of it, because of where it was sent."""
        return self.is_misplaced or any(each.reason == "recipient" for each in self.problems)

    @property
    def is_misplaced(self) -> bool:
        """Whether nobody expects such a message on the channel where it was heard."""
        if self.sealed is None or self.channel is None:
            return False
        return not _belongs_on(self.channel.kind, self.sealed)

    def heard_on(self, channel: Channel) -> Reading:
        """The same message as a receiver on ``channel`` has it."""
        heard = evolve(self, channel=channel)
        if heard.is_proof:
            readable = tuple(each for each in self.problems if each.reason != "decryption")
            return evolve(heard, problems=readable)
        if not heard.is_misplaced:
            return heard
        misplaced = Problem("shape", f"such a message does not belong on {channel.kind.value}")
        return evolve(heard, problems=(*self.problems, misplaced))


@runtime_checkable
class _OpensSent(Protocol):
    """A dialect's message that its sender, too, can read."""

    def open_sent(self, identity: Identity) -> Message:
        """Decrypt what ``identity`` encrypted for another."""


class Reader:
    """Reads messages of every installed dialect.

    Args:
        registry: the installed plugins.
        keys: whose encrypted messages can be read: those for them and, in PyE2's dialect, those
            from them.
        memory: what dialects keep for these keys.
    """

    def __init__(
        self,
        registry: PluginRegistry,
        keys: Sequence[Identity] = (),
        memory: DialectMemory | None = None,
    ) -> None:
        self._dialects = Dialects.installed(registry, memory=lambda: memory or VolatileMemory())
        self.keys = tuple(keys)
        self._nobody = Identity.generate()

    def read(self, data: bytes) -> Reading:
        """Read one message as far as it goes; never raises."""
        try:
            dialect, sealed = self._parsed(data)
        except Exception as error:  # noqa: BLE001 - whatever it provokes is what is to be shown
            return Reading(data, problems=(_problem(error),))
        unverified = _problem_of_signature(sealed)
        message, unread = self._opened(sealed)
        return Reading(
            data,
            sealed,
            message,
            verified=unverified is None,
            problems=tuple(problem for problem in (unverified, unread) if problem is not None),
            dialect=dialect,
        )

    def _parsed(self, data: bytes) -> tuple[str, SealedMessage]:
        if len(data) > MAX_MESSAGE:
            raise MessageRejected(
                f"it has {len(data):,} bytes and a message may have {MAX_MESSAGE:,}", reason="size"
            )
        if not self._dialects.recognise(data):
            raise MessageRejected(
                f"no installed wire dialect recognises it: {_looks_of(data)}", reason="shape"
            )
        place, sealed = self._dialects.parse(data)
        return self._dialects.name_of(place), sealed

    def _opened(self, sealed: SealedMessage) -> tuple[Message | None, Problem | None]:
        told = ""
        # What is not encrypted opens for anybody.
        for identity in (*self.keys, self._nobody):
            try:
                return _opened_by(identity, sealed), None
            except Exception as error:  # noqa: BLE001 - as in read
                problem = _problem(error)
            if problem.reason != "decryption":
                return None, problem
            if same_address(identity.address, sealed.recipient or ""):
                told = problem.text
        return None, self._why_it_stays_shut(sealed, told)

    def _why_it_stays_shut(self, sealed: SealedMessage, told: str) -> Problem:
        receiver = sealed.recipient
        if not isinstance(sealed, _OpensSent):
            why = told if self._has_key_of(receiver) else _only(receiver)
        elif self._has_key_of(receiver):
            why = f"the key of {receiver}, whom it is for, does not decrypt it: {_DAMAGED}"
        elif not self._has_key_of(sealed.sender):
            why = _who_can_open(sealed)
        elif is_address(receiver):
            why = f"it is for {receiver}, but the key of its sender does not decrypt it: {_DAMAGED}"
        else:
            # A secret is shared with an address: by a name alone its sender cannot know it again.
            why = f"its sender's key does not help, as it names no address; {_only(receiver)}"
        return Problem("decryption", why)

    def _has_key_of(self, address: str | None) -> bool:
        return address is not None and any(same_address(key.address, address) for key in self.keys)


def _looks_of(data: bytes) -> str:
    """What there is in place of a message, as far as anybody can tell."""
    if not data:
        return "it is empty"
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return f"it is no text in UTF-8 (byte {error.start} of {len(data):,})"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"it is text, but no JSON ({str(error)[:_SHOWN]})"
    if not isinstance(value, dict):
        return f"it is JSON, but no object ({text[:_KEYS_SHOWN]})"
    keys = ", ".join(value)[:_KEYS_SHOWN]
    return f"it is a JSON object of another kind ({keys or 'with nothing in it'})"


def _who_can_open(sealed: SealedMessage) -> str:
    if not is_address(sealed.recipient):
        return _only(sealed.recipient)
    files = (_CLIENTS_FILE, _NODES_FILE) if sealed.is_command else (_NODES_FILE, _CLIENTS_FILE)
    return (
        f"it is encrypted for {sealed.recipient}, and can be read with the key of that one"
        f" ({files[1]}) or of its sender ({files[0]}): give one of these files with --key"
    )


def _only(receiver: str | None) -> str:
    if is_address(receiver):
        return (
            f"it is encrypted for {receiver}, and only that one's key opens it: give its file with"
            f" --key ({_NODES_FILE}, {_CLIENTS_FILE}), beside which are the keys of our own dialect"
        )
    if receiver is None:
        return "it does not say for whom it is encrypted: only that one's key opens it"
    return (
        f"it is encrypted for the node called {receiver}: only that node's key opens it"
        f" ({_NODES_FILE}); give its file with --key"
    )


def _opened_by(identity: Identity, sealed: SealedMessage) -> Message:
    is_own = same_address(identity.address, sealed.sender)
    if is_own and is_address(sealed.recipient) and isinstance(sealed, _OpensSent):
        return sealed.open_sent(identity)
    return sealed.open(identity)


def _problem(error: Exception) -> Problem:
    if isinstance(error, MessageRejected):
        return Problem(error.reason, str(error))
    return Problem("shape", f"reading it raised {type(error).__name__}: {str(error)[:_SHOWN]}")


def _problem_of_signature(sealed: SealedMessage) -> Problem | None:
    try:
        sealed.verify()
    except Exception as error:  # noqa: BLE001 - as in read
        return _problem(error)
    return None


def _belongs_on(kind: ChannelKind, sealed: SealedMessage) -> bool:
    if kind is ChannelKind.ROLL_CALL:
        return sealed.asks_for_sign_of_life
    return sealed.is_command is (kind in _FOR_COMMANDS)


def _kind_of(message: Message) -> str:
    if isinstance(message, Command):
        return "command"
    if isinstance(message, Heartbeat):
        return "heartbeat"
    return "notification" if isinstance(message, Notification) else "payload"


def _path_of(command: Command) -> InstancePath:
    body = command.body
    if isinstance(body, tuple) and len(body) == 1:
        body = body[0]
    if isinstance(body, InstanceUpdate):
        return InstancePath(body.pipeline, body.signature, body.instance_id)
    if isinstance(body, PipelineConfig):
        return InstancePath(body.name)
    if isinstance(body, PipelineCommand):
        return InstancePath(body.pipeline)
    return InstancePath(body if isinstance(body, str) else None)
