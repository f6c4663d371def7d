"""What is lost when the broker has forgotten a client that it was to remember.

You are behind ``connection``, which hears of it from its transport while it connects, and has it
told when messages flow again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pye2core.abc import KEPT_KINDS, ChannelKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pye2core.abc import Channel, Transport

_log = logging.getLogger("pye2core.connection")

_SAID_ON = {
    ChannelKind.CONFIG: "commands",
    ChannelKind.NOTIF: "notifications",
    ChannelKind.PAYLOADS: "results",
    ChannelKind.INBOX: "results",
}
"""What the broker keeps for who is away, by the kind of channel."""


class Forgetting:
    """Whether the broker has kept nothing while the connection was lost, though it was to.

    Args:
        transport: says what its broker keeps.
        listened: the channels that are listened to.
        broker: the broker's URL without its password.
        tell: told in words; None for a warning in the log.
    """

    def __init__(
        self,
        transport: Transport,
        listened: Collection[Channel],
        *,
        broker: str,
        tell: Callable[[str], None] | None,
    ) -> None:
        self._transport = transport
        self._listened = listened
        self._broker = broker
        self._tell = tell
        self._reason: str | None = None

    def note(self, reason: str) -> None:
        """The transport says that the broker has forgotten us, and why, if it knows."""
        self._reason = reason

    def tell(self) -> None:
        """Say once what may be lost, if the broker has forgotten anything."""
        if self._reason is None:
            return
        reason, self._reason = self._reason, None
        text = (
            f"the broker {self._broker} has forgotten this client: {self._what_it_kept()} that"
            " waited there for it, or were sent while the connection was lost, are lost, if there"
            f" were any. {reason}".rstrip()
        )
        if self._tell is not None:
            self._tell(text)
        else:
            _log.warning("%s", text)

    def _what_it_kept(self) -> str:
        kept = self._transport.features.durable & KEPT_KINDS
        kinds = {each.kind for each in self._listened} & kept
        return " and ".join(sorted({_SAID_ON[kind] for kind in kinds}))
