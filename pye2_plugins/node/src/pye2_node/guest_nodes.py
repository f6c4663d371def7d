"""Which of those who are allowed are nodes, as their heartbeats have told: for good, and on disk.

A node that is allowed like a person may still not lend its rights to others (see ``deputies``).
PyE2's nodes do not say for whom they work, so that all depends on knowing them as nodes: though
somebody else has taken their name, whoever fills the list of who is online, and after a restart.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from pye2core.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_node.store import Store

_log = logging.getLogger("pye2_node")


class GuestNodes:
    """The addresses on the white list that were heard of as nodes; from any thread.

    Nobody else's are kept, so that there are no more than the owner has ever allowed.

    Args:
        store: where they are kept.
        allows: whether an address is on the white list.
    """

    def __init__(self, store: Store, allows: Callable[[str], bool]) -> None:
        self._store = store
        self._allows = allows
        self._known = store.guest_nodes()
        self._lock = threading.Lock()

    def __contains__(self, address: str) -> bool:
        return address in self._known

    def hear(self, address: str) -> None:
        """Take note that this address, in its full form, has signed a heartbeat."""
        if address in self._known or not self._allows(address):
            return
        with self._lock:
            self._known.add(address)
            try:
                self._store.keep_guest_node(address)
            except NodeError as error:
                _log.warning("after a restart %s may be taken for no node: %s", address, error)
