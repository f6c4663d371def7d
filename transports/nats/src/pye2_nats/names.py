"""What channels, streams and consumers are called on a NATS server.

A subject is tokens with dots between them: ``naeural.config.0xai_…``. A token must not have dots,
spaces or wildcards, so owners, roots and client ids are percent-encoded, dots as well.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote, unquote

from pye2core.abc import Channel, ChannelKind

_LONGEST_OWNER = 1024
"""Of 4,096 bytes that a server takes as a line by default (``max_control_line``)."""

_LONGEST_CLIENT = 100
"""A consumer is a folder on the server, and the names of those have at most 255 bytes."""

_SHARED = frozenset(ChannelKind) - {ChannelKind.CONFIG, ChannelKind.INBOX}


class Names:
    """All names of one network.

    Args:
        root: what they all begin with.

    Attributes:
        stream: the stream that keeps commands.
        commands: the subjects that it keeps.
    """

    def __init__(self, root: str) -> None:
        self._root = _token(root)
        self.stream = f"{self._root}-config"
        self.commands = f"{self._root}.{ChannelKind.CONFIG.value}.*"

    def subject(self, channel: Channel) -> str:
        """What a channel is called.

        Raises:
            ValueError: its owner cannot be part of a subject.
        """
        kind = f"{self._root}.{channel.kind.value}"
        if channel.kind in _SHARED:
            return kind
        if channel.is_wildcard:
            return f"{kind}.*"
        return f"{kind}.{_owner_token(channel.owner or '')}"

    def channel(self, subject: str) -> Channel | None:
        """Which channel is called so; None if none of this network's is."""
        prefix, _, rest = subject.partition(".")
        kind, _, owner = rest.partition(".")
        if prefix != self._root:
            return None
        try:
            return Channel(ChannelKind(kind), unquote(owner, errors="strict") or None)
        except ValueError:
            return None

    def consumer(self, client_id: str) -> str:
        """What keeps a client's place in the stream."""
        return _short(_token(client_id))

    def claim(self, client_id: str) -> str:
        """Where connections with one client id hear of each other."""
        return f"{self._root}.client.{_short(_token(client_id))}"


def _owner_token(owner: str) -> str:
    token = _token(owner)
    if not 0 < len(token) <= _LONGEST_OWNER:
        raise ValueError(
            f"an owner's name has from 1 to {_LONGEST_OWNER:,} characters as it is encoded, this"
            f" one has {len(token):,}"
        )
    return token


def _token(text: str) -> str:
    return quote(text, safe="").replace(".", "%2E")


def _short(token: str) -> str:
    if len(token) <= _LONGEST_CLIENT:
        return token
    digest = hashlib.sha256(token.encode()).hexdigest()
    return f"{token[: _LONGEST_CLIENT - len(digest) - 1]}~{digest}"
