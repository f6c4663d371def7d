"""Whatever a page shows that is not so, the test of the page fails and says where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pages import Page
from project import Project

if TYPE_CHECKING:
    from pathlib import Path


def run(text: str, folder: Path) -> None:
    page = folder / "page.md"
    page.write_text(text)
    shown = Page(str(page))
    with Project(shown, folder) as project:
        for block in shown.blocks():
            project.run(block)


def test_blocks_run_in_order_and_share_their_names(tmp_path: Path) -> None:
    run("```python\nanswer = 42\n```\n\nand\n\n```python\nassert answer == 42\n```\n", tmp_path)


def test_a_block_that_raises_is_told_with_its_line_on_the_page(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r'page\.md", line 5, in <module>'):
        run("# Title\n\n```python\nzero = 0\n1 / zero\n```\n", tmp_path)


def test_a_warning_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="UserWarning: old"):
        run("```python\nimport warnings\n\nwarnings.warn('old')\n```\n", tmp_path)


def test_a_command_that_prints_something_else_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="The page says"):
        run("```console\n$ echo hello\ngoodbye\n```\n", tmp_path)


@pytest.mark.parametrize("remark", ["", "<!-- ends with 2 -->\n"])
def test_a_command_that_ends_with_another_code_is_a_failure(tmp_path: Path, remark: str) -> None:
    with pytest.raises(AssertionError, match="ended with 1"):
        run(f"{remark}```console\n$ false\n```\n", tmp_path)


def test_a_command_that_is_to_fail_fails(tmp_path: Path) -> None:
    run("<!-- ends with 1 -->\n```console\n$ false\n```\n", tmp_path)


def test_a_block_that_says_why_it_is_not_run_is_only_read(tmp_path: Path) -> None:
    run("<!-- not run: it raises -->\n```python\n1 / 0\n```\n", tmp_path)


def test_a_file_is_written_and_goes_on_where_the_page_says_so(tmp_path: Path) -> None:
    run(
        "```python\n# a/b.py\nx = 1\n```\n\n```python\n# a/b.py (continued)\ny = x + 1\n```\n\n"
        "```console\n$ python -c 'import a.b; print(a.b.y)'\n2\n```\n",
        tmp_path,
    )


def test_a_file_does_not_begin_twice(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="begins twice"):
        run("```python\n# b.py\n```\n\n```python\n# b.py\n```\n", tmp_path)
