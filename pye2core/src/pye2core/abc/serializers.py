"""The contract of a serializer: a wire dialect, from a message to bytes and back.

You are among the contracts. What is hostile ends in an implementation of these: whatever the bytes,
they are read, or rejected.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

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
        asks_to_pair: whether it is a command, in clear, that asks a node to be paired: a node that
            offers that looks at it, whoever sent it. Sent in the weakest dialect that is there,
            which is any where it is the only one.
        is_encrypted: whether only its receiver can read what it says.
        delegation: of a command, what it says of in whose name it comes; known before it is opened,
            as that decides whether it is.
    """

    sender: str
    recipient: str | None
    path: InstancePath
    is_command: bool
    asks_for_sign_of_life: bool = False
    asks_to_pair: bool = False
    is_encrypted: bool = False
    delegation: str | None = None

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


class DialectMemory(Protocol):
    """What dialects keep for longer than a process lives; thread-safe.

    Processes that use one identity share it. Only the owner of the identity can read it.
    """

    def read(self, kind: str) -> Mapping[str, bytes]:
        """All that is kept of a kind, by name."""

    def get(self, kind: str, name: str) -> bytes | None:
        """What is kept of a kind under a name; None for nothing."""

    def write(self, kind: str, name: str, value: bytes) -> None:
        """Keep something, in the place of what has that name."""

    def add(self, kind: str, name: str, value: bytes) -> bytes:
        """Keep something, unless something has that name; gives what is kept."""

    def erase(self, kind: str, name: str) -> None:
        """Keep something no longer, as far as the disk lets us."""


class Serializer(ABC):
    """Turns messages into bytes and back: a wire dialect.

    A session makes one with no arguments, a node with ``node_name=`` its name; an implementation
    takes both. If its descriptor names a class of settings, it is given an object of that class as
    ``settings=`` besides; if it says that the dialect remembers, a :class:`DialectMemory` as
    ``memory=``.

    A dialect that peers can only be spoken to in when something is known of them (a key, say) has
    them *introduce* themselves: what :meth:`introduction` gives travels in commands and heartbeats
    of any dialect, and is handed to :meth:`learn` of their receivers, once it is known who said it.
    """

    def introduction(self, identity: Identity) -> str | None:
        """What peers must know to speak this dialect to ``identity``: at most 512 characters.

        Asked for with each message that introduces; None if there is nothing to know, and the
        dialect is used for whoever was heard speaking it.
        """
        del identity
        return None

    def learn(self, address: str, introduction: str) -> None:
        """Take in what ``address`` told of itself; what is older than what is known is ignored.

        Raises:
            MessageRejected: reason "introduction": it cannot be believed, or is of no use now.
        """
        del address, introduction

    def forget(self, address: str) -> None:
        """Forget what ``address`` told of itself."""
        del address

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
            DialectUnusable: nothing is known of ``encrypt_for`` that would let us, or no more.
            TypeError: the message holds what the dialect cannot carry; names the path to it.
        """

    @abstractmethod
    def parse(self, data: bytes) -> SealedMessage:
        """Read the shape of a message, trusting nothing.

        Raises:
            MessageRejected: reason "shape" or "unsupported".
        """
