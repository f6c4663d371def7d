"""What a job has to send: commands in their order, and of its payloads the newest."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2_chain_job.actions import Close, Deploy, Emit


class Outbox:
    """What waits to be sent. On one loop; ``None`` comes out when it was closed and is empty."""

    def __init__(self) -> None:
        self._commands: deque[Deploy | Close] = deque()
        self._has_command = asyncio.Event()
        self._payload: Emit | None = None
        self._has_payload = asyncio.Event()
        self._is_closed = False

    def put_command(self, command: Deploy | Close) -> None:
        """A command is to be sent after all earlier ones."""
        self._commands.append(command)
        self._has_command.set()

    def put_payload(self, payload: Emit) -> None:
        """A payload is to be sent in the place of one that still waits."""
        self._payload = payload
        self._has_payload.set()

    def close(self) -> None:
        """Nothing more will be put in."""
        self._is_closed = True
        self._has_command.set()
        self._has_payload.set()

    async def next_command(self) -> Deploy | Close | None:
        """The next command; None when there will be no more.

        It is kept until :meth:`command_sent` is called.
        """
        while not self._commands and not self._is_closed:
            self._has_command.clear()
            await self._has_command.wait()
        return self._commands[0] if self._commands else None

    def command_sent(self) -> None:
        """The command that was given out last has left."""
        self._commands.popleft()

    def unsent_commands(self) -> tuple[Deploy | Close, ...]:
        """The commands that have not left, in their order."""
        return tuple(self._commands)

    async def next_payload(self) -> Emit | None:
        """The newest payload; None when there will be no more."""
        await self._has_payload.wait()
        payload, self._payload = self._payload, None
        if not self._is_closed:
            self._has_payload.clear()
        return payload
