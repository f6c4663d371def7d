"""The plugin and its settings, as the kernel sees them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from attrs import fields

from pye2_amqp.endpoint import Endpoint
from pye2_amqp.plugin import pye2_register_transports
from pye2_amqp.settings import AmqpSettings
from pye2core.errors import SettingsError
from pye2core.settings import load_plugin_settings, parse_broker_url


def load(**variables: str) -> AmqpSettings:
    environment = {f"PYE2_AMQP_{name}": value for name, value in variables.items()}
    return load_plugin_settings("amqp", AmqpSettings, environment=environment)


def test_the_plugin_module_does_not_import_pika():
    script = (
        "import sys, pye2_amqp.plugin as p; p.pye2_register_transports();"
        " sys.exit('pika' in sys.modules or 'asyncio' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_plugin_offers_both_schemes():
    (descriptor,) = pye2_register_transports()

    assert descriptor.schemes == ("amqp", "amqps")
    assert descriptor.default_ports == {"amqp": 5672, "amqps": 5671}
    assert descriptor.settings == "pye2_amqp.settings:AmqpSettings"


def test_pye2_s_names_are_settings():
    settings = load(
        EXCHANGE="lab",
        EXCHANGE_TYPE="topic",
        QUEUE="q/{}",
        QUEUE_DURABLE="false",
        QUEUE_EXCLUSIVE="true",
        QUEUE_DEVICE_SPECIFIC="false",
        ROUTING_KEY="lab.one",
        VHOST="/lab",
    )

    assert settings == AmqpSettings(
        exchange="lab",
        queue="q/{}",
        queue_durable=False,
        queue_exclusive=True,
        queue_device_specific=False,
        routing_key="lab.one",
        vhost="/lab",
    )


def test_every_setting_is_explained():
    assert [one.name for one in fields(AmqpSettings) if not one.metadata.get("help")] == []


@pytest.mark.parametrize(
    ("variables", "blamed"),
    [
        ({"EXCHANGE_TYPE": "fanout"}, "PYE2_AMQP_EXCHANGE_TYPE"),
        ({"QUEUE_TYPE": "stream"}, "PYE2_AMQP_QUEUE_TYPE"),
        ({"PREFETCH": "0"}, "PYE2_AMQP_PREFETCH"),
        ({"HEARTBEAT": "0"}, "PYE2_AMQP_HEARTBEAT"),
        ({"QUEUE_EXPIRES": "0"}, "PYE2_AMQP_QUEUE_EXPIRES"),
        ({"QUEUE_TYPE": "quorum", "QUEUE_DURABLE": "false"}, "PYE2_AMQP_QUEUE_DURABLE"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_name(variables, blamed):
    with pytest.raises(SettingsError) as refused:
        load(**variables)

    assert refused.value.setting == blamed


@pytest.mark.parametrize(
    ("url", "settings", "vhost"),
    [
        ("amqp://host", {}, "/"),
        ("amqp://host/", {}, "/"),
        ("amqp://host/%2F", {}, "/"),
        ("amqp://host/lab", {}, "lab"),
        ("amqp://host/lab%2F1", {}, "lab/1"),
        ("amqp://host/lab", {"vhost": "other"}, "other"),
    ],
)
def test_the_virtual_host_is_the_setting_s_or_the_url_s(url, settings, vhost):
    endpoint = Endpoint.of(parse_broker_url(url), AmqpSettings(**settings), "me", 10)

    assert endpoint.vhost == endpoint.parameters().virtual_host == vhost


@pytest.mark.parametrize(("url", "port"), [("amqp://host", 5672), ("amqps://host", 5671)])
def test_a_url_without_a_port_means_the_usual_one(url, port):
    assert Endpoint.of(parse_broker_url(url), AmqpSettings(), "me", 10).broker.port == port


def test_who_gives_no_user_is_a_guest():
    parameters = Endpoint.of(parse_broker_url("amqp://host"), AmqpSettings(), "me", 10).parameters()

    assert (parameters.credentials.username, parameters.credentials.password) == ("guest", "guest")


def test_a_user_s_password_is_not_made_up():
    address = parse_broker_url("amqp://me@host")

    parameters = Endpoint.of(address, AmqpSettings(), "me", 10).parameters()

    assert (parameters.credentials.username, parameters.credentials.password) == ("me", "")
