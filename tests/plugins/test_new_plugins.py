"""What ``pye2 plugins new`` writes can be installed, loads, passes its tests, and runs a job.

One environment has all four kinds, built as an author does it but with no network: it sees what the
workspace has installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from attrs import frozen
from throwaway import ROOT, Environment, start, with_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KINDS = ("transport", "serializer", "signature", "preset")
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)

WORKSPACE_RULES = ("--config", ROOT / "pyproject.toml", "--extend-ignore", "I001")
"""Ours, but for the order of imports: to an author, pye2's packages are others'."""

MISTAKES = [
    (
        "transport",
        "plugin.py",
        "TransportFeatures(ordered=True)",
        "TransportFeatures(ordered=True, wildcards=True)",
        "test_messages_of_every_owner_arrive_under_their_own_channel",
    ),
    (
        "transport",
        "connection.py",
        "owner or None",
        "None",
        "test_names_may_be_of_any_script",
    ),
    (
        "serializer",
        "serializer.py",
        "verify(self.sender, self._signature, self._signed)",
        "pass",
        "test_a_changed_bit_is_noticed_or_changes_nothing",
    ),
    (
        "serializer",
        "serializer.py",
        "hashlib.sha256(self._signed)",
        "hashlib.sha256()",
        "test_the_same_bytes_have_the_same_digest_and_others_another",
    ),
    (
        "serializer",
        "serializer.py",
        "sent_at=self._head.sent_at",
        "sent_at=self._head.sent_at.replace(year=1999)",
        "test_when_it_was_sent_is_told_with_it",
    ),
    (
        "serializer",
        "serializer.py",
        "data.startswith(_BEGINNING)",
        "bool(data)",
        "test_it_does_not_recognise_noise",
    ),
    (
        "signature",
        "runner.py",
        " = settings_from(self.context.settings, self.context.path)\n        self._wake",
        "; settings_from(self.context.settings, self.context.path)\n        self._wake",
        "test_changed_settings_are_confirmed_and_show_in_what_it_sends",
    ),
    (
        "signature",
        "plugin.py",
        "from pye2core import SignatureDescriptor, hookimpl\n",
        "import pye2_my_signature.runner\nfrom pye2core import SignatureDescriptor, hookimpl\n",
        "test_the_plugins_module_imports_no_implementation",
    ),
    (
        "signature",
        "settings.py",
        ", validator=instance_of(str)",
        "",
        "test_wrong_settings_are_refused_in_words_and_leave_the_node_well",
    ),
    (
        "signature",
        "client.py",
        'SIGNATURE = "MY_SIGNATURE_01"',
        'SIGNATURE = "MY_SIGNATURE_02"',
        "test_its_clients_side_names_the_same_signature",
    ),
    (
        "signature",
        "runner.py",
        '"""There is nothing to release."""',
        'raise ValueError("it is stuck")',
        "test_its_runner_ends_without_an_error",
    ),
    (
        "preset",
        "stages.py",
        "collected >= wanted",
        "collected > wanted",
        "test_called_from_its_text_it_gives_what_it_should",
    ),
    (
        "preset",
        "stages.py",
        'plugin.cfg_finish_condition_kwargs["TOTAL"]\n    collected',
        "WANTED\n    collected",
        "test_called_from_its_text_it_gives_what_it_should",
    ),
    (
        "preset",
        "stages.py",
        "100.0 * collected / wanted",
        "50.0 * collected / wanted",
        "test_its_progress_is_what_it_should_be",
    ),
    (
        "preset",
        "plugin.py",
        'parameters=("TOTAL",)',
        "parameters=()",
        "test_what_it_reads_is_declared_as_its_parameters_and_given",
    ),
]
"""What an author may do to a file, and the contract's test that notices it."""


