"""What this distribution offers to the kernel: the schemes ``mqtt`` and ``mqtts``.

Imported with every start of pye2: keep paho out of here.
"""

from __future__ import annotations

from pye2core import TransportDescriptor, hookimpl
from pye2core.abc import KEPT_KINDS, TransportFeatures

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
"""The port of each scheme where a URL names none."""

FEATURES = TransportFeatures(
    durable=KEPT_KINDS,
    ordered=True,
    last_will=True,
    manual_ack=True,
    max_unacknowledged=20,
    wildcards=True,
)
"""What this transport can do; 20 is what Mosquitto leaves unacknowledged on a connection."""


@hookimpl
def pye2_register_transports() -> list[TransportDescriptor]:
    """Offer MQTT."""
    return [
        TransportDescriptor(
            "mqtt",
            ("mqtt", "mqtts"),
            "pye2_mqtt.transport:MqttTransport",
            default_ports=DEFAULT_PORTS,
            features=FEATURES,
            secured_schemes={"mqtt": "mqtts"},
        )
    ]
