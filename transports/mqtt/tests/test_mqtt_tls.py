"""TLS with a real Mosquitto: who is let in, who is not, and which setting is to be changed."""

from __future__ import annotations

import os

import pytest
from attrs import evolve, frozen

from pye2_testing.certificates import Authority, CertificateFiles
from pye2_testing.fixtures import require_mosquitto
from pye2_testing.mosquitto import Mosquitto
from pye2core.abc import Channel
from pye2core.errors import BrokerUnreachable, SettingsError
from pye2core.settings import BrokerAddress, TlsSettings

PATIENCE = 30.0
CONFIG = Channel.config("0xai_A")


@frozen
class Certificates:
    """Authorities, and what one of them has signed."""

    ours: Authority
    other: Authority
    client: CertificateFiles
    stranger: CertificateFiles
    expired: CertificateFiles


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    ours, other = Authority(folder, "ours"), Authority(folder, "other")
    return Certificates(
        ours,
        other,
        client=ours.issue("client", passphrase="a word"),
        stranger=other.issue("stranger"),
        expired=ours.issue("late-client", has_expired=True),
    )


@pytest.fixture
def listening(tmp_path, certificates):
    """Starts a Mosquitto with a TLS listener; gives its address, with the right authority."""
    require_mosquitto()
    running = []

    def listen(*more_options, **issued):
        broker = certificates.ours.issue(f"broker-{len(running)}", **issued)
        options = [f"certfile {broker.certificate}", f"keyfile {broker.key}", *more_options]
        mosquitto = Mosquitto(tmp_path / f"tls-{len(running)}", options=options)
        running.append(mosquitto)
        mosquitto.__enter__()
        tls = TlsSettings(certificates.ours.certificate)
        return BrokerAddress("mqtts", "127.0.0.1", mosquitto.port, tls=tls)

    yield listen
    for mosquitto in running:
        mosquitto.__exit__(None, None, None)


@pytest.fixture
def asking(listening, certificates):
    """A broker that asks its clients for certificates."""
    return listening(f"cafile {certificates.ours.certificate}", "require_certificate true")


def refused(make_transport, address):
    """What a connection that must not come about is refused with."""
    with pytest.raises(BrokerUnreachable) as told:
        make_transport(address).transport.connect(PATIENCE)
    return str(told.value)


def test_an_encrypted_connection_carries_large_and_small_messages(listening, make_transport):
    client = make_transport(listening())
    client.transport.connect(PATIENCE)
    client.transport.subscribe(CONFIG, PATIENCE)
    messages = [b"small", os.urandom(12 * 1024 * 1024), b"", b"last"]

    for message in messages:
        client.transport.publish(CONFIG, message)

    for message in messages:
        delivery = client.take()
        delivery.ack()
        assert delivery.data == message


def test_a_broker_of_another_authority_is_not_talked_to(listening, certificates, make_transport):
    tls = TlsSettings(certificates.other.certificate)

    said = refused(make_transport, evolve(listening(), tls=tls))

    assert "not who it should be" in said
    assert "ca_file" in said
    assert "PYE2_TLS_CA_FILE" in said
    assert str(certificates.other.certificate) in said


@pytest.mark.parametrize("tls", [None, TlsSettings()], ids=["none", "empty"])
def test_without_an_authority_of_one_s_own_the_system_s_are_asked(listening, make_transport, tls):
    said = refused(make_transport, evolve(listening(), tls=tls))

    assert "the system's authorities" in said
    assert "PYE2_TLS_CA_FILE" in said


def test_a_broker_of_another_name_is_not_talked_to(listening, make_transport):
    said = refused(make_transport, evolve(listening(), host="localhost"))

    assert "not who it should be" in said
    assert "PYE2_TLS_SERVER_NAME" in said


def test_a_broker_whose_certificate_has_expired_is_not_talked_to(listening, make_transport):
    said = refused(make_transport, listening(has_expired=True))

    assert "expired" in said
    assert "Renew the broker's certificate" in said


def test_a_broker_is_known_by_the_name_that_is_set(listening, certificates, make_transport):
    address = listening(names=("broker.lan",))
    assert "PYE2_TLS_SERVER_NAME" in refused(make_transport, address)
    right, wrong = (
        evolve(address, tls=TlsSettings(certificates.ours.certificate, server_name=name))
        for name in ("broker.lan", "other.lan")
    )

    make_transport(right).transport.connect(PATIENCE)
    assert "other.lan" in refused(make_transport, wrong)


def test_a_client_with_a_certificate_is_let_in_where_one_is_asked_for(
    asking, certificates, make_transport
):
    ours = certificates.client
    tls = evolve(
        asking.tls,
        client_certificate=ours.certificate,
        client_key=ours.key,
        client_key_passphrase="a word",
    )
    client = make_transport(evolve(asking, tls=tls))

    client.transport.connect(PATIENCE)
    client.transport.subscribe(CONFIG, PATIENCE)
    client.transport.publish(CONFIG, b"hello")

    assert client.take().data == b"hello"


def test_a_client_without_a_certificate_is_told_which_setting_gives_one(asking, make_transport):
    said = refused(make_transport, asking)

    assert "PYE2_TLS_CLIENT_CERTIFICATE" in said
    assert "client_certificate" in said


@pytest.mark.parametrize("whose", ["stranger", "expired"])
def test_a_client_with_a_certificate_that_does_not_count_is_told(
    asking, certificates, make_transport, whose
):
    shown = getattr(certificates, whose)
    tls = evolve(asking.tls, client_certificate=shown.certificate, client_key=shown.key)

    said = refused(make_transport, evolve(asking, tls=tls))

    assert str(shown.certificate) in said
    assert "PYE2_TLS_CLIENT_CERTIFICATE" in said


def test_tls_to_a_port_without_it_is_unreachable(mosquitto, certificates, make_transport):
    tls = TlsSettings(certificates.ours.certificate)

    refused(make_transport, BrokerAddress("mqtts", "127.0.0.1", mosquitto.port, tls=tls))


def test_no_tls_to_a_port_with_it_is_unreachable(listening, make_transport):
    refused(make_transport, BrokerAddress("mqtt", "127.0.0.1", listening().port))


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_an_authority_file_that_cannot_be_used_is_named(tmp_path, make_transport, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    client = make_transport(BrokerAddress("mqtts", "127.0.0.1", 1, tls=TlsSettings(file)))

    with pytest.raises(SettingsError, match=r"ca\.pem") as told:
        client.transport.connect(PATIENCE)

    assert told.value.setting == "ca_file"
