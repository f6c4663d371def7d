"""What this distribution offers to the kernel: the scheme ``memory``.

Imported with every start of pye2 where it is installed: keep it light.
"""

from __future__ import annotations

from pye2core import TransportDescriptor, hookimpl
from pye2core.abc import KEPT_KINDS, TransportFeatures

FEATURES = TransportFeatures(
    durable=KEPT_KINDS,
    ordered=True,
    last_will=True,
    manual_ack=True,
    max_unacknowledged=20,
    wildcards=True,
)
"""What the transport within a process can do: the same as MQTT."""


@hookimpl
def pye2_register_transports() -> list[TransportDescriptor]:
    """Offer the transport within this process."""
    return [
        TransportDescriptor(
            "memory",
            ("memory",),
            "pye2_testing.memory_transport:MemoryTransport",
            features=FEATURES,
        )
    ]
