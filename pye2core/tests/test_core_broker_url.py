"""Broker addresses: what can be written, what is refused, and that passwords are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pye2core.errors import BrokerUrlError
from pye2core.settings import BrokerAddress, TlsSettings, parse_broker_url

MARK = "s3cr3t"

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
HOSTS = st.one_of(
    st.lists(LABELS, min_size=1, max_size=4).map(".".join),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
TEXTS = st.text(min_size=1, max_size=40)


@st.composite
def addresses(draw: st.DrawFn) -> BrokerAddress:
    scheme = draw(st.sampled_from(["mqtt", "mqtts", "amqp", "amqps", "memory"]))
    user = draw(st.none() | TEXTS)
    return BrokerAddress(
        scheme=scheme,
        host=draw(HOSTS),
        port=draw(st.none() | st.integers(1, 65535)),
        user=user,
        password=None if user is None else draw(st.none() | st.text(max_size=40)),
        tls=TlsSettings() if scheme.endswith("s") else None,
        path=draw(st.text(max_size=20)),
    )


# --- what can be written --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://broker.lan", BrokerAddress("mqtt", "broker.lan")),
        ("MQTT://Broker.LAN:1884/", BrokerAddress("mqtt", "broker.lan", 1884)),
        ("mqtt://me@host", BrokerAddress("mqtt", "host", user="me")),
        ("mqtt://me:@host", BrokerAddress("mqtt", "host", user="me", password="")),
        ("mqtt://me:a%40b%3Ac@host", BrokerAddress("mqtt", "host", user="me", password="a@b:c")),
        ("mqtt://me:a@b@host", BrokerAddress("mqtt", "host", user="me", password="a@b")),
        ("mqtt://@host", BrokerAddress("mqtt", "host")),
        ("mqtt://[::1]:1883", BrokerAddress("mqtt", "::1", 1883)),
        ("amqp://host/%2Fvirtual%20host", BrokerAddress("amqp", "host", path="/virtual host")),
        ("memory://lab", BrokerAddress("memory", "lab")),
        ("mqtts://host", BrokerAddress("mqtts", "host", tls=TlsSettings())),
    ],
)
def test_an_address_is_read_from_its_url(url: str, expected: BrokerAddress) -> None:
    assert parse_broker_url(url) == expected


def test_an_authority_is_for_tls_only() -> None:
    authority = Path("ca.pem")

    assert parse_broker_url("mqtts://host", ca_file=authority).tls == TlsSettings(authority)
    assert parse_broker_url("mqtt://host", ca_file=authority).tls is None


@given(addresses())
def test_an_address_survives_being_handed_over_as_a_url(address: BrokerAddress) -> None:
    assert parse_broker_url(address.secret_url) == address


@given(addresses())
def test_the_shown_url_is_the_address_without_its_password(address: BrokerAddress) -> None:
    shown = parse_broker_url(address.url)

    assert shown.password is None
    assert (shown.host, shown.port, shown.user) == (address.host, address.port, address.user)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "no scheme"),
        ("broker.lan", "no scheme"),
        ("broker.lan:1883", "no scheme"),
        ("//broker.lan", "no scheme"),
        ("mqtt:broker.lan", "no scheme"),
        ("1mqtt://broker.lan", "no scheme"),
        ("mqtt://", "no host"),
        ("mqtt:///path", "no host"),
        ("mqtt://:1883", "no host"),
        ("mqtt://me@", "no host"),
        ("mqtt://host:port", "port"),
        ("mqtt://host:0", "port"),
        ("mqtt://host:65536", "port"),
        ("mqtt://host:-1", "port"),
        ("mqtt://[::1", "host"),
        ("mqtt://host?keepalive=5", r"'\?' or '#'"),
        ("mqtt://me:12#34@host", r"'\?' or '#'"),
        ("mqtt://:word@host", "password and no user"),
        ("mqtt://%ff@host", "UTF-8"),
        ("mqtt://me:%ff@host", "UTF-8"),
        ("mqtt://host/%ff", "UTF-8"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason_and_an_example(url: str, why: str) -> None:
    with pytest.raises(BrokerUrlError, match=f"{why}.*mqtt://broker.lan:1883") as caught:
        parse_broker_url(url)

    assert caught.value.setting == "broker"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mqtt://broker.lan:99999", "mqtt://broker.lan:99999"),
        ("broker.lan:1883", "broker.lan:1883"),
        ("mqtt://[::1]:0", "mqtt://[::1]:0"),
        ("mqtt://broker.lan:port", "mqtt://broker.lan…"),
        ("mqtt://me:word@broker.lan:0", "mqtt://…@broker.lan:0"),
    ],
)
def test_an_error_shows_what_is_surely_no_password(url: str, shown: str) -> None:
    with pytest.raises(BrokerUrlError) as caught:
        parse_broker_url(url)

    assert caught.value.url == shown
    assert repr(shown) in str(caught.value)


# --- passwords ------------------------------------------------------------------------------------


@given(addresses())
def test_a_password_is_not_in_the_repr_or_the_shown_url(address: BrokerAddress) -> None:
    secret = evolve(address, user="me", password=MARK)

    assert MARK not in repr(secret)
    assert MARK not in secret.url
    assert MARK in secret.secret_url


@given(
    st.sampled_from(
        [
            "mqtt://me:{}",
            "mqtt://me:{}@",
            "mqtt://me:{}@host:port",
            "mqtt://me:{}@host:0",
            "mqtt://me:{}@host?x",
            "mqtt://me:{}@[::1",
            "mqtt://:{}@host",
            "mqtt://%ff:{}@host",
            "me:{}@host",
            "me:{}@host://",
            "://me:{}@host",
            "mqtt:me:{}@host",
            "mqtt://me:{}/@",
        ]
    ),
    st.text("ab1%/?#[]:é", max_size=8),
    st.text("ab1%/?#[]:é", max_size=8),
)
def test_a_password_is_in_no_error(template: str, before: str, after: str) -> None:
    url = template.format(before + MARK + after)

    refusal = refusal_of(url)

    if refusal is not None:
        assert MARK not in str(refusal)
        assert MARK not in refusal.url
        assert refusal.__suppress_context__ or refusal.__context__ is None


def refusal_of(url: str) -> BrokerUrlError | None:
    try:
        parse_broker_url(url)
    except BrokerUrlError as refusal:
        return refusal
    return None
