"""What is particular to NATS: what the contract cannot know."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import os
import queue
import shutil
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import nats
import pytest
from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pye2_nats import line
from pye2_nats import transport as transport_module
from pye2_nats.commands import Commands
from pye2_nats.connecting import RememberingLoop
from pye2_nats.line import Line
from pye2_nats.names import Names
from pye2_nats.settings import NatsSettings
from pye2_nats.transport import NatsTransport
from pye2_testing import NatsServer
from pye2_testing.contracts import ProcessBench
from pye2_testing.nats_server import find_program
from pye2core import installed_plugins
from pye2core.abc import Channel, ConnectionState, TransportOptions
from pye2core.errors import (
    BrokerUnreachable,
    CredentialsRefused,
    MessageTooLarge,
    NotConnected,
    SettingsError,
    TransportError,
)
from pye2core.settings import BrokerAddress, TlsSettings, parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(find_program() is None, reason="nats-server is not installed")

CONFIG = Channel.config("0xai_node")
PATIENCE = 30.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ProcessBench]:
    with ProcessBench(NatsTransport, NatsServer(tmp_path)) as running:
        yield running


def _transport(url: str, **tls: Any) -> NatsTransport:
    broker = evolve(parse_broker_url(url), **tls)
    return NatsTransport(TransportOptions(broker, "client"), lambda _: None, lambda *_: None)


# --- the descriptor ---


def test_its_features_are_the_same_in_the_descriptor_and_on_the_class() -> None:
    descriptor = installed_plugins().transport("nats")

    assert descriptor.features == NatsTransport.features


@pytest.mark.parametrize("scheme", ["nats", "tls", "nats+tls"])
def test_every_scheme_has_the_port_of_nats(scheme: str) -> None:
    transport = _transport(f"{scheme}://nowhere.invalid")

    assert transport.options.broker.port == 4222


# --- sizes ---


def test_a_server_that_takes_less_says_so_and_how_to_change_it(tmp_path: Path) -> None:
    with ProcessBench(NatsTransport, NatsServer(tmp_path, max_payload=1024 * 1024)) as bench:
        receiver = bench.client("receiver").subscribe(Channel.payloads())
        sender = bench.client("sender")

        error = sender.transport.publish(Channel.payloads(), bytes(1024 * 1024 + 1)).exception(1)
        sender.publish(Channel.payloads(), b"x" * 1024 * 1024)

        assert isinstance(error, MessageTooLarge)
        assert error.limit == 1024 * 1024
        assert "max_payload" in str(error)
        assert len(receiver.data()[0]) == 1024 * 1024


def test_an_owner_that_cannot_be_in_a_subject_harms_nothing(bench: ProcessBench) -> None:
    client = bench.client("client").subscribe(CONFIG)
    impossible = Channel.config("\ud800")

    error = client.transport.publish(impossible, b"").exception(PATIENCE)
    with pytest.raises(TransportError, match="No config channel"):
        client.transport.subscribe(impossible, PATIENCE)
    client.publish(CONFIG, b"still here")

    assert type(error) is TransportError
    assert client.data() == [b"still here"]


# --- JetStream ---


def test_a_server_without_jetstream_cannot_be_used_and_the_remedy_is_told(tmp_path: Path) -> None:
    with NatsServer(tmp_path, jetstream=False) as server:
        transport = _transport(server.url)

        with pytest.raises(BrokerUnreachable, match=r"-js"):
            transport.connect(PATIENCE)


def test_a_session_that_the_server_has_forgotten_is_told(
    bench: ProcessBench, tmp_path: Path
) -> None:
    client = bench.client("keeper", persistent=True).subscribe(CONFIG)
    bench.stop()
    client.wait_for_loss()
    shutil.rmtree(tmp_path / "store")
    bench.restart()

    client.transport.connect(PATIENCE)

    state, reason = client.states.get(timeout=PATIENCE)
    assert state is ConnectionState.FORGOTTEN
    assert "PYE2_NATS_KEEP_DAYS" in reason
    client.transport.connect(PATIENCE)
    assert client.states.empty()


def test_commands_of_two_networks_on_one_server_do_not_meet(bench: ProcessBench) -> None:
    client = bench.client("keeper", persistent=True, connected=False)
    client.transport = NatsTransport(
        evolve(client.transport.options, root="other.network"), client.deliveries.put, _ignore
    )
    client.transport.connect(PATIENCE)
    client.subscribe(CONFIG)

    bench.client("sender").publish(CONFIG, b"for the first network")
    client.publish(CONFIG, b"for the other")

    assert client.data() == [b"for the other"]
    client.transport.close(PATIENCE)


def test_an_owners_own_stream_is_taken_as_it_is(bench: ProcessBench) -> None:
    bench.client("first").transport.close(PATIENCE)
    other = NatsTransport(
        TransportOptions(bench.address, "second", settings=NatsSettings(keep_days=1)),
        _ignore,
        _ignore,
    )

    other.connect(PATIENCE)

    assert other.publish(CONFIG, b"kept").result(PATIENCE) is None
    other.close(PATIENCE)


def test_a_command_that_is_held_for_long_does_not_come_twice(bench: ProcessBench) -> None:
    holder = bench.client("holder", persistent=True, acknowledges=False).subscribe(CONFIG)
    bench.client("sender").publish(CONFIG, b"slow")
    (held,) = holder.take()

    with pytest.raises(queue.Empty):  # the server would send it again after an `ack_wait` of 4 s
        holder.deliveries.get(timeout=6)

    held.ack()
    holder.settle()


def test_a_command_that_the_server_sends_again_while_it_is_held_is_handed_over_once(
    bench: ProcessBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: queue.Queue[bytes] = queue.Queue()
    pulled = Commands._pulled

    def note(commands: Commands, message: Any) -> None:
        pulled(commands, message)
        if message.data:
            came.put(message.data)

    monkeypatch.setattr(Commands, "_pulled", note)
    monkeypatch.setattr(Commands, "tick", _ignore)  # nothing is prolonged
    holder = bench.client("holder", persistent=True, acknowledges=False).subscribe(CONFIG)
    sender = bench.client("sender")
    sender.publish(CONFIG, b"slow")
    holder.take()

    assert [came.get(timeout=PATIENCE) for _ in range(2)] == [b"slow", b"slow"]
    sender.publish(CONFIG, b"next")

    assert [one.data for one in holder.take()] == [b"next"]


def test_commands_that_nobody_waits_for_are_not_kept_and_a_client_that_stays_away_is_forgotten(
    bench: ProcessBench,
) -> None:
    bench.client("keeper", persistent=True).subscribe(CONFIG)
    bench.client("sender").publish(Channel.config("nobody"), b"for nobody")

    async def ask() -> tuple[Any, Any]:
        client = await nats.connect(f"nats://127.0.0.1:{bench.address.port}")
        manager, names = client.jsm(), Names("naeural")
        stream = await manager.stream_info(names.stream)
        consumer = await manager.consumer_info(names.stream, names.consumer("keeper"))
        await client.close()
        return stream, consumer

    stream, consumer = asyncio.run(ask())

    assert stream.state.messages == 0
    assert consumer.config.inactive_threshold == NatsSettings().keep_days * 86_400


def test_closing_ends_the_session_over_the_connection_that_is_there(
    bench: ProcessBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = bench.client("keeper", persistent=True).subscribe(CONFIG)
    monkeypatch.setattr(transport_module, "Link", _fail)

    client.transport.close(PATIENCE)

    monkeypatch.undo()
    bench.client("sender").publish(CONFIG, b"for nobody")
    after = bench.client("keeper", persistent=True).subscribe(CONFIG)
    after.publish(CONFIG, b"for the new session")
    assert after.data() == [b"for the new session"]


def test_a_callback_of_a_publication_may_close_and_what_was_published_is_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    went_on = threading.Event()

    def close(_: Any) -> None:
        went_on.wait(PATIENCE)
        sender.transport.close(PATIENCE)

    with ProcessBench(NatsTransport, server := NatsServer(tmp_path)) as bench:
        receiver = bench.client("receiver").subscribe(Channel.payloads())
        sender = bench.client("sender")
        bench.freeze()  # or it might be confirmed, and the callback be ours, before it is added
        first = sender.transport.publish(Channel.payloads(), b"first")
        first.add_done_callback(close)
        os.kill(server.pid, signal.SIGCONT)
        first.result(PATIENCE)
        second = sender.transport.publish(Channel.payloads(), b"second")
        went_on.set()

        assert second.result(PATIENCE) is None
        assert receiver.data(2) == [b"first", b"second"]
        assert not caplog.records


# --- defects: ours or nats-py's, they must not leave anybody waiting ---


class _DefectError(Exception):
    """What nobody expects."""


def _fail(*_: object) -> None:
    raise _DefectError("out of order")


def test_a_defect_in_the_loop_is_a_loss_with_its_reason(
    bench: ProcessBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = bench.client("client").subscribe(CONFIG)

    monkeypatch.setattr(Commands, "tick", _fail)

    assert "out of order" in client.wait_for_loss()
    assert "Traceback" in caplog.text
    assert isinstance(client.transport.publish(CONFIG, b"").exception(PATIENCE), NotConnected)
    monkeypatch.undo()
    client.transport.connect(PATIENCE)
    client.subscribe(CONFIG).publish(CONFIG, b"there again")
    assert client.data() == [b"there again"]


def test_a_defect_while_a_failed_connection_is_torn_down_holds_up_nobody(
    bench: ProcessBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = bench.client("client", connected=False, address=bench.nowhere)
    monkeypatch.setattr(RememberingLoop, "abort_connections", _fail)

    with pytest.raises(BrokerUnreachable, match="nats-server -js"):
        client.transport.connect(PATIENCE)


def test_a_defect_in_taking_commands_is_a_loss_and_the_command_comes_again(
    bench: ProcessBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = bench.client("keeper", persistent=True).subscribe(CONFIG)
    monkeypatch.setattr(Names, "channel", _fail)

    bench.client("sender").publish(CONFIG, b"do it")

    assert "out of order" in client.wait_for_loss()
    monkeypatch.undo()
    client.transport.connect(PATIENCE)
    assert client.data() == [b"do it"]


@pytest.mark.parametrize("channel", [CONFIG, Channel.notif()], ids=["stored", "passing"])
def test_a_defect_in_what_confirms_fails_what_waits_for_it(
    bench: ProcessBench, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    client = bench.client("client")
    monkeypatch.setattr(Line, "_answered", _fail)
    monkeypatch.setattr(line, "_settle", _fail)

    future = client.transport.publish(channel, b"")

    assert isinstance(future.exception(PATIENCE), NotConnected)
    assert "out of order" in client.wait_for_loss()


# --- permissions ---


def _user(permissions: str) -> str:
    """A line of the server's configuration: who may connect, and what that user may do."""
    user = f'user: "me", password: "pw", permissions: {{ {permissions} }}'
    return f"authorization {{ users: [{{ {user} }}] }}"


