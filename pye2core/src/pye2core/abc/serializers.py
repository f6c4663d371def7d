"""The contract of a serializer: a wire dialect, from a message to bytes and back.

You are among the contracts. What is hostile ends in an implementation of these: whatever the bytes,
they are read, or rejected.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pye2core.identity import Identity
    from pye2core.messages import InstancePath, Message, PayloadMessage, Requester


class SealedMessage(ABC):
    """A message whose shape was read but that nobody has vouched for yet.

    Attributes:
        sender: the address that it claims to come from.
        recipient: whom it says it is for: an address, a node's name, or None for everybody.
        path: what it says it is about; known before anything is checked, so that a receiver need
            not check what it has no use for.
        is_command: whether it is a command to a node.
        asks_for_sign_of_life: whether it is a command, in clear, that only asks a node to show
            itself: nodes answer that to anybody.
        is_encrypted: whether only its receiver can read what it says.
    """

    sender: str
    recipient: str | None
    path: InstancePath
    is_command: bool
    asks_for_sign_of_life: bool = False
    is_encrypted: bool = False

    @property
    def requester(self) -> Requester:
        """Of a command: who says that they ask, known before it is opened.

        Whom to answer where it cannot be opened; as much of it as the dialect has in clear.
        """
        from pye2core.messages import Requester

        return Requester(address=self.sender)

    def own_fields(self, payload: PayloadMessage) -> Mapping[str, Any]:
        """Of what a payload says, what its instance itself says, for whoever shows that.

        Without what the dialect says in every payload of the message and of the instance's
        standing; all of it where the dialect cannot tell them apart.

        Args:
            payload: what :meth:`open` gave.
        """
        return payload.fields

    @property
    @abstractmethod
    def digest(self) -> str:
        """Identifies the signed content; computed when it is first asked for."""

    @abstractmethod
    def verify(self) -> None:
        """Check the signature against ``sender``.

        Raises:
            MessageRejected: reason "signature"; or a reason of its own for a known defect of
                senders that leaves no doubt that ``sender`` signed this content, which a receiver
                may tolerate: "numpy2-signature" in PyE2's dialect. The message can be opened then,
                and what :meth:`open` gives is not verified.
        """

    @abstractmethod
    def open(self, identity: Identity) -> Message:
        """Decrypt where it is encrypted for ``identity`` and give its meaning.

        Raises:
            MessageRejected: reason "decryption", "shape" or "unsupported".
        """


class Serializer(ABC):
    """Turns messages into bytes and back: a wire dialect.

    A session makes one with no arguments, a node with ``node_name=`` its name; an implementation
    takes both. If its descriptor names a class of settings, it is given an object of that class as
    ``settings=`` besides.
    """

    @abstractmethod
    def recognises(self, data: bytes) -> bool:
        """Whether these bytes look like this dialect's; cheap, never raises."""

    @abstractmethod
    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        """Encode and sign ``message``, encrypted for the address ``encrypt_for`` if that is given.

        Raises:
            InvalidAddress: ``encrypt_for`` is not an address.
            TypeError: the message holds what the dialect cannot carry; names the path to it.
        """

    @abstractmethod
    def parse(self, data: bytes) -> SealedMessage:
        """Read the shape of a message, trusting nothing.

        Raises:
            MessageRejected: reason "shape" or "unsupported".
        """
