"""Plugins reach the kernel through its public names only: ours, the scaffold's, the pages'.

What is public is what docs/authors/versions.md lists; this test reads it there.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from pages import ROOT, Page, pages

from pye2_cli.scaffold.kinds import KINDS
from pye2_cli.scaffold.naming import names_from
from pye2_cli.scaffold.writing import texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _public_modules() -> frozenset[str]:
    """The modules that the page on versions promises."""
    text = Page("docs/authors/versions.md").text
    section = text.partition("## What is public")[2].partition("\nAll else")[0]
    return frozenset(re.findall(r"`(pye2core[\w.]*)`", section))


PUBLIC = _public_modules()


def _members() -> list[Path]:
    """The workspace's plugins: all members but the kernel."""
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    folders = (folder for pattern in workspace["members"] for folder in ROOT.glob(pattern))
    return sorted(
        folder
        for folder in folders
        if (folder / "pyproject.toml").exists() and folder.name != "pye2core"
    )


def _is_public(module: str, name: str) -> bool:
    """Whether a public module has this name for its own, or it is a public module."""
    if f"{module}.{name}" in PUBLIC:
        return True
    if module not in PUBLIC or (name.startswith("_") and name != "__version__"):
        return False
    home = importlib.import_module(module)
    if hasattr(home, "__all__"):
        return name in home.__all__ or name == "__version__"
    return name in _defined_in(inspect.getsource(home))


def _defined_in(source: str) -> Iterator[str]:
    """The names that a module's own statements give, not its imports."""
    for node in ast.parse(source).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def _imported(source: str) -> Iterator[str]:
    """What a source imports of the kernel and may not, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and _is_kernel(node.module or ""):
            module = node.module or ""
            wrong = [each.name for each in node.names if not _is_public(module, each.name)]
            yield from (f"{node.lineno}: from {module} import {name}" for name in wrong)
        elif isinstance(node, ast.Import):
            wrong = [each.name for each in node.names if _is_kernel(each.name)]
            yield from (f"{node.lineno}: import {name}" for name in wrong if name not in PUBLIC)


def _is_kernel(module: str) -> bool:
    return module.partition(".")[0] == "pye2core"


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_what_the_page_calls_public_is_there(module: str) -> None:
    assert importlib.import_module(module).__doc__


def test_the_page_lists_the_public_modules() -> None:
    assert {"pye2core", "pye2core.abc", "pye2core.hookspecs", "pye2core.errors"} <= PUBLIC
    assert "pye2core.client" not in PUBLIC


@pytest.mark.parametrize("member", _members(), ids=lambda each: each.name)
def test_a_plugin_of_ours_imports_public_names_only(member: Path) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{each}"
        for path in sorted([*member.glob("src/**/*.py"), *member.glob("tests/**/*.py")])
        for each in _imported(path.read_text(encoding="utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_scaffold_writes_imports_public_names_only(kind: str) -> None:
    texts = texts_of(KINDS[kind], names_from("tomorrow"))

    sources = {path: text for path, text in texts.items() if path.suffix == ".py"}

    assert any("pye2core" in text for text in sources.values())
    assert [f"{path}:{each}" for path, text in sources.items() for each in _imported(text)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.path)
def test_a_page_shows_imports_of_public_names_only(page: Page) -> None:
    found = [
        f"{page.path}, from line {line}: {each}"
        for line, source in _sources(page)
        for each in _imported(source)
    ]

    assert found == []


def _sources(page: Page) -> Iterator[tuple[int, str]]:
    """What is Python on a page, each with its line; a file in parts as one."""
    files: dict[str, tuple[int, str]] = {}
    for block in page.blocks():
        if block.language != "python" or block.not_run is not None:
            continue
        if block.file is None:
            yield block.line, block.source
        elif block.continues:
            line, before = files[block.file]
            files[block.file] = line, before + block.source
        else:
            files[block.file] = block.line, block.source
    yield from files.values()


@pytest.mark.parametrize(
    "source",
    [
        "from pye2core.client.jobs import random_name",
        "from pye2core.plugins import known",
        "from pye2core.plugins.known import distribution_for",
        "from pye2core.printable import annotations",
        "from pye2core.abc import _HOME",
        "import pye2core.client",
        "def late():\n    from pye2core import client",
    ],
)
def test_an_import_of_what_is_not_public_is_found(source: str) -> None:
    assert len(list(_imported(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from pye2core import Session, hookimpl, abc",
        "from pye2core.abc import Transport, broker_failures",
        "from pye2core.abc.tls_failures import our_certificate",
        "from pye2core.errors import BadSignature",
        "from pye2core.hookspecs import hookimpl",
        "import pye2core.identity",
        "from os import path",
    ],
)
def test_an_import_of_what_is_public_is_not(source: str) -> None:
    assert list(_imported(source)) == []