@pytest.fixture
def restricted(tmp_path: Path) -> Iterator[ProcessBench]:
    deny = '{ deny: ["naeural.payloads", "naeural.ctrl"] }'
    server = NatsServer(tmp_path, options=[_user(f"publish: {deny}, subscribe: {deny}")])
    with ProcessBench(NatsTransport, server, user="me", password="pw") as running:
        yield running


def test_a_subscription_that_is_forbidden_is_refused_and_the_connection_goes_on(
    restricted: ProcessBench,
) -> None:
    client = restricted.client("client")

    with pytest.raises(CredentialsRefused, match=r"naeural\.payloads"):
        client.transport.subscribe(Channel.payloads(), PATIENCE)

    client.subscribe(CONFIG).publish(CONFIG, b"goes on")
    assert client.data() == [b"goes on"]


def test_a_publication_that_is_forbidden_fails_and_the_connection_goes_on(
    restricted: ProcessBench,
) -> None:
    client = restricted.client("client").subscribe(CONFIG)

    error = client.transport.publish(Channel.payloads(), b"").exception(PATIENCE)

    assert isinstance(error, CredentialsRefused)
    client.publish(CONFIG, b"goes on")
    assert client.data() == [b"goes on"]


def test_what_is_forbidden_among_much_else_fails_alone(restricted: ProcessBench) -> None:
    client = restricted.client("client").subscribe(Channel.notif())
    publish = client.transport.publish

    futures = [
        (publish(Channel.notif(), str(number).encode()), publish(Channel.ctrl(), b""))
        for number in range(3000)
    ]

    assert {allowed.exception(PATIENCE) for allowed, _ in futures} == {None}
    assert all(isinstance(each.exception(PATIENCE), CredentialsRefused) for _, each in futures)
    assert client.data(3000) == [str(number).encode() for number in range(3000)]


