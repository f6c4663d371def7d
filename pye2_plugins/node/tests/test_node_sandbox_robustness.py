"""Workers that misbehave, zygotes and nodes that die: what is left afterwards."""

import asyncio
import contextlib
import json
import logging
import os
import resource
import select
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pye2_node.sandbox import SandboxLimits, SandboxPool
from pye2_node.sandbox.layers.names import Layer
from pye2_node.sandbox.layers.rlimits import WorkerLimits
from pye2_node.sandbox.zygote_link import ZygoteLink
from pye2core.abc import FunctionSource
from pye2core.errors import CallTimedOut, NodeError, SandboxDied

TIMEOUT = 30
OS = "[plugin.random][0]._os"  # which the check does not see


class DeafOwner:
    """Hears nothing and keeps nothing."""

    async def on_log(self, text):
        pass

    async def on_payload(self, fields):
        pass

    async def on_cache_save(self, name, text):
        pass

    async def on_cache_load(self, name):
        return "x" * 1000

    async def on_limit(self, name, value):
        pass


UNCONFINED = SandboxLimits(layers=frozenset({Layer.CHECK}), unsafe=True)
"""None of the system's layers: what is left is the zygote's own care."""


@pytest.fixture
def no_spare(monkeypatch):
    """No worker is forked but those that the test asks for."""
    monkeypatch.setattr("pye2_node.sandbox.pool.SPARE_AFTER", 10 * TIMEOUT)


def in_pool(scenario, limits=None):
    """Run ``scenario(pool)`` with a pool that is started before and stopped after."""

    async def run():
        pool = SandboxPool(limits)
        await pool.start()
        try:
            return await scenario(pool)
        finally:
            await pool.stop()

    return asyncio.run(run())


async def worker_with(pool, source, parameters=("plugin",)):
    worker = await pool.spawn(DeafOwner())
    await worker.define({"job": FunctionSource(source, parameters)})
    return worker


def zygote_of(worker):
    return psutil.Process(worker.pid).parent()


def descriptors_of(pid):
    return {int(one.name): str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}


def limits_of(pid):
    """Of each limit's name, the soft and the hard one."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[4:25].strip(): line[25:].split()[:2] for line in lines}


def may_gain_privileges(pid):
    return "NoNewPrivs:\t1" not in Path(f"/proc/{pid}/status").read_text()


def wait_until_gone(*pidfds):
    """Wait until all these processes have ended."""
    for pidfd in pidfds:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        assert poll.poll(TIMEOUT * 1000), "the process is still there"
        os.close(pidfd)


def test_a_worker_that_never_returns_is_killed_while_another_goes_on():
    async def scenario(pool):
        stuck = await worker_with(pool, "while True: pass")
        lively = await worker_with(pool, "return x + 1", ("plugin", "x"))
        calling = asyncio.create_task(stuck.call("job", timeout=0.5))
        done = 0
        while not calling.done():
            assert (await lively.call("job", done, timeout=TIMEOUT)).value == done + 1
            done += 1
        with pytest.raises(CallTimedOut):
            await calling
        return done, (await lively.call("job", 1, timeout=TIMEOUT)).value

    done, value = in_pool(scenario)

    assert done > 10
    assert value == 2


DESCENDANTS = {
    "fork": "pid = OS.fork()\nif pid == 0:\n  while True: plugin.sleep(1)\nreturn pid",
    "program": "return OS.posix_spawn('/bin/sleep', ['sleep', '1000'], {})",
    "daemon": (
        "r, w = OS.pipe()\n"
        "if OS.fork() == 0:\n"
        "  OS.setsid()\n"
        "  if OS.fork() == 0:\n"
        "    OS.write(w, str(OS.getpid()).encode())\n"
        "    while True: plugin.sleep(1)\n"
        "  OS._exit(0)\n"
        "return int(OS.read(r, 20))"
    ),
}


@pytest.mark.parametrize("kind", DESCENDANTS)
@pytest.mark.parametrize("ending", ["stopped", "killed", "gone by itself"])
def test_what_a_worker_started_ends_with_it(kind, ending):
    async def scenario(pool):
        worker = await worker_with(pool, DESCENDANTS[kind].replace("OS", OS))
        await worker.define({"exit": FunctionSource(f"{OS}._exit(0)\nreturn 1")})
        started = os.pidfd_open((await worker.call("job", timeout=TIMEOUT)).value)
        if ending == "stopped":
            await worker.stop(grace=TIMEOUT)
        elif ending == "killed":
            os.kill(worker.pid, signal.SIGKILL)
        else:
            with pytest.raises(SandboxDied):
                await worker.call("exit", timeout=TIMEOUT)
        await worker.exited
        wait_until_gone(started)

    in_pool(scenario, UNCONFINED)


def test_a_hundred_workers_leave_no_process_and_no_descriptor():
    async def scenario(pool):
        first = await worker_with(pool, "return 1")
        zygote = zygote_of(first)
        await first.stop()
        await asyncio.wait({pool._sparing})
        before = [psutil.Process().num_fds(), zygote.num_fds()]
        for _ in range(10):
            workers = [await worker_with(pool, "return 1") for _ in range(10)]
            values = await asyncio.gather(*(one.call("job", timeout=TIMEOUT) for one in workers))
            assert [one.value for one in values] == [1] * 10
            await asyncio.gather(*(one.stop() for one in workers))
        await asyncio.wait({pool._sparing})
        # The zygote may have held one of the first worker's for a moment longer.
        after = [psutil.Process().num_fds(), zygote.num_fds()]
        assert all(now <= then for now, then in zip(after, before, strict=True))
        assert len(zygote.children()) == 1  # the spare

    in_pool(scenario)


def test_a_worker_holds_its_channel_and_nothing_else():
    source = f"""\
