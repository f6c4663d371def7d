"""Says what went wrong between us and a broker, and what to do next.

Makes errors; raises none and touches no connection.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from pye2core.errors import BrokerUnreachable, CredentialsRefused, NotConnected

if TYPE_CHECKING:
    from pye2core.errors import TransportError
    from pye2core.settings import BrokerAddress

_CHECK_NETWORK = "Check host, port and firewall, and that the broker is running."

_HOW_TO_GIVE = (
    "Give user and password in the address, mqtt://user:password@host:port, special characters"
    " percent-encoded."
)

_BAD_CREDENTIALS = frozenset({134, 135})
"""What paho makes of MQTT 3.1.1's answers 4 (user or password) and 5 (not authorised)."""


def not_reached(broker: BrokerAddress, port: int, error: Exception) -> BrokerUnreachable:
    """The connection could not be made because of ``error``."""
    at = f"{broker.host}:{port}"
    if isinstance(error, socket.gaierror):
        message = (
            f"The broker's host name {broker.host!r} is not known ({error.strerror})."
            " Check its spelling and this machine's DNS, or give an IP address."
        )
    elif isinstance(error, UnicodeError):
        message = f"{broker.host!r} cannot be a host name ({error}). Check the broker's address."
    elif isinstance(error, ConnectionRefusedError):
        message = (
            f"Nothing listens at {at}. Start the broker there, or check host and port; for a"
            " broker on this machine, `pye2 broker` starts one."
        )
    elif isinstance(error, ssl.SSLCertVerificationError):
        message = (
            f"The broker at {at} is not who it should be: {error.verify_message}. Where its"
            " certificate is signed by an authority of your own, name that one's file (ca_file)."
        )
    elif isinstance(error, ssl.SSLError):
        message = (
            f"The broker at {at} does not speak TLS as expected ({error})."
            " Is this its TLS port? Without TLS the scheme is mqtt://."
        )
    elif isinstance(error, TimeoutError):
        message = f"The broker at {at} does not answer. {_CHECK_NETWORK}"
    else:
        message = f"The broker at {at} cannot be reached ({error}). {_CHECK_NETWORK}"
    return BrokerUnreachable(message, broker=broker.url)


def no_answer(broker: BrokerAddress, port: int, timeout: float) -> BrokerUnreachable:
    """Nothing came back in time."""
    return BrokerUnreachable(
        f"The broker at {broker.host}:{port} did not answer within {timeout:g} s. {_CHECK_NETWORK}",
        broker=broker.url,
    )


def hung_up(broker: BrokerAddress, port: int, reason: str) -> BrokerUnreachable:
    """The connection ended before the broker had accepted it."""
    return BrokerUnreachable(
        f"The broker at {broker.host}:{port} ended the connection before it had accepted it"
        f" ({reason}). Is this an MQTT port, and is TLS (mqtts://) on or off as the broker wants?",
        broker=broker.url,
    )


def turned_away(broker: BrokerAddress, port: int, code: int, reason: str) -> TransportError:
    """The broker answered that it does not want us.

    Args:
        broker: the broker's address.
        port: the port that was used.
        code: the answer as an MQTT 5 reason code, into which paho translates.
        reason: the answer in words.
    """
    at = f"{broker.host}:{port}"
    if code in _BAD_CREDENTIALS:
        return CredentialsRefused(
            f"The broker at {at} refuses {_who(broker)} ({reason}). {_HOW_TO_GIVE}",
            broker=broker.url,
        )
    return BrokerUnreachable(
        f"The broker at {at} refuses the connection: {reason}. See the broker's log.",
        broker=broker.url,
    )


def _who(broker: BrokerAddress) -> str:
    if broker.user is None:
        return "a connection without user and password"
    password = "without a password" if broker.password is None else "with the given password"
    return f"user {broker.user!r} {password}"


def subscription_refused(broker: BrokerAddress, topic: str) -> CredentialsRefused:
    """The broker does not let us listen at ``topic``."""
    return CredentialsRefused(
        f"The broker {broker.url} does not let {_who(broker)} subscribe to {topic!r}."
        " Allow it in the broker's access rules.",
        broker=broker.url,
    )


def disconnected(broker: BrokerAddress, what: str, reason: str) -> NotConnected:
    """``what`` could not be done because the connection is gone."""
    return NotConnected(
        f"{what} was not confirmed by the broker {broker.url}: {reason}."
        " It is safe to try again once connected.",
        broker=broker.url,
    )
