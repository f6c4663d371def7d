"""TLS with RabbitMQs of their own: clients' certificates, other names, expired certificates."""

from __future__ import annotations

import pytest
from attrs import evolve

from pye2_testing.child import free_port
from pye2_testing.fixtures import require_rabbitmq
from pye2_testing.rabbitmq import RabbitMq
from pye2core.abc import Channel
from pye2core.errors import BrokerUnreachable
from pye2core.settings import TlsSettings

# A RabbitMQ that was just started may reset a connection before anything was said; Python itself
# (``SSLContext.wrap_socket``) then raises, and leaves the socket that it made to the collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)

PATIENCE = 30.0
CONFIG = Channel.config("0xai_A")


def listening(folder, certificates, broker, *more_options):
    """A RabbitMQ with a TLS listener, and its address with the right authority."""
    require_rabbitmq()
    port = free_port()
    options = [
        f"listeners.ssl.1 = 127.0.0.1:{port}",
        f"ssl_options.cacertfile = {certificates.ours.certificate}",
        f"ssl_options.certfile = {broker.certificate}",
        f"ssl_options.keyfile = {broker.key}",
        *more_options,
    ]
    with RabbitMq(folder, user="pye2", password="secret", options=options) as running:
        tls = TlsSettings(certificates.ours.certificate)
        yield evolve(running.address, scheme="amqps", port=port, tls=tls)


@pytest.fixture(scope="module")
def asking(tmp_path_factory, certificates):
    """A broker that is called broker.lan, and asks its clients for certificates."""
    yield from listening(
        tmp_path_factory.mktemp("asking"),
        certificates,
        certificates.ours.issue("broker.lan", names=("broker.lan",)),
        "ssl_options.verify = verify_peer",
        "ssl_options.fail_if_no_peer_cert = true",
    )


@pytest.fixture(scope="module")
def expired(tmp_path_factory, certificates):
    """A broker whose certificate has expired."""
    late = certificates.ours.issue("late-broker", has_expired=True)
    yield from listening(tmp_path_factory.mktemp("expired"), certificates, late)


@pytest.fixture
def named(asking):
    """Its address, with the name that is in its certificate."""
    return evolve(asking, tls=evolve(asking.tls, server_name="broker.lan"))


def refused(connected, address):
    with pytest.raises(BrokerUnreachable) as told:
        connected(address=address)
    return str(told.value)


def test_a_client_with_a_certificate_is_let_in_where_one_is_asked_for(
    named, certificates, connected
):
    ours = certificates.client
    tls = evolve(
        named.tls,
        client_certificate=ours.certificate,
        client_key=ours.key,
        client_key_passphrase="a word",
    )

    client = connected(address=evolve(named, tls=tls)).subscribe(CONFIG)
    client.publish(CONFIG, b"hello")

    assert client.take().data == b"hello"


def test_a_client_without_a_certificate_is_told_which_setting_gives_one(named, connected):
    said = refused(connected, named)

    assert "PYE2_TLS_CLIENT_CERTIFICATE" in said
    assert "client_certificate" in said


def test_a_client_with_another_authority_s_certificate_is_told(named, certificates, connected):
    shown = certificates.stranger
    tls = evolve(named.tls, client_certificate=shown.certificate, client_key=shown.key)

    said = refused(connected, evolve(named, tls=tls))

    assert str(shown.certificate) in said
    assert "PYE2_TLS_CLIENT_CERTIFICATE" in said


@pytest.mark.parametrize("name", [None, "other.lan"])
def test_a_broker_without_the_name_that_is_expected_is_not_talked_to(asking, connected, name):
    said = refused(connected, evolve(asking, tls=evolve(asking.tls, server_name=name)))

    assert "not who it should be" in said
    assert "PYE2_TLS_SERVER_NAME" in said


def test_a_broker_whose_certificate_has_expired_is_not_talked_to(expired, connected):
    said = refused(connected, expired)

    assert "expired" in said
    assert "Renew the broker's certificate" in said
