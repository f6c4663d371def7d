"""How TLS connections are checked, and what we show of ourselves.

You are in the settings room, beside ``broker``, whose addresses carry these. Values only:
``tls_context`` makes of them what checks a connection. There is no setting that turns the check of
the broker's certificate and name off: a broker with a certificate that nobody signed is trusted by
naming that certificate as ``ca_file``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from attrs import Attribute, field, frozen

from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from ssl import SSLContext

TLS_VARIABLES = {
    "ca_file": "PYE2_TLS_CA_FILE",
    "client_certificate": "PYE2_TLS_CLIENT_CERTIFICATE",
    "client_key": "PYE2_TLS_CLIENT_KEY",
    "client_key_passphrase": "PYE2_TLS_CLIENT_KEY_PASSPHRASE",
    "server_name": "PYE2_TLS_SERVER_NAME",
}
"""The variable of each setting."""


def _as_path(value: str | os.PathLike[str] | None) -> Path | None:
    # An empty text would be the working folder, or to OpenSSL no file at all: it stays a text,
    # which is refused next.
    if isinstance(value, str | os.PathLike) and os.fspath(value):
        return Path(value)
    return cast("Path | None", value)


def _check_path(_: object, attribute: Attribute[Path | None], value: object) -> None:
    if value is not None and not isinstance(value, Path):
        raise SettingsError(
            f"{attribute.name} is {value!r} and should be the path of a file; None, and not an"
            " empty text, is for none",
            setting=attribute.name,
        )


def _check_text(_: object, attribute: Attribute[str | None], value: object) -> None:
    if value is not None and not (isinstance(value, str) and value):
        # What was given is not told: it may be the passphrase.
        raise SettingsError(
            f"{attribute.name} should be a text that is not empty, or None for none",
            setting=attribute.name,
        )


@frozen
class TlsSettings:
    """How a TLS connection is checked, and what we show of ourselves.

    The broker's certificate and its name are always checked, with TLS 1.2 at least.

    Attributes:
        ca_file: the authority that signed the broker's certificate, or that certificate itself; one
            or more in PEM. None for the system's authorities.
        client_certificate: our own certificate, for a broker that asks for one, in PEM, with those
            that lead to its authority behind it; None to show none.
        client_key: the private key of ``client_certificate``; None if it is in the same file.
        client_key_passphrase: what ``client_key`` is protected with, if it is; nobody is asked.
        server_name: the name that the broker's certificate must have; None for the host that we
            connect to. For brokers that are reached by an address or a name that it does not have.

    Raises:
        SettingsError: a value is of another type, or an empty text.

    Example:
        >>> TlsSettings(ca_file="ca.pem", server_name="broker.lan").server_name
        'broker.lan'
    """

    ca_file: Path | None = field(default=None, converter=_as_path, validator=_check_path)
    client_certificate: Path | None = field(default=None, converter=_as_path, validator=_check_path)
    client_key: Path | None = field(default=None, converter=_as_path, validator=_check_path)
    client_key_passphrase: str | None = field(default=None, repr=False, validator=_check_text)
    server_name: str | None = field(default=None, validator=_check_text)

    def context(self) -> SSLContext:
        """What checks the broker's certificate and its name, and has our own certificate.

        It checks ``server_name``, if there is one, whatever name a transport asks it to.

        Raises:
            SettingsError: a file cannot be used; says which setting names it.
        """
        from pye2core.settings.tls_context import context_of

        return context_of(self)
