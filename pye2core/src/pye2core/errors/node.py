"""What keeps a node from running, or from running what it was asked to.

You are in the errors, of which ``pye2core.errors`` draws the tree; import them from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.errors.base import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class NodeError(Pye2Error):
    """Something about running a node."""


class HomeInUse(NodeError):
    """Another process runs the node of this home folder.

    Attributes:
        path: the home folder.
    """

    def __init__(self, message: str, *, path: Path) -> None:
        super().__init__(message)
        self.path = path


class InvalidConfiguration(NodeError):
    """A pipeline or instance configuration cannot be run.

    Attributes:
        pipeline: the pipeline's name, if it has one.
    """

    def __init__(self, message: str, *, pipeline: str | None) -> None:
        super().__init__(message)
        self.pipeline = pipeline


class GrantMissing(InvalidConfiguration):
    """An instance asks for what the node's owner has not granted to who set it up.

    Attributes:
        pipeline: the pipeline's name.
        address: whom it would have to be granted to.
        asked: what it asks for, by the keys of ``GRANTS``.
        lacking: what of that is missing; all else of it is granted.
        command: what the owner would have to run.
    """

    def __init__(
        self,
        message: str,
        *,
        pipeline: str | None,
        address: str,
        asked: Mapping[str, object],
        lacking: Mapping[str, object],
        command: str,
    ) -> None:
        super().__init__(message, pipeline=pipeline)
        self.address = address
        self.asked = asked
        self.lacking = lacking
        self.command = command


class DelegationRefused(InvalidConfiguration):
    """Work that a node brings for a client is not covered by a delegation of that client.

    Attributes:
        pipeline: the pipeline that it is about, or the one of the job, if that is known.
    """
