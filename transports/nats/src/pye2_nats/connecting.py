"""Gets in: an event loop that remembers its connections, and one connection made by nats-py.

nats-py goes over to TLS when the server asks for it; a server, or who stands before it, that does
not ask would be told the password in the open. So the password is given only once TLS is there.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from nats.aio.client import Client
from nats.errors import Error

from pye2_nats import failures
from pye2core.settings import TlsSettings

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from pye2_nats.settings import NatsSettings
    from pye2core.settings import BrokerAddress

_TLS_SCHEMES = frozenset({"tls", "nats+tls"})
_NO_LIMIT = 3600  # the link has its own for all of it
_PING_SECONDS = 20
_PINGS_UNANSWERED = 3
"""A message of 16 MiB on a slow line holds up pings; a minute is its time."""


class RememberingLoop(asyncio.SelectorEventLoop):
    """An event loop that knows its connections, and can so end them without the other side.

    Attributes:
        upgrades: how many of them went over to TLS.
    """

    def __init__(self) -> None:
        super().__init__()
        self._connections: list[asyncio.Transport] = []
        self.upgrades = 0

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        """As ever, and remember it."""
        transport, protocol = await super().create_connection(*args, **kwargs)
        self._connections.append(transport)
        return transport, protocol

    async def start_tls(self, *args: Any, **kwargs: Any) -> Any:
        """As ever, and count it."""
        transport = await super().start_tls(*args, **kwargs)
        self.upgrades += 1
        return transport

    def abort_connections(self) -> None:
        """End all of them at once; what was not written yet is not."""
        for connection in self._connections:
            connection.abort()


def tls_context(broker: BrokerAddress) -> ssl.SSLContext | None:
    """How the server's certificate is checked; None for a connection without TLS.

    Raises:
        SettingsError: the file of the authority cannot be used.
    """
    if broker.tls is None and broker.scheme not in _TLS_SCHEMES:
        return None
    return (broker.tls or TlsSettings()).context()


async def connected_client(
    loop: RememberingLoop,
    broker: BrokerAddress,
    name: str,
    *,
    tls: ssl.SSLContext | None,
    settings: NatsSettings,
    on_error: Callable[[Exception], Awaitable[None]],
    on_closed: Callable[[], Awaitable[None]],
) -> Client:
    """Connect, once, to the host and port that are given.

    ``on_error`` must raise what it is told until this returns: nats-py would try for ever.

    Raises:
        Error: the server does not let us in, or what it says is not what a NATS server says.
        OSError: it cannot be reached, or TLS fails.
        ValueError: as for ``Error``.
        TransportError: it does not offer the TLS that was asked for.
    """
    upgrades = loop.upgrades

    def check_secured() -> None:
        if tls is not None and loop.upgrades == upgrades:
            raise failures.not_secured(broker)

    def once_secured(secret: str | None) -> Callable[[], str] | None:
        if secret is None:
            return None

        def tell() -> str:
            check_secured()
            return secret

        return tell

    client = Client()
    try:
        await client.connect(
            [f"nats://{_quoted(broker.host)}:{broker.port}"],
            name=name,
            tls=tls,
            tls_handshake_first=tls is not None and settings.tls_first,
            user=once_secured(broker.user),
            password=once_secured(None if broker.user is None else broker.password or ""),
            token=once_secured(settings.token),
            allow_reconnect=False,
            connect_timeout=_NO_LIMIT,
            ping_interval=_PING_SECONDS,
            max_outstanding_pings=_PINGS_UNANSWERED,
            error_cb=on_error,
            closed_cb=on_closed,
        )
    except (AttributeError, TypeError) as error:  # nats-py does not check what the server says
        raise Error(f"it does not introduce itself as NATS does: {error}") from error
    check_secured()
    return client


def _quoted(host: str) -> str:
    return f"[{host}]" if ":" in host else host
