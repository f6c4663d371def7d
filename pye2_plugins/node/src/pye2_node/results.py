"""Sends what instances produce: where to, and for whose eyes. From any thread."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from pye2_node.audience import has_inbox
from pye2core.abc import Channel
from pye2core.errors import DialectUnusable, NodeError
from pye2core.rate_limit import RateLimit

if TYPE_CHECKING:
    from pye2_node.audience import Audience
    from pye2core.clock import Clock
    from pye2core.connection import Connection
    from pye2core.messages import PayloadMessage

_log = logging.getLogger("pye2_node")

_TOLD_EVERY: Final = 600.0
_TOLD_A_SECOND: Final = 5
"""How often it is logged that somebody's results are not sent."""


class Results:
    """The way of payloads from this node.

    Args:
        audience: knows who listens.
        connection: where they are sent.
        clock: says how long ago something was logged.
    """

    def __init__(self, audience: Audience, connection: Connection, clock: Clock) -> None:
        self._audience = audience
        self._connection = connection
        self._telling = RateLimit(clock, every=_TOLD_EVERY, a_second=_TOLD_A_SECOND)

    def confidant(self, payload: PayloadMessage) -> str | None:
        """Whom a payload is encrypted for where its instance does not say; None for everybody."""
        return self._audience.confidant(payload.requester, payload.modified_by)

    def send(self, payload: PayloadMessage, receiver: str | None) -> Future[None]:
        """Hand a payload to the broker.

        Whoever asked for it may be away for so long that nothing can be encrypted for it: it is
        dropped then, for it is not to be sent in a way that others can read.

        Args:
            payload: what to send.
            receiver: whom to encrypt it for; None for everybody.

        Raises:
            NodeError: the receiver speaks a stronger dialect and listens to no inbox.
            MessageTooLarge, NotConnected, InvalidAddress, TypeError: as ``Connection.send``.
        """
        channel = self._channel_for(payload, receiver)
        try:
            return self._connection.send(payload, channel, encrypt_for=receiver)
        except DialectUnusable as error:
            if self._telling.permits(error.address):
                _log.warning("results are dropped: %s", error)
            dropped: Future[None] = Future()
            dropped.set_exception(error)
            return dropped

    def _channel_for(self, payload: PayloadMessage, receiver: str | None) -> Channel:
        """Where a payload goes: what is in a stronger dialect never to where all listen.

        PyE2's clients are there, and cannot read on after what is no JSON.
        """
        if receiver is None or not self._audience.speaks_stronger(receiver):
            return self._audience.channel_of(payload)
        if not has_inbox(payload.requester):
            raise NodeError(
                f"a result of {payload.path} was not sent: it is to be encrypted for {receiver},"
                " which listens to no inbox, and the dialect that it speaks is not spoken where all"
                " listen. Have the broker allow it its inbox, or do not have results encrypted"
            )
        return Channel.inbox(receiver)