@frozen
class Authors:
    """An author's environment, and a plugin of each kind in it, ``my-<kind>``.

    Attributes:
        environment: it sees what the workspace has installed.
    """

    environment: Environment

    def project(self, kind: str) -> Path:
        """The folder of one of them."""
        return self.environment.folder / f"pye2-my-{kind}"

    def run(
        self, *command: str | Path, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a module of the environment's."""
        folder = cwd or self.environment.folder
        return start(self.environment.python, "-m", *command, cwd=folder, **variables)

    def succeeds(self, *command: str | Path, cwd: Path | None = None, **variables: str) -> str:
        """Run a module of the environment's that must succeed; what it says."""
        done = self.run(*command, cwd=cwd, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def authors(new_environment: Callable[[list[str]], Environment]) -> Authors:
    made = Authors(new_environment(with_workspace()))
    for kind in KINDS:
        made.succeeds("pye2_cli", "plugins", "new", kind, f"my-{kind}")
    made.environment.install_from(*map(made.project, KINDS))
    return made


@pytest.fixture
def broker(authors: Authors) -> Iterator[str]:
    """The new transport's own broker; its URL."""
    with subprocess.Popen(
        [authors.environment.python, "-m", "pye2_my_transport.broker", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.terminate()


def test_all_of_them_are_loaded(authors: Authors) -> None:
    lines = authors.succeeds("pye2_cli", "plugins", "--json").splitlines()

    told = {each["name"]: each for each in map(json.loads, lines)}
    assert {told[f"my-{kind}"]["state"] for kind in KINDS} == {"loaded"}
    assert [told[f"my-{kind}"]["offers"] for kind in KINDS] == [
        ["transport my-transport"],
        ["serializer my-serializer"],
        ["signature MY_SIGNATURE_01"],
        ["preset MY_PRESET"],
    ]


@EVERY_KIND
def test_info_tells_of_it(authors: Authors, kind: str) -> None:
    told = authors.succeeds("pye2_cli", "plugins", "info", f"my-{kind}")

    assert f"my-{kind}, from pye2-my-{kind} 0.1.0 (pye2_my_{kind}.plugin)" in told
    assert "state     loaded" in told


@EVERY_KIND
def test_its_name_cannot_be_had_twice(authors: Authors, kind: str, tmp_path: Path) -> None:
    done = authors.run("pye2_cli", "plugins", "new", kind, f"my-{kind}", cwd=tmp_path)

    assert done.returncode == 1
    assert f"pye2-my-{kind} 0.1.0 installs a plugin of that name" in done.stderr


@EVERY_KIND
def test_its_own_tests_pass_as_written(authors: Authors, kind: str) -> None:
    said = authors.succeeds("pytest", "-q", "-p", "no:cacheprovider", cwd=authors.project(kind))

    assert "passed" in said


@EVERY_KIND
def test_its_code_is_clean_by_its_rules_and_by_ours(authors: Authors, kind: str) -> None:
    project = authors.project(kind)

    authors.succeeds("ruff", "check", "--no-cache", ".", cwd=project)
    authors.succeeds("ruff", "format", "--no-cache", "--check", ".", cwd=project)
    authors.succeeds("ruff", "check", "--no-cache", *WORKSPACE_RULES, ".", cwd=project)


@EVERY_KIND
def test_its_types_are_strict(authors: Authors, kind: str) -> None:
    cache = authors.environment.folder / "types"

    authors.succeeds(
        "mypy", "--strict", "--cache-dir", cache, "src", "tests", cwd=authors.project(kind)
    )


@pytest.mark.parametrize(
    ("kind", "file", "right", "wrong", "noticed_by"), MISTAKES, ids=[each[-1] for each in MISTAKES]
)
def test_one_wrong_edit_fails_the_contract(
    authors: Authors,
    tmp_path: Path,
    kind: str,
    file: str,
    right: str,
    wrong: str,
    noticed_by: str,
) -> None:
    copy = shutil.copytree(authors.project(kind), tmp_path / "copy")
    edited = copy / f"src/pye2_my_{kind}" / file
    text = edited.read_text()
    assert right in text
    edited.write_text(text.replace(right, wrong))

    done = authors.run(
        *("pytest", "-q", "-p", "no:cacheprovider", "-k", noticed_by),
        cwd=copy,
        PYTHONPATH=str(copy / "src"),
    )

    assert done.returncode == 1, done.stdout
    assert noticed_by in done.stdout


def test_a_job_runs_over_the_new_transport(authors: Authors, broker: str, tmp_path: Path) -> None:
    said = authors.succeeds(
        "pye2_cli", "demo", "primes", "--json", "--broker", broker, cwd=tmp_path
    )

    assert json.loads(said.splitlines()[-1])["count"] == 168


def test_a_job_runs_in_the_new_dialect_alone(authors: Authors, tmp_path: Path) -> None:
    said = authors.succeeds(
        "pye2_cli",
        "demo",
        "primes",
        "--json",
        cwd=tmp_path,
        PYE2_DISABLE_PLUGINS="wire,native_wire",
    )

    assert json.loads(said.splitlines()[-1])["count"] == 168
