"""The transport on real sockets and file descriptors."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys

import pytest

from pye2core.abc import Channel
from pye2core.errors import BrokerUnreachable
from pye2core.settings import BrokerAddress, parse_broker_url

PATIENCE = 30.0
CONFIG = Channel.config("0xai_A")


def test_small_packets_are_not_held_back_by_the_system(mosquitto, make_transport):
    client = make_transport(parse_broker_url(mosquitto.url))
    client.transport.connect(PATIENCE)

    for connection in client.transport._current.at("any")._all():
        number = connection._client.socket().fileno()
        with socket.socket(fileno=os.dup(number)) as sending:
            assert sending.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_process_with_thousands_of_open_files_can_connect(mosquitto, make_transport):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("this system does not allow 2,048 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        client = make_transport(parse_broker_url(mosquitto.url))
        client.transport.connect(PATIENCE)
        client.transport.subscribe(CONFIG, PATIENCE)
        client.transport.publish(CONFIG, b"hello")

        assert client.take().data == b"hello"
        client.transport.detach(PATIENCE)
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "with space"])
def test_an_impossible_host_name_is_unreachable(make_transport, host):
    client = make_transport(BrokerAddress("mqtt", host, 1883))

    with pytest.raises(BrokerUnreachable):
        client.transport.connect(PATIENCE)


def test_the_plugin_module_does_not_import_paho():
    script = (
        "import sys, pye2_mqtt.plugin as p; p.pye2_register_transports();"
        " sys.exit('paho' in sys.modules or 'ssl' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_plugin_offers_both_schemes():
    from pye2_mqtt.plugin import pye2_register_transports

    (descriptor,) = pye2_register_transports()

    assert descriptor.schemes == ("mqtt", "mqtts")
    assert descriptor.default_ports == {"mqtt": 1883, "mqtts": 8883}
    assert descriptor.features.durable
    assert descriptor.features.manual_ack
