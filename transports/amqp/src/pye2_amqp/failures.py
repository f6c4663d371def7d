"""Says what went wrong between us and a broker, and what to do next.

Makes errors, and tells the cause in what pika raises; raises none and touches no connection.
"""

from __future__ import annotations

import socket
import ssl
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

from pye2core.errors import BrokerUnreachable, CredentialsRefused, NotConnected, TransportError

if TYPE_CHECKING:
    from pye2core.settings import BrokerAddress

_CHECK_NETWORK = "Check host, port and firewall, and that the broker is running."

_HOW_TO_GIVE = (
    "Give user and password in the address, amqp://user:password@host:port, special characters"
    " percent-encoded."
)

ACCESS_REFUSED = 403
NOT_FOUND = 404
PRECONDITION_FAILED = 406


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
    if isinstance(cause, ProbableAuthenticationError) and f"({ACCESS_REFUSED})" in str(cause):
        return _not_let_in(broker)
    if isinstance(cause, ProbableAccessDeniedError):
        return _no_such_vhost(broker, vhost, str(cause))
    return BrokerUnreachable(_why_unreachable(broker, cause), broker=broker.url)


def _not_let_in(broker: BrokerAddress) -> CredentialsRefused:
    return CredentialsRefused(
        f"The broker at {_at(broker)} refuses {_who(broker)}. {_HOW_TO_GIVE}", broker=broker.url
    )


def _no_such_vhost(broker: BrokerAddress, vhost: str, said: str) -> TransportError:
    if "refused" in said:
        return CredentialsRefused(
            f"The broker at {_at(broker)} does not let {_who(broker)} use the virtual host"
            f" {vhost!r}. Allow it there (`rabbitmqctl set_permissions`), or log in as another"
            " user: amqp://user:password@host/vhost.",
            broker=broker.url,
        )
    return BrokerUnreachable(
        f"The broker at {_at(broker)} has no virtual host {vhost!r} ({said}). Make it there"
        " (`rabbitmqctl add_vhost`), or name another one: amqp://host/vhost.",
        broker=broker.url,
    )


def _why_unreachable(broker: BrokerAddress, cause: BaseException) -> str:
    at = _at(broker)
    if isinstance(cause, socket.gaierror):
        why = (
            f"The broker's host name {broker.host!r} is not known ({cause.strerror})."
            " Check its spelling and this machine's DNS, or give an IP address."
        )
    elif isinstance(cause, UnicodeError):
        why = f"{broker.host!r} cannot be a host name ({cause}). Check the broker's address."
    elif isinstance(cause, ConnectionRefusedError):
        why = f"Nothing listens at {at}. Start the broker there, or check host and port."
    elif isinstance(cause, ssl.SSLCertVerificationError):
        why = (
            f"The broker at {at} is not who it should be: {cause.verify_message}. Where its"
            " certificate is signed by an authority of your own, name that one's file (ca_file)."
        )
    elif isinstance(cause, ssl.SSLError):
        why = (
            f"The broker at {at} does not speak TLS as expected ({cause})."
            " Is this its TLS port? Without TLS the scheme is amqp://."
        )
    elif isinstance(cause, IncompatibleProtocolError):
        why = (
            f"What listens at {at} does not answer as AMQP 0-9-1 does ({cause}). Is this an AMQP"
            " port, and is TLS (amqps://) on or off as the broker wants?"
        )
    elif isinstance(cause, TimeoutError | AMQPConnectorStackTimeout):
        why = f"The broker at {at} does not answer. {_CHECK_NETWORK}"
    else:
        why = f"The broker at {at} cannot be reached ({cause!r}). {_CHECK_NETWORK}"
    return why


def no_answer(broker: BrokerAddress, timeout: float) -> BrokerUnreachable:
    """Nothing came back in time."""
    return BrokerUnreachable(
        f"The broker at {_at(broker)} did not answer within {timeout:g} s. {_CHECK_NETWORK}",
        broker=broker.url,
    )


def hung_up(broker: BrokerAddress, reason: str) -> BrokerUnreachable:
    """The connection ended before all was ready on it."""
    return BrokerUnreachable(
        f"The connection to the broker at {_at(broker)} ended before it was ready ({reason})."
        " See the broker's log.",
        broker=broker.url,
    )


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


def disconnected(broker: BrokerAddress, what: str, reason: str) -> NotConnected:
    """``what`` could not be done because the connection is gone."""
    return NotConnected(
        f"{what} was not confirmed by the broker {broker.url}: {reason}."
        " It is safe to try again once connected.",
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


def _at(broker: BrokerAddress) -> str:
    return f"{broker.host}:{broker.port}"


def _who(broker: BrokerAddress) -> str:
    if broker.user is None:
        return "a connection without user and password (it tried guest, guest)"
    password = "without a password" if broker.password is None else "with the given password"
    return f"user {broker.user!r} {password}"
