"""The four kinds of message, as values.

A message that was received has an :class:`Origin` (who said it, whether that was verified); one
that is about to be sent has none yet. ``fields`` is the body as users know it from their callbacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from pye2core.messages.codes import Presence
from pye2core.messages.configuration import InstanceUpdate, PipelineConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pye2core.messages.codes import Action, Capability, NotificationCode, NotificationKind
    from pye2core.messages.pairing import PairingOffer, PairingRequest
    from pye2core.messages.reports import Circumstances, NodeReport, SandboxReport, Speaker

EVERY_NODE = "*"
"""The target of a question to all nodes at once; no node's name, nor an address."""

DETAILS_SENT_TO = "DETAILS_SENT_TO"
"""The field of a notification for everybody that names the address to which alone it was sent in
full; by this name users read it, in any dialect: no wire name."""


@frozen(slots=False)  # one for every message that is received: twice as fast to make
class Origin:
    """Where a received message came from.

    Attributes:
        sender: the signer's address, with its prefix.
        name: the node's name that the message states; not proven by the signature's address.
        digest: identifies the signed content, for recognising replays.
        sent_at: when the sender says that it was sent; None where it says nothing usable.
        verified: whether the signature was checked and is good.
        encrypted: whether the body came encrypted for this receiver.
        size: bytes of the message as it was received; 0 where it was not.
    """

    sender: str
    name: str | None = None
    digest: str = ""
    sent_at: datetime | None = None
    verified: bool = True
    encrypted: bool = False
    size: int = 0


@frozen
class Requester:
    """Who asked for something, so that answers can be matched to it.

    Attributes:
        address: the asker's address.
        name: the asker's session name.
        session_id: the asker's session id.
        capabilities: what the asker understands beyond PyE2's protocol; None if it did not say,
            as PyE2's clients do not.
    """

    address: str | None = None
    name: str | None = None
    session_id: str | None = None
    capabilities: frozenset[Capability] | None = None


NOBODY = Requester()
"""Nobody is told to have asked."""


@frozen
class Introduction:
    """What somebody tells of a dialect that it speaks beside the one of its message.

    Attributes:
        dialect: the dialect's name.
        text: what peers must know to speak it to that one; only the dialect's serializer makes and
            reads it.
    """

    dialect: str
    text: str


@frozen
class InstancePath:
    """Which pipeline, signature and instance a message is about; None where it is about none."""

    pipeline: str | None = None
    signature: str | None = None
    instance_id: str | None = None


@frozen
class PipelineCommand:
    """A command to a pipeline's data source, by name, with what belongs to it."""

    pipeline: str
    command: dict[str, Any]


CommandBody = (
    PipelineConfig | InstanceUpdate | tuple[InstanceUpdate, ...] | PipelineCommand | str | None
)
"""What an action acts on: a pipeline's configuration, one or several instance updates, a pipeline
command, a pipeline's name, or nothing."""


@frozen(slots=False)  # one for every message that is received: twice as fast to make
class Command:
    """A message from a client to a node.

    Attributes:
        action: what to do.
        body: what to do it to.
        target: the node's address, or its name where no address is known; ``EVERY_NODE`` for a
            question to all.
        requester: who asks.
        delegation: of what a node brings for somebody else, that one's delegation as it was signed,
            or ``UNDELEGATED``; None where the asker acts for itself. Receivers know it before they
            open the command.
        introductions: further dialects that the asker speaks; set by the connection.
        origin: set on receipt.
        pairing: of a request to be paired, what it says; None for all other actions.
    """

    action: Action
    body: CommandBody
    target: str
    requester: Requester = NOBODY
    delegation: str | None = None
    introductions: tuple[Introduction, ...] = ()
    origin: Origin | None = None
    pairing: PairingRequest | None = field(default=None, kw_only=True)


@frozen
class PayloadMessage:
    """A result of an instance.

    Attributes:
        path: the instance.
        fields: the body by upper-case key: what the instance says, under the names that its users
            read. On receipt: all that the message said.
        requester: who created the pipeline; whom an encrypted payload is encrypted for.
        modified_by: who last changed it.
        formatter: name of the shaping of the body, None for none.
        circumstances: how the instance stands. Not set on receipt, as it is in ``fields`` then.
        origin: set on receipt.
    """

    path: InstancePath
    fields: dict[str, Any]
    requester: Requester = NOBODY
    modified_by: Requester = NOBODY
    formatter: str | None = None
    circumstances: Circumstances | None = None
    origin: Origin | None = None


