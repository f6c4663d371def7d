"""What the pages show is run as they show it, in order, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pages import Page, pages
from project import Project

if TYPE_CHECKING:
    from pathlib import Path

RUN_ELSEWHERE = {
    "README.md": "tests/e2e/test_readme.py",
    "docs/distributed-jobs.md": "tests/e2e/test_readme.py",
}
"""Pages whose code runs in other tests, beside a fleet."""

NOT_RUN = 10
"""Blocks that say why they are only read. One more is a decision: change this number with it."""

WITH_CODE = [page for page in pages() if page.blocks() and page.path not in RUN_ELSEWHERE]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.path)
def test_the_code_of_a_page_runs_as_printed(page: Page, tmp_path: Path) -> None:
    with Project(page, tmp_path) as project:
        for block in page.blocks():
            project.run(block)


def test_blocks_that_are_not_run_are_few_and_say_why() -> None:
    reasons = [
        f"{page.path}:{block.line}: {block.not_run}"
        for page in WITH_CODE
        for block in page.blocks()
        if block.not_run is not None
    ]

    assert all(reason.rpartition(": ")[2] for reason in reasons)
    assert len(reasons) == NOT_RUN, "\n".join(reasons)
