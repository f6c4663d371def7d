"""Sends the node's heartbeats when they are due, on the node's loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Protocol

from attrs import evolve

from pye2core.abc import Channel
from pye2core.errors import MessageTooLarge, Pye2Error

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pye2_node.heartbeat import HeartbeatSchedule
    from pye2core.connection import Connection
    from pye2core.messages import Heartbeat

_log = logging.getLogger("pye2_node")

_CONFLATE = "heartbeat"


class PulseOwner(Protocol):
    """The node, as its pulse sees it."""

    def full_heartbeat(self) -> Heartbeat:
        """Everything that others may know of the node."""

    def brief_heartbeat(self) -> Heartbeat:
        """That the node is there and has not changed."""

    def must_say_everything(self) -> bool:
        """Whether somebody is about who does not understand brief heartbeats."""


class Pulse:
    """A node's heartbeats.

    Args:
        schedule: when they are due.
        owner: makes them.
        connection: where they are sent.
    """

    def __init__(
        self, schedule: HeartbeatSchedule, owner: PulseOwner, connection: Connection
    ) -> None:
        self._schedule = schedule
        self._owner = owner
        self._connection = connection
        self._hurried = asyncio.Event()

    def asked(self) -> None:
        """Somebody waits for a full heartbeat."""
        self._schedule.asked()
        self._hurried.set()

    def changed(self) -> None:
        """Something changed that others should know soon."""
        self._schedule.changed()
        self._hurried.set()

    async def first(self) -> None:
        """Send the first heartbeat; done when the broker has it.

        Raises:
            Pye2Error: it cannot be sent.
        """
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
        if self._schedule.is_full_due or self._owner.must_say_everything():
            self._send_full()
        else:
            self._schedule.sent()
            brief = self._owner.brief_heartbeat()
            self._connection.send(brief, Channel.ctrl(), conflate=_CONFLATE)

    def _send_full(self) -> Future[None]:
        self._schedule.sent_full()
        return self._post(Channel.ctrl())

    def show(self, address: str) -> None:
        """Send a full heartbeat to one client alone."""
        try:
            self._post(Channel.inbox(address))
        except Pye2Error as error:
            _log.warning("%s is not told how the node is: %s", address, error)

    def _post(self, channel: Channel) -> Future[None]:
        heartbeat = self._owner.full_heartbeat()
        try:
            return self._connection.send(heartbeat, channel, conflate=_CONFLATE)
        except MessageTooLarge as error:
            _log.warning("the pipelines are left out of the heartbeat: %s", error)
            without = evolve(heartbeat, pipelines=None)
            return self._connection.send(without, channel, conflate=_CONFLATE)
