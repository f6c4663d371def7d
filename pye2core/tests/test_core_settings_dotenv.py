"""The ``.env`` file: where it is found and how it is read."""

from __future__ import annotations

import os
import runpy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2core.errors import SettingsError
from pye2core.settings.dotenv_files import find_dotenv, read_environment

ASK = "from pye2core.settings.dotenv_files import find_dotenv\nfound = find_dotenv()\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_file_of_the_working_folder_comes_first(here, tmp_path):
    (here / ".env").write_text("A=1\n")
    (tmp_path / ".env").write_text("A=2\n")
    script = tmp_path / "script.py"
    script.write_text(ASK)

    assert runpy.run_path(str(script))["found"] == here / ".env"


def test_then_the_one_beside_the_source_file_that_asks(here, tmp_path):
    (tmp_path / ".env").write_text("A=2\n")
    script = tmp_path / "script.py"
    script.write_text(ASK)

    assert runpy.run_path(str(script))["found"] == tmp_path / ".env"


def test_of_several_source_files_the_innermost_wins(here, tmp_path):
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    for folder in (inner, outer):
        folder.mkdir()
        (folder / ".env").write_text("A=1\n")
    (inner / "ask.py").write_text(ASK)
    (outer / "script.py").write_text(
        f"import runpy\nfound = runpy.run_path({str(inner / 'ask.py')!r})['found']\n"
    )

    assert runpy.run_path(str(outer / "script.py"))["found"] == inner / ".env"


def test_without_any_there_is_none(here, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(ASK)

    assert runpy.run_path(str(script))["found"] is None


def test_a_file_that_is_named_must_exist(here):
    with pytest.raises(SettingsError, match=r"dotenv_path names 'nowhere'"):
        find_dotenv("nowhere")


def test_a_file_that_is_named_is_the_only_one(here, tmp_path):
    (here / ".env").write_text("A=1\n")
    (tmp_path / "other").write_text("A=2\n")

    assert read_environment(tmp_path / "other", {})["A"] == "2"


def test_a_variable_that_is_already_set_wins(here):
    (here / ".env").write_text("A=file\nB=file\n")

    found = read_environment(environment={"A": "process"})

    assert (found["A"], found["B"]) == ("process", "file")


def test_a_variable_that_is_set_to_nothing_does_not_win(here):
    (here / ".env").write_text("A=file\n")

    assert read_environment(environment={"A": ""})["A"] == "file"


def test_the_process_environment_is_left_as_it_is(here, monkeypatch):
    (here / ".env").write_text("PYE2_TEST_ONLY=1\n")

    assert read_environment()["PYE2_TEST_ONLY"] == "1"
    assert "PYE2_TEST_ONLY" not in os.environ


def test_names_are_upper_cased_and_values_are_taken_as_they_stand(here):
    (here / ".env").write_text('ee_password=100%of${HOME}\nexport B="quoted # text"\n# comment\n')

    found = read_environment(environment={})

    assert found == {"EE_PASSWORD": "100%of${HOME}", "B": "quoted # text"}


def test_a_file_that_is_no_text_is_an_error_that_names_it(here):
    (here / ".env").write_bytes(b"A=\xff\xfe\n")

    with pytest.raises(SettingsError, match=r"\.env cannot be read"):
        read_environment(environment={})


@given(
    value=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_characters="'\\"))
)
def test_any_quoted_value_is_read_back(tmp_path_factory, value):
    file = tmp_path_factory.mktemp("dotenv") / "env"
    file.write_text(f"A='{value}'\n", encoding="utf-8")

    assert read_environment(file, {}).get("A", "") == value
