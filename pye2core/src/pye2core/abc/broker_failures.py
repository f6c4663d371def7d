"""Says what goes wrong with every kind of broker, and what to do next: for transports to raise.

You are among the contracts, beside ``transports``. Makes errors; raises none and touches no
connection. What only one kind of broker can do wrong is worded by its transport.
"""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import Future
from typing import TYPE_CHECKING

from pye2core.abc import tls_failures
from pye2core.errors import (
    BrokerUnreachable,
    CredentialsRefused,
    MessageTooLarge,
    NotConnected,
    TransportError,
)

if TYPE_CHECKING:
    from pye2core.abc.transports import Channel
    from pye2core.settings import BrokerAddress

_CHECK_NETWORK = "Check host, port and firewall, and that the broker is running."


def place_of(broker: BrokerAddress) -> str:
    """Where it is, without who asks: "broker.lan:1883"."""
    return f"{broker.host}:{broker.port}"


def who_asks(broker: BrokerAddress) -> str:
    """As whom we come, for a sentence: "user 'me' with the given password"."""
    if broker.user is None:
        return "a connection without user and password"
    password = "without a password" if broker.password is None else "with the given password"
    return f"user {broker.user!r} {password}"


def not_reached(
    broker: BrokerAddress, error: BaseException, *, plain_scheme: str, how_to_start: str = ""
) -> BrokerUnreachable:
    """The connection could not be made.

    Args:
        broker: the broker's address, with its port.
        error: why: what a socket raised, or its encryption.
        plain_scheme: the URL's scheme for a connection without encryption.
        how_to_start: what starts a broker of that kind on this machine: "`pye2 broker` starts one".
    """
    return BrokerUnreachable(
        _why_unreachable(broker, error, plain_scheme, how_to_start), broker=broker.url
    )


def _why_unreachable(
    broker: BrokerAddress, error: BaseException, plain_scheme: str, how_to_start: str
) -> str:
    at = place_of(broker)
    if isinstance(error, socket.gaierror):
        why = (
            f"The broker's host name {broker.host!r} is not known ({error.strerror})."
            " Check its spelling and this machine's DNS, or give an IP address."
        )
    elif isinstance(error, UnicodeError):
        why = f"{broker.host!r} cannot be a host name ({error}). Check the broker's address."
    elif isinstance(error, ConnectionRefusedError):
        here = f"; for a broker on this machine, {how_to_start}" if how_to_start else ""
        why = f"Nothing listens at {at}. Start the broker there, or check host and port{here}."
    elif isinstance(error, ssl.SSLError):
        why = tls_failures.why_refused(broker, error, plain_scheme=plain_scheme)
    elif isinstance(error, TimeoutError):
        why = f"The broker at {at} does not answer. {_CHECK_NETWORK}"
    else:
        what = str(error) or type(error).__name__
        why = f"The broker at {at} cannot be reached ({what}). {_CHECK_NETWORK}"
        if broker.tls is not None and isinstance(error, ConnectionError):
            why += f" Is this its TLS port? {tls_failures.our_certificate(broker)}"
    return why


def no_answer(broker: BrokerAddress, timeout: float) -> BrokerUnreachable:
    """Nothing came back within ``timeout`` seconds."""
    return BrokerUnreachable(
        f"The broker at {place_of(broker)} did not answer within {timeout:g} s. {_CHECK_NETWORK}",
        broker=broker.url,
    )


def not_let_in(broker: BrokerAddress, said: str) -> CredentialsRefused:
    """The broker refuses user and password.

    Args:
        broker: the broker's address, with its port.
        said: the refusal: "user 'me' with the given password (bad user name or password)".
    """
    scheme = broker.scheme
    return CredentialsRefused(
        f"The broker at {place_of(broker)} refuses {said}. Give user and password in the address,"
        f" {scheme}://user:password@host:port, special characters percent-encoded.",
        broker=broker.url,
    )


def disconnected(broker: BrokerAddress, what: str, reason: str) -> NotConnected:
    """``what`` could not be done because the connection is gone."""
    return NotConnected(
        f"{what} was not confirmed by the broker {broker.url}: {reason}."
        " It is safe to try again once connected.",
        broker=broker.url,
    )


def too_large(
    broker: BrokerAddress, size: int, limit: int, *, remedy: str = "Send it in parts."
) -> MessageTooLarge:
    """A message has more bytes than the transport carries.

    Args:
        broker: the broker's address.
        size: bytes of the message.
        limit: bytes that are allowed.
        remedy: a sentence with what to do.
    """
    return MessageTooLarge(
        f"A message of {size:,} bytes was not sent: at most {limit:,} are allowed. {remedy}",
        broker=broker.url,
        size=size,
        limit=limit,
    )


def impossible(
    broker: BrokerAddress, protocol: str, channel: Channel, why: object
) -> TransportError:
    """There can be no such channel, or nothing can be published on it.

    Args:
        broker: the broker's address.
        protocol: what the broker speaks, as people call it.
        channel: what was asked for.
        why: a clause: "the owner of a channel must not contain '+'".
    """
    return TransportError(
        f"No {channel.kind.value} channel can be had over {protocol}: {why}. Use the node's"
        " address, or a name of letters, digits, '_' and '-'.",
        broker=broker.url,
    )


def unsent(error: TransportError) -> Future[None]:
    """What ``Transport.publish`` returns for a message that could not even be sent."""
    failed: Future[None] = Future()
    failed.set_exception(error)
    return failed
