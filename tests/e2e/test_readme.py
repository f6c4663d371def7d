"""What the README and the page on jobs print is run as it is printed."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


def blocks(language: str, page: str = "README.md") -> list[str]:
    """A page's code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def environment(**more: str) -> dict[str, str]:
    """This environment without anybody's broker."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYE2_", "EE_", "AIXP_"))}
    return {**kept, **more}


@pytest.fixture
def folder_with_fleet(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder in which ``pye2 up`` runs and has written its ``.env``."""
    more = getattr(request, "param", {})
    up = subprocess.Popen(
        [sys.executable, "-m", "pye2_cli", "up", "--nodes", "3", "--env-file", ".env", "--json"],
        cwd=tmp_path,
        env=environment(**{name: str(tmp_path / path) for name, path in more.items()}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert up.stdout is not None
    assert len(json.loads(up.stdout.readline())["nodes"]) == 3
    yield tmp_path
    up.terminate()
    up.communicate(timeout=30)


def run_script(script: str, folder: Path, **more: str) -> str:
    """Run a script in a folder; what it printed."""
    (folder / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_script_gets_values_of_functions(folder_with_fleet: Path) -> None:
    printed = run_script(blocks("python")[0], folder_with_fleet).splitlines()

    assert printed[0] == "[1, 2, 4, 7, 14, 28]"
    assert [int(line) for line in printed[1:]] == [
        sum(number % each == 0 for each in range(1, number + 1)) for number in range(1, 50)
    ]


def test_the_script_counts_words_on_a_node(folder_with_fleet: Path) -> None:
    printed = run_script(blocks("python")[1], folder_with_fleet)

    counted = [ast.literal_eval(line) for line in printed.splitlines() if line.startswith("{")]
    assert {"be": 2, "not": 1, "or": 1, "to": 2} in counted


def test_the_job_on_the_page_of_jobs_finds_pi(folder_with_fleet: Path) -> None:
    printed = run_script(blocks("python", "docs/distributed-jobs.md")[0], folder_with_fleet)

    percent, result = printed.splitlines()[-1].split()
    assert percent == "100"
    assert 3.1 < float(result) < 3.2


def test_the_script_has_about_twenty_lines() -> None:
    assert len([line for line in blocks("python")[1].splitlines() if line.strip()]) <= 22


def install_readme_plugin(site: Path) -> None:
    """Put the README's plugin on a path as an installer would."""
    _, _, plugin, runner, _ = blocks("python")
    package = site / "my_uptime"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(plugin)
    (package / "runner.py").write_text(runner)
    project = blocks("toml")[0]
    requirement = re.findall(r'"(pye2core[^"]*)"', project)[0]
    entry_point = re.findall(r'^(uptime) = "(.*)"$', project, re.MULTILINE)[0]
    info = site / "my_uptime-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: my-uptime\nVersion: 0.1\nRequires-Dist: {requirement}\n"
    )
    (info / "entry_points.txt").write_text(f"[pye2]\n{entry_point[0]} = {entry_point[1]}\n")


@pytest.mark.parametrize("folder_with_fleet", [{"PYTHONPATH": "site"}], indirect=True)
def test_the_plugin_runs_on_a_node_for_a_client_that_does_not_have_it(
    folder_with_fleet: Path,
) -> None:
    deploying = blocks("python")[4].strip()
    script = (
        "from pye2core import Session\n"
        "with Session() as session:\n"
        "    session.wait_for_node('naeural-1')\n"
        "    pipeline = session.create_pipeline(node='naeural-1', name='uptimes')\n"
        f"    {deploying}\n"
        "    pipeline.deploy()\n"
        "    session.run(wait=2, close_pipelines=True)\n"
    )

    printed = run_script(script, folder_with_fleet)

    assert "'SECONDS':" in printed


@pytest.fixture(autouse=True)
def _readme_plugin(tmp_path: Path) -> None:
    install_readme_plugin(tmp_path / "site")