@frozen
class Notification:
    """What a node says about its own doings: confirmations, failures.

    Attributes:
        kind: how serious.
        text: one sentence, at most 255 characters are sent.
        code: what it confirms (positive) or denies (negative), if anything.
        path: what it is about.
        info: more text: a traceback, advice.
        module: the part of the node that speaks.
        requester: whose command it answers.
        fields: further fields, under the names that users read; on receipt all that the message
            said.
        speaker: the instance that speaks; None for its node. This and the next two are not set on
            receipt, as they are in ``fields`` then.
        is_displayed: whether clients are to show it to their users; None leaves that to them.
        instances: those that it is about, where they are several.
        origin: set on receipt.
    """

    kind: NotificationKind
    text: str
    code: NotificationCode | int | None = None
    path: InstancePath = InstancePath()
    info: str | None = None
    module: str = "Node"
    requester: Requester = NOBODY
    fields: dict[str, Any] = field(factory=dict)
    speaker: Speaker | None = None
    is_displayed: bool | None = None
    instances: tuple[InstancePath, ...] = ()
    origin: Origin | None = None

    @property
    def failed(self) -> bool:
        """Whether it denies what its code stands for."""
        return self.code is not None and self.code < 0

    @property
    def details_sent_to(self) -> str | None:
        """The address that was sent it in full, and alone, where this is what all others are told.

        What the field of that name says, on receipt trusted as much as the rest of the message.
        """
        told = self.fields.get(DETAILS_SENT_TO)
        return told if isinstance(told, str) else None


@frozen
class Heartbeat:
    """A node's sign of life and the state that it publishes.

    Attributes:
        name: the node's name.
        address: the node's address.
        allowed: addresses whose commands it takes, with their prefix.
        secured: False says that it takes commands from anybody (PyE2's default).
        may_delegate: those of them that may bring work for others without a delegation; None where
            the node knows nothing of delegations, as PyE2's do not.
        pipelines: the pipelines it runs; None when the message did not say (only *online* then).
        presence: whether its node is there.
        is_brief: whether it only says that its node is there, and how busy: all else is as in the
            last full one of the same ``life`` and ``revision``.
        life: tells the node's present connection to the broker from all others; None where the node
            does not say, as PyE2's do not.
        revision: grows with each change that a full heartbeat tells of.
        capabilities: what the node understands and does beyond PyE2's protocol; None if it did not
            say.
        introductions: further dialects that the node speaks; set by the connection, and not told by
            brief ones.
        load: the machine's processor load in percent. This and the next four are None where the
            node did not say, or said nothing that can be used.
        free_memory: the machine's free memory in GB.
        version: the version of the node's software.
        signatures: the signatures that the node can run, each with its version.
        sandbox: what stands between its machine and the code that others send.
        pairing: how its offer to be paired with a client stands; None where there is none.
        clock_trouble: why its machine cannot know the time, so that nothing expires there; None
            where it can, or where the node does not say.
        active_signatures: on receipt, those of the instances that its status tells of.
        is_supervisor: whether it calls itself a supervisor.
        report: how its machine and its instances are doing. Not set on receipt, as it is in
            ``status`` then.
        status: all else by upper-case key. On receipt: all that the message said.
        origin: set on receipt.
    """

    name: str
    address: str
    allowed: tuple[str, ...] = ()
    secured: bool = True
    may_delegate: tuple[str, ...] | None = None
    pipelines: tuple[PipelineConfig, ...] | None = ()
    presence: Presence = Presence.ONLINE
    is_brief: bool = False
    life: str | None = None
    revision: int | None = None
    capabilities: frozenset[Capability] | None = None
    introductions: tuple[Introduction, ...] = ()
    load: float | None = None
    free_memory: float | None = None
    version: str | None = None
    signatures: Mapping[str, str] | None = None
    sandbox: SandboxReport | None = None
    pairing: PairingOffer | None = None
    clock_trouble: str | None = None
    active_signatures: frozenset[str] = frozenset()
    is_supervisor: bool = False
    report: NodeReport | None = None
    status: dict[str, Any] = field(factory=dict)
    origin: Origin | None = None


Message = Command | PayloadMessage | Notification | Heartbeat
