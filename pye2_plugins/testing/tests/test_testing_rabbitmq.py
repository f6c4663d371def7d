"""The real RabbitMQ as tests use it."""

from __future__ import annotations

import os
import signal
import socket

import psutil
import pytest

from pye2_testing import fixtures, rabbitmq
from pye2_testing.child import Child, free_port
from pye2_testing.rabbitmq import RabbitMq, RabbitMqFailed

PATIENCE = 30.0

private = fixtures.rabbitmq

GREETING = b"AMQP\x00\x00\x09\x01"


def greet(port):
    """The first bytes of what a broker answers: a method frame on channel 0."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connected:
        connected.sendall(GREETING)
        return connected.recv(3)


def processes_of(folder):
    """All processes, children of children included, that were started for a broker there."""
    found = []
    for one in psutil.process_iter():
        try:
            home = one.environ().get("HOME")
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if home == str(folder):
            found.append(one)
    return found


def test_it_listens_on_this_machine_only_and_leaves_no_process_behind(private):
    assert private.url == f"amqp://guest:guest@127.0.0.1:{private.port}"
    assert greet(private.port) == b"\x01\x00\x00"
    started = processes_of(private.folder)
    listening = [
        place.laddr.ip
        for one in started
        for place in one.net_connections()
        if place.status == psutil.CONN_LISTEN
    ]
    assert set(listening) <= {"127.0.0.1", "::1"}

    private.stop()

    assert psutil.wait_procs(started, timeout=PATIENCE)[1] == []


def test_it_starts_again_where_it_was_even_when_it_was_killed(private):
    port, pid = private.port, private.pid

    private.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        greet(port)
    assert not private.running
    private.start()

    assert private.port == port
    assert greet(port) == b"\x01\x00\x00"


def test_users_and_virtual_hosts_are_those_asked_for(tmp_path):
    fixtures.require_rabbitmq()
    with RabbitMq(tmp_path, user="me", password="s3cret & ü:/@#", vhosts=["/", "lab/1"]) as running:
        users = running.control("list_users", "--silent")
        permissions = running.control("list_permissions", "-p", "lab/1", "--silent")
        running.control("authenticate_user", "me", "s3cret & ü:/@#")

        with pytest.raises(RabbitMqFailed, match="no_such_command"):
            running.control("no_such_command")

    assert users.split() == ["me", "[administrator]"]
    assert "me" in permissions


def test_a_configuration_that_it_refuses_is_shown(tmp_path):
    fixtures.require_rabbitmq()
    with pytest.raises(RabbitMqFailed, match="no_such_option"):
        RabbitMq(tmp_path, options=["no_such_option = 1"]).start()


def test_a_missing_program_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(rabbitmq, "find_program", lambda name="rabbitmq-server": None)

    with pytest.raises(RabbitMqFailed, match="apt-get install rabbitmq-server"):
        RabbitMq(tmp_path).start()


def test_where_its_program_is_missing_no_name_server_is_left_behind(tmp_path, monkeypatch):
    fixtures.require_rabbitmq()
    there = rabbitmq.find_program
    monkeypatch.setattr(
        rabbitmq,
        "find_program",
        lambda name="rabbitmq-server": None if name == "rabbitmq-server" else there(name),
    )

    with pytest.raises(RabbitMqFailed, match="apt-get install rabbitmq-server"):
        RabbitMq(tmp_path).start()

    assert processes_of(tmp_path) == []


def test_a_missing_program_skips_the_test_with_a_reason(monkeypatch):
    monkeypatch.setattr(rabbitmq, "find_program", lambda name="rabbitmq-server": None)

    with pytest.raises(pytest.skip.Exception, match="not installed"):
        fixtures.require_rabbitmq()


def test_it_has_no_port_before_it_is_started(tmp_path):
    with pytest.raises(RabbitMqFailed, match=r"start\(\)"):
        _ = RabbitMq(tmp_path).port


def test_a_port_that_was_taken_meanwhile_is_left_to_whoever_has_it(tmp_path, monkeypatch):
    outputs = ["Failed to start listener (eaddrinuse)", None]
    tried = []

    def start(_self, port):
        tried.append(port)
        return outputs[len(tried) - 1]

    monkeypatch.setattr(rabbitmq, "find_program", str)
    monkeypatch.setattr(RabbitMq, "_try", start)
    broker = RabbitMq(tmp_path)

    broker.start()

    assert len(tried) == 2
    assert broker.port == tried[1]


def test_a_port_that_another_name_server_has_is_left_to_it(tmp_path, monkeypatch):
    fixtures.require_rabbitmq()
    ports = [free_port() for _ in range(6)]
    monkeypatch.setenv("ERL_EPMD_PORT", str(ports[0]))
    other = Child(
        [rabbitmq.find_program("epmd"), "-d", "-d", "-address", "127.0.0.1"],
        lambda line: b"main select() loop" in line,
    )
    assert other.failure(PATIENCE) is None
    handed_out = iter(ports)
    monkeypatch.setattr(rabbitmq, "free_port", lambda: next(handed_out))
    try:
        with RabbitMq(tmp_path) as running:
            assert greet(running.port) == b"\x01\x00\x00"
            assert "epmd" in {each.name() for each in processes_of(tmp_path)}
    finally:
        other.end([signal.SIGKILL])


def test_ports_are_none_that_connections_are_given():
    ports = {free_port() for _ in range(50)}

    assert len(ports) > 40
    assert max(ports) < 32_768  # Linux gives those above; other systems give higher ones
