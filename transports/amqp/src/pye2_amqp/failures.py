"""Says what went wrong between us and a broker, and what to do next.

Makes errors, and tells the cause in what pika raises; raises none and touches no connection.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorPhaseErrorBase,
    AMQPConnectorStackTimeout,
)
from pika.exceptions import (
    AMQPConnectionError,
    IncompatibleProtocolError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from pye2core.abc import broker_failures
from pye2core.abc.broker_failures import disconnected, no_answer, place_of, who_asks
from pye2core.abc.tls_failures import our_certificate, why_turned_away
from pye2core.errors import BrokerUnreachable, CredentialsRefused, TransportError

if TYPE_CHECKING:
    from pye2core.settings import BrokerAddress

__all__ = [
    "ACCESS_REFUSED",
    "NOT_FOUND",
    "PRECONDITION_FAILED",
    "cause_of",
    "disconnected",
    "forgotten",
    "hung_up",
    "no_answer",
    "not_opened",
    "not_taken",
    "refused",
]

ACCESS_REFUSED = 403
NOT_FOUND = 404
PRECONDITION_FAILED = 406

_SAID_BY_TLS = re.compile(r"\[SSL: (\w+)\]")
"""OpenSSL's name of what went wrong, in the text that pika makes of it."""


def cause_of(error: BaseException) -> BaseException:
    """What is behind the wrappings that pika puts around an error."""
    if isinstance(error, AMQPConnectionWorkflowFailed) and error.exceptions:
        return cause_of(error.exceptions[-1])
    if isinstance(error, AMQPConnectorPhaseErrorBase):
        return cause_of(error.exception)
    if type(error) is AMQPConnectionError and error.args:
        inner = error.args[0]
        return cause_of(inner) if isinstance(inner, BaseException) else error
    return error


def not_opened(broker: BrokerAddress, vhost: str, error: BaseException) -> TransportError:
    """The connection could not be made because of ``error``.

    Args:
        broker: the broker's address, with its port.
        vhost: the virtual host that was asked for.
        error: what pika says.
    """
    cause = cause_of(error)
    if (turned_away := _turned_away_by_tls(broker, cause)) is not None:
        return turned_away
    if isinstance(cause, ProbableAuthenticationError) and f"({ACCESS_REFUSED})" in str(cause):
        return broker_failures.not_let_in(broker, _who(broker))
    if isinstance(cause, ProbableAccessDeniedError):
        return _no_such_vhost(broker, vhost, str(cause))
    if isinstance(cause, IncompatibleProtocolError):
        return _no_amqp(broker, str(cause))
    if isinstance(cause, AMQPConnectorStackTimeout):
        cause = TimeoutError()
    return broker_failures.not_reached(broker, cause, plain_scheme="amqp")


def _turned_away_by_tls(broker: BrokerAddress, cause: BaseException) -> BrokerUnreachable | None:
    """With TLS 1.3, a broker says what it has against our certificate after the handshake."""
    said = _SAID_BY_TLS.search(str(cause))
    why = why_turned_away(broker, said[1]) if said is not None else None
    return None if why is None else BrokerUnreachable(why, broker=broker.url)


def _no_such_vhost(broker: BrokerAddress, vhost: str, said: str) -> TransportError:
    if "refused" in said:
        return CredentialsRefused(
            f"The broker at {place_of(broker)} does not let {_who(broker)} use the virtual host"
            f" {vhost!r}. Allow it there (`rabbitmqctl set_permissions`), or log in as another"
            " user: amqp://user:password@host/vhost.",
            broker=broker.url,
        )
    return BrokerUnreachable(
        f"The broker at {place_of(broker)} has no virtual host {vhost!r} ({said}). Make it there"
        " (`rabbitmqctl add_vhost`), or name another one: amqp://host/vhost.",
        broker=broker.url,
    )


def _no_amqp(broker: BrokerAddress, said: str) -> BrokerUnreachable:
    return BrokerUnreachable(
        f"What listens at {place_of(broker)} does not answer as AMQP 0-9-1 does ({said}). Is this"
        f" an AMQP port, and is TLS (amqps://) on or off as the broker wants?{_hint(broker)}",
        broker=broker.url,
    )


def hung_up(broker: BrokerAddress, reason: str) -> BrokerUnreachable:
    """The connection ended before all was ready on it."""
    return BrokerUnreachable(
        f"The connection to the broker at {place_of(broker)} ended before it was ready ({reason})."
        f" See the broker's log.{_hint(broker)}",
        broker=broker.url,
    )


def _hint(broker: BrokerAddress) -> str:
    """What else may be wrong with an encrypted connection that ends without a word."""
    is_encrypted = broker.tls is not None or broker.scheme == "amqps"
    return f" {our_certificate(broker)}" if is_encrypted else ""


def refused(broker: BrokerAddress, what: str, code: int, said: str) -> TransportError:
    """The broker said no to something on a connection that lasts.

    Args:
        broker: the broker's address.
        what: what was asked: "the queue 'naeural.me.commands'".
        code: the broker's code.
        said: the broker's words.
    """
    if code == ACCESS_REFUSED:
        return CredentialsRefused(
            f"The broker {broker.url} does not let {_who(broker)} have {what} ({said})."
            " Allow it in the broker's permissions (`rabbitmqctl set_permissions`).",
            broker=broker.url,
        )
    if code == PRECONDITION_FAILED:
        return TransportError(
            f"The broker {broker.url} already has {what}, with other properties ({said})."
            " Delete it there (`rabbitmqctl delete_queue`) if nothing in it is needed, set"
            " PYE2_AMQP_* as it was when it was made, or choose another name by PYE2_AMQP_QUEUE or"
            " PYE2_AMQP_EXCHANGE.",
            broker=broker.url,
        )
    return TransportError(
        f"The broker {broker.url} refuses {what}: {said}. See the broker's log.", broker=broker.url
    )


def not_taken(broker: BrokerAddress, key: str) -> TransportError:
    """The broker had a message and does not want it."""
    return TransportError(
        f"The broker {broker.url} did not take a message to {key!r}. Perhaps a queue there is full"
        " and its policy rejects what comes then; see the broker's log.",
        broker=broker.url,
    )


def forgotten(broker: BrokerAddress, queues: list[str], expires: float) -> str:
    """The broker did not keep what it was to keep for a client.

    Args:
        broker: the broker's address.
        queues: the names of the queues that are gone.
        expires: seconds for which it was to keep them.
    """
    return (
        f"The broker {broker.url} had no queue {' and '.join(map(repr, queues))} any more."
        " Perhaps somebody deleted it there, or the broker was set up anew or restarted without"
        " durable queues (PYE2_AMQP_QUEUE_DURABLE), or this client was away for longer than"
        f" {expires:g} s (PYE2_AMQP_QUEUE_EXPIRES)."
    )


def _who(broker: BrokerAddress) -> str:
    tried = " (it tried guest, guest)" if broker.user is None else ""
    return who_asks(broker) + tried
