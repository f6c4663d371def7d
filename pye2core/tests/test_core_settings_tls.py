"""What checks a TLS connection: always the broker's certificate and name, with TLS 1.2 at least."""

from __future__ import annotations

import logging
import socket
import ssl
import stat
import threading

import pytest
from attrs import evolve, fields

from pye2_testing.certificates import Authority
from pye2core.errors import SettingsError
from pye2core.settings import TlsSettings
from pye2core.settings.tls import TLS_VARIABLES

WORD = "a word"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "ours")


def meet(server: ssl.SSLContext, client: ssl.SSLContext, host: str = "127.0.0.1") -> str:
    """Shake hands over real sockets; the version of TLS. Raises what the client raises."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs:
            try:
                server.wrap_socket(theirs, server_side=True).close()
            except OSError:
                return  # the client says why

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours, client.wrap_socket(ours, server_hostname=host) as wrapped:
            return wrapped.version()
    finally:
        thread.join()


def serving(files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


def test_no_setting_turns_the_check_off():
    names = {field.name for field in fields(TlsSettings)}

    assert names == set(TLS_VARIABLES)
    assert names == {
        "ca_file",
        "client_certificate",
        "client_key",
        "client_key_passphrase",
        "server_name",
    }


@pytest.mark.parametrize("server_name", [None, "other.lan"])
def test_whatever_is_set_certificate_and_name_are_checked(authority, server_name):
    for settings in (TlsSettings(), TlsSettings(authority.certificate)):
        context = evolve(settings, server_name=server_name).context()

        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_right_authority_and_name_pass(authority):
    server = serving(authority.issue("broker"))

    assert meet(server, TlsSettings(authority.certificate).context()) == "TLSv1.3"


def test_tls_1_2_is_enough_and_1_1_is_not(authority):
    server = serving(authority.issue("broker"))
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    client = TlsSettings(authority.certificate).context()

    assert meet(server, client) == "TLSv1.2"
    assert client.minimum_version > ssl.TLSVersion.TLSv1_1


@pytest.mark.parametrize("trusted", ["nobody", "another"])
def test_an_authority_that_is_not_trusted_is_refused(authority, tmp_path, trusted):
    server = serving(authority.issue("broker"))
    other = None if trusted == "nobody" else Authority(tmp_path, "other").certificate

    with pytest.raises(ssl.SSLCertVerificationError):
        meet(server, TlsSettings(other).context())


def test_a_certificate_that_has_expired_is_refused(authority):
    server = serving(authority.issue("broker", has_expired=True))

    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        meet(server, TlsSettings(authority.certificate).context())


def test_another_name_is_refused(authority):
    server = serving(authority.issue("broker", names=("broker.lan",)))

    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        meet(server, TlsSettings(authority.certificate).context())


def test_the_name_that_is_set_is_asked_for_instead_of_the_host(authority):
    server = serving(authority.issue("broker", names=("broker.lan",)))

    assert meet(server, TlsSettings(authority.certificate, server_name="broker.lan").context())
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        meet(
            server,
            TlsSettings(authority.certificate, server_name="other.lan").context(),
            "broker.lan",
        )


def test_the_name_is_asked_for_where_a_transport_brings_no_socket_too(authority):
    client = TlsSettings(authority.certificate, server_name="broker.lan").context()

    wrapped = client.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="127.0.0.1")

    assert wrapped.server_hostname == "broker.lan"


def test_a_broker_s_own_certificate_can_be_named_as_what_to_trust(authority):
    files = authority.issue("broker")

    assert meet(serving(files), TlsSettings(files.certificate).context())


@pytest.mark.parametrize("name", ["ca_file", "client_certificate", "client_key"])
@pytest.mark.parametrize("value", ["", 5, b"ca.pem", False])
def test_what_is_no_path_is_refused_and_not_taken_for_none(name, value):
    with pytest.raises(SettingsError, match=f"{name} is .* path of a file") as refused:
        TlsSettings(**{name: value})

    assert refused.value.setting == name


@pytest.mark.parametrize("name", ["client_key_passphrase", "server_name"])
@pytest.mark.parametrize("value", ["", 5, b"text"])
def test_what_is_no_text_is_refused_and_not_taken_for_none(name, value):
    with pytest.raises(SettingsError, match=name):
        TlsSettings(**{name: value})


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_an_authority_s_file_that_cannot_be_used_is_never_the_system_s(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(SettingsError, match=r"ca\.pem.*PYE2_TLS_CA_FILE") as refused:
        TlsSettings(file).context()

    assert refused.value.setting == "ca_file"


# --- a certificate of our own ---------------------------------------------------------------------


@pytest.fixture
def asking(authority):
    """A server that wants to know who comes."""
    context = serving(authority.issue("broker"))
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # where the client learns it at once
    return context


def test_our_certificate_is_shown(authority, asking):
    ours = authority.issue("client")

    assert meet(asking, TlsSettings(authority.certificate, ours.certificate, ours.key).context())
    with pytest.raises(ssl.SSLError):
        meet(asking, TlsSettings(authority.certificate).context())


def test_a_protected_key_is_opened_by_its_passphrase(authority, asking):
    ours = authority.issue("client", passphrase=WORD)

    settings = TlsSettings(authority.certificate, ours.certificate, ours.key, WORD)

    assert meet(asking, settings.context())
    assert WORD not in repr(settings)


def test_certificate_and_key_can_be_in_one_file(authority, asking, tmp_path):
    ours = authority.issue("client")
    both = tmp_path / "both.pem"
    both.write_bytes(ours.key.read_bytes() + ours.certificate.read_bytes())

    assert meet(asking, TlsSettings(authority.certificate, both).context())


def test_nobody_is_asked_at_the_terminal_for_a_missing_passphrase(authority):
    ours = authority.issue("client", passphrase=WORD)

    with pytest.raises(SettingsError, match="PYE2_TLS_CLIENT_KEY_PASSPHRASE") as refused:
        TlsSettings(None, ours.certificate, ours.key).context()

    assert refused.value.setting == "client_key_passphrase"


def test_a_wrong_passphrase_is_told_and_not_shown(authority):
    ours = authority.issue("client", passphrase=WORD)

    with pytest.raises(SettingsError, match="passphrase is wrong") as refused:
        TlsSettings(None, ours.certificate, ours.key, "wrong one").context()

    assert refused.value.setting == "client_key_passphrase"
    assert "wrong one" not in str(refused.value)


def test_a_key_of_another_certificate_is_told(authority):
    ours, other = authority.issue("client"), authority.issue("other-client")

    with pytest.raises(SettingsError, match="is not that of") as refused:
        TlsSettings(None, ours.certificate, other.key).context()

    assert refused.value.setting == "client_key"


@pytest.mark.parametrize("missing", ["client_certificate", "client_key"])
def test_a_file_of_ours_that_is_missing_is_told(authority, tmp_path, missing):
    ours = authority.issue("client")
    given = {"client_certificate": ours.certificate, "client_key": ours.key}

    with pytest.raises(SettingsError, match=r"gone\.pem") as refused:
        TlsSettings(**{**given, missing: tmp_path / "gone.pem"}).context()

    assert refused.value.setting == missing


def test_a_certificate_whose_key_is_elsewhere_is_told(authority, caplog):
    ours = authority.issue("laptop")

    with pytest.raises(SettingsError, match=r"without its private key.*PYE2_TLS_CLIENT_KEY"):
        TlsSettings(client_certificate=ours.certificate).context()
    assert not caplog.records, "a certificate is no secret"


def test_what_is_no_certificate_is_told(tmp_path):
    file = tmp_path / "client.pem"
    file.write_text("not a certificate")

    with pytest.raises(SettingsError, match="PYE2_TLS_CLIENT_CERTIFICATE") as refused:
        TlsSettings(None, file).context()

    assert refused.value.setting == "client_certificate"


@pytest.mark.parametrize(
    "left_over", [{"client_key": "client.key"}, {"client_key_passphrase": WORD}]
)
def test_a_key_without_a_certificate_is_told(left_over):
    with pytest.raises(SettingsError, match="no client_certificate"):
        TlsSettings(**left_over).context()


def test_a_key_that_all_can_read_is_warned_about(authority, caplog):
    ours = authority.issue("client")
    ours.key.chmod(0o644)

    with caplog.at_level(logging.WARNING, logger="pye2core.settings"):
        TlsSettings(None, ours.certificate, ours.key).context()

    assert f"chmod o= {ours.key}" in caplog.text
    assert stat.S_IMODE(ours.key.stat().st_mode) == 0o644
