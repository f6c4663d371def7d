"""What this distribution offers. Imported at every start of pye2: it must stay light.

Not even nats-py is imported here.
"""

from __future__ import annotations

from pye2core import TransportDescriptor, hookimpl
from pye2core.abc import ChannelKind, TransportFeatures

DEFAULT_PORT = 4222
MAX_UNACKNOWLEDGED = 64
"""How many commands JetStream has out with one node; its ``max_ack_pending``."""

FEATURES = TransportFeatures(
    durable=frozenset({ChannelKind.CONFIG}),
    ordered=True,
    manual_ack=True,
    max_unacknowledged=MAX_UNACKNOWLEDGED,
    wildcards=True,
)


@hookimpl
def pye2_register_transports() -> list[TransportDescriptor]:
    """NATS servers, by ``nats://`` and, over TLS, ``tls://`` or ``nats+tls://``."""
    return [
        TransportDescriptor(
            "nats",
            schemes=("nats", "tls", "nats+tls"),
            implementation="pye2_nats.transport:NatsTransport",
            default_ports={"nats": DEFAULT_PORT, "tls": DEFAULT_PORT, "nats+tls": DEFAULT_PORT},
            features=FEATURES,
            settings="pye2_nats.settings:NatsSettings",
            secured_schemes={"nats": "tls", "nats+tls": "nats+tls"},
        )
    ]
