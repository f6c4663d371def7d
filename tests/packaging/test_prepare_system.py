"""What ``make test`` does where a broker's program is missing; nothing is fetched here."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).resolve().parents[1] / "prepare_system.py"


@define
class Machine:
    """A system on which programs are there or not, and what is called is noted.

    Attributes:
        programs: what is installed.
        provides: the programs that each package brings.
        refuses: what apt-get says when it can install nothing; None if it can.
        called: the commands, as they were given.
    """

    programs: set[str]
    provides: dict[str, set[str]]
    refuses: str | None = None
    called: list[str] = field(factory=list)

    def which(self, program: str, path: str = "") -> str | None:
        return program if program in self.programs else None

    def run(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.called.append(" ".join(command))
        if "install" not in command:
            return subprocess.CompletedProcess(command, 0)
        if self.refuses is not None:
            return subprocess.CompletedProcess(command, 100, stderr=self.refuses)
        self.programs |= self.provides[command[-1]]
        return subprocess.CompletedProcess(command, 0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A Debian with systemd and without brokers, whose user is root."""
    made = Machine(
        {"apt-get"},
        {"mosquitto": {"mosquitto"}, "rabbitmq-server": {"rabbitmq-server", "epmd"}},
    )
    monkeypatch.setattr("shutil.which", made.which)
    monkeypatch.setattr("subprocess.run", made.run)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return made


@pytest.fixture
def prepare(tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, on that machine."""
    spec = importlib.util.spec_from_file_location("prepare_system", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "Path", lambda _: tmp_path)  # where systemd runs, it is there
    return module


INSTALL = "apt-get install --yes --no-install-recommends"
STOP = "systemctl disable --now"


def test_where_all_is_there_nothing_is_called(prepare: ModuleType, machine: Machine) -> None:
    machine.programs |= {"mosquitto", "rabbitmq-server", "epmd"}

    prepare.main()

    assert machine.called == []


def test_both_are_installed_and_what_they_start_is_stopped(
    prepare: ModuleType, machine: Machine
) -> None:
    prepare.main()

    assert machine.called == [
        "apt-get update",
        f"{INSTALL} mosquitto",
        f"{INSTALL} rabbitmq-server",
        f"{STOP} mosquitto.service rabbitmq-server.service epmd.service epmd.socket",
    ]


def test_what_was_there_before_goes_on_running(prepare: ModuleType, machine: Machine) -> None:
    machine.programs |= {"mosquitto", "epmd"}

    prepare.main()

    assert machine.called[1:] == [f"{INSTALL} rabbitmq-server", f"{STOP} rabbitmq-server.service"]


def test_what_cannot_be_installed_is_told_with_the_reason_and_stops_nothing(
    prepare: ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.refuses = "Reading lists\nE: Unable to locate package mosquitto\n"

    prepare.main()

    told = capsys.readouterr().err
    assert "mosquitto is not installed, its tests will be left out" in told
    assert "E: Unable to locate package" in told
    assert not any(each.startswith(STOP) for each in machine.called)


def test_who_is_not_root_is_told_what_to_run(
    prepare: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    prepare.main()

    assert f"run `sudo {INSTALL} rabbitmq-server`" in capsys.readouterr().err


def test_a_system_without_apt_is_told_to_do_it_in_its_own_way(
    prepare: ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.programs.clear()

    prepare.main()

    assert "its own package manager" in capsys.readouterr().err
    assert machine.called == []
