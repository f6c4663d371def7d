"""What the system's layers take away, with all of them and with each one turned off.

The language check is off, so that code can import what the zygote has loaded and try anything.
"""

import asyncio
import os
import socket

import pytest

from pye2_node.sandbox import SandboxLimits, SandboxPool
from pye2_node.sandbox.layers.names import ALL_LAYERS, Layer
from pye2core.abc import FunctionSource
from pye2core.errors import NodeError

TIMEOUT = 20
SYSTEMS_LAYERS = sorted(ALL_LAYERS - {Layer.CHECK})

ATTEMPTS = {
    "read a file": "return os.open('/etc/passwd', os.O_RDONLY)",
    "write a file": "return os.open('/tmp/pye2-was-here', os.O_RDWR | os.O_CREAT)",
    "see a file's size": "return os.stat('/etc/passwd').st_size",
    "list the root": "return os.listdir('/')[0]",
    "run a program": "return os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)",
    "connect by IP": "return socket.create_connection(('127.0.0.1', PORT), 5).fileno()",
    "send by UDP": "return socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "connect by name": (
        "s = socket.socket(socket.AF_UNIX); s.connect('\\0pye2-test-PORT'); return s.fileno()"
    ),
    "signal the zygote": "return os.kill(os.getppid(), 0)",
    "signal the node": "return os.kill(NODE, 0)",
    "become root": "return os.setresuid(0, 0, 0) or os.open('/etc/shadow', os.O_RDONLY)",
    "lift a limit": ("resource.setrlimit(resource.RLIMIT_AS, (-1, -1)); return bytes(2**31)[0]"),
}
"""Each returns something if it reaches what it tries to."""


class DeafOwner:
    async def on_log(self, text):
        pass

    async def on_payload(self, fields):
        pass

    async def on_cache_save(self, name, text):
        pass

    async def on_cache_load(self, name):
        return None

    async def on_limit(self, name, value):
        pass


def outcomes_of(sources, layers, *, unsafe=False):
    """What a worker with these layers makes of each source: its value, or what it raises."""

    async def run():
        pool = SandboxPool(SandboxLimits(layers=frozenset(layers), unsafe=unsafe))
        try:
            worker = await pool.spawn(DeafOwner())
            await worker.define({name: FunctionSource(text) for name, text in sources.items()})
            results = {name: await worker.call(name, timeout=TIMEOUT) for name in sources}
            return {
                name: each.failure.type if each.failure else f"reached: {each.value}"
                for name, each in results.items()
            }
        finally:
            await pool.stop()

    return asyncio.run(run())


def report_of(limits):
    async def run():
        pool = SandboxPool(limits)
        await pool.start()
        try:
            return pool.report()
        finally:
            await pool.stop()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def listener():
    """A port and an abstract name of this machine that answer, as other programs on it would."""
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as named:
        port = tcp.getsockname()[1]
        named.bind(f"\0pye2-test-{port}")
        named.listen()
        yield port


def attempts(port):
    """The source of each attempt."""
    return {
        name: "import os, socket, resource\n"
        + text.replace("; ", "\n").replace("PORT", str(port)).replace("NODE", str(os.getpid()))
        for name, text in ATTEMPTS.items()
    }


def reached(outcomes):
    return {name for name, outcome in outcomes.items() if outcome.startswith("reached")}


def test_without_any_layer_everything_is_reached(listener):
    outcomes = outcomes_of(attempts(listener), [], unsafe=True)

    assert reached(outcomes) == set(ATTEMPTS), "an attempt that never succeeds proves nothing"


@pytest.mark.parametrize("off", [None, *SYSTEMS_LAYERS])
def test_nothing_is_reached_whichever_layer_is_off(off, listener):
    layers = set(SYSTEMS_LAYERS) - {off}
    of_that_layer_alone = {"lift a limit"} if off is Layer.RLIMITS else set()

    outcomes = outcomes_of(attempts(listener), layers)

    assert reached(outcomes) <= of_that_layer_alone


def test_every_layer_holds_on_this_machine_or_the_node_says_why():
    report = report_of(SandboxLimits())

    assert set(report.layers) | set(report.missing) == set(SYSTEMS_LAYERS)
    assert all(report.missing.values())
    assert Layer.RLIMITS in report.layers


def test_with_neither_landlock_nor_seccomp_no_code_runs():
    layers = ALL_LAYERS - {Layer.LANDLOCK, Layer.SECCOMP}

    with pytest.raises(NodeError, match="--unsafe"):
        outcomes_of({"job": "return 1"}, layers)


def test_what_the_owner_calls_unsafe_runs_without_them():
    layers = ALL_LAYERS - {Layer.LANDLOCK, Layer.SECCOMP}

    assert outcomes_of({"job": "return 1"}, layers, unsafe=True) == {"job": "reached: 1"}
