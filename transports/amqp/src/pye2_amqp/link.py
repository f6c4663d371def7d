"""One connection to a broker, on the loop that it is opened in.

A link is used for one life: open, use, then :meth:`Link.close` or :meth:`Link.abort`.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.adapters.utils.connection_workflow import AMQPConnectionWorkflowAborted
from pika.exceptions import ConnectionClosedByClient

from pye2_amqp import failures
from pye2_amqp.amqp_channel import AmqpChannel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from pye2_amqp.endpoint import Endpoint

_log = logging.getLogger(__name__)

_CONNECTION_FORCED = 320

_AT_ONCE = 64 * 1024
"""Bytes up to which it costs less to copy messages than to call the system for each piece."""

_pika_log = logging.getLogger("pika")
if _pika_log.level == logging.NOTSET:
    # It calls an error whatever ends a connection, several times. We tell it ourselves, once.
    _pika_log.setLevel(logging.CRITICAL)


class _Connection(AsyncioConnection):
    _gathered: list[bytes] | None = None

    def end(self, why: str) -> None:
        """End without a goodbye."""
        if self.is_closed:
            return
        if self._opened:
            self._terminate_stream(ConnectionClosedByClient(_CONNECTION_FORCED, why))
        elif not self.is_closing:
            self.close(_CONNECTION_FORCED, why)

    def _on_connection_workflow_done(self, conn_or_exc: Any) -> None:
        # Of a connection that is ended while it opens, pika gives the class where an instance is
        # expected, by whom that is then called a fault.
        if conn_or_exc is AMQPConnectionWorkflowAborted:
            conn_or_exc = AMQPConnectionWorkflowAborted()
        super()._on_connection_workflow_done(conn_or_exc)

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """What is sent meanwhile goes out together at the end."""
        gathered: list[bytes] = []
        self._gathered = gathered
        try:
            yield
        finally:
            self._gathered = None
            self._output_marshaled_frames(gathered)

    def _output_marshaled_frames(self, marshaled_frames: Sequence[bytes]) -> None:
        # pika gives each frame to the system by itself: three calls for a small message.
        if self._gathered is not None:
            self._gathered += marshaled_frames
        else:
            super()._output_marshaled_frames(list(_joined(marshaled_frames)))


def _joined(frames: Sequence[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces; no large one is copied."""
    pieces: list[bytes] = []
    size = 0
    for frame in frames:
        if pieces and size + len(frame) > _AT_ONCE:
            yield b"".join(pieces)
            pieces, size = [], 0
        pieces.append(frame)
        size += len(frame)
    if pieces:
        yield b"".join(pieces)


class Link:
    """Bytes to and from one broker, until it ends.

    Args:
        endpoint: where to go.
        on_end: called once with the reason when the connection is lost after it was open.
    """

    def __init__(self, endpoint: Endpoint, on_end: Callable[[str], None]) -> None:
        self._endpoint = endpoint
        self._on_end = on_end
        self._connection: _Connection | None = None
        self._is_blocked = False
        self._ended = asyncio.Event()

    async def open(self) -> None:
        """Connect.

        Raises:
            BrokerUnreachable: nothing answers.
            CredentialsRefused: the broker says no.
        """
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()

        def fail(_connection: object, error: BaseException) -> None:
            self._ended.set()
            if not opened.done():
                broker, vhost = self._endpoint.broker, self._endpoint.vhost
                opened.set_exception(failures.not_opened(broker, vhost, error))

        def succeed(_connection: object) -> None:
            if not opened.done():
                opened.set_result(None)

        self._connection = _Connection(
            self._endpoint.parameters(),
            on_open_callback=succeed,
            on_open_error_callback=fail,
            on_close_callback=self._closed,
            custom_ioloop=loop,
        )
        self._connection.add_on_connection_blocked_callback(self._blocked)
        self._connection.add_on_connection_unblocked_callback(self._unblocked)
        await opened

    async def channel(self) -> AmqpChannel:
        """Open a channel.

        Raises:
            Gone: the connection was lost.
        """
        assert self._connection is not None, "the link was not opened"
        return await AmqpChannel.open(self._connection)

    def gathering(self) -> AbstractContextManager[None]:
        """Send together at its end what is sent within this context."""
        assert self._connection is not None, "the link was not opened"
        return self._connection.gathering()

    async def close(self) -> None:
        """Send what is written, say goodbye and wait until that is answered.

        A broker that takes no messages for now would not read the goodbye either.
        """
        if self._is_blocked:
            await self.abort("the broker takes nothing")
        elif self._connection is not None and self._connection.is_open:
            self._connection.close()
            await self._ended.wait()

    async def abort(self, why: str) -> None:
        """End without a goodbye."""
        if self._connection is not None:
            self._connection.end(why)
            await self._ended.wait()

    def _closed(self, _connection: object, reason: BaseException) -> None:
        self._ended.set()
        self._on_end(str(reason) or repr(reason))

    def _blocked(self, _connection: object, frame: Any) -> None:
        self._is_blocked = True
        _log.warning(
            "The broker %s takes no messages for now (%s); what is published waits",
            self._endpoint.broker.url,
            frame.method.reason,
        )

    def _unblocked(self, _connection: object, _frame: Any) -> None:
        self._is_blocked = False
        _log.warning("The broker %s takes messages again", self._endpoint.broker.url)
