"""The transport on certificates, and on what is no broker at all."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest
from attrs import evolve

from pye2core.abc import Channel
from pye2core.errors import BrokerUnreachable, SettingsError
from pye2core.settings import BrokerAddress, TlsSettings

PATIENCE = 30.0
CONFIG = Channel.config("0xai_A")
MIB = 1024 * 1024


@pytest.fixture
def encrypted(broker, tls_port, certificates) -> BrokerAddress:
    """The broker's address for encrypted connections, with its authority."""
    tls = TlsSettings(certificates.ours.certificate)
    return evolve(broker.address, scheme="amqps", port=tls_port, tls=tls)


# --- encryption -----------------------------------------------------------------------------------


def test_an_encrypted_connection_carries_large_and_small_messages(encrypted, connected):
    receiver = connected("receiver", address=encrypted).subscribe(CONFIG, Channel.payloads())
    sender = connected("sender", address=encrypted)
    message = bytes(range(256)) * (12 * MIB // 256)

    sender.publish(Channel.payloads(), message)
    sender.publish(CONFIG, b"small")

    assert {receiver.take().data for _ in range(2)} == {message, b"small"}


def test_a_broker_of_another_authority_is_not_talked_to(encrypted, certificates, connected):
    other = evolve(encrypted, tls=TlsSettings(certificates.other.certificate))

    with pytest.raises(BrokerUnreachable, match=r"not who it should be.*PYE2_TLS_CA_FILE"):
        connected(address=other)


def test_without_an_authority_of_one_s_own_the_system_s_are_asked(encrypted, connected):
    with pytest.raises(BrokerUnreachable, match="the system's authorities did not sign"):
        connected(address=evolve(encrypted, tls=None))


def test_a_broker_of_another_name_is_not_talked_to(encrypted, connected):
    with pytest.raises(BrokerUnreachable, match=r"not who it should be.*PYE2_TLS_SERVER_NAME"):
        connected(address=evolve(encrypted, host="localhost"))


def test_tls_to_a_port_without_it_is_unreachable(encrypted, broker, connected):
    with pytest.raises(BrokerUnreachable):
        connected(address=evolve(encrypted, port=broker.port))


def test_no_tls_to_a_port_with_it_is_unreachable(broker, tls_port, connected):
    with pytest.raises(BrokerUnreachable):
        connected(address=evolve(broker.address, port=tls_port))


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_an_authority_file_that_cannot_be_used_is_named(tmp_path, make_transport, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    client = make_transport(BrokerAddress("amqps", "127.0.0.1", 1, tls=TlsSettings(file)))

    with pytest.raises(SettingsError, match=r"ca\.pem") as refused:
        client.transport.connect(PATIENCE)

    assert refused.value.setting == "ca_file"


# --- no broker ------------------------------------------------------------------------------------


@pytest.fixture
def impostor():
    """Something that listens; gives a function that says what it answers to everybody."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def answer(data: bytes | None) -> BrokerAddress:
        def serve() -> None:
            for _ in range(4):
                connected, _ = listener.accept()
                taken.append(connected)
                if data is not None:
                    with suppress(OSError):  # the client may have hung up first
                        connected.sendall(data)
                        connected.shutdown(socket.SHUT_WR)

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[0].start()
        return BrokerAddress("amqp", "127.0.0.1", listener.getsockname()[1])

    yield answer
    for thread in threads:
        thread.join(PATIENCE)
    for one in taken:
        one.close()
    listener.close()


@pytest.mark.parametrize(
    "said",
    [b"", b"\x20\x02\x00\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"AMQP\x00\x01\x00\x00"],
    ids=["nothing", "MQTT", "HTTP", "AMQP 1.0"],
)
def test_what_is_no_broker_is_unreachable(impostor, make_transport, said):
    client = make_transport(impostor(said))

    with pytest.raises(BrokerUnreachable):
        client.transport.connect(PATIENCE)


def test_a_broker_that_stays_silent_is_given_up_in_time(impostor, make_transport):
    client = make_transport(impostor(None))

    with pytest.raises(BrokerUnreachable, match="answer"):
        client.transport.connect(0.2)


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "with space"])
def test_an_impossible_host_name_is_unreachable(make_transport, host):
    client = make_transport(BrokerAddress("amqp", host, 5672))

    with pytest.raises(BrokerUnreachable):
        client.transport.connect(PATIENCE)
