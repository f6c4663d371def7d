"""A node process and its key: not for others to read, and its passphrase no argument."""

import json
import os
import pty
import signal
import subprocess
import sys

import pytest
from node_support import SECONDS

from pye2core.identity import load_key, load_or_create_key

PASSPHRASE = "six random words of the node's"


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def start(home, url="mqtt://127.0.0.1:1", terminal=subprocess.DEVNULL, **environment):
    """A node as a user starts it, with nothing of this environment's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYE2_", "EE_", "AIXP_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "pye2_node", "--name", "n1", "--home", str(home), "--json"],
        cwd=home.parent,
        env={**kept, "PYE2_BROKER": url, **environment},
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if terminal == subprocess.DEVNULL else terminal,
        text=True,
        start_new_session=True,
    )


def refusal(process):
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    return said


def test_a_key_that_others_can_read_is_refused(home):
    load_or_create_key(home / "node.pem")
    (home / "node.pem").chmod(0o644)

    said = refusal(start(home))

    assert "mode is 644" in said
    assert f"chmod 600 {home / 'node.pem'}" in said


@pytest.mark.parametrize("given", [{}, {"PYE2_NODE_KEY_PASSPHRASE": "wrong"}])
def test_without_the_right_passphrase_it_does_not_start_and_touches_nothing(home, given):
    load_or_create_key(home / "node.pem", PASSPHRASE)
    before = (home / "node.pem").read_bytes()

    said = refusal(start(home, **given))

    assert "PYE2_NODE_KEY_PASSPHRASE" in said
    assert (home / "node.pem").read_bytes() == before


@pytest.mark.mosquitto
@pytest.mark.parametrize(
    "name", ["PYE2_NODE_KEY_PASSPHRASE", "PYE2_KEY_PASSPHRASE", "PYE2_NODE_KEY_PASSPHRASE_FILE"]
)
def test_its_first_start_makes_a_protected_key_and_the_next_one_opens_it(
    home, tmp_path, mosquitto, name
):
    (tmp_path / "credential").write_text(PASSPHRASE + "\n")
    given = {name: "credential" if name.endswith("_FILE") else PASSPHRASE}

    addresses = []
    for _ in range(2):
        process = start(home, mosquitto.url, **given)
        addresses.append(json.loads(process.stdout.readline())["address"])
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, said
        assert PASSPHRASE not in said

    assert addresses == [load_key(home / "node.pem", PASSPHRASE).address] * 2


def test_ctrl_c_ends_it_while_it_asks_for_the_passphrase(home):
    load_or_create_key(home / "node.pem", PASSPHRASE)
    before = (home / "node.pem").read_bytes()
    ours, its = pty.openpty()
    process = start(home, terminal=its)
    os.close(its)
    said = b""
    while b"Passphrase of the key" not in said:
        said += os.read(ours, 1000)

    process.send_signal(signal.SIGINT)

    process.communicate(timeout=SECONDS)
    os.close(ours)
    assert process.returncode not in {0, None}
    assert (home / "node.pem").read_bytes() == before
