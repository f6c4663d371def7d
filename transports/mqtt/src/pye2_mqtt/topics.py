"""What channels are called on an MQTT broker (PyE2 wire protocol, section 1.1).

============  ===========================
config        ``<root>/<node>/config``
every config  ``<root>/+/config``
ctrl          ``<root>/ctrl``
notif         ``<root>/notif``
payloads      ``<root>/payloads``
inbox         ``<root>/<address>/payloads``
every inbox   ``<root>/+/payloads``
roll call     ``<root>/rollcall``, which is ours and not PyE2's
============  ===========================

Pure text; nothing here knows of connections.
"""

from __future__ import annotations

from attrs import frozen

from pye2core.abc import Channel, ChannelKind

_SHARED = {
    "ctrl": ChannelKind.CTRL,
    "notif": ChannelKind.NOTIF,
    "payloads": ChannelKind.PAYLOADS,
    "rollcall": ChannelKind.ROLL_CALL,
}
_OWNED = {"config": ChannelKind.CONFIG, "payloads": ChannelKind.INBOX}
_LAST_LEVEL = {kind: level for levels in (_SHARED, _OWNED) for level, kind in levels.items()}
_LONGEST = 65535


@frozen
class Topics:
    """The topics below one root.

    Attributes:
        root: the first level of all of them: "naeural".

    Example:
        >>> Topics("naeural").topic_of(Channel.config("0xai_A"))
        'naeural/0xai_A/config'
    """

    root: str

    def filter_of(self, channel: Channel) -> str:
        """What to subscribe to for what is published on ``channel``, which may be a wildcard.

        Raises:
            ValueError: its owner cannot be part of a topic; says why.
        """
        if channel.is_wildcard:
            return f"{self.root}/+/{_LAST_LEVEL[channel.kind]}"
        return self.topic_of(channel)

    def topic_of(self, channel: Channel) -> str:
        """Where ``channel`` is published.

        Raises:
            ValueError: it is a wildcard, or its owner cannot be part of a topic; says why.
        """
        last = _LAST_LEVEL[channel.kind]
        if last in _SHARED and _SHARED[last] is channel.kind:
            return f"{self.root}/{last}"
        if channel.owner is None:
            raise ValueError("it stands for all owners at once, to whom nothing is published")
        _require_topic_level(channel.owner)
        topic = f"{self.root}/{channel.owner}/{last}"
        if len(topic.encode()) > _LONGEST:
            raise ValueError(f"the name {topic[:40]!r}… is longer than a topic may be")
        return topic

    def channel_of(self, topic: str) -> Channel | None:
        """The channel that is published at ``topic``; None where it is none of ours."""
        below = topic.removeprefix(f"{self.root}/")
        if below == topic:
            return None
        owner, slash, last = below.rpartition("/")
        if not slash:
            kind = _SHARED.get(last)
            return Channel(kind) if kind else None
        owned = _OWNED.get(last)
        return Channel(owned, owner) if owned and owner else None


def _require_topic_level(owner: str) -> None:
    """Refuse what would reach other owners' topics, or what no broker carries."""
    if not owner:
        raise ValueError("the channel has no owner")
    forbidden = sorted(set(owner) & set("+#\0"))
    if forbidden:
        raise ValueError(f"the name {owner!r} has the character {forbidden[0]!r}, a wildcard there")
    try:
        owner.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the name {owner!r} is not valid Unicode") from None
