"""PyE2's names of AMQP's settings, as a user gives them, and what becomes of them at the broker."""

from __future__ import annotations

import os

import pytest

from pye2core import Session
from pye2core.errors import TransportError

NAMED = {
    "PYE2_AMQP_EXCHANGE": "lab",
    "PYE2_AMQP_EXCHANGE_TYPE": "topic",
    "PYE2_AMQP_ROUTING_KEY": "lab.one",
    "PYE2_AMQP_QUEUE": "bench.{}",
    "PYE2_AMQP_QUEUE_DURABLE": "false",
    "PYE2_AMQP_QUEUE_EXCLUSIVE": "true",
    "PYE2_AMQP_QUEUE_DEVICE_SPECIFIC": "true",
}


@pytest.fixture
def nothing_set(monkeypatch, tmp_path):
    """An environment without settings, in an empty folder."""
    for name in [each for each in os.environ if each.startswith(("PYE2_", "EE_", "AIXP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def in_the_environment(folder, patch, settings):
    for name, value in settings.items():
        patch.setenv(name, value)


def in_a_file(folder, patch, settings):
    lines = [f"{name}={value}" for name, value in settings.items()]
    (folder / ".env").write_text("\n".join(lines))


@pytest.mark.parametrize("given", [in_the_environment, in_a_file])
def test_pye2_s_names_decide_what_a_session_uses_at_the_broker(
    broker, raw, nothing_set, tmp_path, given
):
    raw.exchange_declare("lab", "topic", durable=True)
    ours = raw.queue_declare("", exclusive=True).method.queue
    raw.queue_bind(ours, "lab", "lab.one.#")
    given(tmp_path, nothing_set, {**NAMED, "PYE2_BROKER": broker.url})

    with Session(silent=True):
        keys = {method.routing_key for method, _, _ in said(raw, ours)}

    assert keys
    assert all(key.startswith("lab.one.") for key in keys)


def said(channel, queue):
    """The first messages that come to a queue: a session speaks when it connects."""
    for method, properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=30):
        yield method, properties, body
        break
    channel.cancel()


def test_the_virtual_host_is_a_setting_too(broker, nothing_set, tmp_path):
    in_a_file(tmp_path, nothing_set, {"PYE2_BROKER": broker.url, "PYE2_AMQP_VHOST": "nowhere"})

    with pytest.raises(TransportError, match="nowhere"):
        Session(silent=True)
