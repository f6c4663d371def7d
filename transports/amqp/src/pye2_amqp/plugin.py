"""What this distribution offers to the kernel: the schemes ``amqp`` and ``amqps``.

Imported with every start of pye2: keep pika out of here.
"""

from __future__ import annotations

from pye2core import TransportDescriptor, hookimpl
from pye2core.abc import KEPT_KINDS, TransportFeatures

DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671}
"""The port of each scheme where a URL names none."""

PREFETCH = 64
"""Messages that a queue leaves unacknowledged unless the settings say otherwise."""

FEATURES = TransportFeatures(
    durable=KEPT_KINDS,
    ordered=True,
    last_will=False,
    manual_ack=True,
    max_unacknowledged=PREFETCH,
    wildcards=True,
)
"""What this transport can do; AMQP knows no last will."""


@hookimpl
def pye2_register_transports() -> list[TransportDescriptor]:
    """Offer AMQP."""
    return [
        TransportDescriptor(
            "amqp",
            ("amqp", "amqps"),
            "pye2_amqp.transport:AmqpTransport",
            default_ports=DEFAULT_PORTS,
            features=FEATURES,
            settings="pye2_amqp.settings:AmqpSettings",
            secured_schemes={"amqp": "amqps"},
        )
    ]
