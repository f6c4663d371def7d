"""What each layer must still forbid where something was granted; see ``proof``."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from pye2_node.sandbox.layers import proof
from pye2_node.sandbox.layers.names import Layer
from pye2core.code.grants import WORK_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pye2_node.sandbox.layers.openings import Openings


def still_forbidden(openings: Openings) -> Mapping[Layer, Callable[[], None]]:
    """Of each layer, what tries it where this is left open."""
    return {
        **proof.FORBIDDEN,
        Layer.NAMESPACES: lambda: _nothing_but(openings),
        Layer.SECCOMP: lambda: _no_call_but(openings),
    }


def _nothing_but(openings: Openings) -> None:
    there = [place.path for place in openings.places]
    if openings.work_bytes:
        there.append(WORK_FOLDER)
    more = set(os.listdir("/")) - {path.split("/")[1] for path in there}  # noqa: PTH208 - see ``linux``
    if more:
        raise RuntimeError(f"it was put on without an error and yet there is /{min(more)}")
    if not openings.network:
        proof.no_network()


def _no_call_but(openings: Openings) -> None:
    proof.no_process_and_no_signal()
    proof.must_be_forbidden("a socket of this machine could be made", _local_socket)
    if not openings.network:
        proof.must_be_forbidden("a socket could be made", socket.socket)
    if not openings.places:
        proof.no_file()


def _local_socket() -> None:
    socket.socket(socket.AF_UNIX).close()
