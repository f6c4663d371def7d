"""Broker addresses: ``mqtt://user:password@host:1883``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from attrs import field, frozen

from pye2core.errors import BrokerUrlError
from pye2core.settings.tls import TlsSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from urllib.parse import SplitResult

USUAL_SECURED_SCHEMES = {"mqtt": "mqtts", "amqp": "amqps", "nats": "tls", "ws": "wss"}
"""For each plain scheme the one that is the same over TLS, where no transport is asked."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^:/?#]*)(:[0-9]{1,5}$)?")


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
        return f"{self.scheme}://{self._who()}{self._where()}"

    @property
    def secret_url(self) -> str:
        """The address as a URL with its password, for handing to another process."""
        secret = "" if self.password is None else f":{quote(self.password, safe='')}"
        return f"{self.scheme}://{self._who(secret)}{self._where()}"

    @property
    def is_on_this_machine(self) -> bool:
        """Whether what is sent there stays on this machine: a loopback address, or its name."""
        name = self.host.lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            return True
        from ipaddress import ip_address

        try:
            address = ip_address(self.host.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback

    def _who(self, secret: str = "") -> str:
        return f"{quote(self.user, safe='')}{secret}@" if self.user else ""

    def _where(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        path = f"/{quote(self.path)}" if self.path else ""
        return f"{host}{port}{path}"


def parse_broker_url(
    url: str,
    *,
    ca_file: Path | None = None,
    secured_schemes: Mapping[str, str] = USUAL_SECURED_SCHEMES,
) -> BrokerAddress:
    """Read a broker's address.

    Args:
        url: ``scheme://[user[:password]@]host[:port][/path]``; special characters in user, password
            and path percent-encoded.
        ca_file: for TLS schemes, the authority to trust instead of the system's.
        secured_schemes: for each plain scheme the one that is the same over TLS.

    Raises:
        BrokerUrlError: it has no scheme or host, its port is not a number from 1 to 65535, or it
            has what looks like a special character that is not percent-encoded.

    Example:
        >>> parse_broker_url("mqtt://me:secret@broker.lan").url
        'mqtt://me@broker.lan'
    """
    parts = _split(url)
    if not parts.scheme or "://" not in url:
        raise _not_a_broker(url, "it has no scheme")
    if not parts.hostname:
        raise _not_a_broker(url, "it names no host")
    if parts.query or parts.fragment:
        raise _not_a_broker(url, "it has a '?' or '#'")
    if parts.password is not None and not parts.username:
        raise _not_a_broker(url, "it has a password and no user")
    scheme = parts.scheme.lower()
    return BrokerAddress(
        scheme=scheme,
        host=parts.hostname,
        port=_port(url, parts),
        user=_decoded(url, parts.username) or None,
        password=_decoded(url, parts.password),
        tls=TlsSettings(ca_file) if scheme in secured_schemes.values() else None,
        path=_decoded(url, parts.path.removeprefix("/")) or "",
    )


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise _not_a_broker(url, "its host cannot be read") from None


def _port(url: str, parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise _not_a_broker(url, "its port is not a number from 1 to 65535")
    return port


def _decoded(url: str, text: str | None) -> str | None:
    try:
        return None if text is None else unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _not_a_broker(url, "what is percent-encoded in it is not UTF-8") from None


def _not_a_broker(url: str, why: str) -> BrokerUrlError:
    shown = _without_secrets(url)
    return BrokerUrlError(
        f"{shown!r} is not a broker's address: {why}. Write it like mqtt://broker.lan:1883 or"
        " mqtt://user:password@broker.lan (percent-encode special characters in the password).",
        url=shown,
    )


def _without_secrets(url: str) -> str:
    # It could not be read, so anything before an "@" or behind a ":" may be a password.
    scheme, separator, rest = url.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        scheme, separator, rest = "", "", url
    _, at, where = rest.rpartition("@")
    host = _HOST.match(where)
    shown = host[0] if host else ""
    hidden = "…" if len(shown) < len(where) else ""
    return f"{scheme}{separator}{'…@' if at else ''}{shown}{hidden}"
