"""What is said about brokers that fail, whatever their kind."""

from __future__ import annotations

import re
import socket
import ssl

import pytest
from attrs import evolve

from pye2core.abc import broker_failures
from pye2core.errors import SettingsError
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


def test_a_message_that_is_too_large_tells_both_sizes():
    told = broker_failures.too_large(BROKER, 2_000_000, 1_000_000)

    assert (told.size, told.limit) == (2_000_000, 1_000_000)
    assert "2,000,000 bytes" in str(told)


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_an_authority_file_that_cannot_be_used_is_named(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(SettingsError, match=r"ca\.pem.*PEM") as refused:
        TlsSettings(file).context()

    assert refused.value.setting == "ca_file"


def test_the_system_s_authorities_are_asked_and_names_checked_where_no_file_is_given():
    context = TlsSettings().context()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