def test_a_command_that_is_forbidden_fails_and_holds_up_no_goodbye(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    users = (
        '[{ user: "me", password: "pw", permissions: { publish: { deny: "naeural.config.>" } } }]'
    )
    server = NatsServer(tmp_path, options=[f"authorization {{ users: {users} }}"])
    with ProcessBench(NatsTransport, server, user="me", password="pw") as bench:
        client = bench.client("client")

        error = client.transport.publish(CONFIG, b"").exception(PATIENCE)

        assert isinstance(error, CredentialsRefused)
        client.transport.close(PATIENCE)
        assert not caplog.records


@pytest.mark.parametrize("subject", ["_INBOX.>", "$JS.API.>"])
def test_permissions_without_which_nothing_works_are_named_at_once(
    tmp_path: Path, subject: str
) -> None:
    users = (
        f'[{{ user: "me", password: "pw", permissions: {{ publish: {{ deny: "{subject}" }} }} }}]'
    )
    with NatsServer(tmp_path, options=[f"authorization {{ users: {users} }}"]) as server:
        transport = _transport(server.url, user="me", password="pw")

        with pytest.raises(BrokerUnreachable, match=r"permissions.*(_inbox|\$js\.api)"):
            transport.connect(PATIENCE)


def test_a_token_lets_in(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, options=['authorization { token: "s3cret" }'])
    settings = NatsSettings(token="s3cret")
    with ProcessBench(NatsTransport, server, settings=settings) as bench:
        client = bench.client("client").subscribe(CONFIG)

        client.publish(CONFIG, b"let in")

        assert client.data() == [b"let in"]
    assert "s3cret" not in repr(settings)


# --- TLS ---


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


def _tls(certificate: Path, key: Path, *more: str) -> str:
    return f"tls {{ cert_file: '{certificate}', key_file: '{key}'{''.join(more)} }}"


@pytest.mark.parametrize("scheme", ["tls", "nats+tls"])
@pytest.mark.parametrize("tls_first", [False, True], ids=["asked for", "from the start"])
def test_messages_pass_over_tls(tmp_path: Path, scheme: str, *, tls_first: bool) -> None:
    certificate, key = _certificate(tmp_path)
    more = [", handshake_first: true"] if tls_first else []
    with NatsServer(tmp_path, options=[_tls(certificate, key, *more)]) as server:
        address = evolve(parse_broker_url(server.url), scheme=scheme, tls=TlsSettings(certificate))
        arrived: list[bytes] = []
        came = threading.Event()

        def arrive(delivery: Any) -> None:
            arrived.append(delivery.data)
            came.set()

        settings = NatsSettings(tls_first=tls_first)
        transport = NatsTransport(
            TransportOptions(address, "client", settings=settings), arrive, _ignore
        )
        transport.connect(PATIENCE)
        transport.subscribe(CONFIG, PATIENCE)
        transport.publish(CONFIG, b"in private").result(PATIENCE)

        assert came.wait(PATIENCE)
        assert arrived == [b"in private"]
        transport.close(PATIENCE)


def test_a_certificate_of_an_unknown_authority_is_refused_and_the_remedy_named(
    tmp_path: Path,
) -> None:
    certificate, key = _certificate(tmp_path)
    with NatsServer(tmp_path, options=[_tls(certificate, key)]) as server:
        transport = _transport(server.url, scheme="tls", tls=TlsSettings())

        with pytest.raises(BrokerUnreachable, match="ca_file"):
            transport.connect(PATIENCE)


def test_a_file_of_no_authority_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    missing = TlsSettings(tmp_path / "missing.pem")
    transport = _transport("nats://127.0.0.1", scheme="tls", tls=missing)

    with pytest.raises(SettingsError) as refused:
        transport.connect(PATIENCE)

    assert refused.value.setting == "ca_file"


@pytest.mark.parametrize("user", ["me", None])
def test_a_server_that_offers_no_tls_is_told_neither_password_nor_token(user: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told: list[bytes] = []

        def pretend_to_be_a_server() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b'INFO {"max_payload": 1048576, "auth_required": true}\r\n')
                while data := connection.recv(4096):
                    told.append(data)
                    if b"PING" in data:
                        connection.sendall(b"PONG\r\n")

        server = threading.Thread(target=pretend_to_be_a_server)
        server.start()
        port = listener.getsockname()[1]
        address = BrokerAddress("tls", "127.0.0.1", port, user, user and "secret", TlsSettings())
        settings = NatsSettings(token=None if user else "secret")
        options = TransportOptions(address, "client", settings=settings)
        transport = NatsTransport(options, _ignore, _ignore)

        with pytest.raises(BrokerUnreachable, match="does not offer TLS"):
            transport.connect(PATIENCE)

        server.join(PATIENCE)
        assert b"secret" not in b"".join(told)


# --- no server ---


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x20\x02\x00\x00",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"INFO {]\r\n",
        b"INFO 1\r\n",
        b'INFO {"connect_urls": 1}\r\n',
    ],
    ids=["nothing", "MQTT", "HTTP", "no JSON", "no object", "no list"],
)
def test_what_is_no_nats_server_is_unreachable(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(said)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(4096)

        server = threading.Thread(target=answer)
        server.start()
        transport = _transport(f"nats://127.0.0.1:{listener.getsockname()[1]}")

        with pytest.raises(BrokerUnreachable):
            transport.connect(PATIENCE)

        server.join(PATIENCE)


def test_what_stays_silent_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = _transport(f"nats://127.0.0.1:{listener.getsockname()[1]}")

        with pytest.raises(BrokerUnreachable, match="did not answer"):
            transport.connect(0.2)


def test_without_an_authority_of_one_s_own_the_system_s_are_asked(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    with NatsServer(tmp_path, options=[_tls(certificate, key)]) as server:
        transport = _transport(server.url, scheme="nats+tls", tls=None)

        with pytest.raises(BrokerUnreachable, match="not who it should be"):
            transport.connect(PATIENCE)


def _ignore(*_: object) -> None: ...