held = {{}}
for number in range(1024):
  try:
    held[number] = [{OS}.fstat(number).st_mode, {OS}.fstat(number).st_rdev]
  except OSError:
    pass
return held"""

    async def scenario(pool):
        neighbours = [await worker_with(pool, "return 1") for _ in range(3)]
        worker = await worker_with(pool, source)
        assert len(neighbours) == 3
        return (await worker.call("job", timeout=TIMEOUT)).value

    held = in_pool(scenario, UNCONFINED)

    assert set(held) == {"0", "1", "2", "3", "4"}
    assert {held[number][1] for number in "012"} == {os.stat(os.devnull).st_rdev}  # noqa: PTH116 - the device
    assert all(stat.S_ISFIFO(held[number][0]) for number in "34")


def test_a_worker_has_almost_no_environment():
    async def scenario(pool):
        worker = await worker_with(pool, f"return dict({OS}.environ)")
        return (await worker.call("job", timeout=TIMEOUT)).value

    os.environ["PYE2_TEST_SECRET"] = "x"
    try:
        environment = in_pool(scenario)
    finally:
        del os.environ["PYE2_TEST_SECRET"]

    assert set(environment) <= {
        "LANG",
        "LC_CTYPE",
        "LD_LIBRARY_PATH",
        "MALLOC_ARENA_MAX",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TZ",
    }


def test_a_worker_holds_no_openssl():
    async def scenario(pool):
        worker = await worker_with(pool, "return 1")
        mapped = await asyncio.to_thread(Path(f"/proc/{worker.pid}/maps").read_text)
        assert "python" in mapped
        assert "libcrypto" not in mapped

    in_pool(scenario)


def test_workers_draw_different_random_numbers():
    source = "return [plugin.random.random(), plugin.np.random.rand(), plugin.uuid()]"

    async def scenario(pool):
        workers = [await worker_with(pool, source) for _ in range(3)]
        return [(await worker.call("job", timeout=TIMEOUT)).value for worker in workers]

    for numbers in zip(*in_pool(scenario), strict=True):
        assert len(set(numbers)) == 3


WRITE = "OS.write(3, b'\\x00\\x00\\x00' + bytes([len(text)]) + text)"
GARBAGE = {
    "no frame": "OS.write(3, b'\\xff' * 100)",
    "too large": "OS.write(3, b'\\x7f\\xff\\xff\\xff')",
    "not JSON": f"text = b'{{]'\n{WRITE}",
    "half a character": f"""text = b'{{"did":"log","text":"\\\\ud800"}}'\n{WRITE}""",
    "an unknown event": f"""text = b'{{"did":"dance"}}'\n{WRITE}""",
    "a forged answer": f"""text = b'{{"did":"call","id":2,"seconds":"long"}}'\n{WRITE}""",
    "an answer to nothing": f"""text = b'{{"did":"call","id":99,"seconds":1.0}}'\n{WRITE}""",
    "a flood": f"""text = b'{{"did":"log","text":""}}'\nwhile True:\n  {WRITE}""",
    "a deaf asker": f"""text = b'{{"did":"load","name":"x"}}'\nwhile True:\n  {WRITE}""",
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_a_worker_that_writes_garbage_ends_and_nobody_else(kind):
    async def scenario(pool):
        neighbour = await worker_with(pool, "return 'well'")
        worker = await worker_with(pool, GARBAGE[kind].replace("OS", OS) + "\nplugin.sleep(60)")
        with pytest.raises((SandboxDied, CallTimedOut)):
            await worker.call("job", timeout=3)
        ended = await worker.exited
        return ended, (await neighbour.call("job", timeout=TIMEOUT)).value

    ended, neighbour = in_pool(scenario)

    assert ended.signal == 9
    assert neighbour == "well"


def test_a_killed_zygote_takes_its_workers_and_is_replaced(caplog):
    async def scenario(pool):
        worker = await worker_with(pool, "while True: pass")
        calling = asyncio.create_task(worker.call("job", timeout=TIMEOUT))
        await asyncio.sleep(0)
        zygote_of(worker).kill()
        with pytest.raises(SandboxDied, match="zygote"):
            await calling
        ended = await worker.exited
        successor = await worker_with(pool, "return 1")
        return ended, (await successor.call("job", timeout=TIMEOUT)).value

    with caplog.at_level(logging.WARNING):
        ended, value = in_pool(scenario)

    assert "zygote" in ended.reason
    assert value == 1
    assert "starting another" in caplog.text


def test_workers_are_spawned_while_the_zygote_dies_again_and_again():
    async def scenario(pool):
        for _ in range(3):
            worker = await worker_with(pool, "return 1")
            zygote_of(worker).kill()
            successor = await pool.spawn(DeafOwner())
            await worker.exited
            await successor.stop()

    in_pool(scenario)


@pytest.mark.usefixtures("no_spare")
def test_a_zygote_that_hangs_is_replaced():
    async def scenario(pool):
        worker = await worker_with(pool, "return 1")
        zygote_of(worker).suspend()
        with pytest.raises(NodeError, match="no process could be started"):
            await pool.spawn(DeafOwner())
        await worker.exited
        successor = await worker_with(pool, "return 2")
        return (await successor.call("job", timeout=TIMEOUT)).value

    assert in_pool(scenario, SandboxLimits(start_seconds=3)) == 2


@pytest.mark.usefixtures("no_spare")
def test_a_zygote_without_room_for_more_refuses_and_its_workers_go_on():
    async def scenario(pool):
        worker = await worker_with(pool, "return 1")
        zygote = zygote_of(worker)
        most = zygote.rlimit(resource.RLIMIT_NOFILE)[1]
        free = min(set(range(100)) - set(descriptors_of(zygote.pid)))
        for room in (free, free + 1):
            zygote.rlimit(resource.RLIMIT_NOFILE, (room, most))
            with pytest.raises(NodeError, match="no process could be started"):
                await pool.spawn(DeafOwner())
        assert zygote.children() == [psutil.Process(worker.pid)]
        return (await worker.call("job", timeout=TIMEOUT)).value

    assert in_pool(scenario) == 1


@contextlib.contextmanager
def room_for_files(count):
    """This process may open so many files more."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + count, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("no_spare")
