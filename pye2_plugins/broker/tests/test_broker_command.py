"""``pye2 broker``, as a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

PATIENCE = 30.0
RUN = [sys.executable, "-c", "from pye2_broker.cli import broker; broker()"]


@pytest.fixture
def start(tmp_path):
    """Starts the command in a folder of its own; ends it after the test."""
    started = []

    def run(*arguments):
        process = subprocess.Popen(
            [*RUN, "--folder", str(tmp_path / "broker"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_tells_its_address_and_runs_until_it_is_told_to_stop(start, connect, number):
    process = start("--port", "0", "--json")
    url = json.loads(process.stdout.readline())["broker"]
    connect(url).detach(PATIENCE)

    process.send_signal(number)

    assert process.wait(PATIENCE) == 0
    port = int(url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))


def test_it_says_in_words_where_it_listens_and_logs(start, tmp_path):
    process = start("--port", "0")

    line = process.stdout.readline()

    assert "mqtt://127.0.0.1:" in line
    assert str(tmp_path / "broker" / "broker.log") in line


def test_a_port_that_is_taken_ends_it_with_the_reason(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("--port", str(taken.getsockname()[1]))
        _, errors = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert "address already in use" in errors


def test_the_death_of_the_broker_ends_it_with_the_reason(start, tmp_path):
    process = start("--port", "0", "--json")
    process.stdout.readline()
    log = (tmp_path / "broker" / "broker.log").read_text()
    pid = int(log.removeprefix("[").partition("]")[0])

    os.kill(pid, signal.SIGKILL)

    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "ended by itself (signal 9)" in errors


def test_the_plugin_module_imports_neither_click_nor_subprocess():
    script = (
        "import sys, pye2_broker.plugin as p; p.pye2_register_commands();"
        " sys.exit('click' in sys.modules or 'pye2_broker.embedded' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_plugin_names_the_command():
    from pye2_broker.cli import broker
    from pye2_broker.plugin import pye2_register_commands

    (descriptor,) = pye2_register_commands()

    assert (descriptor.name, descriptor.implementation) == ("broker", "pye2_broker.cli:broker")
    assert broker.name == "broker"
