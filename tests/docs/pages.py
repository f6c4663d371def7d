"""Reads the documentation's pages: their blocks of code, and what is said of those that do not run.

Three languages are run: ``python``, ``toml`` (files only) and ``console``. A block whose first line
is ``# some/path.ext`` is that file of the page's project; ``# some/path.ext (continued)`` goes on
where the file had ended. ``<!-- not run: why -->`` above a block says why it is only read;
``<!-- ends with 1 -->`` is about the exit code of a console's last command;
``<!-- given: a network, its `session`, and a `pipeline` -->`` gives these to a page of fragments.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]

LANGUAGES = frozenset({"python", "toml", "console"})

_FILE = re.compile(r"# (?P<path>[\w./-]+\.\w+)(?P<continued> \(continued\))?$")
_NOT_RUN = re.compile(r"<!--\s*not run: (?P<why>.*?)\s*-->", re.DOTALL)
_ENDS_WITH = re.compile(r"<!--\s*ends with (?P<code>\d+)\s*-->")
_NETWORK = "<!-- given: a network, its `session`, and a `pipeline` -->"


@frozen
class Block:
    """A block of code of a page.

    Attributes:
        language: of :data:`LANGUAGES`.
        source: its text.
        line: the page's line on which the text begins, from 1.
        file: the file of the page's project that it is, or a part of.
        continues: whether the file has begun above.
        not_run: why it is only read; None if it runs.
        ends_with: of a console: the exit code of its last command.
    """

    language: str
    source: str
    line: int
    file: str | None = None
    continues: bool = False
    not_run: str | None = None
    ends_with: int = 0


@frozen
class Page:
    """A page, by its path within the repository."""

    path: str

    @property
    def text(self) -> str:
        """What it says."""
        return (ROOT / self.path).read_text(encoding="utf-8")

    @property
    def wants_network(self) -> bool:
        """Whether its Python begins with a network, a ``session`` and a ``pipeline``."""
        return _NETWORK in self.text

    def blocks(self) -> list[Block]:
        """Its blocks of code in the languages that are run, in order."""
        tokens = MarkdownIt().parse(self.text)
        return [
            _block(tokens, index)
            for index, token in enumerate(tokens)
            if token.type == "fence" and token.info.strip() in LANGUAGES
        ]


def pages() -> list[Page]:
    """All pages of the documentation, and the READMEs."""
    found = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("pye2core/README.md"),
        *(
            path
            for room in ("transports", "pye2_plugins", "presets")
            for path in (ROOT / room).glob("*/README.md")
        ),
    ]
    return [Page(str(path.relative_to(ROOT))) for path in sorted(found)]


def _block(tokens: list[Token], index: int) -> Block:
    fence = tokens[index]
    assert fence.map is not None
    remark = tokens[index - 1] if index and tokens[index - 1].type == "html_block" else None
    reason = _NOT_RUN.search(remark.content) if remark else None
    ends = _ENDS_WITH.search(remark.content) if remark else None
    name = _FILE.match(fence.content.partition("\n")[0])
    return Block(
        fence.info.strip(),
        fence.content,
        fence.map[0] + 2,
        file=name["path"] if name else None,
        continues=bool(name and name["continued"]),
        not_run=reason["why"] if reason else None,
        ends_with=int(ends["code"]) if ends else 0,
    )
