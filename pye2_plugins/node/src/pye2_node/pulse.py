"""Sends the node's heartbeats when they are due, on the node's loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from attrs import evolve

from pye2_node.askers import Askers
from pye2_node.heartbeat import Due
from pye2core.abc import Channel
from pye2core.errors import MessageTooLarge, NotConnected

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2_node.heartbeat import HeartbeatSchedule
    from pye2_node.presence import Presence
    from pye2core.connection import Connection

_log = logging.getLogger("pye2_node")

_CONFLATE = "heartbeat"


class Pulse:
    """A node's heartbeats.

    Args:
        schedule: when they are due.
        presence: makes them.
        connection: where they are sent.
        must_say_everything: whether somebody is about who does not understand brief ones.
        loop: the node's loop.
    """

    def __init__(
        self,
        schedule: HeartbeatSchedule,
        presence: Presence,
        connection: Connection,
        *,
        must_say_everything: Callable[[], bool],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._schedule = schedule
        self._presence = presence
        self._connection = connection
        self._must_say_everything = must_say_everything
        self._loop = loop
        self._askers = Askers()
        self._hurried = asyncio.Event()

    def asked_by(self, address: str | None) -> None:
        """Somebody waits for a full heartbeat; from any thread.

        Args:
            address: whose inbox it is for; None if everybody is to hear it.
        """
        if self._askers.add(address):
            self._loop.call_soon_threadsafe(self._hurry, self._schedule.asked)

    def changed(self) -> None:
        """Something changed that others should know soon."""
        self._hurry(self._schedule.changed)

    def _hurry(self, note: Callable[[], None]) -> None:
        note()
        self._hurried.set()

    async def first(self) -> None:
        """Send the first heartbeat; done when the broker has it, or is gone again.

        Raises:
            Pye2Error: it cannot be sent.
        """
        # Where the connection is lost meanwhile, the next one begins with another.
        with contextlib.suppress(NotConnected):
            await asyncio.wrap_future(self._send_full())

    async def beat(self) -> None:
        """Send one heartbeat after the other, until cancelled."""
        while True:
            await self._wait_until_due()
            try:
                self.send_due()
            except Exception:  # noqa: BLE001 - one that cannot be made is no reason to fall silent
                _log.exception("a heartbeat was not sent")

    async def _wait_until_due(self) -> None:
        while (left := self._schedule.seconds_left) > 0:
            self._hurried.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._hurried.wait()

    def send_due(self) -> None:
        """Send the heartbeat whose time has come, a brief one if that will do."""
        due = self._schedule.due
        asker = self._askers.take() if due is not Due.BRIEF else None
        if due is Due.ANSWER and asker is not None:
            self._schedule.answered()
            self._post(Channel.inbox(asker))
        elif due is Due.BRIEF and not self._must_say_everything():
            self._schedule.sent_brief()
            self._connection.send(self._presence.brief(), Channel.ctrl(), conflate=_CONFLATE)
        else:
            self._send_full()

    def _send_full(self) -> Future[None]:
        self._askers.take()
        self._schedule.sent_full()
        return self._post(Channel.ctrl())

    def _post(self, channel: Channel) -> Future[None]:
        heartbeat = self._presence.full()
        try:
            return self._connection.send(heartbeat, channel, conflate=_CONFLATE)
        except MessageTooLarge as error:
            _log.warning("the pipelines are left out of the heartbeat: %s", error)
            without = evolve(heartbeat, pipelines=None)
            return self._connection.send(without, channel, conflate=_CONFLATE)
