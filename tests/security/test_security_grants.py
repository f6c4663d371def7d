"""What a node's owner grants by address: through the whole node, with a real sandbox.

Each grant is used by code that has it, and tried by code that has not.
"""

from __future__ import annotations

import http.server
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from escape_layers import CHECK, LAYERS, pool_without
from grants_network import PATIENCE, GrantsNetwork, strict_pool_without

from pye2core.code.grants import WORK_FOLDER
from pye2core.errors import CodeRefused, DeployFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

FETCH = """
import urllib.request
with urllib.request.urlopen("http://127.0.0.1:PORT/", timeout=10) as answer:
    return answer.read().decode()
"""


class Greeter(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from outside")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def fetch() -> Iterator[str]:
    """Code that asks a server on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Greeter) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield FETCH.replace("PORT", str(server.server_address[1]))
        server.shutdown()
        thread.join(PATIENCE)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrantsNetwork]:
    with GrantsNetwork(tmp_path_factory.mktemp("grants")) as running:
        yield running


@pytest.fixture
def ground(tmp_path: Path, network: GrantsNetwork) -> Iterator[Path]:
    """A folder that everybody may write; the asker is granted nothing afterwards."""
    folder = tmp_path / "ground"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "words").write_text("some words", encoding="utf-8")
    yield folder
    network.owner("deny", network.asker)
    network.owner("allow", network.asker)


# --- each kind ------------------------------------------------------------------------------------


def test_code_reaches_the_network_that_it_asks_for_and_is_granted(
    network: GrantsNetwork, ground: Path, fetch: str
) -> None:
    network.grant("--network")

    assert network.run_once(fetch, {"network": True}) == ("hello from outside", None)


def test_a_name_is_found_and_certificates_are_there(network: GrantsNetwork, ground: Path) -> None:
    network.grant("--network")
    code = """
import socket, ssl
found = [each[4][0] for each in socket.getaddrinfo("localhost", 80, socket.AF_INET)]
return [found[0], ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED]
"""

    assert network.run_once(code, {"network": True}) == (["127.0.0.1", True], None)


def test_a_folder_to_read_can_be_read_and_not_written(network: GrantsNetwork, ground: Path) -> None:
    network.grant("--folder", str(ground))
    asked = {"folders": [str(ground)]}

    assert network.run_once(f"return open('{ground}/words').read()", asked) == ("some words", None)
    _, error = network.run_once(f"open('{ground}/more', 'w').write('x')\nreturn 1", asked)
    assert error is not None
    assert "more" in error
    assert not (ground / "more").exists()


def test_a_folder_to_write_is_written(network: GrantsNetwork, ground: Path) -> None:
    network.grant("--folder-rw", str(ground))
    code = f"return open('{ground}/more', 'w').write('mine')"

    assert network.run_once(code, {"folders_rw": [str(ground)]}) == (4, None)
    assert (ground / "more").read_text(encoding="utf-8") == "mine"


def test_nothing_beside_the_folder_is_seen(network: GrantsNetwork, ground: Path) -> None:
    network.grant("--folder", str(ground))
    secret = ground.parent / "secret"
    secret.write_text("not for you", encoding="utf-8")
    (ground / "way").symlink_to(secret)
    asked = {"folders": [str(ground)]}

    for path in (secret, ground / "way", network.home / "node.pem", "/etc/passwd"):
        value, error = network.run_once(f"return open('{path}').read()", asked)
        assert value is None
        assert error is not None


def test_a_worker_has_a_folder_of_its_own_for_what_passes(
    network: GrantsNetwork, ground: Path
) -> None:
    network.grant("--folder", str(ground))
    gone = f"return open('{WORK_FOLDER}/note').read()"
    code = f"open('note', 'w').write('mine')\n{gone}"
    asked = {"folders": [str(ground)]}

    assert network.run_once(code, asked) == ("mine", None)
    assert "No such file" in str(network.run_once(gone, asked)[1])


def test_a_device_can_be_used(network: GrantsNetwork, ground: Path) -> None:
    network.grant("--device", "/dev/zero")
    code = "return open('/dev/zero', 'rb').read(3) == bytes(3)"

    assert network.run_once(code, {"devices": ["/dev/zero"]}) == (True, None)
    assert network.run_once("return open('/dev/full', 'rb').read(1)", {"devices": ["/dev/zero"]})[1]


def test_a_module_can_be_imported(network: GrantsNetwork, ground: Path) -> None:
    network.grant("--module", "fractions")
    code = "from fractions import Fraction\nreturn str(Fraction(1, 3) + Fraction(1, 6))"

    assert network.run_once(code, {"modules": ["fractions"]}) == ("1/2", None)


def test_a_module_that_is_not_installed_is_told_with_what_to_run(
    network: GrantsNetwork, ground: Path
) -> None:
    network.grant("--module", "no_such_module")
    pipeline, _ = network.keep_running(
        "import no_such_module\nreturn 1", {"modules": ["no_such_module"]}
    )

    with pytest.raises(DeployFailed, match="the module no_such_module is not installed here"):
        pipeline.deploy(timeout=PATIENCE)


# --- without the grant ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {"network": True},
        {"folders": ["/srv"]},
        {"folders_rw": ["/srv"]},
        {"devices": ["/dev/zero"]},
        {"modules": ["os"]},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_what_is_not_granted_is_refused_with_the_command_that_grants_it(
    network: GrantsNetwork, asked: dict[str, Any]
) -> None:
    pipeline, _ = network.keep_running("return 1", asked)

    with pytest.raises(DeployFailed) as failed:
        pipeline.deploy(timeout=PATIENCE)

    assert f"pye2 node allow {network.asker} --" in str(failed.value)


def test_what_is_granted_and_not_asked_for_is_not_there(
    network: GrantsNetwork, ground: Path
) -> None:
    network.grant("--network", "--folder", str(ground), "--module", "fractions")

    with pytest.raises(CodeRefused, match="ask for it"):
        network.run_once("import fractions\nreturn 1", None)


def test_another_address_has_no_part_in_it(network: GrantsNetwork, ground: Path) -> None:
    network.grant("--folder", str(ground))
    asked = {"folders": [str(ground)]}
    code = f"return open('{ground}/words').read()"
    assert network.run_once(code, asked) == ("some words", None)

    with pytest.raises(DeployFailed, match=network.other):
        network.run_once(code, asked, network.others_session)


def test_who_has_the_grant_does_not_lend_it_to_code_of_others(
    network: GrantsNetwork, ground: Path
) -> None:
    """The other changes the code of the asker's instance: it runs as before, or not at all."""
    network.grant("--folder", str(ground))
    mine = f"return 'mine: ' + open('{ground}/words').read()"
    pipeline, answers = network.keep_running(mine, {"folders": [str(ground)]})
    pipeline.deploy(timeout=PATIENCE)
    assert answers.next_result() == "mine: some words"

    taken = network.others_session.attach_to_pipeline(
        node=network.node_address, name=pipeline.name, max_wait_time=PATIENCE
    )
    instance = taken.attach_to_custom_plugin_instance(instance_id="one")
    instance.update_instance_config(custom_code=f"return open('{ground}/words').read()")
    with pytest.raises(DeployFailed, match=network.other):
        taken.deploy(timeout=PATIENCE)

    assert {answers.next_result() for _ in range(5)} == {"mine: some words"}
    pipeline.close()


def test_who_touches_the_pipeline_of_code_with_grants_does_not_see_its_results(
    network: GrantsNetwork, ground: Path
) -> None:
    """Results of what several have changed go to everybody on the broker, in clear."""
    network.grant("--folder", str(ground))
    pipeline, answers = network.keep_running(
        f"return open('{ground}/words').read()", {"folders": [str(ground)]}
    )
    pipeline.deploy(timeout=PATIENCE)
    assert answers.next_result() == "some words"

    seen: list[Any] = []
    touched = network.others_session.attach_to_pipeline(
        node=network.node_address,
        name=pipeline.name,
        max_wait_time=PATIENCE,
        on_data=lambda *found: seen.append(found),
    )
    touched.update_acquisition_parameters(config={"CAP_RESOLUTION": 3})
    touched.deploy(timeout=PATIENCE)

    assert {answers.next_result() for _ in range(5)} == {"some words"}
    assert seen == []
    pipeline.close()


def test_what_code_with_grants_keeps_is_not_there_for_code_of_others(
    network: GrantsNetwork, ground: Path
) -> None:
    network.grant("--folder", str(ground))
    pipeline, answers = network.keep_running(
        f"""
plugin.cacheapi_save_json({{"kept": open('{ground}/words').read()}})
return plugin.cacheapi_load_json()
""",
        {"folders": [str(ground)]},
    )
    pipeline.deploy(timeout=PATIENCE)
    assert answers.next_result() == {"kept": "some words"}

    taken = network.others_session.attach_to_pipeline(
        node=network.node_address, name=pipeline.name, max_wait_time=PATIENCE
    )
    taken.attach_to_custom_plugin_instance(instance_id="one").update_instance_config(
        custom_code="return ['found', plugin.cacheapi_load_json()]", grants={}
    )
    taken.deploy(timeout=PATIENCE)

    while (result := answers.next_result()) == {"kept": "some words"}:
        pass
    assert result == ["found", {}]
    taken.close()


def test_who_asks_for_much_leaves_others_their_share(network: GrantsNetwork, ground: Path) -> None:
    """Each set of grants takes a process, and a node has few."""
    names = ("calendar", "colorsys", "csv", "fractions", "graphlib")
    network.grant(*(option for name in names for option in ("--module", name)))
    network.owner("allow", network.other, "--module", "csv")
    kept = [network.keep_running("return 1", {"modules": [name]}) for name in names]
    for pipeline, answers in kept[:4]:
        pipeline.deploy(timeout=PATIENCE)
        assert answers.next_result() == 1

    with pytest.raises(DeployFailed, match=f"{network.asker} has 4 .* are its share"):
        kept[4][0].deploy(timeout=PATIENCE)
    assert network.run_once("return 2", {"modules": ["csv"]}, network.others_session) == (2, None)

    kept[0][0].close()
    assert kept[4][1].next_result() == 1, "there is room for it now"
    for pipeline, _ in kept[1:]:
        pipeline.close()
    network.owner("deny", network.other, "--module", "csv")


def test_what_an_instance_asks_for_can_be_changed_while_it_runs(
    network: GrantsNetwork, ground: Path
) -> None:
    network.grant("--module", "fractions", "--folder", str(ground))
    third = "from fractions import Fraction\nreturn str(Fraction(1, 3))"
    pipeline, answers = network.keep_running(third, {"modules": ["fractions"]})
    pipeline.deploy(timeout=PATIENCE)
    assert answers.next_result() == "1/3"

    (instance,) = pipeline.instances
    instance.update_instance_config(
        custom_code=f"return open('{ground}/words').read()", grants={"folders": [str(ground)]}
    )
    pipeline.deploy(timeout=PATIENCE)

    while (result := answers.next_result()) == "1/3":
        pass
    assert result == "some words"
    pipeline.close()


# --- while it runs --------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True], ids=["the grant", "the address"])
def test_what_is_taken_away_ends_what_uses_it(
    network: GrantsNetwork, ground: Path, *, whole: bool
) -> None:
    network.grant("--folder-rw", str(ground))
    code = f"return open('{ground}/words').read()"
    pipeline, answers = network.keep_running(code, {"folders_rw": [str(ground)]})
    pipeline.deploy(timeout=PATIENCE)
    assert answers.next_result() == "some words"

    network.owner("deny", network.asker, *([] if whole else ["--folder-rw", str(ground)]))

    assert str(ground) in answers.next_notice("pye2 node allow")
    network.owner("allow", network.asker)
    pipeline.close()


def test_what_was_refused_begins_when_it_is_granted(network: GrantsNetwork, ground: Path) -> None:
    code = f"return open('{ground}/words').read()"
    pipeline, answers = network.keep_running(code, {"folders": [str(ground)]})
    with pytest.raises(DeployFailed):
        pipeline.deploy(timeout=PATIENCE)

    network.grant("--folder", str(ground))

    assert answers.next_result() == "some words"


# --- where the machine lacks a layer --------------------------------------------------------------

LAYERS_TURNED_OFF = [frozenset({layer}) for layer in LAYERS if layer != CHECK]


@pytest.fixture
def open_ground() -> Iterator[Path]:
    """A folder to which the path is open, too: without namespaces it is walked."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "words").write_text("some words", encoding="utf-8")
        yield folder


@pytest.mark.parametrize("off", LAYERS_TURNED_OFF, ids=lambda off: "without " + " and ".join(off))
def test_without_any_one_layer_what_is_granted_is_open_and_nothing_else(
    tmp_path: Path, open_ground: Path, fetch: str, off: frozenset[str]
) -> None:
    with GrantsNetwork(tmp_path, lambda: pool_without(off)) as network:
        network.grant("--network", "--folder", str(open_ground))
        asked = {"network": True, "folders": [str(open_ground)]}
        words = f"open('{open_ground}/words').read()"
        tries = f"""
outcomes = []
for path in ("{network.home}/node.pem", "{network.home}/allow.toml", "/etc/passwd"):
    try:
        outcomes.append(open(path).read())
    except OSError:
        outcomes.append(None)
try:
    outcomes.append(open("{open_ground}/more", "w").write("x"))
except OSError:
    outcomes.append(None)
return [{words}, outcomes]
"""

        assert network.run_once(fetch, asked) == ("hello from outside", None)
        assert network.run_once(tries, asked) == (["some words", [None] * 4], None)


def test_what_nothing_could_confine_is_not_granted(tmp_path: Path, fetch: str) -> None:
    off = frozenset({"namespaces", "landlock"})
    with GrantsNetwork(tmp_path, lambda: strict_pool_without(off)) as network:
        network.grant("--network")

        value, error = network.run_once(fetch, {"network": True})

    assert value is None
    assert "neither with namespaces nor with Landlock" in str(error)
