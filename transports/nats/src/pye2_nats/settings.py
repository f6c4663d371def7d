"""Settings of this transport: ``PYE2_NATS_KEEP_DAYS=30``."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen
class NatsSettings:
    """What is not in the broker's address.

    Attributes:
        keep_days: days that commands wait for a node that is away, and that the server remembers
            that node.
        keep_mib: MiB of commands that may wait for all nodes together; the oldest go first.
        token: what lets us in, where the server wants a token and not user and password.
        tls_first: whether the server wants TLS before it says a word (``handshake_first``).
    """

    keep_days: int = field(
        default=7,
        validator=validators.ge(1),
        metadata={"help": "days that commands wait for a node that is away"},
    )
    keep_mib: int = field(
        default=1024,
        validator=validators.ge(1),
        metadata={"help": "MiB of commands that may wait for all nodes together"},
    )
    token: str | None = field(
        default=None,
        repr=False,
        metadata={"help": "what lets us in, in place of user and password", "secret": True},
    )
    tls_first: bool = field(
        default=False,
        metadata={"help": "the server has handshake_first: TLS begins before it says anything"},
    )
