"""`pye2 node install-service`: a unit that fences the node in, and not its sandbox out."""

import ctypes.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_node.cli import node
from pye2_node.service.unit import Service, quoted, unit_text
from pye2core.errors import SettingsError

FENCE = Path(__file__).with_name("service_fence.py")
NOBODY = 65534
VISIBLE = st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" ")
ACCOUNTS = pytest.mark.parametrize("account", ["pye2", "root"])

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def install(*arguments):
    return CliRunner().invoke(node, arguments, catch_exceptions=False)


def unit_of(*arguments):
    """Its lines: of each key, all values."""
    result = install(*arguments)
    assert result.exit_code == 0, result.output
    return settings_in(result.stdout)


def settings_in(text):
    found = {}
    for line in text.splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def command_in(unit):
    return shlex.split(unit["ExecStart"][0].replace("%%", "%").replace("$$", "$"))


def service(**changes):
    defaults = {
        "name": "attic",
        "command": ["/opt/pye2/bin/python"],
        "home": Path("/var/lib/pye2/attic"),
        "account": "pye2",
        "environment_file": Path("/etc/pye2/attic.env"),
    }
    return Service(**{**defaults, **changes})


def holding(doctor):
    """The layers that hold, as the doctor says."""
    done = subprocess.run(doctor, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {each["layer"] for each in json.loads(done.stdout)["layers"] if each["holds"]}


# --- what is started ------------------------------------------------------------------------------


def test_it_starts_this_installations_node_by_its_name_in_a_home_that_systemd_makes():
    unit = unit_of("--name", "attic", "install-service")

    assert command_in(unit) == [
        *(sys.executable, "-I", "-m", "pye2_node"),
        *("--name", "attic", "--home", "/var/lib/pye2/attic"),
    ]
    assert unit["StateDirectory"] == ["pye2/attic"]
    assert unit["StateDirectoryMode"] == ["0700"]


@pytest.mark.parametrize("behind", [True, False])
def test_the_nodes_own_options_are_handed_on_from_either_side_of_the_command(behind):
    options = [
        *("--broker", "mqtts://broker.lan", "--root-topic", "home", "--verbose"),
        *("--exec-timeout", "5", "--encrypted-commands-only", "--results-to-everyone"),
    ]

    unit = unit_of(*(["install-service", *options] if behind else [*options, "install-service"]))

    assert command_in(unit)[8:] == [
        *("--broker", "mqtts://broker.lan", "--root-topic", "home", "--exec-timeout", "5.0"),
        *("--results-to-everyone", "--encrypted-commands-only", "--verbose"),
    ]


def test_a_switch_that_was_not_given_is_not_handed_on():
    assert len(command_in(unit_of("install-service"))) == 8


def test_what_is_allowed_is_not_allowed_again_at_each_start():
    result = install("--allow", "0xai_x", "install-service")

    assert result.exit_code == 2
    assert "pye2 node allow ADDRESS" in result.stderr


def test_an_option_that_means_nothing_to_a_service_is_refused():
    result = install("--json", "install-service")

    assert result.exit_code == 2
    assert "no --json" in result.stderr


@settings(max_examples=50)
@given(st.text(VISIBLE, max_size=9))
def test_an_argument_is_quoted_so_that_systemd_reads_it_back(argument):
    text = quoted(argument)

    assert "%" not in text.replace("%%", "")
    assert "$" not in text.replace("$$", "")
    assert shlex.split(text.replace("%%", "%").replace("$$", "$")) == [argument]


# --- secrets --------------------------------------------------------------------------------------


def test_secrets_come_from_a_file_that_must_be_there():
    unit = unit_of("--name", "attic", "install-service")

    assert unit["EnvironmentFile"] == ["/etc/pye2/attic.env"]


def test_with_a_broker_on_the_command_line_that_file_may_lack():
    unit = unit_of("install-service", "--name", "attic", "--broker", "mqtt://broker.lan")

    assert unit["EnvironmentFile"] == ["-/etc/pye2/attic.env"]


def test_a_brokers_password_never_gets_into_a_unit(monkeypatch):
    monkeypatch.setenv("PYE2_BROKER", "mqtt://me:hush@broker.lan")

    with pytest.raises(SettingsError, match=r"/etc/pye2/node\.env") as refused:
        install("install-service", "--broker", "mqtt://me:hush@broker.lan")
    assert refused.value.setting == "password", "it is not that a broker is missing"
    assert "hush" not in install("install-service").output


def test_the_keys_passphrase_is_a_credential():
    unit = unit_of("install-service", "--passphrase-credential", "/etc/pye2/attic.cred")

    assert unit["LoadCredentialEncrypted"] == ["passphrase:/etc/pye2/attic.cred"]
    assert unit["Environment"] == ["PYE2_NODE_KEY_PASSPHRASE_FILE=%d/passphrase"]


# --- the fence ------------------------------------------------------------------------------------


def test_by_default_it_runs_as_an_account_with_no_right_of_roots():
    unit = unit_of("install-service")

    assert unit["User"] == ["pye2"]
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["NoNewPrivileges"] == ["yes"]
    assert unit["ProtectSystem"] == ["strict"]
    assert unit["PrivateDevices"] == ["yes"]
    assert "user" in unit["RestrictNamespaces"][0].split()


def test_as_root_it_keeps_what_its_workers_need_to_be_others():
    unit = unit_of("install-service", "--user-account", "root")

    assert "User" not in unit
    assert set(unit["CapabilityBoundingSet"][0].split()) == {
        *("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_KILL")
    }
    assert "user" not in unit["RestrictNamespaces"][0].split()


def test_the_unit_of_a_users_own_manager_has_only_what_that_can_do(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))

    unit = unit_of("install-service", "--user", "--name", "attic")

    assert unit["WantedBy"] == ["default.target"]
    assert unit["EnvironmentFile"] == [f"{tmp_path}/.pye2/attic.env"]
    assert "--home" in command_in(unit)
    assert not unit.keys() & {"User", "StateDirectory", "ProtectSystem", "CapabilityBoundingSet"}
    assert unit.keys() >= {"SystemCallFilter", "RestrictNamespaces", "MemoryMax"}


