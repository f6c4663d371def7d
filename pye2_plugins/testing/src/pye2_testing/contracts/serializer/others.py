"""What other dialects put on the same network: what the one under test must leave to them.

Nothing here knows the dialect under test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2_testing.contracts.serializer.subject import NODE_NAME, introduce_receiver
from pye2core import installed_plugins
from pye2core.connection import made_serializer
from pye2core.errors import NotProvided, PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2core.abc import Serializer

FOREIGN = {
    "JSON object": b'{"greeting": "hello", "from": "0xai_somebody", "sign": "none"}',
    "JSON list": b'["hello", {"from": "0xai_somebody"}]',
    "CBOR map": b"\xa2hgreetingehellodfromh0xai_you",
    "MessagePack map": b"\x82\xa8greeting\xa5hello\xa4from\xa80xai_you",
    "Protocol Buffers": b"\x0a\x05hello\x12\x080xai_you",
    "text": b"HELLO FROM 0xai_somebody\n",
}
"""Messages in forms that dialects have, of dialects that nobody has."""


def installed_dialects_but(subject: type[Serializer]) -> Iterator[Serializer]:
    """The dialects of this environment, as a node speaks them, without the one under test.

    The contract's receiver has introduced itself to each.
    """
    registry = installed_plugins()
    try:
        offered = registry.serializers()
    except (NotProvided, PluginError):
        return
    for descriptor in offered:
        if registry.load(descriptor, descriptor.implementation) is not subject:
            made = made_serializer(registry, descriptor, NODE_NAME)
            introduce_receiver(made, made_serializer(registry, descriptor))
            yield made
