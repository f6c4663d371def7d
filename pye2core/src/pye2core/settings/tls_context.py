"""Makes of ``TlsSettings`` what checks a connection: Python's ``ssl``, imported with this module.

You are in the settings room, behind ``tls``. All that decides whether a broker is trusted is here,
so that no transport can leave it out.
"""

from __future__ import annotations

import logging
import os
import ssl
import stat
import sys
from typing import TYPE_CHECKING

from pye2core.errors import SettingsError
from pye2core.settings.tls import TLS_VARIABLES

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from pye2core.settings.tls import TlsSettings

_log = logging.getLogger("pye2core.settings")


class _Context(ssl.SSLContext):
    """A context that checks one name, whatever host a connection goes to."""

    expected_name: str | None = None

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the base class's
        do_handshake_on_connect: bool = True,  # noqa: FBT001, FBT002 - the base class's
        suppress_ragged_eofs: bool = True,  # noqa: FBT001, FBT002 - the base class's
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        return super().wrap_socket(
            sock,
            server_side,
            do_handshake_on_connect,
            suppress_ragged_eofs,
            self.expected_name or server_hostname,
            session,
        )

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the base class's
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(
            incoming, outgoing, server_side, self.expected_name or server_hostname, session
        )


def context_of(settings: TlsSettings) -> ssl.SSLContext:
    """What checks a broker's certificate and name by these settings.

    Raises:
        SettingsError: a file cannot be used.
    """
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)  # which asks for a certificate and checks the name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # So that a broker's own certificate can be named in the place of an authority's.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if sys.version_info >= (3, 13):  # as Python's own default contexts have it from there on
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.expected_name = settings.server_name
    _trust(context, settings.ca_file)
    _introduce_ourselves(context, settings)
    return context


def _trust(context: ssl.SSLContext, ca_file: Path | None) -> None:
    if ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"The authority file {ca_file} cannot be used ({error}). It must hold one or more"
            f" certificates in PEM form. It is named by {_named('ca_file')}.",
            setting="ca_file",
        ) from error


def _introduce_ourselves(context: ssl.SSLContext, settings: TlsSettings) -> None:
    certificate, key = settings.client_certificate, settings.client_key
    if certificate is None:
        _check_nothing_is_left_over(settings)
        return
    if key is None:
        _check_key_is_in(certificate)
    _warn_if_open(key or certificate)
    try:
        context.load_cert_chain(certificate, key, lambda: _passphrase_of(settings))
    except (OSError, ValueError) as error:  # ssl.SSLError is one of the former
        raise _unusable_certificate(settings, error) from error


def _check_key_is_in(certificate: Path) -> None:
    """A file that cannot be read is told of as such later."""
    try:
        text = certificate.read_bytes()
    except OSError:
        return
    if b"BEGIN CERTIFICATE" in text and b"PRIVATE KEY" not in text:
        raise SettingsError(
            f"The client certificate {certificate} comes without its private key. Name the key's"
            f" file as {_named('client_key')}.",
            setting="client_key",
        )


def _check_nothing_is_left_over(settings: TlsSettings) -> None:
    for name in ("client_key", "client_key_passphrase"):
        if getattr(settings, name) is not None:
            raise SettingsError(
                f"There is a {name} ({TLS_VARIABLES[name]}) and no client_certificate"
                f" ({TLS_VARIABLES['client_certificate']}) that it belongs to. Give both, or"
                " neither to show the broker no certificate.",
                setting="client_certificate",
            )


def _passphrase_of(settings: TlsSettings) -> str:
    """Is asked only for a protected key; without it, OpenSSL would ask at the terminal."""
    if settings.client_key_passphrase is None:
        raise SettingsError(
            f"The client key {settings.client_key or settings.client_certificate} is protected by a"
            f" passphrase. Give it as {_named('client_key_passphrase')}.",
            setting="client_key_passphrase",
        )
    return settings.client_key_passphrase


def _unusable_certificate(settings: TlsSettings, error: Exception) -> SettingsError:
    certificate, key = settings.client_certificate, settings.client_key
    assert certificate is not None
    reason = getattr(error, "reason", None) or ""
    for name, file in (("client_certificate", certificate), ("client_key", key)):
        if file is not None and not file.is_file():
            said, blamed = f"The file {file} is not there, or is no file.", name
            break
    else:
        if "MISMATCH" in reason:
            said, blamed = (
                f"The client key {key or certificate} is not that of {certificate}.",
                ("client_key"),
            )
        elif settings.client_key_passphrase is not None:
            said = (
                f"The client certificate {certificate} or its key {key or certificate} cannot be"
                f" used ({error}): the passphrase is wrong, or one of them is not in PEM form."
            )
            blamed = "client_key_passphrase"
        else:
            said = (
                f"The client certificate {certificate} with its key {key or certificate} cannot be"
                f" used ({error}). Both must be in PEM form, in one file or two."
            )
            blamed = "client_certificate"
    return SettingsError(f"{said} It is set by {_named(blamed)}.", setting=blamed)


def _warn_if_open(key: Path) -> None:
    if os.name == "posix" and key.is_file() and key.stat().st_mode & stat.S_IRWXO:
        _log.warning(
            "The client key %s is open to all users of this machine; run `chmod o= %s`", key, key
        )


def _named(setting: str) -> str:
    return f"TlsSettings({setting}=…) or {TLS_VARIABLES[setting]}"
