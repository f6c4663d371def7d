"""What is granted to a worker is open to it, and nothing else is, whichever layer is off.

The language check is off, so that code can import what the zygote has loaded and try anything.
"""

import asyncio
import http.server
import os
import tempfile
import threading
from pathlib import Path

import pytest

from pye2_node.sandbox import SandboxLimits, SandboxPool, granted
from pye2_node.sandbox.granted_zygotes import MOST_SETS, Share
from pye2_node.sandbox.layers.names import ALL_LAYERS, Layer
from pye2_node.sandbox.layers.openings import CannotOpen
from pye2core.abc import FunctionSource
from pye2core.code.grants import WORK_FOLDER, Grants
from pye2core.errors import CodeRefused, NodeError

TIMEOUT = 30
SYSTEMS_LAYERS = sorted(ALL_LAYERS - {Layer.CHECK})

GRANTED = {
    "fetch": (
        "import urllib.request; return urllib.request.urlopen('http://127.0.0.1:PORT').status"
    ),
    "look up": "import socket; return socket.getaddrinfo('localhost', 80)[0][4][0]",
    "send by UDP": "import socket; s = socket.socket(type=2); s.sendto(b'x', ('127.0.0.1', 9))",
    "read": "return open('READ/words').read()",
    "list": "return os.listdir('READ')",
    "write": "open('WRITE/mine', 'w').write('x'); return open('WRITE/mine').read()",
    "change": (
        "os.mkdir('WRITE/d'); os.rename('WRITE/words', 'WRITE/d/w');"
        " os.remove('WRITE/d/w'); os.rmdir('WRITE/d')"
    ),
    "use the device": "return open('/dev/zero', 'rb').read(2) == bytes(2)",
}

FORBIDDEN = {
    "write what is to be read": "open('READ/mine', 'w')",
    "delete what is to be read": "os.remove('READ/words')",
    "read beside it": "open('BESIDE/words').read()",
    "follow a link out of it": "open('READ/link').read()",
    "read the system's": "open('/etc/shadow').read()",
    "use another device": "open('/dev/full', 'rb').read(1)",
    "plant a link": "os.symlink('/etc', 'WRITE/link')",
    "plant a pipe": "os.mkfifo('WRITE/pipe')",
    "plant a device": "os.mknod('WRITE/device', 0o20666, os.makedev(1, 3))",
    "listen": "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()",
    "take raw packets": "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "change the mode of what is not granted": "os.chmod('BESIDE/words', 0)",
    "cut what is not granted": "os.truncate('BESIDE/other', 0)",
    "run a program": "os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)",
    "signal the node": "os.kill(NODE, 0)",
    "mount": (
        "import ctypes; libc = ctypes.CDLL(None, use_errno=True); "
        "assert libc.mount(b'none', b'/work', b'tmpfs', 0, None) == 0"
    ),
}
"""Each ends without an exception if it gets what it is after."""

ONLY_BY_SECCOMP = {
    "have the node signalled": (
        "import fcntl, socket; s = socket.socket(type=2); fcntl.fcntl(s, fcntl.F_SETOWN, NODE)"
    ),
    "have a program run as its owner": "os.close(os.open('WRITE/s', 0o101, 0o4755))",
    "plant a second name": "os.link('WRITE/other', 'WRITE/name')",
    "talk to this machine": "import socket; socket.socket(socket.AF_UNIX)",
    "open up what is to be read": "os.fchmod(os.open('READ/other', os.O_RDONLY), 0o777)",
    "open for nothing what is not granted": "os.close(os.open('BESIDE/other', 3))",
}
"""These make what could be used only where other layers are missing as well."""


class Owner:
    def __init__(self):
        self.limits = []

    async def on_log(self, text):
        pass

    async def on_payload(self, fields):
        pass

    async def on_cache_save(self, name, text):
        pass

    async def on_cache_load(self, name):
        return None

    async def on_limit(self, name, value):
        self.limits.append((name, value))


def with_pool(use, *, layers=ALL_LAYERS, **limits):
    """What ``use`` makes of a pool."""

    async def run():
        pool = SandboxPool(SandboxLimits(layers=frozenset(layers), **limits))
        try:
            return await use(pool)
        finally:
            await pool.stop()

    return asyncio.run(run())


