"""What goes wrong between this process, the broker and the peers behind it.

You are in the errors, of which ``pye2core.errors`` draws the tree; import them from there.
"""

from __future__ import annotations

from pye2core.errors.base import Pye2Error


class TransportError(Pye2Error):
    """Something between this process and the broker.

    Attributes:
        broker: the broker's URL without its password.
    """

    def __init__(self, message: str, *, broker: str) -> None:
        super().__init__(message)
        self.broker = broker


class BrokerUnreachable(TransportError):
    """Nothing answers at the broker's address."""


class CredentialsRefused(TransportError):
    """The broker refused the user name or password."""


class NotConnected(TransportError):
    """The connection was closed before the message could be sent."""


class MessageTooLarge(TransportError):
    """A message is larger than a message may be.

    Attributes:
        size: bytes of the encoded message.
        limit: bytes that are allowed.
    """

    def __init__(self, message: str, *, broker: str, size: int, limit: int) -> None:
        super().__init__(message, broker=broker)
        self.size = size
        self.limit = limit


class MessageRejected(Pye2Error):
    """An inbound message is not acted on.

    Attributes:
        reason: a word a program can compare: "size", "shape", "signature", "numpy2-signature" (a
            payload that PyE2 on NumPy 2 signed wrongly; a session can be told to accept those),
            "recipient", "replay", "not-allowed", "unencrypted", "decryption", "name-taken",
            "crowded", "stale" (from a connection of a node that has ended), "unsupported",
            "expired" (a command that came too late), "downgrade" (in a weaker dialect than its
            sender is known to speak to us), "introduction" (what somebody tells of a dialect that
            it speaks cannot be believed), "pairing" (a request to be paired that comes to
            nothing).
        sender: the address the message claims to come from, if it could be read.
        pipeline: the name of the pipeline that a command is about, if that could be read.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        sender: str | None = None,
        pipeline: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.sender = sender
        self.pipeline = pipeline


class DialectUnusable(Pye2Error):
    """A peer speaks a dialect in which it cannot be spoken to now; nothing was sent.

    It is not spoken to in a weaker one.

    Attributes:
        address: the peer's.
        dialect: the dialect's name.
    """

    def __init__(self, message: str, *, address: str, dialect: str) -> None:
        super().__init__(message)
        self.address = address
        self.dialect = dialect