def test_a_node_without_room_for_more_refuses_and_its_workers_go_on():
    async def scenario(pool):
        worker = await worker_with(pool, "return 1")
        before = psutil.Process().num_fds()
        for count in range(5):  # for one pipe, for both, and for what tells of the worker's end
            with (
                room_for_files(count),
                pytest.raises(NodeError, match="oo many open files in the node; stop other"),
            ):
                await pool.spawn(DeafOwner())
        assert psutil.Process().num_fds() == before
        return (await worker.call("job", timeout=TIMEOUT)).value

    assert in_pool(scenario) == 1


def test_a_node_without_room_for_a_zygote_says_so_and_starts_one_when_there_is():
    async def scenario():
        pool = SandboxPool()
        before = psutil.Process().num_fds()
        for count in range(5):  # for its channel, for starting a program, for what tells of its end
            with room_for_files(count), pytest.raises(NodeError, match="oo many open files"):
                await pool.start()
        assert psutil.Process().num_fds() == before
        try:
            worker = await worker_with(pool, "return 1")
            return (await worker.call("job", timeout=TIMEOUT)).value
        finally:
            await pool.stop()

    assert asyncio.run(scenario()) == 1


@pytest.mark.usefixtures("no_spare")
def test_who_stops_waiting_in_the_moment_in_which_a_worker_comes_leaves_no_descriptor(monkeypatch):
    on_forked = ZygoteLink._on_forked

    def forked_and_cancelled(link, message, descriptors):
        on_forked(link, message, descriptors)
        spawning.cancel()

    async def scenario(pool):
        nonlocal spawning
        before = psutil.Process().num_fds()
        monkeypatch.setattr(ZygoteLink, "_on_forked", forked_and_cancelled)
        spawning = asyncio.create_task(pool.spawn(DeafOwner()))
        await asyncio.wait({spawning})
        assert spawning.cancelled()
        assert psutil.Process().num_fds() == before

    spawning = None
    in_pool(scenario)


