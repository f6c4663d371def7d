"""A password that everybody on the way can read is warned about."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from attrs import evolve

from pye2core.connection.clear_text import warn_of_readable_password
from pye2core.settings import parse_broker_url

SCHEMES = {"mqtt": "mqtts", "amqp": "amqps"}
WITHOUT_A_PLAIN_ONE = {"nats+tls": "nats+tls"}


def warnings_for(url: str, caplog: pytest.LogCaptureFixture) -> str:
    with caplog.at_level(logging.WARNING, logger="pye2core.connection"):
        warn_of_readable_password(parse_broker_url(url), SCHEMES | WITHOUT_A_PLAIN_ONE)
    return caplog.text


@pytest.mark.parametrize(
    "host",
    [
        "broker.lan",
        "10.0.0.1",
        "[2001:db8::1]",
        "localhost.example.com",
        "127.example.com",
        "[::2]",
    ],
)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_is_warned_of_on_the_way_to_another_machine(
    caplog: pytest.LogCaptureFixture, scheme: str, host: str
) -> None:
    said = warnings_for(f"{scheme}://me:s3cr3t@{host}", caplog)

    assert f"Use {SCHEMES[scheme]}://" in said
    assert f"{scheme}://me@{host}" in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize(
    "url",
    [
        "mqtts://me:secret@broker.lan",
        "nats+tls://me:secret@broker.lan",
        "mqtt://me@broker.lan",
        "mqtt://broker.lan",
        "mqtt://me:secret@localhost",
        "mqtt://me:secret@LOCALHOST.",
        "mqtt://me:secret@my.localhost",
        "mqtt://me:secret@127.0.0.1",
        "mqtt://me:secret@127.3.2.1",
        "mqtt://me:secret@[::1]",
        "mqtt://me:secret@[::ffff:127.0.0.1]",
        "memory://me:secret@broker.lan",
    ],
)
def test_nothing_is_said_where_nobody_can_read_one(
    caplog: pytest.LogCaptureFixture, url: str
) -> None:
    assert warnings_for(url, caplog) == ""


def test_a_connection_says_it_before_it_connects(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    secured = {"memory": "memorys"}
    bench.registry.descriptor = evolve(bench.registry.descriptor, secured_schemes=secured)
    broker = parse_broker_url("memory://me:s3cr3t@broker.lan")

    with caplog.at_level(logging.WARNING, logger="pye2core.connection"):
        bench.connection(evolve(bench.settings, broker=broker))

    assert "memory://me@broker.lan is sent without encryption" in caplog.text
