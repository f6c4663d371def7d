"""The transport on real sockets, certificates and file descriptors."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pye2_testing.fixtures import require_mosquitto
from pye2_testing.mosquitto import Mosquitto
from pye2core.abc import Channel
from pye2core.errors import BrokerUnreachable, SettingsError
from pye2core.settings import BrokerAddress, TlsSettings, parse_broker_url

PATIENCE = 30.0
CONFIG = Channel.config("0xai_A")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A folder with an authority, another one, and a broker's certificate from the first."""
    folder = tmp_path_factory.mktemp("certificates")
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = make_certificate("authority", authority_key, "authority", authority_key)
    other_key = ec.generate_private_key(ec.SECP256R1())
    broker_key = ec.generate_private_key(ec.SECP256R1())
    for name, certificate in {
        "authority": authority,
        "other": make_certificate("other", other_key, "other", other_key),
        "broker": make_certificate("broker", broker_key, "authority", authority_key),
    }.items():
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        (folder / f"{name}.pem").write_bytes(pem)
    (folder / "broker.key").write_bytes(
        broker_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder


def make_certificate(subject, key, issuer, issuer_key):
    now = datetime.now(UTC)
    is_authority = subject == issuer
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        # What follows Python 3.13 and later insist on.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=subject == issuer,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(issuer_key, hashes.SHA256())
    )


@pytest.fixture
def encrypted(tmp_path, certificates):
    """A Mosquitto with a TLS listener."""
    require_mosquitto()
    options = [
        f"certfile {certificates / 'broker.pem'}",
        f"keyfile {certificates / 'broker.key'}",
    ]
    with Mosquitto(tmp_path / "tls", options=options) as running:
        yield running


def address_of(broker, ca_file):
    return BrokerAddress("mqtts", "127.0.0.1", broker.port, tls=TlsSettings(ca_file))


def test_an_encrypted_connection_carries_large_and_small_messages(
    encrypted, certificates, make_transport
):
    client = make_transport(address_of(encrypted, certificates / "authority.pem"))
    client.transport.connect(PATIENCE)
    client.transport.subscribe(CONFIG, PATIENCE)
    messages = [b"small", os.urandom(12 * 1024 * 1024), b"", b"last"]

    for message in messages:
        client.transport.publish(CONFIG, message)

    for message in messages:
        delivery = client.take()
        delivery.ack()
        assert delivery.data == message


def test_a_broker_of_another_authority_is_not_talked_to(encrypted, certificates, make_transport):
    client = make_transport(address_of(encrypted, certificates / "other.pem"))

    with pytest.raises(BrokerUnreachable, match="ca_file"):
        client.transport.connect(PATIENCE)


def test_a_broker_of_another_name_is_not_talked_to(encrypted, certificates, make_transport):
    address = evolve(address_of(encrypted, certificates / "authority.pem"), host="localhost")
    client = make_transport(address)

    with pytest.raises(BrokerUnreachable, match="not who it should be"):
        client.transport.connect(PATIENCE)


def test_tls_to_a_port_without_it_is_unreachable(mosquitto, certificates, make_transport):
    client = make_transport(address_of(mosquitto, certificates / "authority.pem"))

    with pytest.raises(BrokerUnreachable):
        client.transport.connect(5)


def test_no_tls_to_a_port_with_it_is_unreachable(encrypted, make_transport):
    client = make_transport(BrokerAddress("mqtt", "127.0.0.1", encrypted.port))

    with pytest.raises(BrokerUnreachable):
        client.transport.connect(5)


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_an_authority_file_that_cannot_be_used_is_named(tmp_path, make_transport, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    client = make_transport(BrokerAddress("mqtts", "127.0.0.1", 1, tls=TlsSettings(file)))

    with pytest.raises(SettingsError, match=r"ca\.pem") as refused:
        client.transport.connect(PATIENCE)

    assert refused.value.setting == "ca_file"


def test_small_packets_are_not_held_back_by_the_system(mosquitto, make_transport):
    client = make_transport(parse_broker_url(mosquitto.url))
    client.transport.connect(PATIENCE)

    for connection in client.transport._bundle._all():
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
