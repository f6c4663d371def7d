"""Gets in: an event loop that remembers its connections, and one connection made by nats-py.

nats-py goes over to TLS when the server asks for it; a server, or who stands before it, that does
not ask would be told the password in the open. So the password is given only once TLS is there.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from nats.aio.client import Client
from nats.errors import Error

from pye2_nats.plugin import DEFAULT_PORT
from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pye2core.settings import BrokerAddress, TlsSettings

_TLS_SCHEMES = frozenset({"tls", "nats+tls"})
_NO_LIMIT = 3600  # the link has its own for all of it
_PING_SECONDS = 20
_PINGS_UNANSWERED = 3
"""A message of 16 MiB on a slow line holds up pings; a minute is its time."""


class NotSecured(Error):
    """The server does not offer the TLS that we were told to use."""


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
    if broker.tls is not None:
        return _context(broker.tls)
    return ssl.create_default_context() if broker.scheme in _TLS_SCHEMES else None


def _context(tls: TlsSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=tls.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"The authority's file {tls.ca_file} cannot be used: {error}. Name a PEM file with the"
            " certificate of whoever signed the server's.",
            setting="ca_file",
        ) from error


async def connected_client(
    loop: RememberingLoop,
    broker: BrokerAddress,
    name: str,
    *,
    tls: ssl.SSLContext | None,
    tls_first: bool,
    on_error: Callable[[Exception], Awaitable[None]],
    on_closed: Callable[[], Awaitable[None]],
) -> Client:
    """Connect, once, to the host and port that are given.

    ``on_error`` must raise what it is told until this returns: nats-py would try for ever.
    """
    upgrades = loop.upgrades

    def check_secured() -> None:
        if tls is not None and loop.upgrades == upgrades:
            raise NotSecured("it does not offer TLS, and its address says that it must")

    def once_secured(secret: str | None) -> Callable[[], str] | None:
        def tell() -> str:
            check_secured()
            return secret or ""

        return None if secret is None else tell

    is_token = broker.password is None  # nats://token@host, as NATS's own clients read it
    client = Client()
    await client.connect(
        [f"nats://{_quoted(broker.host)}:{broker.port or DEFAULT_PORT}"],
        name=name,
        tls=tls,
        tls_handshake_first=tls is not None and tls_first,
        user=None if is_token else once_secured(broker.user or ""),
        password=once_secured(broker.password),
        token=once_secured(broker.user) if is_token else None,
        allow_reconnect=False,
        connect_timeout=_NO_LIMIT,
        ping_interval=_PING_SECONDS,
        max_outstanding_pings=_PINGS_UNANSWERED,
        error_cb=on_error,
        closed_cb=on_closed,
    )
    check_secured()
    return client


def _quoted(host: str) -> str:
    return f"[{host}]" if ":" in host else host
