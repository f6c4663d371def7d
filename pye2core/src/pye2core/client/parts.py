"""What all parts of a session share: its name, its plugins, its way to nodes, its voice.

You are in the client room, below ``session``. Pipelines and instances reach each other's services
through what is here.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from pye2core.client.arguments import check_whole_numbers, refuse
from pye2core.client.callbacks import CallbackThread
from pye2core.client.happenings import Happenings

if TYPE_CHECKING:
    from pye2core.client.commands import Commands
    from pye2core.client.network import NetworkView
    from pye2core.client.pipelines import KnownPipelines
    from pye2core.clock import Clock
    from pye2core.errors import JobFailedError
    from pye2core.plugins import PluginRegistry

_log = logging.getLogger("pye2core.client")


class SessionParts:
    """The state and the services that the parts of a session share.

    Attributes:
        name: the session's name.
        address: the address of the session's key, as nodes allow it.
        verbosity: what :meth:`P` shows: lines of this verbosity and below.
        clock: where the session reads the time.
        registry: the installed plugins.
        peers: the nodes, as their heartbeats tell.
        known_pipelines: the pipelines that the session has.
        commands: the way to the nodes.
    """

    name: str
    address: str
    clock: Clock
    registry: PluginRegistry
    peers: NetworkView
    known_pipelines: KnownPipelines
    commands: Commands

    def __init__(self, *, verbosity: int, output: logging.Logger | None) -> None:
        check_whole_numbers(verbosity=verbosity)
        if output is not None and not callable(getattr(output, "info", None)):
            refuse("log", output, "a logging.Logger, or None for standard output")
        self.verbosity = verbosity
        self.happenings = Happenings()
        self._output = output

    def P(  # noqa: N802 - PyE2's name
        self, *args: object, color: str | None = None, verbosity: int = 1, **options: object
    ) -> None:
        """Show a line: on standard output, or in the session's ``log``.

        Args:
            args: what to show, separated by blanks.
            color: taken for PyE2's sake.
            verbosity: shown if the session's verbosity is this or more.
            options: taken for PyE2's sake.
        """
        del color, options
        check_whole_numbers(verbosity=verbosity)
        if verbosity > self.verbosity:
            return
        line = " ".join(map(str, args))
        if self._output is not None:
            self._output.info("%s", line)
        else:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def new_callback_thread(self, owner: str) -> CallbackThread:
        """A thread for the callbacks of one owner, which reports to this session."""
        return CallbackThread(owner, self.report, self.happenings.ring)

    def report(self, text: str) -> None:
        """Show a line that says what went wrong, where anybody still reads them."""
        try:
            self.P(text)
        except (OSError, ValueError) as error:  # nobody reads our output any more
            _log.debug("could not show it on standard output: %s", error)

    def warn(self, text: str) -> None:
        """Tell the user once: in a line if lines are shown, as a warning in the log otherwise."""
        if self.verbosity >= 1:
            _log.info("%s", text)
            self.report(text)
        else:
            _log.warning("%s", text)

    def fail_job(self, error: JobFailedError) -> None:
        """Say that a job of this session cannot succeed: ``run`` raises the error."""
        self.happenings.fail(error)
