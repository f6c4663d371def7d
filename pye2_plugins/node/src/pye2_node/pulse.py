"""Sends the node's heartbeats when they are due, on the node's loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from attrs import evolve

from pye2core.abc import Channel
from pye2core.errors import MessageTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2_node.heartbeat import HeartbeatSchedule
    from pye2core.connection import Connection
    from pye2core.messages import Heartbeat

_log = logging.getLogger("pye2_node")

_CONFLATE = "heartbeat"


class Pulse:
    """A node's heartbeats.

    Args:
        schedule: when they are due.
        heartbeat: makes one.
        connection: where they are sent.
    """

    def __init__(
        self,
        schedule: HeartbeatSchedule,
        heartbeat: Callable[[], Heartbeat],
        connection: Connection,
    ) -> None:
        self._schedule = schedule
        self._heartbeat = heartbeat
        self._connection = connection
        self._hurried = asyncio.Event()

    def asked(self) -> None:
        """Somebody waits for a heartbeat."""
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
        sending = self._send(self._heartbeat())
        await asyncio.wrap_future(sending)

    async def beat(self) -> None:
        """Send one heartbeat after the other, until cancelled."""
        while True:
            await self._wait_until_due()
            try:
                self._send(self._heartbeat())
            except Exception:  # noqa: BLE001 - one that cannot be made is no reason to fall silent
                _log.exception("a heartbeat was not sent")

    async def _wait_until_due(self) -> None:
        while (left := self._schedule.seconds_left) > 0:
            self._hurried.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._hurried.wait()

    def _send(self, heartbeat: Heartbeat) -> Future[None]:
        self._schedule.sent()
        try:
            return self._post(heartbeat)
        except MessageTooLarge as error:
            _log.warning("the pipelines are left out of the heartbeat: %s", error)
            return self._post(evolve(heartbeat, pipelines=None))

    def _post(self, heartbeat: Heartbeat) -> Future[None]:
        return self._connection.send(heartbeat, Channel.ctrl(), conflate=_CONFLATE)
