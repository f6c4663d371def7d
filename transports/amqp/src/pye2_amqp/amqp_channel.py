"""A channel of AMQP, awaited instead of called back.

Belongs to the loop that it was opened in. Requests are answered in the order in which they are
made; the broker answers what it refuses by closing the channel.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from pika.exceptions import AMQPError, ChannelClosedByBroker

if TYPE_CHECKING:
    from collections.abc import Callable

    from pika.channel import Channel as PikaChannel
    from pika.connection import Connection as PikaConnection


class Refused(Exception):
    """The broker closed the channel instead of doing what was asked.

    Attributes:
        code: why, by AMQP's numbers.
        said: why, in words.
    """

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"{said} ({code})")
        self.code = code
        self.said = said


class Gone(Exception):
    """The channel ended with its connection."""


class AmqpChannel:
    """One channel of a connection.

    Attributes:
        raw: pika's channel.
        on_close: called when the broker closes it while nothing is asked of it, with what it says.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.raw: PikaChannel
        self.on_close: Callable[[str], None] | None = None
        self._loop = loop
        self._asked: set[asyncio.Future[Any]] = set()

    @classmethod
    async def open(cls, connection: PikaConnection) -> Self:
        """Open one.

        Raises:
            Gone: the connection is not open, or was lost.
        """
        made = cls(asyncio.get_running_loop())
        opened = made._expect()
        try:
            made.raw = connection.channel(on_open_callback=lambda _: _settle(opened, None))
        except AMQPError as error:
            opened.cancel()
            raise Gone(str(error) or repr(error)) from error
        made.raw.add_on_close_callback(made._closed)
        await opened
        return made

    async def ask(self, method: Callable[..., object], /, *arguments: Any, **named: Any) -> Any:
        """Call one of ``raw``'s methods that have a callback; the broker's answer.

        Raises:
            Refused: the broker says no; the channel is closed then.
            Gone: the connection was lost.
        """
        answered = self._expect()
        try:
            method(*arguments, callback=lambda frame: _settle(answered, frame), **named)
        except AMQPError as error:
            answered.cancel()
            raise Gone(str(error) or repr(error)) from error
        return await answered

    @property
    def is_open(self) -> bool:
        """Whether it can be asked for anything."""
        return bool(self.raw.is_open)

    def _expect(self) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._asked.add(answer)
        answer.add_done_callback(self._asked.discard)
        return answer

    def _closed(self, _channel: object, reason: BaseException) -> None:
        asked = list(self._asked)
        error: Exception
        if isinstance(reason, ChannelClosedByBroker):
            error = Refused(reason.reply_code, reason.reply_text)
        else:
            error = Gone(str(reason) or repr(reason))
        for answer in asked:
            if not answer.done():
                answer.set_exception(error)
        if not asked and isinstance(error, Refused) and self.on_close is not None:
            self.on_close(str(error))


def _settle(answer: asyncio.Future[Any], value: object) -> None:
    if not answer.done():
        answer.set_result(value)
