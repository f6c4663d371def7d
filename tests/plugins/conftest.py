"""Environments with throw-away distributions. What tests import by name is in ``throwaway``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# pytest imports test modules by their path, so that this folder is on no other path.
sys.path.append(str(Path(__file__).parent))

from throwaway import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@pytest.fixture(scope="session")
def new_environment(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Iterable[str]], Environment]:
    """Makes environments, from the lines of their ``.pth`` file."""

    def make(paths: Iterable[str]) -> Environment:
        environment = Environment(tmp_path_factory.mktemp("environment"))
        environment.make(paths)
        return environment

    return make
