"""What instances have said on a network within this process, as its broker took it.

You are among the contracts' foundations, beside those of signatures. A session shows less: it drops
what comes late, and lays what a message says of itself over what the instance says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core import installed_plugins
from pye2core.abc import ChannelKind
from pye2core.connection import Dialects
from pye2core.messages import PayloadMessage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from pye2_testing.memory_broker import MemoryBroker
    from pye2core import Payload
    from pye2core.abc import SealedMessage

_PAYLOADS = frozenset({ChannelKind.PAYLOADS, ChannelKind.INBOX})
_ALL = _PAYLOADS | {ChannelKind.NOTIF}


class Said:
    """All payloads and notifications that a broker has taken.

    Args:
        broker: the broker.
    """

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._dialects = Dialects.installed(installed_plugins())

    def in_pipeline(self, name: str) -> list[str]:
        """The digests of what the instances of a pipeline said, whoever can read it."""
        every = self._sealed(_ALL)
        return [each.digest for each in every if each.path.pipeline == name]

    def own_fields(self, payload: Payload) -> Mapping[str, Any]:
        """Of what a payload says, what its instance itself says."""
        sealed = next(each for each in self._sealed(_PAYLOADS) if each.digest == payload.digest)
        return sealed.own_fields(PayloadMessage(payload.path, payload.data))

    def _sealed(self, kinds: frozenset[ChannelKind]) -> Iterator[SealedMessage]:
        for published in self._broker.published:
            if published.channel.kind in kinds:
                yield self._dialects.parse(published.data)[1]
