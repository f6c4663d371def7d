"""`pye2 node allow`, `deny` and `who`: grants on the command line; and what the doctor says."""

import json
import os

import pytest
from click.testing import CliRunner
from node_support import FRIEND

from pye2_node.allow_file import read_allow_file
from pye2_node.cli import node
from pye2core.errors import NodeError

ALICE = FRIEND.address


@pytest.fixture
def owner(tmp_path):
    """Runs a command as the node's owner does."""

    def run(*words, ends_with=0):
        command = [*words, "--home", str(tmp_path / "home")]
        done = CliRunner().invoke(node, command, catch_exceptions=False)
        assert done.exit_code == ends_with, done.output
        return done.output

    return run


def granted(owner):
    (line,) = owner("who", "--json").splitlines()[:1]
    return json.loads(line)["grants"]


def test_every_kind_can_be_granted(owner, tmp_path):
    said = owner(
        "allow",
        ALICE,
        "--network",
        "--folder",
        "/srv/pictures",
        "--folder-rw",
        str(tmp_path / "results"),
        "--device",
        "/dev/video0",
        "--module",
        "pandas",
        "--module",
        "scipy.stats",
    )

    assert f"{ALICE}: allowed" in said
    assert "granted the network, the folder /srv/pictures" in said
    assert granted(owner) == {
        "network": True,
        "folders": ["/srv/pictures"],
        "folders_rw": [str(tmp_path / "results")],
        "devices": ["/dev/video0"],
        "modules": ["pandas", "scipy.stats"],
    }


def test_what_is_granted_later_is_added(owner):
    owner("allow", ALICE, "--network")
    owner("allow", ALICE, "--module", "pandas")
    owner("allow", ALICE)

    assert granted(owner) == {"network": True, "modules": ["pandas"]}


def test_a_folder_is_written_in_full(owner, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    owner("allow", ALICE, "--folder", "../pictures/")

    assert granted(owner) == {"folders": [str(tmp_path / "pictures")]}


def test_one_grant_can_be_taken_away(owner):
    owner("allow", ALICE, "--network", "--module", "pandas")

    assert "allowed, and granted the module pandas" in owner("deny", ALICE, "--network")
    assert granted(owner) == {"modules": ["pandas"]}


def test_who_shows_grants_to_people(owner):
    owner("allow", ALICE, "--alias", "alice", "--network")

    assert f"{ALICE}  alice  (the network)" in owner("who")


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--folder", "/", "cannot be granted"),
        ("--device", "/etc/passwd", "below /dev"),
        ("--module", "pandas; rm", "no module's name"),
    ],
)
def test_what_cannot_be_granted_is_refused_and_nobody_allowed(owner, option, value, says):
    assert says in owner("allow", ALICE, option, value, ends_with=2)
    assert "nobody" in owner("who")


def test_what_is_granted_and_not_there_is_said_when_it_is_granted(owner):
    said = owner("allow", ALICE, "--folder", "/no/such/folder", "--module", "no_such_module")

    assert f"{ALICE}: allowed" in said
    assert "note: /no/such/folder cannot be used" in said
    assert "note: the module no_such_module is not installed" in said


def test_a_home_in_which_no_node_has_run_is_noticed_by_each_command(owner, tmp_path):
    for words in (["allow", ALICE], ["deny", ALICE], ["who"]):
        assert f"no node has run in {tmp_path / 'home'} yet" in owner(*words)


def test_the_nodes_home_cannot_be_granted(owner, tmp_path):
    with pytest.raises(NodeError, match="home"):
        owner("allow", ALICE, "--folder", str(tmp_path))

    assert "nobody" in owner("who")


def examined(tmp_path, monkeypatch, *, missing=()):
    async def found():
        return dict.fromkeys(missing, "not on this machine")

    monkeypatch.setattr("pye2_node.doctor._missing_layers", found)
    command = ["--home", str(tmp_path / "home"), "doctor"]
    words = CliRunner().invoke(node, command, catch_exceptions=False).output
    told = CliRunner().invoke(node, [*command, "--json"], catch_exceptions=False).output
    return words, json.loads(told)["grants"]