def outcomes_of(sources, grants, layers=SYSTEMS_LAYERS, owner=None, **limits):
    """What a worker with these grants makes of each source: its value, or what it raises."""

    async def use(pool):
        worker = await pool.spawn(owner or Owner(), grants=grants)
        await worker.define({name: FunctionSource(text) for name, text in sources.items()})
        results = {name: await worker.call(name, timeout=TIMEOUT) for name in sources}
        return {
            name: f"{each.failure.type}: {each.failure.message}" if each.failure else None
            for name, each in results.items()
        }

    return with_pool(use, layers=layers, **limits)


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def places():
    """Folders that any user may come to and write, were they shown to them."""
    with tempfile.TemporaryDirectory() as ground:
        Path(ground).chmod(0o755)
        yield furnished(Path(ground))


def furnished(ground):
    found = {name: ground / name for name in ("READ", "WRITE", "BESIDE")}
    for folder in found.values():
        folder.mkdir()
        folder.chmod(0o777)
        for name in ("words", "other"):
            (folder / name).write_text("some words")
            (folder / name).chmod(0o666)
    (found["READ"] / "link").symlink_to(found["BESIDE"] / "words")
    return found


def filled_in(sources, places, port):
    def fill(text):
        lines = "import os\n" + text.replace("; ", "\n").replace("PORT", str(port))
        for name, folder in places.items():
            lines = lines.replace(name, str(folder))
        return lines.replace("NODE", str(os.getpid()))

    return {name: fill(text) for name, text in sources.items()}


def everything(places):
    return Grants(
        network=True,
        folders=(str(places["READ"]),),
        folders_rw=(str(places["WRITE"]),),
        devices=("/dev/zero",),
    )


@pytest.mark.parametrize("off", [None, *SYSTEMS_LAYERS])
def test_what_is_granted_is_open_and_nothing_else_whichever_layer_is_off(places, port, off):
    attempts = GRANTED | FORBIDDEN | ({} if off is Layer.SECCOMP else ONLY_BY_SECCOMP)
    sources = filled_in(attempts, places, port)

    outcomes = outcomes_of(sources, everything(places), set(SYSTEMS_LAYERS) - {off})

    assert {name for name, outcome in outcomes.items() if outcome is None} == set(GRANTED), outcomes
    assert (places["WRITE"] / "mine").read_text() == "x"


def test_a_node_of_an_ordinary_user_without_namespaces_keeps_files_as_they_are(places, port):
    """Such a node is the files' owner, and Landlock does not look at modes (Ubuntu 24.04)."""
    sources = filled_in(GRANTED | FORBIDDEN | ONLY_BY_SECCOMP, places, port)
    layers = set(SYSTEMS_LAYERS) - {Layer.UID, Layer.NAMESPACES}

    outcomes = outcomes_of(sources, everything(places), layers)

    assert {name for name, outcome in outcomes.items() if outcome is None} == set(GRANTED), outcomes


def test_without_any_layer_all_that_is_forbidden_succeeds(places, port):
    by_root_only = {"plant a device", "mount", "take raw packets", "read the system's"}
    tried = {name: text for name, text in FORBIDDEN.items() if name not in by_root_only}
    sources = filled_in(tried | ONLY_BY_SECCOMP, places, port)

    outcomes = outcomes_of(sources, everything(places), [], unsafe=True)

    assert {name for name, outcome in outcomes.items() if outcome} <= {"use another device"}, (
        "an attempt that never succeeds proves nothing"
    )


@pytest.mark.parametrize(
    "grants",
    [
        Grants(modules=("fractions",)),
        Grants(network=True),
        Grants(devices=("/dev/zero",)),
    ],
    ids=["modules", "network", "devices"],
)
def test_one_grant_opens_nothing_of_another(places, port, grants):
    sources = filled_in(GRANTED, places, port)
    own = {"network": {"fetch", "look up", "send by UDP"}, "devices": {"use the device"}}
    opened = set().union(*(names for key, names in own.items() if getattr(grants, key)))

    outcomes = outcomes_of(sources, grants)

    assert {name for name, outcome in outcomes.items() if outcome is None} == opened


def test_a_worker_without_grants_has_no_part_in_what_its_sibling_is_granted(places, port):
    source = filled_in({"read": GRANTED["read"]}, places, port)["read"]

    async def use(pool):
        outcomes = []
        for grants in (everything(places), None, Grants(network=True)):
            worker = await pool.spawn(Owner(), grants=grants)
            await worker.define({"read": FunctionSource(source)})
            result = await worker.call("read", timeout=TIMEOUT)
            outcomes.append(result.failure is None)
        return outcomes

    assert with_pool(use, layers=SYSTEMS_LAYERS) == [True, False, False]


