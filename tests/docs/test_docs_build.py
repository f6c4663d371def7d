"""The pages build without a warning, no link of theirs is dead, and the reference is complete."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

import pye2core
from pye2core import abc, code, connection, hookspecs, identity, plugins, settings

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def _what_there_is_to_call(module: ModuleType) -> list[str]:
    """The classes and functions that a module gives, not its constants nor names of types."""
    given = ((name, getattr(module, name)) for name in module.__all__)
    return [
        f"{module.__name__}.{name}"
        for name, each in given
        if callable(each) and each.__module__.startswith(module.__name__)
    ]


_ON_CONTRACTS = [
    f"pye2core.settings.{name}" for name in ("BrokerAddress", "TlsSettings", "parse_broker_url")
]
"""Described there, each in the module where it lives."""

REFERENCE = {
    "hooks": [f"pye2core.hookspecs.{name}" for name in vars(hookspecs) if name.startswith("pye2_")],
    "descriptors": [
        f"pye2core.descriptors.{name}"
        for name in pye2core.__all__
        if getattr(getattr(pye2core, name), "__module__", "") == "pye2core.descriptors"
    ],
    "contracts": [f"pye2core.abc.{abc._HOME[name]}.{name}" for name in abc.__all__],
    "messages": _what_there_is_to_call(identity),
    "nodes": [
        *(f"pye2core.connection.{name}" for name in connection.__all__),
        *_what_there_is_to_call(plugins),
        *_what_there_is_to_call(code),
        *(each for each in _what_there_is_to_call(settings) if each not in _ON_CONTRACTS),
    ],
}
"""What each page of the reference has to describe."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as HTML."""
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "docs", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class _Page(HTMLParser):
    """A page's links, and what can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.targets: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.targets.update(filter(None, [given.get("id"), given.get("name")]))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")


def test_no_internal_link_is_dead(built: Path) -> None:
    pages = {path: _Page(path) for path in built.rglob("*.html") if path.name != "search.html"}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            is_there = target.exists() and (
                not parts.fragment
                or target not in pages
                or unquote(parts.fragment) in pages[target].targets
            )
            if not is_there:
                dead.append(f"{path.relative_to(built)}: {link}")

    assert dead == []


@pytest.mark.parametrize("page", REFERENCE)
def test_the_reference_describes_every_public_name(built: Path, page: str) -> None:
    described = _Page(built / "reference" / f"{page}.html").targets

    assert REFERENCE[page]
    assert [name for name in REFERENCE[page] if name not in described] == []


@pytest.mark.parametrize("hook", [name.rpartition(".")[2] for name in REFERENCE["hooks"]])
def test_every_hook_is_described_with_an_example(hook: str) -> None:
    description = getattr(hookspecs, hook).__doc__ or ""

    said, _, example = description.partition("Example:")

    assert said.strip()
    assert f"def {hook}(" in example
    assert "@hookimpl" in example
