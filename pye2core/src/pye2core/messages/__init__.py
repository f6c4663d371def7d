"""What is said on the network: commands to nodes; payloads, notifications, heartbeats from nodes.

Meaning only: no wire names, no bytes, no I/O. How a message looks on the wire is its serializer's
business. Configuration keys (``PROCESS_DELAY``, ``CODE``, …) are not wire names: they are the words
in which users configure instances, always upper case here.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pye2core.messages.codes import (
    OPEN_TO_ALL,
    SIGNS_OF_LIFE,
    Action,
    Capability,
    NotificationCode,
    NotificationKind,
    Presence,
)
from pye2core.messages.configuration import (
    CLOSES_PIPELINE,
    DELEGATION,
    FORMATTER,
    GRANTS,
    INSTANCE_COMMAND,
    LIFE,
    UNCONFIRMED,
    VOID,
    InstanceConfig,
    InstanceUpdate,
    PipelineConfig,
    Provenance,
    settings_in,
    upper_keys,
    with_grants_of,
)
from pye2core.messages.models import (
    DETAILS_SENT_TO,
    EVERY_NODE,
    NOBODY,
    Command,
    CommandBody,
    Heartbeat,
    InstancePath,
    Introduction,
    Message,
    Notification,
    Origin,
    PayloadMessage,
    PipelineCommand,
    Requester,
)

if TYPE_CHECKING:
    from pye2core.messages.delegation import UNDELEGATED, Delegation
    from pye2core.messages.digests import digest_of, is_digest
    from pye2core.messages.pairing import (
        OfferState,
        PairingAnswer,
        PairingOffer,
        PairingRequest,
    )
    from pye2core.messages.reports import (
        Circumstances,
        InstanceReport,
        MachineFigures,
        NodeReport,
        SandboxReport,
        Speaker,
    )
    from pye2core.messages.typed import resolve_types

__all__ = [
    "CLOSES_PIPELINE",
    "DELEGATION",
    "DETAILS_SENT_TO",
    "EVERY_NODE",
    "FORMATTER",
    "GRANTS",
    "INSTANCE_COMMAND",
    "LIFE",
    "NOBODY",
    "OPEN_TO_ALL",
    "SIGNS_OF_LIFE",
    "UNCONFIRMED",
    "UNDELEGATED",
    "VOID",
    "Action",
    "Capability",
    "Circumstances",
    "Command",
    "CommandBody",
    "Delegation",
    "Heartbeat",
    "InstanceConfig",
    "InstancePath",
    "InstanceReport",
    "InstanceUpdate",
    "Introduction",
    "MachineFigures",
    "Message",
    "NodeReport",
    "Notification",
    "NotificationCode",
    "NotificationKind",
    "OfferState",
    "Origin",
    "PairingAnswer",
    "PairingOffer",
    "PairingRequest",
    "PayloadMessage",
    "PipelineCommand",
    "PipelineConfig",
    "Presence",
    "Provenance",
    "Requester",
    "SandboxReport",
    "Speaker",
    "digest_of",
    "is_digest",
    "resolve_types",
    "settings_in",
    "upper_keys",
    "with_grants_of",
]

_REPORTS = (
    "Circumstances",
    "InstanceReport",
    "MachineFigures",
    "NodeReport",
    "SandboxReport",
    "Speaker",
)
_PAIRING = ("OfferState", "PairingAnswer", "PairingOffer", "PairingRequest")
_LAZY = {
    **dict.fromkeys(_REPORTS, "reports"),
    **dict.fromkeys(_PAIRING, "pairing"),
    "Delegation": "delegation",
    "UNDELEGATED": "delegation",
    "digest_of": "digests",
    "is_digest": "digests",
    "resolve_types": "typed",
}
"""What nodes tell of themselves, what is rarely said, and what only serializers ask for: imported
when it is first asked for."""

if not TYPE_CHECKING:  # or a misspelt name would pass the type checker

    def __getattr__(name: str) -> object:
        if name not in _LAZY:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
