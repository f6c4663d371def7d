"""The doctor lives on whatever plugins do to the process that tries them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from throwaway import (
    SOUND_LOFT,
    Environment,
    Throwaway,
    lines_of,
    with_broken_plugins_only,
    with_workspace,
    without_plugins,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def offering(name: str, implementation: str, settings: str | None = None) -> Throwaway:
    """A plugin that loads, and whose implementation does something when it is imported."""
    return Throwaway(
        name,
        f"""
        from pye2core import TransportDescriptor, hookimpl

        @hookimpl
        def pye2_register_transports():
            loft = "{name}_loft:Loft"
            return [TransportDescriptor("{name}", ("{name}",), loft, settings={settings!r})]
        """,
        modules={f"{name}_loft": implementation},
    )


DEADLY = [
    Throwaway("leaves", "import os; os._exit(7)"),
    offering("exits", "import sys; sys.exit('enough')"),
    offering("crashes", "import ctypes; ctypes.string_at(0)"),
    offering("hangs", "import threading; threading.Event().wait()"),
    offering("noisy", f'print(\'{{"what": "end"}}\', flush=True)\n{SOUND_LOFT}'),
    offering(
        "threads", f"import threading as t\nt.Thread(target=t.Event().wait).start()\n{SOUND_LOFT}"
    ),
    offering("empty", "Nest = None"),
    offering(
        "picky",
        f"from attrs import frozen\n{SOUND_LOFT}\n@frozen\nclass Settings:\n    doves: int = 3\n",
        settings="picky_loft:Settings",
    ),
]
SETTINGS = {"PYE2_PICKY_DOVES": "many"}


@pytest.fixture(scope="module")
def told(new_environment: Callable[[list[str]], Environment]) -> dict[str, dict[str, Any]]:
    """What the doctor says of them, by distribution."""
    environment = new_environment(with_workspace())
    environment.install(*DEADLY)
    done = environment.pye2("plugins", "doctor", "--json", "--timeout", "8", **SETTINGS)
    assert done.returncode == 1, done.stderr
    return lines_of(done)


def test_a_plugin_that_ends_the_process_is_told_with_what_it_costs(
    told: dict[str, dict[str, Any]],
) -> None:
    said = told["leaves-dist"]

    assert (said["state"], said["phase"], said["version"]) == ("broken", "import", "1.0")
    assert "ended with exit code 7" in said["error"]
    assert "PYE2_DISABLE_PLUGINS=leaves" in said["advice"]


@pytest.mark.parametrize(
    ("distribution", "phase", "error", "advice"),
    [
        ("exits-dist", "use", "SystemExit: enough", "a defect of exits-dist"),
        ("crashes-dist", "use", "was killed by SIGSEGV", "PYE2_DISABLE_PLUGINS=crashes"),
        ("hangs-dist", "use", "did not get on for 8 s", "PYE2_DISABLE_PLUGINS=hangs"),
        ("empty-dist", "use", "has no attribute 'Loft'", "a defect of empty-dist"),
        ("picky-dist", "settings", "PYE2_PICKY_DOVES", "pye2 plugins info picky"),
    ],
)
def test_what_a_plugin_offers_and_cannot_be_used_is_told(
    told: dict[str, dict[str, Any]], distribution: str, phase: str, error: str, advice: str
) -> None:
    said = told[distribution]

    (problem,) = said["problems"]
    assert (said["state"], said["ok"], problem["phase"]) == ("loaded", False, phase)
    assert said["name"] in problem["subject"]
    assert error in problem["error"]
    assert advice in problem["advice"]


def test_all_others_are_well_nevertheless(told: dict[str, dict[str, Any]]) -> None:
    well = {each["name"] for each in told.values() if each["ok"]}

    usual = {"mqtt", "wire", "node", "custom-code", "chain-job", "collect", "primes", "broker"}
    assert {*usual, "noisy", "threads"} <= well


@pytest.fixture(scope="module")
def ruin(new_environment: Callable[[list[str]], Environment]) -> Environment:
    """An environment in which every plugin is broken."""
    return new_environment(with_broken_plugins_only())


def test_the_doctor_works_with_every_plugin_broken(ruin: Environment) -> None:
    done = ruin.pye2("plugins", "doctor", "--json", PYE2_STRICT_PLUGINS="1")

    told = lines_of(done)
    assert done.returncode == 1, done.stderr
    assert {each["state"] for each in told.values()} == {"broken"}
    assert told["pye2-mqtt"]["phase"] == "import"
    assert "pye2_mqtt" in told["pye2-mqtt"]["error"]
    assert "`pip install --force-reinstall pye2-mqtt`" in told["pye2-mqtt"]["advice"]


def test_people_read_it_with_every_plugin_broken(ruin: Environment) -> None:
    done = ruin.pye2("plugins", "doctor")

    assert done.returncode == 1, done.stderr
    assert "broken    mqtt, from pye2-mqtt" in done.stdout


def test_what_a_broken_plugin_of_ours_would_offer_names_it(ruin: Environment) -> None:
    done = ruin.pye2("node")

    assert done.returncode == 1
    assert "the plugin 'node' of pye2-node is broken (phase import)" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_environment_without_any_plugin_says_what_to_install(
    new_environment: Callable[[list[str]], Environment], tmp_path: Path
) -> None:
    environment = new_environment(without_plugins(tmp_path))

    done = environment.pye2("plugins", "doctor")

    assert done.returncode == 1
    assert "pip install pye2-suite" in done.stdout
