"""What dialects keep: in a file for its owner alone, shared by the processes of one identity."""

from __future__ import annotations

import logging
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pye2core.connection import VolatileMemory, memory_of
from pye2core.connection.file_memory import FileMemory, memory_path

if TYPE_CHECKING:
    from pathlib import Path

    from pye2core.abc import DialectMemory


@pytest.fixture(params=["file", "volatile"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> DialectMemory:
    return FileMemory(tmp_path / "key.dialects") if request.param == "file" else VolatileMemory()


def test_what_is_kept_is_there_by_kind_and_name(memory: DialectMemory) -> None:
    memory.write("a", "one", b"1")
    memory.write("b", "one", b"2")
    memory.write("a", "one", b"3")

    assert (memory.read("a"), memory.read("b"), memory.read("c")) == (
        {"one": b"3"},
        {"one": b"2"},
        {},
    )


def test_one_thing_is_found_by_its_name(memory: DialectMemory) -> None:
    memory.write("a", "one", b"1")
    memory.write("a", "empty", b"")

    found = [memory.get("a", "one"), memory.get("a", "empty"), memory.get("b", "one")]

    assert found == [b"1", b"", None]


def test_what_is_added_takes_nobodys_place(memory: DialectMemory) -> None:
    assert memory.add("a", "one", b"1") == b"1"
    assert memory.add("a", "one", b"2") == b"1"


def test_what_is_erased_is_gone(memory: DialectMemory) -> None:
    memory.write("a", "one", b"1")

    memory.erase("a", "one")
    memory.erase("a", "one")

    assert memory.read("a") == {}


def test_it_lies_beside_the_key_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    memory_of("0xai_x", tmp_path / "node.pem").write("a", "one", b"1")

    mode = (tmp_path / "node.pem.dialects").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_file_that_others_can_read_is_made_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.dialects"
    FileMemory(path).write("a", "one", b"1")
    path.chmod(0o644)

    FileMemory(path).write("a", "one", b"2")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_looking_makes_no_file(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path / "key.dialects")

    assert (memory.read("a"), memory.get("a", "one")) == ({}, None)

    assert list(tmp_path.iterdir()) == []


def test_what_is_erased_is_not_to_be_found_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "key.dialects"
    memory, secret = FileMemory(path), bytes(range(100, 132))
    memory.write("a", "one", secret)
    assert secret in path.read_bytes()

    memory.erase("a", "one")

    assert not any(secret in each.read_bytes() for each in tmp_path.iterdir())


def test_processes_that_add_at_once_end_with_the_same(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path;"
        "from pye2core.connection.file_memory import FileMemory;"
        "print(FileMemory(Path(sys.argv[1])).add('a', 'one', os.urandom(8)).hex())"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "key.dialects")], stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]

    assert len({each.communicate()[0] for each in running}) == 1


@pytest.mark.parametrize("content", [b"no database at all" * 100, None], ids=["damaged", "folder"])
def test_where_it_cannot_be_kept_it_lives_as_long_as_the_process_and_that_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    path = memory_path(tmp_path / "key.pem")
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    memory = FileMemory(path)

    with caplog.at_level(logging.WARNING):
        assert memory.add("a", "one", b"1") == b"1"
        memory.write("a", "two", b"2")

    assert memory.read("a") == {"one": b"1", "two": b"2"}
    assert memory.get("a", "two") == b"2"
    assert [each.args[0] for each in caplog.records if each.args] == [path]
    assert "not known which peers spoke pye2's own dialect" in caplog.text


def test_an_identity_that_is_in_no_file_has_one_memory_in_this_process() -> None:
    memory_of("0xai_in_no_file", None).write("a", "one", b"1")

    assert memory_of("0xai_in_no_file", None).read("a") == {"one": b"1"}
    assert memory_of("0xai_another", None).read("a") == {}
