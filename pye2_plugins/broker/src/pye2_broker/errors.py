"""The one error that is this package's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from pathlib import Path


class BrokerFailed(Pye2Error):
    """The embedded broker could not be started, or ended by itself.

    Attributes:
        folder: the broker's folder; its log is ``broker.log`` in there.
        returncode: how the process ended, as ``subprocess`` says it; None where it did not.
    """

    def __init__(self, message: str, *, folder: Path, returncode: int | None = None) -> None:
        super().__init__(message)
        self.folder = folder
        self.returncode = returncode
