"""``pye2 wire vectors check``: a line a file, and how it ends; the checks are ``pye2_wire``'s."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[3] / "tests/data/vectors"
FILES = sorted(path.name for path in VECTORS.glob("*.json"))


def content_of(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((VECTORS / name).read_text("utf-8"))
    return content


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pye2_cli", "wire", "vectors", "check", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_a_line_a_file_and_ends_with_0() -> None:
    done = check(VECTORS)

    assert done.returncode == 0, done.stdout
    assert "hash_sign_verify.json: 44 checked, 0 failed" in done.stdout.splitlines()
    assert len(done.stdout.splitlines()) == len(FILES)


def test_the_command_names_the_first_failures_and_ends_with_1(tmp_path: Path) -> None:
    content = content_of("seed_words.json")
    for vector in content["vectors"]:
        vector["address"] = "0xai_x"
    (tmp_path / "seed_words.json").write_text(json.dumps(content))
    (tmp_path / "mine.json").write_text("{}")

    done = check(tmp_path)

    first, second, *shown, last = done.stdout.splitlines()
    assert done.returncode == 1
    assert first == "mine.json: skipped, no vectors of this name are known"
    assert second == "seed_words.json: 6 checked, 6 failed"
    assert "the address is" in shown[0]
    assert last == "  … and 1 more"


def test_the_command_tells_an_empty_folder_in_one_line(tmp_path: Path) -> None:
    done = check(tmp_path)

    assert done.returncode == 1
    assert "no vector file" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_tells_what_it_does_not_know_and_that_is_no_failure(tmp_path: Path) -> None:
    content = content_of("seed_words.json")
    content["vectors"][0]["checksum"] = "00"
    (tmp_path / "seed_words.json").write_text(json.dumps(content))

    done = check(tmp_path)

    first, second = done.stdout.splitlines()
    assert done.returncode == 0
    assert first == "seed_words.json: 6 checked, 0 failed"
    assert second.startswith("  not known here, so not checked: vectors[0]")
    assert second.endswith("checksum")
