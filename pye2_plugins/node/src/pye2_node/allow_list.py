"""Who may give a node commands, and what their code may do, at this moment.

Called from the transport's threads for each command and from the node's loop for heartbeats, so it
looks at the file only where its owner may have changed it, and never raises.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from pye2_node.allow_file import AllowFile, full_address, read_allow_file
from pye2core.code.grants import NO_GRANTS
from pye2core.errors import InvalidAddress, NodeError

if TYPE_CHECKING:
    from pathlib import Path

    from pye2_node.allow_file import Guest
    from pye2core.code.grants import Grants

_log = logging.getLogger("pye2_node")


class AllowList:
    """The white list of a running node: the file as it is now, or as it last could be understood.

    Args:
        file: ``allow.toml`` in the node's home.
        own_address: the node's own address, which is always allowed.
    """

    def __init__(self, file: Path, own_address: str) -> None:
        self._file = file
        self._own_address = own_address
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._content = AllowFile()
        self._allowed = frozenset({own_address})

    def allows(self, address: str) -> bool:
        """Whether this address, in its full form, may give commands."""
        self._refresh()
        return address in self._allowed

    def guests(self) -> tuple[Guest, ...]:
        """Those who are allowed besides the node itself."""
        self._refresh()
        return self._content.guests

    def granted(self, address: str) -> Grants:
        """What the code of this address, in any form, may do besides computing."""
        try:
            wanted = full_address(address)
        except InvalidAddress:
            return NO_GRANTS
        return next((each.grants for each in self.guests() if each.address == wanted), NO_GRANTS)

    def count_granted(self) -> int:
        """How many addresses may do something besides computing."""
        return sum(any(each.grants) for each in self.guests())

    def may_delegate(self, address: str) -> bool:
        """Whether this node's word that it works for somebody suffices; in full form."""
        return address in self.delegates()

    def delegates(self) -> tuple[str, ...]:
        """The nodes that may bring work for others without a delegation."""
        return tuple(each.address for each in self.guests() if each.may_delegate)

    def addresses(self) -> tuple[str, ...]:
        """All addresses that are allowed, the node's own first."""
        others = (guest.address for guest in self.guests())
        return (self._own_address, *(each for each in others if each != self._own_address))

    def _refresh(self) -> None:
        with self._lock:
            stamp = self._stamp_of_file()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._take_over(read_allow_file(self._file))
            except NodeError as error:
                _log.error(
                    "%s; until then those stay allowed who were: %d", error, len(self._allowed) - 1
                )

    def _stamp_of_file(self) -> tuple[int, ...]:
        try:
            status = self._file.stat()
        except OSError:
            return ()
        # An inode's number is used again, and its time of modification can be set back.
        return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)

    def _take_over(self, content: AllowFile) -> None:
        for problem in content.problems:
            _log.error("in the white list %s: %s", self._file, problem)
        self._content = content
        self._allowed = frozenset({self._own_address, *(each.address for each in content.guests)})
