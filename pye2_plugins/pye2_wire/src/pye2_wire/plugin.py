"""What this distribution offers; names only, so that finding it costs nothing."""

from __future__ import annotations

from pye2core import FormatterDescriptor, SerializerDescriptor, hookimpl


@hookimpl
def pye2_register_serializers() -> list[SerializerDescriptor]:
    """The dialect of PyE2."""
    return [SerializerDescriptor("pye2", "pye2_wire.serializer:Pye2Serializer")]


@hookimpl
def pye2_register_formatters() -> list[FormatterDescriptor]:
    """The formatter that changes nothing."""
    return [FormatterDescriptor("raw", "pye2", "pye2_wire.formatters:Raw")]
