"""Our errors, for what nats-py and the server say.

Nothing of nats-py's must come through as it is: the kernel takes that for a defect.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from pye2core.errors import (
    BrokerUnreachable,
    CredentialsRefused,
    NotConnected,
    TransportError,
)

if TYPE_CHECKING:
    from pye2core.settings import BrokerAddress

_REFUSALS = ("authorization", "authentication")


def refusal(broker: BrokerAddress, error: BaseException) -> TransportError:
    """What keeps us from connecting, for an error while we tried."""
    if isinstance(error, TransportError):
        return error
    said = str(error) or type(error).__name__
    if any(word in said.lower() for word in _REFUSALS):
        return credentials_refused(broker)
    return unreachable(broker, said, is_tls=isinstance(error, ssl.SSLError))


def credentials_refused(broker: BrokerAddress) -> CredentialsRefused:
    """The server knows no such user, or wants another password."""
    who = "an anonymous user" if broker.user is None else f"user {broker.user!r}"
    return CredentialsRefused(
        f"The NATS server at {_where(broker)} refuses {who}. Give user and password in the address,"
        f" {broker.scheme}://user:password@host:port, or a token: {broker.scheme}://token@host:port",
        broker=broker.url,
    )


def unreachable(broker: BrokerAddress, why: str, *, is_tls: bool = False) -> BrokerUnreachable:
    """No server is there that we can use."""
    remedy = (
        "If its certificate comes from an authority of your own, name that one's file: ca_file."
        if is_tls
        else "Check host and port, and that nats-server runs there."
    )
    return BrokerUnreachable(
        f"No NATS server can be used at {_where(broker)}: {why}. {remedy}", broker=broker.url
    )


def no_jetstream(broker: BrokerAddress, why: str) -> BrokerUnreachable:
    """The server does not keep commands."""
    return BrokerUnreachable(
        f"The NATS server at {_where(broker)} keeps no commands, which needs JetStream: {why}."
        " Start it with JetStream (`nats-server -js`, or `jetstream {}` in its configuration) and"
        " let the user's account use it.",
        broker=broker.url,
    )


def not_connected(broker: BrokerAddress, what: str, why: str) -> NotConnected:
    """Something did not reach the server."""
    return NotConnected(f"{what} did not reach {broker.url}: {why}.", broker=broker.url)


def forbidden(broker: BrokerAddress, what: str) -> CredentialsRefused:
    """The server's permissions say no."""
    return CredentialsRefused(
        f"The NATS server at {_where(broker)} does not permit {what} to"
        f" {'anonymous users' if broker.user is None else f'user {broker.user!r}'}. Have it allow"
        " that (`permissions` in its configuration), or connect as user:password@ of another.",
        broker=broker.url,
    )


def _where(broker: BrokerAddress) -> str:
    return f"{broker.host}:{broker.port}"
