"""Sends notifications: to everybody, and what instances say in full only to who asked for them.

From any thread. What custom code said (its error, the line that it came from) is as confidential as
its results: between peers of ours it is encrypted into the asker's inbox, and everybody else is
told that it was said.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from attrs import evolve

from pye2_node.limit_notices import LIMIT
from pye2core.abc import Channel
from pye2core.errors import Pye2Error
from pye2core.messages import DETAILS_SENT_TO, NotificationKind
from pye2core.rate_limit import RateLimit

if TYPE_CHECKING:
    from pye2_node.audience import Audience
    from pye2_node.confidence import Parties
    from pye2core.clock import Clock
    from pye2core.connection import Connection
    from pye2core.messages import Notification

_log = logging.getLogger("pye2_node")

_TOLD_EVERY: Final = 600.0
_TOLD_A_SECOND: Final = 5
"""How often it is logged that somebody cannot be told what its code said."""


class Announcements:
    """The way of notifications from this node.

    Args:
        audience: knows who listens.
        connection: where they are sent.
        clock: says how long ago something was logged.
    """

    def __init__(self, audience: Audience, connection: Connection, clock: Clock) -> None:
        self._audience = audience
        self._connection = connection
        self._telling = RateLimit(clock, every=_TOLD_EVERY, a_second=_TOLD_A_SECOND)

    def send(self, notification: Notification, parties: Parties | None = None) -> None:
        """Hand a notification to the broker.

        Args:
            notification: what to say.
            parties: who asked for the instance that speaks, and who changed it last; None for the
                one whom the notification answers.

        Raises:
            MessageTooLarge, NotConnected, TypeError: as ``Connection.send``.
        """
        asker = self._confidant(notification, parties)
        if asker is not None:
            notification = self._told_apart(notification, asker)
        self._connection.send(notification, Channel.notif())

    def _confidant(self, notification: Notification, parties: Parties | None) -> str | None:
        """Whom alone a notification is told in full; None for everybody."""
        if not _is_confidential(notification):
            return None
        asker, changer = parties or (notification.requester, notification.requester)
        return self._audience.confidant(asker, changer)

    def _told_apart(self, notification: Notification, asker: str) -> Notification:
        """Tell the asker in full; what is left for everybody.

        Not in the other order: who reads that it was told may look whether that has come.
        """
        try:
            self._connection.send(notification, Channel.inbox(asker), encrypt_for=asker)
        except (Pye2Error, TypeError) as error:
            if self._telling.permits(asker):
                _log.warning("%s is not told in full what was said: %s", asker, error)
            return _without_details(notification, "could not be sent")
        without = _without_details(notification, "were sent")
        return evolve(without, fields={DETAILS_SENT_TO: asker})


def _is_confidential(notification: Notification) -> bool:
    """Whether it may hold what an instance, or its code, has said in words of its own.

    What has a code and denies nothing says what the node does with the instance, and which limit
    it has hit the node says as well.
    """
    if notification.path.instance_id is None or LIMIT in notification.fields:
        return False
    return notification.kind is NotificationKind.EXCEPTION or notification.code is None


def _without_details(notification: Notification, what_became_of_them: str) -> Notification:
    has_failed = notification.kind is NotificationKind.EXCEPTION
    what = "It failed; the details" if has_failed else "The details"
    text = f"{what} {what_became_of_them} to who asked for it, encrypted"
    return evolve(notification, text=text, info=None, fields={})
