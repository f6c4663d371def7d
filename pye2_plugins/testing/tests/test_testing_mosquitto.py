"""The real Mosquitto as tests use it."""

from __future__ import annotations

import os
import socket

import pytest

from pye2_testing import fixtures, mosquitto
from pye2_testing.mosquitto import Mosquitto, MosquittoFailed

PATIENCE = 30.0

private = fixtures.mosquitto
guarded = fixtures.guarded_mosquitto
embedded = fixtures.embedded_broker
within = fixtures.memory_broker

CONNECT = bytes.fromhex("10 0d 0004 4d515454 04 02 001e 0001 61")


def greet(port):
    """What a broker answers to a client without credentials."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connected:
        connected.sendall(CONNECT)
        return connected.recv(4)


def test_the_fixture_gives_a_broker_that_lets_everybody_in(private):
    assert private.url == f"mqtt://127.0.0.1:{private.port}"
    assert greet(private.port) == b"\x20\x02\x00\x00"


def test_the_guarded_one_refuses_who_has_no_password(guarded):
    assert greet(guarded.port) == b"\x20\x02\x00\x05"


def test_the_embedded_broker_is_a_fixture_too(embedded):
    assert greet(int(embedded.url.rsplit(":", 1)[1])) == b"\x20\x02\x00\x00"


def test_the_memory_broker_is_a_fixture_too(within):
    assert within.url.startswith("memory://")


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_it_starts_again_where_it_was(private, way):
    port, pid = private.port, private.pid

    getattr(private, way)()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        greet(port)
    private.start()

    assert private.port == port
    assert greet(port) == b"\x20\x02\x00\x00"


def test_options_reach_its_configuration(tmp_path):
    fixtures.require_mosquitto()
    with Mosquitto(tmp_path, options=["log_type all", "connection_messages true"]) as running:
        greet(running.port)

        assert "connection_messages true" in (tmp_path / "mosquitto.conf").read_text()


def test_a_configuration_that_it_refuses_is_shown(tmp_path):
    fixtures.require_mosquitto()
    with pytest.raises(MosquittoFailed, match="no_such_option"):
        Mosquitto(tmp_path, options=["no_such_option 1"]).start()


def test_a_missing_program_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(mosquitto, "find_program", lambda name="mosquitto": None)

    with pytest.raises(MosquittoFailed, match="apt-get install mosquitto"):
        Mosquitto(tmp_path).start()


def test_a_missing_program_skips_the_test_with_a_reason(monkeypatch):
    monkeypatch.setattr(fixtures, "find_program", lambda: None)

    with pytest.raises(pytest.skip.Exception, match="not installed"):
        fixtures.require_mosquitto()


def test_it_has_no_port_before_it_is_started(tmp_path):
    with pytest.raises(MosquittoFailed, match=r"start\(\)"):
        _ = Mosquitto(tmp_path).port