def test_what_is_to_be_granted_is_let_in():
    unit = unit_of(
        *("install-service", "--device", "/dev/video0", "--folder-rw", "/srv/results"),
        *("--memory-max", "2G", "--tasks-max", "100"),
    )

    assert "PrivateDevices" not in unit
    assert unit["DeviceAllow"] == ["/dev/video0 rw"]
    assert unit["ReadWritePaths"] == ["/srv/results"]
    assert (unit["MemoryMax"], unit["TasksMax"]) == (["2G"], ["100"])


def test_a_folder_to_read_is_shown_where_it_is_hidden_and_never_written_to():
    unit = unit_of("install-service", "--folder", "/srv/photos", "--folder", "/home/ann/photos")

    assert "/home/ann/photos" in unit["BindReadOnlyPaths"]
    assert "/srv/photos" not in unit["BindReadOnlyPaths"], "it is seen as it is"
    assert not unit.keys() & {"ReadWritePaths", "BindPaths"}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--folder", "/"), ("--folder-rw", "/"), ("--folder-rw", "/proc")),
        *(("--folder", "photos"), ("--device", "/etc/passwd"), ("--device", "video0")),
    ],
)
def test_what_cannot_be_granted_is_not_let_in(option, value):
    result = install("install-service", option, value)

    assert result.exit_code == 2
    assert repr(value) in result.stderr


@pytest.mark.parametrize(("account", "whose"), [("pye2", "that pye2 may"), ("root", "a group")])
def test_who_needs_rights_to_what_is_granted_is_said(account, whose):
    result = install(
        *("install-service", "--user-account", account, "--folder", "/srv/photos"),
        *("--folder-rw", "/srv/results", "--device", "/dev/video0"),
    )

    assert whose in result.stderr
    assert "read /srv/photos, write to /srv/results, use /dev/video0" in result.stderr


