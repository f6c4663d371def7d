"""What a called function can do with what it asks for and its node's owner grants.

Through the whole node, with a real sandbox.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from grants_network import PATIENCE, GrantsNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


def text_of(path: str) -> str:
    with open(path) as file:  # noqa: PTH123 - code on nodes has no other
        return file.read()


def families() -> tuple[int, int]:
    import socket

    return int(socket.AF_INET), int(socket.AF_INET6)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrantsNetwork]:
    with GrantsNetwork(tmp_path_factory.mktemp("calls")) as running:
        yield running


def test_a_called_function_reads_in_a_folder_that_it_asks_for(
    network: GrantsNetwork, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "words").write_text("some words", encoding="utf-8")
    network.grant("--folder", str(tmp_path))
    asked = {"folders": [str(tmp_path)]}

    future = network.session.submit(text_of, str(tmp_path / "words"), grants=asked)

    assert future.result(PATIENCE) == "some words"


def test_who_asks_for_the_network_is_granted_its_modules_with_it(network: GrantsNetwork) -> None:
    network.grant("--network")

    future = network.session.submit(families, grants={"network": True})

    assert future.result(PATIENCE) == (socket.AF_INET, socket.AF_INET6)
