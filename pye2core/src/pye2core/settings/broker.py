"""Broker addresses: ``mqtt://user:password@host:1883``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - the type of a field
from urllib.parse import quote, unquote, urlsplit

from attrs import field, frozen

from pye2core.errors import BrokerUrlError

_TLS_SCHEMES = frozenset({"mqtts", "amqps", "tls", "wss"})


@frozen
class TlsSettings:
    """How a TLS connection is checked.

    Attributes:
        ca_file: the authority that signed the broker's certificate; None for the system's.
    """

    ca_file: Path | None = None


@frozen
class BrokerAddress:
    """Where a broker is and how to get in.

    Attributes:
        scheme: selects the transport: "mqtt", "mqtts", "memory", …
        host: name or IP address.
        port: None for the scheme's usual one.
        user: None for anonymous.
        password: never shown by ``repr`` or :attr:`url`.
        tls: None for an unencrypted connection.
        path: what follows the host: a virtual host, a network's name; without the first slash.
    """

    scheme: str
    host: str
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: TlsSettings | None = None
    path: str = ""

    @property
    def url(self) -> str:
        """The address as a URL without its password, for messages and logs."""
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        return f"{self.scheme}://{user}{self._location()}"

    @property
    def secret_url(self) -> str:
        """The address as a URL with its password, for handing to another process."""
        if self.user is None:
            return self.url
        secret = f":{quote(self.password, safe='')}" if self.password is not None else ""
        return f"{self.scheme}://{quote(self.user, safe='')}{secret}@{self._location()}"

    def _location(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        path = f"/{self.path}" if self.path else ""
        return f"{host}{port}{path}"


def parse_broker_url(url: str, *, ca_file: Path | None = None) -> BrokerAddress:
    """Read a broker's address.

    Args:
        url: ``scheme://[user[:password]@]host[:port][/path]``; special characters in user and
            password percent-encoded.
        ca_file: for TLS schemes, the authority to trust instead of the system's.

    Raises:
        BrokerUrlError: it has no scheme or host, or its port is not a number from 1 to 65535.

    Example:
        >>> parse_broker_url("mqtt://me:secret@broker.lan").url
        'mqtt://me@broker.lan'
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _not_a_broker(url, str(error)) from None
    if not parts.scheme or "://" not in url:
        raise _not_a_broker(url, "it has no scheme")
    if not parts.hostname:
        raise _not_a_broker(url, "it names no host")
    if port == 0:
        raise _not_a_broker(url, "port 0 is not one to connect to")
    scheme = parts.scheme.lower()
    return BrokerAddress(
        scheme=scheme,
        host=parts.hostname,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password is not None else None,
        tls=TlsSettings(ca_file) if scheme in _TLS_SCHEMES else None,
        path=parts.path.removeprefix("/"),
    )


def _not_a_broker(url: str, why: str) -> BrokerUrlError:
    shown = url.rsplit("@", maxsplit=1)[-1]
    return BrokerUrlError(
        f"{shown!r} is not a broker's address: {why}. Write it like mqtt://broker.lan:1883 or"
        " mqtt://user:password@broker.lan (percent-encode special characters in the password).",
        url=shown,
    )
