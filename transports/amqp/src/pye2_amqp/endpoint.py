"""Where a connection goes and as whom, in pika's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pika
from attrs import evolve, frozen

from pye2_amqp.plugin import DEFAULT_PORTS
from pye2core.settings import TlsSettings

if TYPE_CHECKING:
    import ssl

    from pye2_amqp.settings import AmqpSettings
    from pye2core.settings import BrokerAddress

_GUEST = "guest"
"""User and password of who gives none, by a custom of AMQP."""

_SHORTEST_TIMEOUT = 0.001
"""Seconds; pika takes no zero."""

_LATER_THAN_OURS = 10.0
"""Seconds after our own time-out until pika gives up: at once, either could be what is told."""


@frozen
class Endpoint:
    """Where a connection goes and as whom.

    Attributes:
        broker: host, port (never None) and credentials.
        vhost: the virtual host.
        name: what the broker's listings show.
        heartbeat: seconds of silence after which the two sides ask each other for a sign of life.
        timeout: seconds that connecting may take.
        tls: checks the broker's certificate; None for an unencrypted connection.
    """

    broker: BrokerAddress
    vhost: str
    name: str
    heartbeat: int
    timeout: float
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(
        cls, broker: BrokerAddress, settings: AmqpSettings, name: str, timeout: float
    ) -> Endpoint:
        """The endpoint that address and settings mean.

        Raises:
            SettingsError: the file with the broker's authority cannot be used.
        """
        encrypted = broker.tls is not None or broker.scheme == "amqps"
        return cls(
            broker=evolve(
                broker, port=broker.port or DEFAULT_PORTS["amqps" if encrypted else "amqp"]
            ),
            vhost=settings.vhost or broker.path or "/",
            name=name,
            heartbeat=settings.heartbeat,
            timeout=timeout,
            tls=(broker.tls or TlsSettings()).context() if encrypted else None,
        )

    def parameters(self) -> pika.ConnectionParameters:
        """What pika wants to know."""
        broker = self.broker
        assert broker.port is not None
        user, password = (broker.user, broker.password) if broker.user else (_GUEST, _GUEST)
        return pika.ConnectionParameters(
            host=broker.host,
            port=broker.port,
            virtual_host=self.vhost,
            credentials=pika.PlainCredentials(user, password or ""),
            heartbeat=self.heartbeat,
            connection_attempts=1,
            socket_timeout=max(self.timeout, _SHORTEST_TIMEOUT),
            stack_timeout=self.timeout + _LATER_THAN_OURS,
            ssl_options=pika.SSLOptions(self.tls, broker.host) if self.tls else None,
            client_properties={"product": "pye2", "connection_name": self.name},
        )
