"""Notifications: what a node says about its own doings.

You are in the PyE2 serializer (PyE2 wire protocol, section 10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2_wire.envelope import path_from, requester_fields, requester_from
from pye2_wire.reading import optional_text_at, optional_whole_number_at
from pye2_wire.reports import speaker_fields
from pye2core.errors import MessageRejected
from pye2core.messages import NOBODY, Notification, NotificationCode, NotificationKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.messages import Origin

LONGEST_TEXT = 255
"""Characters of a notification's text that are sent."""

_CODES = frozenset(NotificationCode)


def notification_body(notification: Notification, time: str) -> dict[str, Any]:
    """What a notification says.

    Args:
        notification: what to say.
        time: when it happened, as the wire writes it.
    """
    code = notification.code
    path = notification.path
    about = {
        key: value
        for key, value in (("SIGNATURE", path.signature), ("INSTANCE_ID", path.instance_id))
        if value is not None
    }
    return {
        **notification.fields,
        **speaker_fields(notification.speaker),
        **_further_fields(notification),
        **requester_fields(notification.requester, NOBODY),
        **about,
        "MODULE": notification.module,
        "NOTIFICATION_TYPE": notification.kind.value,
        "NOTIFICATION": notification.text[:LONGEST_TEXT],
        "NOTIFICATION_CODE": None if code is None else int(code),
        "NOTIFICATION_TAG": NotificationCode(code).name if code in _CODES else None,
        "ERROR_CODE": int(code) if notification.failed and code is not None else None,
        "INFO": notification.info or "",
        "STREAM_NAME": path.pipeline,
        "TIMESTAMP": time,
    }


def _further_fields(notification: Notification) -> dict[str, Any]:
    """What is only there where it is told."""
    shown, several = notification.is_displayed, notification.instances
    paths = [[path.pipeline, path.signature, path.instance_id] for path in several]
    return {
        **({} if shown is None else {"DISPLAYED": shown}),
        **({"BATCH_UPDATE_PIPELINE_INSTANCE": paths} if several else {}),
    }


def notification_from(message: dict[str, Any], origin: Origin) -> Notification:
    """Read a notification.

    Raises:
        MessageRejected: reason "shape"; or "unsupported", if its kind is unknown.
    """
    return Notification(
        kind=_kind_from(message),
        text=optional_text_at(message, "NOTIFICATION") or "",
        code=_code_from(message),
        path=path_from(message),
        info=optional_text_at(message, "INFO") or None,
        module=optional_text_at(message, "MODULE") or "",
        requester=requester_from(message),
        fields=message,
        origin=origin,
    )


def _kind_from(message: Mapping[str, Any]) -> NotificationKind:
    stated = optional_text_at(message, "NOTIFICATION_TYPE") or NotificationKind.NORMAL.value
    try:
        return NotificationKind(stated)
    except ValueError:
        raise MessageRejected(
            f"the NOTIFICATION_TYPE {stated[:64]!r} is unknown; known are"
            f" {', '.join(kind.value for kind in NotificationKind)}",
            reason="unsupported",
        ) from None


def _code_from(message: Mapping[str, Any]) -> NotificationCode | int | None:
    code = optional_whole_number_at(message, "NOTIFICATION_CODE")
    return NotificationCode(code) if code in _CODES else code
