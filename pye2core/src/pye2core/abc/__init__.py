"""The contracts that plugins implement: transports, serializers, the node's side of a signature.

Behaviour lives here; what is installed is told by descriptors (``pye2core.descriptors``) that hooks
return (``pye2core.hookspecs``). Each question has a module: ``transports``, ``links``,
``serializers``, ``custom_code``, ``runners``. Import their names from here; a module is imported
when a name of it is first asked for, so that a client does not load what only nodes need.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2core.abc.custom_code import (
        CallResult,
        CodeFailure,
        FunctionSource,
        InSandbox,
        Sandbox,
        SandboxExit,
        SandboxHost,
    )
    from pye2core.abc.links import CurrentLink, Link
    from pye2core.abc.runners import (
        InstanceContext,
        Network,
        NetworkListener,
        Peer,
        Runner,
        Slots,
    )
    from pye2core.abc.serializers import DialectMemory, SealedMessage, Serializer
    from pye2core.abc.transports import (
        KEPT_KINDS,
        MAX_LAST_WILL,
        MAX_MESSAGE,
        Channel,
        ChannelKind,
        ConnectionState,
        Delivery,
        LastWill,
        Transport,
        TransportFeatures,
        TransportOptions,
    )

_HOME = {
    "KEPT_KINDS": "transports",
    "MAX_LAST_WILL": "transports",
    "MAX_MESSAGE": "transports",
    "CallResult": "custom_code",
    "Channel": "transports",
    "ChannelKind": "transports",
    "CodeFailure": "custom_code",
    "ConnectionState": "transports",
    "CurrentLink": "links",
    "Delivery": "transports",
    "DialectMemory": "serializers",
    "FunctionSource": "custom_code",
    "InSandbox": "custom_code",
    "InstanceContext": "runners",
    "LastWill": "transports",
    "Link": "links",
    "Network": "runners",
    "NetworkListener": "runners",
    "Peer": "runners",
    "Runner": "runners",
    "Sandbox": "custom_code",
    "SandboxExit": "custom_code",
    "SandboxHost": "custom_code",
    "SealedMessage": "serializers",
    "Serializer": "serializers",
    "Slots": "runners",
    "Transport": "transports",
    "TransportFeatures": "transports",
    "TransportOptions": "transports",
}

__all__ = [
    "KEPT_KINDS",
    "MAX_LAST_WILL",
    "MAX_MESSAGE",
    "CallResult",
    "Channel",
    "ChannelKind",
    "CodeFailure",
    "ConnectionState",
    "CurrentLink",
    "Delivery",
    "DialectMemory",
    "FunctionSource",
    "InSandbox",
    "InstanceContext",
    "LastWill",
    "Link",
    "Network",
    "NetworkListener",
    "Peer",
    "Runner",
    "Sandbox",
    "SandboxExit",
    "SandboxHost",
    "SealedMessage",
    "Serializer",
    "Slots",
    "Transport",
    "TransportFeatures",
    "TransportOptions",
]

if not TYPE_CHECKING:  # or a misspelt name would pass the type checker

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
