"""Finds out whether what is published on a channel arrives here.

Brokers may grant a subscription and then deliver nothing (Mosquitto's access rules do so). So we
publish something there ourselves: a message for a key that nobody has, which everybody else who
listens there passes over in silence. Its very bytes are what shows that they came back.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from pye2core.identity import Identity
from pye2core.messages import InstancePath, PayloadMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.abc import Channel
    from pye2core.messages import Message

    Seal = Callable[[Message, str], bytes]
    """Encodes a message, encrypted for an address."""

    OnSettled = Callable[[bool], None]
    """Told whether a channel is proven."""

PROOF_SECONDS = 1.0
"""What has not come back by then is not waited for; a proof takes one round trip."""

_log = logging.getLogger("pye2core.connection")


class Proofs:
    """What is known of the channels that have to be proven; from any thread.

    Args:
        seal: encodes the message that is published.
    """

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._changed = threading.Condition()
        self._wanted: dict[Channel, OnSettled | None] = {}
        self._awaited: dict[Channel, bytes] = {}
        self._unsettled: set[Channel] = set()
        self._proven: set[Channel] = set()

    def want(self, channel: Channel, on_settled: OnSettled | None = None) -> None:
        """Find out about ``channel``, on each connection from the next one on.

        Args:
            channel: where to publish something and wait for it.
            on_settled: told once on each connection, unless it is lost before; see
                :meth:`Connection.prove`.
        """
        self._wanted[channel] = on_settled

    def begin_anew(self) -> None:
        """A new connection is being made, of which nothing is known yet."""
        with self._changed:
            self._awaited = {}
            self._unsettled = set()
            self._proven = set()

    def made(self) -> list[tuple[Channel, bytes]]:
        """What is to be published, and where."""
        made = [(channel, self._made()) for channel in self._wanted]
        with self._changed:
            self._awaited = dict(made)
            self._unsettled = set(self._awaited)
        return made

    def _made(self) -> bytes:
        nobody = Identity.generate().address
        return self._seal(PayloadMessage(InstancePath(), {}), nobody)

    def take(self, channel: Channel, data: bytes) -> bool:
        """Whether this is what was published; the channel is proven then."""
        if not self._awaited or self._awaited.get(channel) != data:
            return False
        with self._changed:
            self._proven.add(channel)
            self._awaited.pop(channel, None)
            self._changed.notify_all()
        self._settle(channel, proven=True)
        return True

    def give_up(self) -> list[Channel]:
        """Wait no longer, though a late proof still counts; the channels that are not proven."""
        with self._changed:
            unproven = [each for each in self._wanted if each in self._unsettled]
        return [each for each in unproven if self._settle(each, proven=False)]

    def _settle(self, channel: Channel, *, proven: bool) -> bool:
        """Tell whoever wants to know, if that is news."""
        with self._changed:
            if channel not in self._unsettled:
                return False
            self._unsettled.discard(channel)
        on_settled = self._wanted[channel]
        if on_settled is not None:
            try:
                on_settled(proven)
            except Exception:  # noqa: BLE001 - others' code; it must not end the receiving thread
                _log.exception("not all was said when %s was known to be heard or not", channel)
        return True

    def has(self, channel: Channel, timeout: float = 0.0) -> bool:
        """Whether ``channel`` is proven, or is within ``timeout`` seconds."""
        if channel in self._proven:
            return True
        if not timeout:
            return False
        with self._changed:
            return self._changed.wait_for(lambda: channel in self._proven, timeout)
