"""TLS with a real nats-server: whose certificate counts, and which setting is to be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve, frozen

from pye2_nats.settings import NatsSettings
from pye2_nats.transport import NatsTransport
from pye2_testing.certificates import Authority, CertificateFiles
from pye2_testing.fixtures import require_nats_server
from pye2_testing.nats_server import NatsServer
from pye2core.abc import TransportOptions
from pye2core.errors import BrokerUnreachable
from pye2core.settings import BrokerAddress, TlsSettings, parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 30.0


@frozen
class Certificates:
    """Authorities, and what they have signed."""

    ours: Authority
    other: Authority
    client: CertificateFiles
    stranger: CertificateFiles


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    ours, other = Authority(folder, "ours"), Authority(folder, "other")
    return Certificates(ours, other, ours.issue("client"), other.issue("stranger"))


@pytest.fixture
def listen(tmp_path: Path, certificates: Certificates) -> Iterator[Callable[..., BrokerAddress]]:
    """Starts a server with TLS; gives its address, with the right authority."""
    require_nats_server()
    running: list[NatsServer] = []

    def start(more: str = "", **issued: Any) -> BrokerAddress:
        files = certificates.ours.issue("broker", **issued)
        tls = f"tls {{ cert_file: '{files.certificate}', key_file: '{files.key}'{more} }}"
        server = NatsServer(tmp_path / "nats", options=[tls])
        server.__enter__()
        running.append(server)
        settings = TlsSettings(certificates.ours.certificate)
        return evolve(parse_broker_url(server.url), scheme="tls", tls=settings)

    yield start
    for server in running:
        server.__exit__(None, None, None)


def connect(address: BrokerAddress) -> None:
    transport = NatsTransport(
        TransportOptions(address, "client", settings=NatsSettings()),
        lambda _: None,
        lambda *_: None,
    )
    try:
        transport.connect(PATIENCE)
    finally:
        transport.close(PATIENCE)


def refused(address: BrokerAddress) -> str:
    with pytest.raises(BrokerUnreachable) as told:
        connect(address)
    return str(told.value)


def test_another_authority_is_refused(
    listen: Callable[..., BrokerAddress], certificates: Certificates
) -> None:
    tls = TlsSettings(certificates.other.certificate)

    assert "PYE2_TLS_CA_FILE" in refused(evolve(listen(), tls=tls))


def test_a_certificate_that_has_expired_is_refused(listen: Callable[..., BrokerAddress]) -> None:
    assert "Renew the broker's certificate" in refused(listen(has_expired=True))


def test_a_broker_is_known_by_the_name_that_is_set(listen: Callable[..., BrokerAddress]) -> None:
    address = listen(names=("broker.lan",))
    assert "PYE2_TLS_SERVER_NAME" in refused(address)

    connect(evolve(address, tls=evolve(address.tls, server_name="broker.lan")))


def test_a_certificate_of_ours_is_shown_and_its_lack_is_told(
    listen: Callable[..., BrokerAddress], certificates: Certificates
) -> None:
    address = listen(f", ca_file: '{certificates.ours.certificate}', verify: true")
    shown = {
        name: evolve(address.tls, client_certificate=files.certificate, client_key=files.key)
        for name, files in (("ours", certificates.client), ("stranger", certificates.stranger))
    }

    connect(evolve(address, tls=shown["ours"]))
    assert "PYE2_TLS_CLIENT_CERTIFICATE" in refused(address)
    assert "stranger.pem" in refused(evolve(address, tls=shown["stranger"]))
