"""Says what went wrong between us and a broker, and what to do next.

Makes errors; raises none and touches no connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from pye2core.abc import broker_failures
from pye2core.abc.broker_failures import disconnected, place_of, who_asks
from pye2core.abc.tls_failures import our_certificate
from pye2core.errors import BrokerUnreachable, CredentialsRefused

if TYPE_CHECKING:
    from pye2core.errors import TransportError
    from pye2core.settings import BrokerAddress

__all__ = [
    "disconnected",
    "hung_up",
    "no_answer",
    "not_reached",
    "subscription_refused",
    "turned_away",
]

_BAD_CREDENTIALS = frozenset({134, 135})
"""What paho makes of MQTT 3.1.1's answers 4 (user or password) and 5 (not authorised)."""


def not_reached(broker: BrokerAddress, port: int, error: Exception) -> BrokerUnreachable:
    """The connection could not be made because of ``error``."""
    return broker_failures.not_reached(
        evolve(broker, port=port),
        error,
        plain_scheme="mqtt",
        how_to_start="`pye2 broker` starts one",
    )


def no_answer(broker: BrokerAddress, port: int, timeout: float) -> BrokerUnreachable:
    """Nothing came back in time."""
    return broker_failures.no_answer(evolve(broker, port=port), timeout)


def hung_up(broker: BrokerAddress, port: int, reason: str) -> BrokerUnreachable:
    """The connection ended before the broker had accepted it."""
    is_encrypted = broker.tls is not None or broker.scheme == "mqtts"
    certificate = f" {our_certificate(broker)}" if is_encrypted else ""
    return BrokerUnreachable(
        f"The broker at {broker.host}:{port} ended the connection before it had accepted it"
        f" ({reason}). Is this an MQTT port, and is TLS (mqtts://) on or off as the broker wants?"
        f"{certificate}",
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
    reached = evolve(broker, port=port)
    if code in _BAD_CREDENTIALS:
        return broker_failures.not_let_in(reached, f"{who_asks(broker)} ({reason})")
    return BrokerUnreachable(
        f"The broker at {place_of(reached)} refuses the connection: {reason}. See the broker's"
        " log.",
        broker=broker.url,
    )


def subscription_refused(broker: BrokerAddress, topic: str) -> CredentialsRefused:
    """The broker does not let us listen at ``topic``."""
    return CredentialsRefused(
        f"The broker {broker.url} does not let {who_asks(broker)} subscribe to {topic!r}."
        " Allow it in the broker's access rules.",
        broker=broker.url,
    )
