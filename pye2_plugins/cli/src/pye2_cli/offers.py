"""What ``pye2 plugins info --json`` says of one thing that a plugin offers.

You are beside ``plugins``, which says the same in words.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import attrs

from pye2core import (
    PluginRegistry,
    PresetDescriptor,
    SerializerDescriptor,
    SignatureDescriptor,
    Stage,
    TransportDescriptor,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {
    TransportDescriptor: "transport",
    SerializerDescriptor: "serializer",
    SignatureDescriptor: "signature",
    PresetDescriptor: "preset",
}


def objects_of(plugin: str, registry: PluginRegistry) -> Iterator[dict[str, Any]]:
    """All that a plugin offers, each with its fields and with the settings that it understands.

    Raises:
        PluginBroken: settings of one of them cannot be imported.
    """
    for descriptor in registry.descriptors_of(plugin):
        kind = next((word for each, word in _KINDS.items() if isinstance(descriptor, each)), None)
        settings = list(_settings(descriptor, registry))
        yield {"kind": kind or "other", **fields_of(descriptor), "settings": settings}


def fields_of(described: Any) -> dict[str, Any]:
    """The fields of an object of an attrs class, as JSON can hold them."""
    every = attrs.fields(type(described))
    return {each.name: _plain(getattr(described, each.name)) for each in every}


def _settings(descriptor: Any, registry: PluginRegistry) -> Iterator[dict[str, Any]]:
    """The settings of a transport, of a dialect or of an instance; the parameters of a job."""
    from pye2core.settings import plugin_settings

    import_string = getattr(descriptor, "settings", None)
    if isinstance(descriptor, PresetDescriptor) and descriptor.stage is Stage.JOB:
        import_string = descriptor.implementation
    if import_string is None:
        return
    is_speaker = isinstance(descriptor, TransportDescriptor | SerializerDescriptor)
    described = registry.load(descriptor, import_string)
    try:
        known = plugin_settings(registry.plugin_of(descriptor), described)
    except NameError:  # its annotations name what only type checkers import
        for each in attrs.fields(described):
            if each.init:
                yield {"name": each.name, **_told_default(each.default)}
        return
    for its in known:
        variable = {"variable": its.variable} if is_speaker else {}
        default = {"required": False} if its.secret else _told_default(its.default)
        yield {"name": its.name, **variable, "type": its.type_name, "help": its.help, **default}


def _told_default(value: Any) -> dict[str, Any]:
    if value is attrs.NOTHING:
        return {"required": True}
    computed = hasattr(value, "factory")
    return {"required": False} if computed else {"required": False, "default": _plain(value)}


def _plain(value: Any) -> Any:
    """The same as JSON can hold it; what it cannot as text."""
    if attrs.has(type(value)):
        return fields_of(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset | set):
        return sorted(_plain(each) for each in value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)