def test_a_service_of_ones_own_has_no_other_account():
    result = install("install-service", "--user", "--user-account", "root")

    assert result.exit_code == 2
    assert "--user-account" in result.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [("--user-account", "p; rm"), ("--memory-max", "much"), ("--tasks-max", "1")],
)
def test_what_systemd_would_not_understand_is_refused(option, value):
    assert install("install-service", option, value).exit_code == 2


@pytest.mark.parametrize("home", ["/srv/my node", "/srv/a\nUser=root", "/srv/a:b", "relative"])
def test_a_path_that_could_be_read_in_two_ways_is_refused(home):
    with pytest.raises(SettingsError, match="cannot stand in a unit"):
        unit_text(service(home=Path(home)))


def test_an_installation_in_a_home_folder_is_shown_and_nothing_else_of_the_homes():
    unit = settings_in(unit_text(service(installation=[Path("/home/ann/env"), Path("/usr")])))

    assert unit["ProtectHome"] == ["tmpfs"]
    assert unit["BindReadOnlyPaths"] == ["/home/ann/env"]


def test_home_folders_are_hidden_where_nothing_of_the_service_is_there():
    assert settings_in(unit_text(service()))["ProtectHome"] == ["yes"]


def test_a_home_elsewhere_can_be_written_to():
    assert settings_in(unit_text(service(home=Path("/srv/attic"))))["ReadWritePaths"] == [
        "/srv/attic"
    ]
    in_a_home = settings_in(unit_text(service(home=Path("/home/ann/attic"))))
    assert in_a_home["BindPaths"] == ["/home/ann/attic"]


def test_only_the_unit_goes_to_standard_output_and_what_to_do_to_standard_error():
    result = install("install-service", "--name", "attic")

    assert result.stdout.startswith("# ")
    assert result.stdout.rstrip().endswith("WantedBy=multi-user.target")
    assert "systemctl enable --now pye2-node-attic.service" in result.stderr
    assert "useradd" in result.stderr


# --- systemd's own word ---------------------------------------------------------------------------


@needs_systemd
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--user-account", "root"),
        ("--user",),
        ("--device", "/dev/null", "--folder", "/srv", "--passphrase-credential", "/etc/pye2/p"),
        ("--folder", "/home", "--folder-rw", "/srv"),
    ],
)
def test_systemd_has_nothing_to_say_against_it(tmp_path, options):
    file = tmp_path / "pye2-node-attic.service"
    file.write_text(install("install-service", *options).stdout)

    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True, check=False
    )

    assert said.stderr == ""
    assert said.returncode == 0


@needs_systemd
@pytest.mark.skipif(os.geteuid() != 0, reason="the fence is put up by root")
@pytest.mark.skipif(ctypes.util.find_library("seccomp") is None, reason="there is no libseccomp")
@ACCOUNTS
def test_behind_the_fence_every_layer_of_the_sandbox_holds_that_holds_without(tmp_path, account):
    file = tmp_path / "unit"
    file.write_text(install("install-service", "--user-account", account).stdout)
    doctor = [sys.executable, "-I", "-m", "pye2_node", "doctor", "--json"]
    without = holding(doctor)
    if "namespaces" not in without:
        pytest.skip("there are no namespaces here, and the fence is made of them, too")

    behind = holding([sys.executable, FENCE, file, *doctor])

    assert behind == (without if account == "root" else without - {"uid"})


# --- a home that is another's ---------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another")
def test_what_root_allows_in_the_home_of_a_service_can_be_read_by_it():
    address = "0xai_Ay7vYmDzXs_s4R6CEx9LS3b1lu5RwTB1CgLQwSlDElmE"
    with tempfile.TemporaryDirectory() as home:  # pytest's own folders are root's alone
        os.chown(home, NOBODY, NOBODY)

        allow = [sys.executable, "-m", "pye2_node", "allow", address, "--home", home]
        subprocess.run(allow, check=True, capture_output=True)

        assert (Path(home) / "allow.toml").stat().st_uid == NOBODY
