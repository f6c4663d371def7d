"""What can be set about AMQP: ``PYE2_AMQP_EXCHANGE`` and so on, by PyE2's names where it has them.

PyE2 declares these settings in its AMQP section and never uses them (PyE2 wire protocol, section
1.2), so that there is nobody to agree with; their meaning here is the nearest that suits a topic
exchange.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen, validators

from pye2_amqp.plugin import PREFETCH
from pye2core.abc import MAX_MESSAGE

_DAY = 24 * 3600
_GIB = 1024**3
_LARGEST_PREFETCH = 65_535
_LARGEST_HEARTBEAT = 65_535


def _help(text: str) -> dict[str, Any]:
    return {"help": text}


@frozen
class AmqpSettings:
    """Names on the broker, and how it keeps what is for who is away.

    Attributes:
        exchange: the topic exchange of the network; empty for the root of its channels.
        exchange_type: "topic": no other type can address one node and all of them.
        routing_key: what routing keys begin with; empty for the root of the network's channels.
        queue: what names of queues begin with; empty for the names of exchange and root, if they
            differ. Client id and kind of message are added to it, the client id in the place of
            ``{}`` if there is one.
        queue_durable: whether queues and messages survive a restart of the broker.
        queue_exclusive: whether queues end with their connection, so that nothing is kept.
        queue_device_specific: whether names of queues have the client id; otherwise something
            random, and a client that starts again does not find what was kept for it.
        queue_type: "classic", or "quorum" for queues that a cluster replicates.
        queue_expires: seconds after which the broker forgets who stays away.
        queue_max_bytes: what a queue holds of messages that nobody has taken; the oldest make room
            for new ones, commands as dead letters.
        delivery_limit: how often a quorum queue delivers a command before it goes to the dead
            letters.
        vhost: the virtual host; empty for the path of the broker's URL, or "/" if that has none.
        prefetch: messages that the broker leaves unacknowledged, of each kind.
        heartbeat: seconds of silence after which the two sides ask each other for a sign of life.
    """

    exchange: str = field(default="", metadata=_help("the topic exchange; empty: the root topic"))
    exchange_type: str = field(
        default="topic",
        validator=validators.in_(("topic",)),
        metadata=_help("topic; with another type nobody could be addressed alone"),
    )
    routing_key: str = field(
        default="", metadata=_help("what routing keys begin with; empty: the root topic")
    )
    queue: str = field(
        default="",
        metadata=_help(
            "what names of queues begin with, {} for the client id; empty: exchange, root"
        ),
    )
    queue_durable: bool = field(
        default=True, metadata=_help("queues and messages survive a restart of the broker")
    )
    queue_exclusive: bool = field(
        default=False, metadata=_help("queues end with their connection; nothing is kept")
    )
    queue_device_specific: bool = field(
        default=True, metadata=_help("names of queues have the client id")
    )
    queue_type: str = field(
        default="classic",
        validator=validators.in_(("classic", "quorum")),
        metadata=_help("classic, or quorum for queues that a cluster replicates"),
    )
    queue_expires: float = field(
        default=7.0 * _DAY,
        validator=validators.ge(1.0),
        metadata=_help("seconds after which the broker forgets who stays away"),
    )
    queue_max_bytes: int = field(
        default=_GIB,
        validator=validators.ge(MAX_MESSAGE),
        metadata=_help("bytes that a queue holds; the oldest messages make room for new ones"),
    )
    delivery_limit: int = field(
        default=20,
        validator=validators.ge(1),
        metadata=_help("deliveries of a command before it is a dead letter (quorum queues)"),
    )
    vhost: str = field(default="", metadata=_help("the virtual host; empty: the URL's path, or /"))
    prefetch: int = field(
        default=PREFETCH,
        validator=[validators.ge(1), validators.le(_LARGEST_PREFETCH)],
        metadata=_help("messages that may be unacknowledged, of each kind"),
    )
    heartbeat: int = field(
        default=30,
        validator=[validators.ge(1), validators.le(_LARGEST_HEARTBEAT)],
        metadata=_help("seconds of silence after which a sign of life is asked for"),
    )

    def __attrs_post_init__(self) -> None:
        if self.queue_type == "quorum" and not self.queue_durable:
            raise ValueError("'queue_durable' must be true: a quorum queue cannot be otherwise")
