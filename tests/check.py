"""Runs the checks that read the code: ruff, mypy (each member by itself), import-linter.

All of them run, whatever the first one finds; the exit code is 1 if any found something.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent


def members() -> list[Path]:
    """The source folder of every distribution of the workspace."""
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    folders = [folder for pattern in workspace["members"] for folder in ROOT.glob(pattern)]
    return sorted(folder / "src" for folder in folders if (folder / "pyproject.toml").exists())


def checks() -> list[list[str]]:
    """The commands to run."""
    return [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        *(["mypy", str(source.relative_to(ROOT))] for source in members()),
        ["mypy", "examples"],
        ["lint-imports", "--no-cache"],  # what is cached can be of another state of the code
    ]


def main() -> int:
    """Run them all; 1 if any found something."""
    failed = []
    for command in checks():
        print("$", *command, flush=True)
        if subprocess.run([PROGRAMS / command[0], *command[1:]], cwd=ROOT, check=False).returncode:
            failed.append(" ".join(command))
    for command in failed:
        print(f"found something: {command}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