@pytest.mark.parametrize(
    "grants",
    [Grants(network=True), Grants(folders=("/srv",)), Grants(devices=("/dev/zero",))],
    ids=["network", "folders", "devices"],
)
def test_what_nothing_can_confine_is_refused(grants):
    layers = ALL_LAYERS - {Layer.NAMESPACES, Layer.LANDLOCK}

    with pytest.raises(NodeError, match="pye2 node doctor"):
        outcomes_of({"job": "return 1"}, grants, layers)


def test_modules_need_no_more_than_code_does():
    layers = ALL_LAYERS - {Layer.NAMESPACES, Layer.LANDLOCK}
    grants = Grants(modules=("fractions",))

    outcomes = outcomes_of({"job": "import fractions\nreturn 1"}, grants, layers)

    assert outcomes == {"job": None}


# --- modules and the language ---------------------------------------------------------------------


def test_a_granted_module_is_imported_in_every_way_and_no_other_is():
    grants = Grants(modules=("fractions", "xml.dom"))
    sources = {
        "whole": "import fractions\nreturn str(fractions.Fraction(1, 3))",
        "a name": "from fractions import Fraction as F\nreturn str(F(1, 3))",
        "within": "import xml.dom\nreturn xml.dom.NotFoundErr.code",
        "of a package": "from xml import dom\nreturn dom.NotFoundErr.code",
    }

    assert set(outcomes_of(sources, grants, ALL_LAYERS).values()) == {None}
    with pytest.raises(CodeRefused, match="os"):
        outcomes_of({"job": "import os\nreturn 1"}, grants, ALL_LAYERS)


def test_what_a_module_would_load_later_is_told_by_name():
    grants = Grants(modules=("xml",))

    outcomes = outcomes_of({"job": "import xml.dom\nreturn 1"}, grants, ALL_LAYERS)

    assert "xml.dom was not loaded before" in outcomes["job"]


