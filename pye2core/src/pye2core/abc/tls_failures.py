"""Says why a TLS connection was not made, and which setting to change.

You are among the contracts, behind ``broker_failures``. Reads errors of Python's ``ssl``; makes
words of them. Nothing here suggests to do without the check of a certificate, and nothing could.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from pye2core.settings import TlsSettings
from pye2core.settings.tls import TLS_VARIABLES

if TYPE_CHECKING:
    from pye2core.settings import BrokerAddress

# OpenSSL's numbers (X509_V_ERR_…), which Python's ssl does not name.
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAMES = frozenset({62, 64})
_STRICTLY_CHECKED = range(80, 94)
"""What OpenSSL calls certificates that verify, but are not made as RFC 5280 has it."""

_ABOUT_OUR_CERTIFICATE = (
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_",
    "ALERT_DECRYPT_ERROR",
    "ALERT_HANDSHAKE_FAILURE",
    "ALERT_NO_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_UNSUPPORTED_CERTIFICATE",
)
"""What a broker says of a client's certificate, or of none; parts of OpenSSL's names for it."""

_ABOUT_VERSIONS = ("UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "PROTOCOL_VERSION")


def why_refused(broker: BrokerAddress, error: ssl.SSLError, *, plain_scheme: str) -> str:
    """Why there is no TLS connection, and what to do next.

    Args:
        broker: the broker's address, with its port.
        error: what ``ssl`` raised.
        plain_scheme: the URL's scheme for a connection without encryption.
    """
    at = f"{broker.host}:{broker.port}"
    reason = getattr(error, "reason", None) or ""  # which not all of them have
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The broker at {at} is not who it should be: {_why_not_trusted(broker, error)}"
    if (about_us := why_turned_away(broker, reason)) is not None:
        return about_us
    if isinstance(error, ssl.SSLEOFError):
        return (
            f"The broker at {at} ended the connection while TLS began. Is this its TLS port?"
            f" {our_certificate(broker)}"
        )
    if any(part in reason for part in _ABOUT_VERSIONS):
        return (
            f"The broker at {at} and this machine have no version of TLS in common ({reason})."
            " The broker must offer TLS 1.2 or 1.3."
        )
    return (
        f"The broker at {at} does not speak TLS as expected ({error})."
        f" Is this its TLS port? Without TLS the scheme is {plain_scheme}://."
    )


def why_turned_away(broker: BrokerAddress, reason: str) -> str | None:
    """What a broker has against our certificate, or our having none; None if it is not about that.

    Args:
        broker: the broker's address, with its port.
        reason: OpenSSL's name of what the broker said: "TLSV13_ALERT_CERTIFICATE_REQUIRED".
    """
    if not any(part in reason for part in _ABOUT_OUR_CERTIFICATE):
        return None
    at = f"{broker.host}:{broker.port}"
    return f"The broker at {at} ends the TLS connection ({reason}). {our_certificate(broker)}"


def our_certificate(broker: BrokerAddress) -> str:
    """What to do where the broker may want another certificate of ours than it was shown."""
    shown = (broker.tls or TlsSettings()).client_certificate
    if shown is None:
        return (
            "If it asks for a client's certificate, name yours: client_certificate and client_key"
            f" of TlsSettings, or {TLS_VARIABLES['client_certificate']} and"
            f" {TLS_VARIABLES['client_key']}."
        )
    return (
        f"If it does not accept our certificate {shown}, name one that is valid and signed by the"
        " authority that the broker trusts: client_certificate of TlsSettings, or"
        f" {TLS_VARIABLES['client_certificate']}."
    )


def _why_not_trusted(broker: BrokerAddress, error: ssl.SSLCertVerificationError) -> str:
    said = error.verify_message.removesuffix(".")
    if error.verify_code in _OTHER_NAMES:
        return (
            f"{said}. Connect to a name that is in its certificate, or say which name that must be:"
            f" server_name of TlsSettings, or {TLS_VARIABLES['server_name']}."
        )
    if error.verify_code in {_EXPIRED, _NOT_YET_VALID}:
        return (
            f"{said}. Renew the broker's certificate (its authority's, if that is what ended), and"
            " check that this machine's clock is right; if ca_file"
            f" ({TLS_VARIABLES['ca_file']}) names an old authority, name the new one."
        )
    if error.verify_code in _STRICTLY_CHECKED:
        return (
            f"{said}. Python 3.13 and later insist on that (RFC 5280): have the certificate, or its"
            " authority's, made anew with what it lacks."
        )
    ca_file = (broker.tls or TlsSettings()).ca_file
    asked = f"the authority in {ca_file}" if ca_file else "the system's authorities"
    return (
        f"{said}; {asked} did not sign its certificate. Where that is signed by an authority of"
        " your own, or by nobody, name that one's file: ca_file of TlsSettings (cert_path of a"
        f" Session), or {TLS_VARIABLES['ca_file']}."
    )
