"""pye2core, the kernel of pye2: its public names.

Nothing is imported until a name is first used, so that ``import pye2core`` costs next to nothing.
Plugins use these names, and those of the public rooms: ``abc`` (the contracts), ``messages``,
``errors``, ``identity``, ``settings``, ``code`` and ``clock``, with some that only nodes and tools
need; docs/authors/versions.md lists them all. All else is the kernel's own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pye2core.client import (
        AsyncSession,
        CallingInstance,
        Calls,
        CustomPluginTemplate,
        DistributedCustomCodePresets,
        Instance,
        Pairing,
        Payload,
        Pipeline,
        Session,
        SingleRunInstance,
        pair,
        remote,
    )
    from pye2core.descriptors import (
        CliCommandDescriptor,
        FormatterDescriptor,
        JobStages,
        PresetDescriptor,
        Role,
        SerializerDescriptor,
        SignatureDescriptor,
        Stage,
        TransportDescriptor,
    )
    from pye2core.errors import Pye2Error
    from pye2core.hookspecs import hookimpl
    from pye2core.identity import Identity
    from pye2core.plugins import PLUGIN_API, PluginRegistry, installed_plugins

__version__ = "0.1.0"

_HOME = {
    "AsyncSession": "client",
    "CallingInstance": "client",
    "Calls": "client",
    "CliCommandDescriptor": "descriptors",
    "CustomPluginTemplate": "client",
    "DistributedCustomCodePresets": "client",
    "FormatterDescriptor": "descriptors",
    "Identity": "identity",
    "Instance": "client",
    "JobStages": "descriptors",
    "PLUGIN_API": "plugins",
    "Pairing": "client",
    "Payload": "client",
    "Pipeline": "client",
    "PluginRegistry": "plugins",
    "PresetDescriptor": "descriptors",
    "Pye2Error": "errors",
    "Role": "descriptors",
    "SerializerDescriptor": "descriptors",
    "Session": "client",
    "SignatureDescriptor": "descriptors",
    "SingleRunInstance": "client",
    "Stage": "descriptors",
    "TransportDescriptor": "descriptors",
    "hookimpl": "hookspecs",
    "installed_plugins": "plugins",
    "pair": "client",
    "remote": "client",
}

__all__ = [
    "PLUGIN_API",
    "AsyncSession",
    "CallingInstance",
    "Calls",
    "CliCommandDescriptor",
    "CustomPluginTemplate",
    "DistributedCustomCodePresets",
    "FormatterDescriptor",
    "Identity",
    "Instance",
    "JobStages",
    "Pairing",
    "Payload",
    "Pipeline",
    "PluginRegistry",
    "PresetDescriptor",
    "Pye2Error",
    "Role",
    "SerializerDescriptor",
    "Session",
    "SignatureDescriptor",
    "SingleRunInstance",
    "Stage",
    "TransportDescriptor",
    "hookimpl",
    "installed_plugins",
    "pair",
    "remote",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
