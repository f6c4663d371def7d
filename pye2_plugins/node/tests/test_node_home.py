"""A node's home folder belongs to one process and names nothing after what others send."""

import os
import stat
import subprocess
import sys

import pytest

from pye2_node.home import Home, default_home
from pye2core.errors import HomeInUse, NodeError
from pye2core.messages import InstancePath


def test_a_home_is_made_for_its_owner_only(tmp_path):
    with Home.open(tmp_path / "a" / "home") as home:
        assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_a_home_in_use_is_refused_with_the_process_that_has_it(tmp_path):
    with Home.open(tmp_path), pytest.raises(HomeInUse, match=f"process {os.getpid()}") as refused:
        Home.open(tmp_path)

    assert refused.value.path == tmp_path
    assert "--home" in str(refused.value)


def test_a_home_in_use_is_refused_to_other_processes(tmp_path):
    opening = (
        "import sys; from pathlib import Path; from pye2_node.home import Home;"
        "Home.open(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", opening, str(tmp_path)]

    with Home.open(tmp_path):
        refused = subprocess.run(command, capture_output=True, text=True, check=False)

    assert f"HomeInUse: process {os.getpid()}" in refused.stderr


def test_a_home_that_was_closed_is_free_again(tmp_path):
    Home.open(tmp_path).close()

    Home.open(tmp_path).close()


def test_a_home_that_cannot_be_made_says_why(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(NodeError, match="--home"):
        Home.open(tmp_path / "file" / "home")


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", "x" * 500, "\0", "naïve"])
def test_instance_folders_stay_within_the_home_whatever_an_instance_is_called(tmp_path, name):
    with Home.open(tmp_path) as home:
        folder = home.instance_folder(InstancePath(name, "S", name))

    assert folder.parent == tmp_path / "instances"
    assert folder.is_dir()


def test_instances_have_different_folders(tmp_path):
    with Home.open(tmp_path) as home:
        first = home.instance_folder(InstancePath("ab", "c", "d"))
        second = home.instance_folder(InstancePath("a", "bc", "d"))

    assert first != second


def test_the_folders_of_instances_that_are_no_more_are_removed(tmp_path):
    staying, leaving = InstancePath("a", "s", "1"), InstancePath("a", "s", "2")
    with Home.open(tmp_path) as home:
        kept = home.instance_folder(staying)
        (home.instance_folder(leaving) / "file").write_text("x")

        home.remove_instance_folders_except([staying])

    assert list((tmp_path / "instances").iterdir()) == [kept]


def test_a_node_lives_in_a_folder_of_its_name_by_default(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert default_home("kitchen") == tmp_path / ".pye2" / "kitchen"


@pytest.mark.parametrize(
    ("home", "white_list"),
    [(0o777, 0o600), (0o770, 0o600), (0o755, 0o666), (0o711, 0o664)],
    ids=["everybody's", "a group's", "the list is everybody's", "the list is a group's"],
)
def test_a_home_in_which_others_could_allow_themselves_is_refused(tmp_path, home, white_list):
    path = tmp_path / "home"
    path.mkdir()
    (path / "allow.toml").touch()
    (path / "allow.toml").chmod(white_list)
    path.chmod(home)

    with pytest.raises(NodeError, match="chmod go-w"):
        Home.open(path)

    path.chmod(0o755)
    (path / "allow.toml").chmod(0o644)
    Home.open(path).close()


def test_a_list_that_others_do_not_reach_may_have_any_mode(tmp_path):
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    (path / "allow.toml").touch()
    (path / "allow.toml").chmod(0o664)

    Home.open(path).close()
