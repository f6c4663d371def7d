"""What all parts of the contract do with the dialect under test.

You are below the tests of dialects; nothing here is one.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import evolve

from pye2_testing.contracts.contract import Contract
from pye2_testing.contracts.offers import offered_with_implementation
from pye2_testing.contracts.serializer.messages import RECEIVER, SENDER
from pye2core import SerializerDescriptor
from pye2core.errors import MessageRejected

if TYPE_CHECKING:
    from types import ModuleType

    from pye2core.abc import SealedMessage, Serializer
    from pye2core.identity import Identity
    from pye2core.messages import Message

NODE_NAME = "attic"


def introduce_receiver(speaker: Serializer, receiver: Serializer) -> None:
    """Let one who speaks a dialect know what it must to encrypt for ``RECEIVER``."""
    introduction = receiver.introduction(RECEIVER)
    if introduction is not None:
        speaker.learn(RECEIVER.address, introduction)


class DialectContract(Contract):
    """Seals and opens.

    Attributes:
        plugin: the module that the entry point names.
        serializer: the class under test.
    """

    plugin: ModuleType  # not a ClassVar: mypy takes a module that is assigned to one for an error
    serializer: ClassVar[type[Serializer]]

    @classmethod
    def descriptor(cls) -> SerializerDescriptor:
        """What the plugin offers."""
        return offered_with_implementation(
            cls, "pye2_register_serializers", SerializerDescriptor, cls.serializer
        )

    @cached_property
    def receiver(self) -> Serializer:
        """The dialect as the one speaks it who receives messages."""
        return self.serializer()

    def node(self) -> Serializer:
        """The dialect as a node speaks it, to which its receiver has introduced itself."""
        make: Any = self.serializer  # what an implementation takes is not in the abstract class
        made: Serializer = make(node_name=NODE_NAME)
        introduce_receiver(made, self.receiver)
        return made

    def seal(
        self, message: Message, encrypt_for: str | None = None, by: Identity = SENDER
    ) -> bytes:
        """The bytes of a message."""
        return self.node().seal(message, by, encrypt_for=encrypt_for)

    def parsed(self, data: bytes) -> SealedMessage:
        """What a client makes of bytes, as far as nobody vouches for them."""
        return self.receiver.parse(data)

    def arrived(self, message: Message, encrypt_for: str | None = None) -> Any:
        """What a message says to the one who receives it."""
        return self.opened(self.seal(message, encrypt_for))

    def opened(self, data: bytes) -> Any:
        """What good bytes say to the one who receives them."""
        sealed = self.parsed(data)
        sealed.verify()
        opened = sealed.open(RECEIVER)
        assert opened.origin is not None
        assert (opened.origin.sender, opened.origin.verified) == (SENDER.address, True)
        return opened

    def understood(self, data: bytes) -> Any:
        """What any bytes say to the one who receives them, without where they came from."""
        try:
            sealed = self.parsed(data)
            sealed.verify()
            return evolve(sealed.open(RECEIVER), origin=None)
        except MessageRejected as rejection:
            return rejection