def test_the_doctor_looks_whether_what_is_granted_is_there(owner, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    owner("allow", ALICE, "--module", "no_such_module", "--folder", str(tmp_path / "there"))
    owner("allow", ALICE, "--folder-rw", "/no/such/folder", "--device", "/dev/no-such-device")

    words, told = examined(tmp_path, monkeypatch)

    (finding,) = told["addresses"]
    assert finding["address"] == ALICE
    assert len(finding["problems"]) == 3
    for name in ("no_such_module", "/no/such/folder", "/dev/no-such-device"):
        assert any(name in problem for problem in finding["problems"])
        assert name in words
    assert "pip install" not in words, "a module's name may be that of somebody else's distribution"


@pytest.mark.parametrize("option", ["--folder", "--folder-rw"])
def test_the_doctor_says_what_the_code_of_others_may_not_use(owner, tmp_path, monkeypatch, option):
    (tmp_path / "mine").mkdir(mode=0o300)
    owner("allow", ALICE, option, str(tmp_path / "mine"))

    words, _ = examined(tmp_path, monkeypatch)

    of_an_ordinary_user = "read" if option == "--folder" else "write to"
    said = "not open to the code of others" if os.geteuid() == 0 else of_an_ordinary_user
    assert said in words.partition("→")[2]


def test_the_doctor_takes_the_nodes_home_behind_it_too(owner, tmp_path, monkeypatch):
    owner("allow", ALICE, "--module", "no_such_module")

    async def nothing_missing():
        return {}

    monkeypatch.setattr("pye2_node.doctor._missing_layers", nothing_missing)

    assert "no_such_module" in owner("doctor")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root looks at the homes of others")
def test_the_doctor_says_for_whom_it_has_tried(owner, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 4242, 4242)

    words, _ = examined(tmp_path, monkeypatch)

    assert "This was tried as root" in words
    assert "sudo -u #4242" in words


@pytest.mark.parametrize(
    ("missing", "can"),
    [
        ((), True),
        (("landlock",), True),
        (("namespaces",), True),
        (("landlock", "namespaces"), False),
    ],
)
def test_the_doctor_says_what_can_be_granted_here(tmp_path, monkeypatch, missing, can):
    words, told = examined(tmp_path, monkeypatch, missing=missing)

    assert told["can_be_confined"] is can
    assert ("takes namespaces or landlock" in words) is not can


def test_the_doctor_tells_of_mistakes_in_the_list(owner, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "allow.toml").write_text(f'[addresses."{ALICE}"]\nnetwrok = true')

    words, told = examined(tmp_path, monkeypatch)

    assert "netwrok" in words
    assert len(told["problems"]) == 1


# --- nodes that bring work for others -------------------------------------------------------------


def test_a_main_nodes_word_is_trusted_when_its_owner_says_so(owner, tmp_path):
    said = owner("allow", ALICE, "--may-delegate", "--network")

    assert "may bring work for others without a delegation" in said
    (guest,) = read_allow_file(tmp_path / "home" / "allow.toml").guests
    assert guest.may_delegate
    assert "(may bring work for others)" in owner("who")
    (line, *_) = owner("who", "--json").splitlines()
    assert json.loads(line)["may_delegate"] is True


def test_it_stays_so_until_that_is_taken_away_and_no_more_than_that(owner, tmp_path):
    owner("allow", ALICE, "--may-delegate", "--network")
    owner("allow", ALICE, "--alias", "attic")

    owner("deny", ALICE, "--may-delegate")

    (guest,) = read_allow_file(tmp_path / "home" / "allow.toml").guests
    assert not guest.may_delegate
    assert guest.grants.network


def test_what_is_neither_true_nor_false_is_said_and_counts_as_no(tmp_path):
    file = tmp_path / "allow.toml"
    file.write_text(f'[addresses."{ALICE}"]\nmay_delegate = "yes"\n')

    content = read_allow_file(file)

    assert not content.guests[0].may_delegate
    assert "neither true nor false" in content.problems[0]
