"""What is said about brokers that fail, whatever their kind."""

from __future__ import annotations

import re
import socket
import ssl

import pytest
from attrs import evolve

from pye2core.abc import Channel, broker_failures
from pye2core.settings import BrokerAddress, TlsSettings

BROKER = BrokerAddress("pigeon", "broker.lan", 99, "me", "s3cr3t")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "unknown"), r"'broker\.lan' is not known.*DNS"),
        (UnicodeError("label"), r"'broker\.lan' cannot be a host name"),
        (ConnectionRefusedError(), r"Nothing listens at broker\.lan:99.*`coo` starts one"),
        (ssl.SSLError("version"), r"does not speak TLS.*the scheme is pigeon://"),
        (TimeoutError(), r"broker\.lan:99 does not answer.*firewall"),
        (OSError(113, "no route"), r"cannot be reached.*no route"),
        (EOFError(), r"cannot be reached \(EOFError\)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_cause_says_what_to_do_next_and_no_password(error, words):
    told = broker_failures.not_reached(
        BROKER, error, plain_scheme="pigeon", how_to_start="`coo` starts one"
    )

    assert re.search(words, str(told))
    assert told.broker == BROKER.url
    assert "s3cr3t" not in str(told)


def test_a_connection_that_ends_while_tls_begins_may_be_to_a_port_without_it():
    encrypted = evolve(BROKER, tls=TlsSettings())

    told = broker_failures.not_reached(
        encrypted, ConnectionResetError(104, "reset"), plain_scheme="pigeon", how_to_start=""
    )

    assert "Is this its TLS port?" in str(told)


@pytest.mark.parametrize(
    ("code", "advice"),
    [(20, "name that one's file"), (85, "made anew"), (92, "made anew")],
    ids=["unknown authority", "no key identifier", "no key usage"],
)
def test_a_certificate_says_whether_its_authority_is_unknown_or_it_is_not_as_it_must_be(
    code, advice
):
    error = ssl.SSLCertVerificationError("it does not verify")
    error.verify_code, error.verify_message = code, "something is wrong"

    told = broker_failures.not_reached(BROKER, error, plain_scheme="pigeon", how_to_start="")

    assert "something is wrong" in str(told)
    assert advice in str(told)


@pytest.mark.parametrize(
    ("address", "who"),
    [
        (BROKER, "user 'me' with the given password"),
        (evolve(BROKER, password=None), "user 'me' without a password"),
        (evolve(BROKER, user=None, password=None), "a connection without user and password"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_who_is_refused_is_told_and_how_to_give_credentials(address, who):
    told = broker_failures.not_let_in(address, broker_failures.who_asks(address))

    assert who in str(told)
    assert "pigeon://user:password@host:port" in str(told)
    assert "s3cr3t" not in str(told)


def test_a_channel_that_there_cannot_be_is_told_with_the_reason_and_a_way_out():
    why = ValueError("an owner must not contain '+'")

    told = broker_failures.impossible(BROKER, "MQTT", Channel.config("a+b"), why)

    words = str(told)
    assert words.startswith("No config channel can be had over MQTT: an owner must not contain '+'")
    assert "Use the node's address" in words
    assert told.broker == BROKER.url


def test_a_message_that_is_too_large_tells_both_sizes():
    told = broker_failures.too_large(BROKER, 2_000_000, 1_000_000)

    assert (told.size, told.limit) == (2_000_000, 1_000_000)
    assert "2,000,000 bytes" in str(told)


def refusal(code, said):
    error = ssl.SSLCertVerificationError(1, said)
    error.verify_code, error.verify_message = code, said
    return error


def alert(reason):
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "setting"),
    [
        (refusal(20, "unable to get local issuer certificate"), "PYE2_TLS_CA_FILE"),
        (refusal(18, "self-signed certificate"), "PYE2_TLS_CA_FILE"),
        (refusal(62, "Hostname mismatch"), "PYE2_TLS_SERVER_NAME"),
        (refusal(64, "IP address mismatch"), "PYE2_TLS_SERVER_NAME"),
        (refusal(10, "certificate has expired"), "Renew the broker's certificate"),
        (refusal(9, "certificate is not yet valid"), "clock"),
        (alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "PYE2_TLS_CLIENT_CERTIFICATE"),
        (alert("SSLV3_ALERT_HANDSHAKE_FAILURE"), "PYE2_TLS_CLIENT_CERTIFICATE"),
        (alert("TLSV1_ALERT_PROTOCOL_VERSION"), "TLS 1.2 or 1.3"),
        (alert("UNSUPPORTED_PROTOCOL"), "TLS 1.2 or 1.3"),
        (ssl.SSLEOFError(8, "EOF"), "PYE2_TLS_CLIENT_CERTIFICATE"),
    ],
    ids=lambda value: getattr(value, "reason", None) or str(value)[:30],
)
def test_a_refusal_of_tls_says_which_setting_to_change(error, setting):
    told = str(broker_failures.not_reached(BROKER, error, plain_scheme="pigeon"))

    assert "broker.lan:99" in told
    assert setting in told
    assert "pigeon://" not in told


def test_what_was_trusted_and_shown_is_named():
    ours = evolve(BROKER, tls=TlsSettings("ca.pem", "client.pem", "client.key"))

    not_trusted = broker_failures.not_reached(ours, refusal(20, "?"), plain_scheme="pigeon")
    turned_away = broker_failures.not_reached(
        ours, alert("TLSV1_ALERT_UNKNOWN_CA"), plain_scheme="pigeon"
    )

    assert "the authority in ca.pem did not sign" in str(not_trusted)
    assert "our certificate client.pem" in str(turned_away)


def test_an_encrypted_connection_that_is_dropped_may_lack_a_certificate():
    ours = evolve(BROKER, tls=TlsSettings())
    lost = ConnectionResetError("Connection lost")

    assert "PYE2_TLS_CLIENT_CERTIFICATE" in str(
        broker_failures.not_reached(ours, lost, plain_scheme="pigeon")
    )
    assert "PYE2_TLS_CLIENT_CERTIFICATE" not in str(
        broker_failures.not_reached(BROKER, lost, plain_scheme="pigeon")
    )
