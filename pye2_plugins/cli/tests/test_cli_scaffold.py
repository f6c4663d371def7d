"""``pye2 plugins new``: names, refusals, and what is written. That it works is tested elsewhere.

``tests/plugins`` installs what is written and runs its tests.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pye2_cli.plugins import plugins
from pye2_cli.scaffold.kinds import KINDS
from pye2_cli.scaffold.naming import KNOWN, Names, UnusableName, names_from
from pye2_cli.scaffold.writing import CannotWrite, texts_of

ROOT = Path(__file__).resolve().parents[3]

EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


def new(*arguments: str | Path) -> str:
    """Run ``pye2 plugins new``; what it says."""
    done = CliRunner().invoke(plugins, ["new", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("given_name", ["deep-blue", "pye2-deep-blue"])
def test_all_names_follow_from_the_plugins_with_or_without_the_prefix(given_name: str) -> None:
    names = names_from(given_name)

    assert names == Names("deep-blue")
    assert names.distribution == "pye2-deep-blue"
    assert names.module == "pye2_deep_blue"
    assert names.class_prefix == "DeepBlue"
    assert names.constant == "DEEP_BLUE"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("Deep_Blue", "deep-blue"),
        ("deep--blue-", "deep-blue"),
        ("pye2-Blue", "blue"),
        ("x" * 29, "x" * 28),
    ],
)
def test_a_name_that_cannot_be_had_comes_with_one_that_can(wrong: str, meant: str) -> None:
    with pytest.raises(UnusableName, match=re.escape(f"Try {meant!r}.")) as refused:
        names_from(wrong)

    assert refused.value.name == wrong


@pytest.mark.parametrize("wrong", ["", "pye2-", "4ever", "-", "ü", "../x", "a/b", "a\n"])
def test_what_is_no_name_at_all_is_refused(wrong: str) -> None:
    with pytest.raises(UnusableName, match="lower-case letters"):
        names_from(wrong)


@given(st.text() | st.text("abc09-"))
def test_whatever_is_typed_is_a_name_or_is_refused(typed: str) -> None:
    try:
        names = names_from(typed)
    except UnusableName:
        return

    assert names.module.isidentifier()
    assert f"{names.class_prefix}Transport".isidentifier()


@EVERY_KIND
@pytest.mark.parametrize("name", ["mqtt", "nats", "pye2-testing"])
def test_the_names_of_our_own_distributions_are_taken(kind: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableName, match="pye2's own"):
        new(kind, name, "--into", tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_every_distribution_of_this_repository_is_known_as_taken() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    files = [each for one in patterns["members"] for each in ROOT.glob(f"{one}/pyproject.toml")]

    names = {tomllib.loads(each.read_text())["project"]["name"] for each in files}

    assert {name.removeprefix("pye2-") for name in names - {"pye2core"}} <= KNOWN


@pytest.mark.parametrize(
    ("kind", "name", "owner"),
    [
        ("transport", "memory", "pye2-testing offers the transport memory"),
        ("signature", "custom-exec", "pye2-custom-code offers the signature CUSTOM_EXEC_01"),
    ],
)
def test_a_name_that_somebody_installed_offers_is_taken(
    kind: str, name: str, owner: str, tmp_path: Path
) -> None:
    with pytest.raises(UnusableName, match=owner):
        new(kind, name, "--into", tmp_path)


def test_a_name_under_which_another_kind_of_thing_is_offered_is_free(tmp_path: Path) -> None:
    assert "signature MEMORY_01" in new("signature", "memory", "--into", tmp_path)


# --- files ----------------------------------------------------------------------------------------


@EVERY_KIND
def test_a_whole_distribution_is_written_where_it_was_asked_for(kind: str, tmp_path: Path) -> None:
    new(kind, "deep-blue", "--into", tmp_path)

    (folder,) = tmp_path.iterdir()
    files = {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}
    assert folder.name == "pye2-deep-blue"
    assert {
        "README.md",
        "pyproject.toml",
        "src/pye2_deep_blue/__init__.py",
        "src/pye2_deep_blue/plugin.py",
        "src/pye2_deep_blue/py.typed",
        "tests/test_contract.py",
    } <= files


def test_it_is_written_into_the_current_folder_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    said = new("preset", "deep-blue")

    assert (tmp_path / "pye2-deep-blue/pyproject.toml").exists()
    assert "  cd pye2-deep-blue\n  pip install --editable '.[dev]'\n  pytest\n" in said


@EVERY_KIND
def test_where_the_packages_come_from_while_no_index_has_them_is_told(
    kind: str, tmp_path: Path
) -> None:
    said = new(kind, "deep-blue", "--into", tmp_path)

    readme = (tmp_path / "pye2-deep-blue/README.md").read_text()
    for text in (said, readme):
        assert "uv build --all-packages --wheel -o dist" in text
        assert "pip install --find-links CHECKOUT/dist" in text


@EVERY_KIND
def test_its_project_file_names_the_entry_point_the_kernel_and_the_tests(
    kind: str, tmp_path: Path
) -> None:
    new(kind, "deep-blue", "--into", tmp_path)

    text = (tmp_path / "pye2-deep-blue/pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    assert project["entry-points"]["pye2"] == {"deep-blue": "pye2_deep_blue.plugin"}
    assert "pye2core>=0.1,<0.2" in project["dependencies"]
    assert any(each.startswith("pye2-testing[") for each in project["optional-dependencies"]["dev"])
    assert "://" not in text  # no address of a package index, nor any other


@EVERY_KIND
def test_the_command_that_its_readme_starts_comes_with_its_development_requirements(
    kind: str,
) -> None:
    texts = texts_of(KINDS[kind], names_from("deep-blue"))

    extras = tomllib.loads(texts[Path("pyproject.toml")])["project"]["optional-dependencies"]
    assert "$ pye2 plugins info" in texts[Path("README.md")]
    assert "pye2-suite>=0.1,<0.2" in extras["dev"]  # has the command, and the demo's preset


@EVERY_KIND
@pytest.mark.parametrize("name", ["x", "deep-blue", "x" * 28])
def test_no_line_of_what_is_written_is_too_long_and_all_of_it_is_python(
    kind: str, name: str
) -> None:
    code = {
        path: text
        for path, text in texts_of(KINDS[kind], names_from(name)).items()
        if path.suffix == ".py"
    }

    for path, text in code.items():
        assert ast.parse(text), path
        assert [line for line in text.splitlines() if len(line) > 100] == [], path


def test_the_settings_of_a_new_signature_are_explained_where_they_are_listed() -> None:
    texts = texts_of(KINDS["signature"], names_from("deep-blue"))

    settings = texts[Path("src/pye2_deep_blue/settings.py")]
    assert settings.count('metadata={"help": "') == settings.count("= field(") == 2


def test_a_folder_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "pye2-deep-blue").mkdir()
    (tmp_path / "pye2-deep-blue/README.md").write_text("mine")

    with pytest.raises(CannotWrite, match="exists") as refused:
        new("preset", "deep-blue", "--into", tmp_path)

    assert refused.value.path == tmp_path / "pye2-deep-blue"
    assert [each.name for each in (tmp_path / "pye2-deep-blue").iterdir()] == ["README.md"]
    assert (tmp_path / "pye2-deep-blue/README.md").read_text() == "mine"


def test_a_place_that_is_not_there_is_told(tmp_path: Path) -> None:
    arguments = ["new", "preset", "deep-blue", "--into", str(tmp_path / "nowhere")]

    done = CliRunner().invoke(plugins, arguments)

    assert done.exit_code == 2
    assert "nowhere" in done.output


def test_a_kind_that_is_none_is_told_with_those_that_are() -> None:
    done = CliRunner().invoke(plugins, ["new", "sofa", "deep-blue"])

    assert done.exit_code == 2
    assert all(kind in done.output for kind in KINDS)
