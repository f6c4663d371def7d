"""Says what went wrong between us and a NATS server, and what to do next.

Makes errors, for what nats-py and the server say; raises none and touches no connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nats.errors import Error

from pye2core.abc import MAX_MESSAGE, broker_failures
from pye2core.abc.broker_failures import disconnected, no_answer, place_of, who_asks
from pye2core.abc.tls_failures import our_certificate
from pye2core.errors import BrokerUnreachable, CredentialsRefused, TransportError

if TYPE_CHECKING:
    from pye2core.abc import Channel
    from pye2core.errors import MessageTooLarge
    from pye2core.settings import BrokerAddress

__all__ = [
    "defect",
    "disconnected",
    "forbidden",
    "forgotten",
    "hung_up",
    "impossible",
    "no_answer",
    "no_jetstream",
    "not_kept",
    "not_opened",
    "not_secured",
    "stream_refused",
    "too_large",
]

_REFUSALS = ("authorization", "authentication")


def defect(error: BaseException) -> str:
    """Why a connection was given up, where the fault is ours or nats-py's."""
    return f"{type(error).__name__}: {error}, a defect that the log shows in full"


def not_opened(broker: BrokerAddress, error: Exception) -> TransportError:
    """The connection could not be made because of ``error``: a socket's, TLS's or nats-py's."""
    said = str(error) or type(error).__name__
    if isinstance(error, Error) and any(word in said.lower() for word in _REFUSALS):
        return broker_failures.not_let_in(broker, who_asks(broker))
    if isinstance(error, OSError | UnicodeError):
        return broker_failures.not_reached(
            broker, error, plain_scheme="nats", how_to_start="`nats-server -js` starts one"
        )
    return hung_up(broker, said)


def hung_up(broker: BrokerAddress, reason: str) -> BrokerUnreachable:
    """The connection ended, or something else than NATS was spoken, before all was ready."""
    hint = f" {our_certificate(broker)}" if broker.tls is not None else ""
    return BrokerUnreachable(
        f"The connection to the NATS server at {place_of(broker)} was not ready when it ended"
        f" ({reason}). Is this a port for NATS clients? See the server's log.{hint}",
        broker=broker.url,
    )


def not_secured(broker: BrokerAddress) -> BrokerUnreachable:
    """The server does not offer the TLS that we were told to use."""
    return BrokerUnreachable(
        f"The NATS server at {place_of(broker)} does not offer TLS, and {broker.scheme}:// asks for"
        " it; nobody was told the password. Have it offer that (`tls` in its configuration), or,"
        " if whoever is on the way may read along, use nats://.",
        broker=broker.url,
    )


def no_jetstream(broker: BrokerAddress, why: str) -> BrokerUnreachable:
    """The server does not keep commands."""
    return BrokerUnreachable(
        f"The NATS server at {place_of(broker)} keeps no commands, which needs JetStream: {why}."
        " Start it with JetStream (`nats-server -js`, or `jetstream {}` in its configuration) and"
        " let the user's account use it.",
        broker=broker.url,
    )


def stream_refused(broker: BrokerAddress, stream: str, why: str) -> BrokerUnreachable:
    """JetStream is there and does not make the stream that keeps commands."""
    return BrokerUnreachable(
        f"The NATS server at {place_of(broker)} does not make the stream {stream!r} for commands:"
        f" {why}. If that is too large for it, set a smaller PYE2_NATS_KEEP_MIB; or make the stream"
        " there yourself, which is then taken as it is.",
        broker=broker.url,
    )


def not_kept(broker: BrokerAddress, subject: str, said: str) -> TransportError:
    """JetStream had a command and does not want it."""
    return TransportError(
        f"The NATS server {broker.url} did not keep a message on {subject}: {said}. See the limits"
        " of its stream (`nats stream info`).",
        broker=broker.url,
    )


def forbidden(broker: BrokerAddress, what: str) -> CredentialsRefused:
    """The server's permissions say no.

    Args:
        broker: the server's address.
        what: what was asked: "publishing to 'naeural.ctrl'".
    """
    return CredentialsRefused(
        f"The NATS server {broker.url} does not permit {what} to {who_asks(broker)}. Allow it"
        " (`permissions` in its configuration), or log in as another user:"
        f" {broker.scheme}://user:password@host.",
        broker=broker.url,
    )


def impossible(broker: BrokerAddress, channel: Channel, why: str) -> TransportError:
    """There can be no such channel, or nothing can be published on it."""
    return broker_failures.impossible(broker, "NATS", channel, why)


def too_large(broker: BrokerAddress, size: int, limit: int) -> MessageTooLarge:
    """A message has more bytes than the server, or this transport, takes."""
    remedy = "Have the server take more (`max_payload` in its configuration), or send it in parts."
    return broker_failures.too_large(
        broker, size, limit, remedy=remedy if limit < MAX_MESSAGE else "Send it in parts."
    )


def forgotten(broker: BrokerAddress) -> str:
    """The server did not keep what it was to keep for a client."""
    return (
        f"The NATS server {broker.url} no longer knows this client: commands that were published"
        " meanwhile may be lost. It forgets clients that are away for PYE2_NATS_KEEP_DAYS, and"
        " everything if the folder of its JetStream (`store_dir`) does not outlive a restart."
    )
