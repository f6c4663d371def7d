"""The thread that brings a connection back whenever it is lost.

You are behind ``connection``, which says how a connection is made. Here it is made again and again,
whatever goes wrong, until there is to be none.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from pye2core.connection.proofs import PROOF_SECONDS
from pye2core.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.connection.lifeline import Lifeline

_log = logging.getLogger("pye2core.connection")


class Reconnecting:
    """Watches over a connection, once it was made.

    Args:
        lifeline: whether it is there.
        broker: the broker's URL without its password, for the log.
        establish: makes the connection.
        on_lasting: called for each connection that has lasted long enough for all proofs.
    """

    def __init__(
        self,
        lifeline: Lifeline,
        broker: str,
        *,
        establish: Callable[[], None],
        on_lasting: Callable[[], None],
    ) -> None:
        self._lifeline = lifeline
        self._broker = broker
        self._establish = establish
        self._on_lasting = on_lasting
        self._last_obstacle = ""
        self._disconnect_late: Callable[[], None] | None = None
        self._thread = threading.Thread(
            target=self._stay_connected, name="pye2-reconnect", daemon=True
        )

    @property
    def is_running(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Watch from now on."""
        self._thread.start()

    def end(self, disconnect: Callable[[], None], timeout: float) -> None:
        """Bring it back no more: the connection is being closed.

        Args:
            disconnect: called after an attempt to connect that takes longer than that.
            timeout: seconds to wait for such an attempt.
        """
        if not self.is_running or threading.current_thread() is self._thread:
            return
        self._thread.join(timeout)
        # Should it still be connecting, then it disconnects as soon as it has.
        self._disconnect_late = disconnect

    def _stay_connected(self) -> None:
        while self._wait_for_loss():
            if self._lifeline.wait_to_try_again():
                self._reconnect()
        if self._disconnect_late is not None:
            self._disconnect_late()
            self._lifeline.note_closed()

    def _wait_for_loss(self) -> bool:
        if not self._lifeline.wait_until_over(PROOF_SECONDS):
            self._on_lasting()
        self._lifeline.wait_until_over()
        return not self._lifeline.is_closing

    def _reconnect(self) -> None:
        try:
            self._establish()
        except TransportError as error:
            is_news = str(error) != self._last_obstacle
            self._last_obstacle = str(error)
            _log.log(logging.WARNING if is_news else logging.INFO, "still no broker: %s", error)
        except Exception:  # noqa: BLE001 - a defect of a transport is no reason to give up
            _log.exception("the transport for %s failed unexpectedly; trying again", self._broker)
        else:
            self._last_obstacle = ""
            _log.warning("back at the broker %s", self._broker)
