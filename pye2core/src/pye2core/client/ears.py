"""The channels that a session listens to, and what it misses where the broker forbids one.

You are in the client room, between ``session`` and its connection: which channels there are to be
is decided here, what is done with the messages in ``reception``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pye2core.abc import Channel
from pye2core.errors import NotConnected, TransportError
from pye2core.identity import same_address
from pye2core.messages import Notification

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.client.reception import Reception
    from pye2core.connection import Connection
    from pye2core.messages import Message

_log = logging.getLogger("pye2core.client")


class Ears:
    """What a session listens to.

    Args:
        connection: to the broker.
        reception: takes in what arrives.
        address: the session's own.
        call_roll: asks all nodes to show themselves.
    """

    def __init__(
        self,
        connection: Connection,
        reception: Reception,
        *,
        address: str,
        call_roll: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._reception = reception
        self._address = address
        self._own_inbox = Channel.inbox(address)
        self._call_roll = call_roll
        self._heard_inboxes = {address}

    def open(self) -> None:
        """Listen to all that every session hears; to be called before the connection starts."""
        connection, reception = self._connection, self._reception
        connection.listen(Channel.ctrl(), reception.on_heartbeat)
        connection.listen(
            Channel.notif(), self._on_notification, wanted=reception.has_use_for_notification
        )
        connection.listen(
            Channel.payloads(), reception.on_payload, wanted=reception.has_use_for_payload
        )
        self._hear_inbox(self._own_inbox, "everybody on this broker is sent this session's results")
        connection.prove(self._own_inbox, self._on_inbox_settled)
        if reception.wants_everything:
            lost = "results that nodes send to others alone are not heard"
            self._hear_inbox(Channel.every_inbox(), lost)

    def _on_notification(self, message: Message, ack: Callable[[], None]) -> None:
        """Hand on what nodes tell everybody, but for what comes to the session's inbox in full."""
        if isinstance(message, Notification) and self._comes_in_full(message):
            ack()
        else:
            self._reception.on_notification(message, ack)

    def _comes_in_full(self, notification: Notification) -> bool:
        receiver = notification.details_sent_to or ""
        return same_address(receiver, self._address) and self._connection.hears(self._own_inbox)

    def _on_inbox_settled(self, _: bool) -> None:  # noqa: FBT001 - called by the connection
        """Whenever it has connected, and knows its inbox: nodes may have come, gone and changed.

        Not where the broker's access rules know PyE2's channels only: there are some who hang up on
        who publishes elsewhere.
        """
        if self._connection.is_forbidden(self._own_inbox):
            return
        try:
            self._call_roll()
        except NotConnected as error:  # the session is closed, or about to be offline again
            _log.info("nodes were not asked to show themselves: %s", error)

    def hear_results_for(self, address: str) -> None:
        """Hear what nodes send to another client alone, as far as the broker lets us.

        Args:
            address: that client's; waits for the broker where it was not heard before.
        """
        if address in self._heard_inboxes:
            return
        lost = f"results that nodes send to {address} alone are not heard"
        try:
            self._hear_inbox(Channel.inbox(address), lost)
        except NotConnected as error:
            _log.info("results for %s are heard when the broker is back: %s", address, error)
        except TransportError as error:
            _log.warning("%s: %s", lost, error)
        else:
            self._heard_inboxes.add(address)

    def _hear_inbox(self, inbox: Channel, without_it: str) -> None:
        reception = self._reception
        self._connection.listen(
            inbox,
            reception.on_inbox,
            wanted=reception.has_use_for_inbox_message,
            without_it=without_it,
        )