def test_a_module_that_ends_its_process_is_told_by_name(tmp_path, monkeypatch):
    (tmp_path / "quitting_module.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(CannotOpen, match="quitting_module cannot be imported here: SystemExit: 3"):
        granted._load_granted("quitting_module")


@pytest.mark.parametrize(
    ("grants", "says"),
    [
        (
            Grants(modules=("no_such_module",)),
            "no_such_module is not installed here; where the node",
        ),
        (Grants(modules=("xml.no_such_part",)), "has no xml.no_such_part"),
        (Grants(folders=("/no/such/folder",)), "/no/such/folder"),
        (Grants(folders=("/etc/passwd",)), "is none"),
        (Grants(devices=("/dev/no-such-device",)), "/dev/no-such-device"),
    ],
    ids=["module", "part", "folder", "file", "device"],
)
def test_what_cannot_be_had_is_told(grants, says):
    with pytest.raises(NodeError, match=says):
        outcomes_of({"job": "return 1"}, grants)


@pytest.mark.skipif(os.geteuid() != 0, reason="only workers of root's node are strangers")
def test_a_folder_that_a_stranger_cannot_use_is_told_with_what_to_run(tmp_path):
    tmp_path.chmod(0o700)

    with pytest.raises(NodeError, match="chgrp"):
        outcomes_of({"job": "return 1"}, Grants(folders=(str(tmp_path),)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only workers of root's node are strangers")
def test_a_stranger_works_through_the_folders_group(tmp_path):
    group = 60_123
    os.chown(tmp_path, 0, group)
    tmp_path.chmod(0o770)
    sources = {
        "write": f"open('{tmp_path}/mine', 'w').write('x')",
        "go on": f"return open('{tmp_path}/mine', 'a').write('y')",
    }

    async def use(pool):
        for name, text in sources.items():  # each by a user of its own
            worker = await pool.spawn(Owner(), grants=Grants(folders_rw=(str(tmp_path),)))
            await worker.define({name: FunctionSource(text)})
            result = await worker.call(name, timeout=TIMEOUT)
            assert result.failure is None, result.failure

    with_pool(use)

    assert (tmp_path / "mine").read_text() == "xy"
    assert (tmp_path / "mine").stat().st_gid == group
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o660


# --- a worker's own folder, and its limits --------------------------------------------------------


def test_what_is_written_is_limited_and_the_limit_is_told(places):
    owner = Owner()
    sources = {
        "one file": "open('x', 'wb').write(bytes(2_000_000))",
        "many": "for n in range(40): open(f'{n}', 'wb').write(bytes(100_000))",
    }

    outcomes = outcomes_of(sources, everything(places), owner=owner, written_bytes=1_000_000)

    assert None not in outcomes.values()
    assert owner.limits == [("file_size", 1_000_000)] * 2


def test_no_worker_sees_anothers_own_folder(places):
    async def use(pool):
        first, second = [await pool.spawn(Owner(), grants=everything(places)) for _ in range(2)]
        await first.define(
            {"w": FunctionSource(f"open('{WORK_FOLDER}/a', 'w').write('x')\nreturn 1")}
        )
        await second.define({"r": FunctionSource(f"return open('{WORK_FOLDER}/a').read()")})
        written = await first.call("w", timeout=TIMEOUT)
        return written, await second.call("r", timeout=TIMEOUT)

    written, read = with_pool(use)

    assert written.value == 1
    assert read.failure.type == "FileNotFoundError"


# --- the zygotes ----------------------------------------------------------------------------------


def test_one_zygote_serves_all_with_the_same_grants_and_ends_with_the_last(places):
    async def use(pool):
        grants = everything(places)
        workers = [await pool.spawn(Owner(), grants=grants) for _ in range(2)]
        assert pool._granted.sets == {grants}
        (link,) = [each.forks._current.result() for each in pool._granted._in_use.values()]
        await workers[0].stop(grace=1)
        assert pool._granted.sets == {grants}
        await workers[1].stop(grace=1)
        async with asyncio.timeout(TIMEOUT):
            await link.dead
        return pool._granted.sets

    assert with_pool(use) == frozenset()


def test_no_more_sets_of_grants_are_in_use_than_a_node_can_bear(monkeypatch):
    monkeypatch.setattr("pye2_node.sandbox.granted_zygotes.MOST_SETS", 1)

    async def use(pool):
        await pool.spawn(Owner(), grants=Grants(modules=("fractions",)))
        with pytest.raises(NodeError, match="sets of grants"):
            await pool.spawn(Owner(), grants=Grants(modules=("csv",)))

    with_pool(use)
    assert MOST_SETS > 1


def test_nobody_has_more_sets_of_grants_in_use_than_a_share_so_that_others_have_theirs():
    names = ("fractions", "csv", "calendar", "colorsys")
    sets = [Grants(modules=(name,)) for name in names]
    alice, bob = (Share(frozenset({name}), 2) for name in ("alice", "bob"))

    async def use(pool):
        first = await pool.spawn(Owner(), grants=sets[0], share=alice)
        await pool.spawn(Owner(), grants=sets[1], share=alice)
        await pool.spawn(Owner(), grants=sets[1], share=alice)
        await pool.spawn(Owner(), grants=sets[2], share=bob)
        for another in (sets[2], sets[3]):
            with pytest.raises(NodeError, match="alice has 2 different sets of grants in use"):
                await pool.spawn(Owner(), grants=another, share=alice)
        with pytest.raises(NodeError, match="alice"):
            await pool.spawn(Owner(), grants=sets[3], share=Share(frozenset({"alice", "bob"}), 2))
        await pool.spawn(Owner(), grants=sets[3], share=bob)
        await first.stop(grace=1)
        await pool.spawn(Owner(), grants=sets[3], share=alice)

    with_pool(use)


def test_a_zygote_that_dies_is_replaced():
    async def use(pool):
        grants = Grants(modules=("fractions",))
        first = await pool.spawn(Owner(), grants=grants)
        (used,) = pool._granted._in_use.values()
        used.forks._current.result().kill()
        await first.exited
        second = await pool.spawn(Owner(), grants=grants)
        await second.define({"job": FunctionSource("import fractions\nreturn 1")})
        return await second.call("job", timeout=TIMEOUT)

    assert with_pool(use).value == 1


def test_nothing_is_left_open_in_the_node():
    async def use(pool):
        worker = await pool.spawn(Owner(), grants=Grants(modules=("fractions",)))
        await worker.stop(grace=1)

    before = len(list(Path("/proc/self/fd").iterdir()))
    with_pool(use)

    assert len(list(Path("/proc/self/fd").iterdir())) == before