PARENT = """
import asyncio, json, os
from pye2_node.sandbox import SandboxLimits, SandboxPool
from pye2core.abc import FunctionSource

async def main():
    pool = SandboxPool(SandboxLimits(layers=frozenset(), unsafe=True))
    worker = await pool.spawn(None)
    spawn = "return [plugin.random][0]._os.posix_spawn('/bin/sleep', ['sleep', '1000'], {})"
    await worker.define({"spawn": FunctionSource(spawn), "job": FunctionSource("while True: pass")})
    started = (await worker.call("spawn", timeout=30)).value
    zygote = (await pool._forks._current).pid
    calling = asyncio.create_task(worker.call("job", timeout=1000))
    await asyncio.sleep(0)
    print(json.dumps([zygote, worker.pid, started]), flush=True)
    await calling

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_node_that_is_killed_leaves_nothing_behind(number):
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as node:
        pids = json.loads(node.stdout.readline())
        pidfds = [os.pidfd_open(pid) for pid in pids]

        node.send_signal(number)

        wait_until_gone(*pidfds)


def test_an_interpreter_that_cannot_run_the_zygote_is_an_error_that_says_so():
    async def run():
        pool = SandboxPool(python="/bin/false")
        try:
            for _ in range(2):
                with pytest.raises(NodeError, match=r"could not be started: .* exit code 1"):
                    await pool.spawn(DeafOwner())
        finally:
            await pool.stop()

    asyncio.run(run())


def test_a_pool_that_was_never_started_can_be_stopped():
    asyncio.run(SandboxPool().stop())


def test_a_stopped_pool_starts_nothing():
    async def run():
        pool = SandboxPool()
        await pool.stop()
        with pytest.raises(NodeError, match="being stopped"):
            await pool.spawn(DeafOwner())

    asyncio.run(run())


def test_ending_a_worker_that_is_gone_but_not_yet_missed_is_no_error():
    async def scenario(pool):
        worker = await worker_with(pool, "return 1")
        process = psutil.Process(worker.pid)
        os.kill(worker.pid, signal.SIGKILL)
        process.wait(TIMEOUT)  # without letting the loop hear of it
        worker._end("it is to end")
        await worker.stop()

    in_pool(scenario)


def test_many_idle_workers_are_stopped_together():
    async def scenario(pool):
        workers = [await worker_with(pool, "return 1") for _ in range(20)]
        await pool.stop()
        return [await worker.exited for worker in workers]

    assert {ended.reason for ended in in_pool(scenario)} == {"it was stopped"}


def test_stopping_a_pool_ends_workers_in_the_middle_of_a_call():
    async def run():
        pool = SandboxPool()
        worker = await worker_with(pool, "while True: pass")
        gone = os.pidfd_open(worker.pid), os.pidfd_open(zygote_of(worker).pid)
        calling = asyncio.create_task(worker.call("job", timeout=TIMEOUT))
        await asyncio.sleep(0)
        await pool.stop()
        with pytest.raises(SandboxDied):
            await calling
        wait_until_gone(*gone)

    asyncio.run(run())


def test_a_worker_is_limited_and_stands_alone():
    limits = SandboxLimits(worker=WorkerLimits(memory=512 * 1024**2, open_files=32, processes=20))

    async def scenario(pool):
        worker = await worker_with(pool, "return 1")
        found = limits_of(worker.pid)
        return (
            found,
            may_gain_privileges(worker.pid),
            os.getpgid(worker.pid),
            os.getsid(worker.pid),
            worker.pid,
        )

    found, gains, group, session, pid = in_pool(scenario, limits)

    assert (
        found
        | {
            "address space": ["536870912"] * 2,
            "open files": ["32"] * 2,
            "core file size": ["0"] * 2,
            "file size": ["0"] * 2,
            "processes": ["20"] * 2,
        }
        == found
    )
    assert not gains
    assert group == session == pid


def test_a_confined_process_cannot_be_dumped():
    program = (
        "import ctypes, os\n"
        "from pye2_node.sandbox.confinement import Confinement, confine_worker\n"
        "from pye2_node.sandbox.layers.rlimits import WorkerLimits\n"
        "parent = os.getpid()\n"
        "if os.fork() == 0:\n"
        "    confine_worker(Confinement(frozenset(), WorkerLimits()), parent)\n"
        "    os._exit(10 + ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 10


def test_the_zygotes_program_stays_lean():
    program = (
        "import sys\n"
        "import pye2_node.sandbox.zygote, pye2_node.sandbox.worker\n"
        "heavy = {'attr', 'attrs', 'pluggy', 'asyncio', 'cattrs', 'psutil', 'pathlib'}\n"
        "heavy.add('pye2core.abc')\n"
        "raise SystemExit(' '.join(heavy & set(sys.modules)) or 0)"
    )

    assert subprocess.run([sys.executable, "-I", "-c", program], check=False).returncode == 0
