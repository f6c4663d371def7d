"""What this distribution offers; names only, so that finding it costs nothing."""

from __future__ import annotations

from pye2core import FormatterDescriptor, SerializerDescriptor, hookimpl


@hookimpl
def pye2_register_serializers() -> list[SerializerDescriptor]:
    """The dialect of PyE2."""
    return [
        SerializerDescriptor(
            "pye2",
            "pye2_wire.serializer:Pye2Serializer",
            strength=0,
            settings="pye2_wire.settings:WireSettings",
        )
    ]


@hookimpl
def pye2_register_formatters() -> list[FormatterDescriptor]:
    """PyE2's three; the one that changes nothing goes by PyE2's name for it, too."""
    return [
        FormatterDescriptor("raw", "pye2", "pye2_wire.formatters:Raw"),
        FormatterDescriptor("default", "pye2", "pye2_wire.formatters:Raw"),
        FormatterDescriptor("aixp1", "pye2", "pye2_wire.aixp1:Aixp1"),
        FormatterDescriptor("cavi2", "pye2", "pye2_wire.cavi2:Cavi2"),
    ]
