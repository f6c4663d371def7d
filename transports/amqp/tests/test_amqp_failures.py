"""What is said about what pika raises."""

from __future__ import annotations

import socket
import ssl

import pytest
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorSocketConnectError,
    AMQPConnectorStackTimeout,
    AMQPConnectorTransportSetupError,
)
from pika.exceptions import (
    AMQPConnectionError,
    IncompatibleProtocolError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    StreamLostError,
)

from pye2_amqp import failures
from pye2core.errors import BrokerUnreachable, CredentialsRefused, TransportError
from pye2core.settings import BrokerAddress

BROKER = BrokerAddress("amqp", "broker.lan", 5672, "me", "s3cret")


def wrapped(error: Exception) -> Exception:
    """As pika hands it on."""
    return AMQPConnectionError(
        AMQPConnectionWorkflowFailed([AMQPConnectorSocketConnectError(error)])
    )


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (wrapped(socket.gaierror(-2, "unknown")), BrokerUnreachable, "host name 'broker.lan'"),
        (
            wrapped(ConnectionRefusedError()),
            BrokerUnreachable,
            "Nothing listens at broker.lan:5672",
        ),
        (wrapped(TimeoutError()), BrokerUnreachable, "does not answer"),
        (wrapped(AMQPConnectorStackTimeout()), BrokerUnreachable, "does not answer"),
        (wrapped(OSError(113, "no route")), BrokerUnreachable, "no route"),
        (wrapped(UnicodeError("label")), BrokerUnreachable, "cannot be a host name"),
        (
            AMQPConnectionWorkflowFailed(
                [AMQPConnectorTransportSetupError(ssl.SSLError("version"))]
            ),
            BrokerUnreachable,
            "does not speak TLS",
        ),
        (IncompatibleProtocolError("x"), BrokerUnreachable, "AMQP 0-9-1"),
        (StreamLostError("x"), BrokerUnreachable, "cannot be reached"),
        (
            ProbableAuthenticationError("ConnectionClosedByBroker: (403) 'ACCESS_REFUSED'"),
            CredentialsRefused,
            "refuses user 'me'",
        ),
        # It may have died just then.
        (ProbableAuthenticationError("StreamLostError: EOF"), BrokerUnreachable, "broker.lan:5672"),
        (
            ProbableAccessDeniedError("(530) 'NOT_ALLOWED - vhost lab not found'"),
            BrokerUnreachable,
            "no virtual host 'lab'",
        ),
        (
            ProbableAccessDeniedError("(530) \"NOT_ALLOWED - access to vhost 'lab' refused\""),
            CredentialsRefused,
            "use the virtual host 'lab'",
        ),
    ],
)
def test_each_cause_has_its_error_and_no_password_is_told(error, kind, words):
    told = failures.not_opened(BROKER, "lab", error)

    assert type(told) is kind
    assert words in str(told)
    assert told.broker == BROKER.url
    assert "s3cret" not in str(told)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (403, CredentialsRefused, "set_permissions"),
        (406, TransportError, "delete_queue"),
        (404, TransportError, "See the broker's log"),
    ],
)
def test_each_refusal_has_its_error_and_says_what_to_do(code, kind, words):
    told = failures.refused(BROKER, "the queue 'q'", code, "WHY")

    assert type(told) is kind
    assert "the queue 'q'" in str(told)
    assert "WHY" in str(told)
    assert words in str(told)
