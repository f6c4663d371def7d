"""What this distribution offers; names only, so that finding it costs nothing."""

from __future__ import annotations

from pye2core import SerializerDescriptor, hookimpl


@hookimpl
def pye2_register_serializers() -> list[SerializerDescriptor]:
    """Our own dialect, stronger than PyE2's."""
    return [
        SerializerDescriptor(
            "native",
            "pye2_native_wire.serializer:NativeSerializer",
            strength=10,
            settings="pye2_native_wire.settings:NativeWireSettings",
            remembers=True,
            has_expiry=True,
        )
    ]
