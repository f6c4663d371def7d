"""What a node and a worker talk over: two pipes, one for each direction.

Sockets would do as well, but take longer, let a worker send descriptors along with its bytes, and
need calls of the kernel that nothing else in a worker needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from typing import Final

_ROOM: Final = 256 * 1024
"""Bytes that wait in a pipe at most, where the system has room: large values then take fewer turns
of both sides."""


class ChannelEnd:
    """One side's end; whoever has it closes it.

    Attributes:
        reading: the descriptor that the other side's bytes come from; -1 once closed.
        writing: the one that bytes for the other side go into; -1 once closed.
    """

    def __init__(self, reading: int, writing: int) -> None:
        self.reading = reading
        self.writing = writing

    def close(self) -> None:
        """Give both descriptors back; the second time nothing is left to do."""
        descriptors = {self.reading, self.writing} - {-1}
        self.reading = self.writing = -1  # other files may get their numbers
        for each in descriptors:
            os.close(each)

    def duplicate(self) -> ChannelEnd:
        """The same end once more, to be closed by itself."""
        reading = os.dup(self.reading)
        try:
            return ChannelEnd(reading, os.dup(self.writing))
        except OSError:
            os.close(reading)
            raise


def open_channel() -> tuple[ChannelEnd, ChannelEnd]:
    """The node's end of a new channel, which does not block, and the worker's.

    Raises:
        OSError: this process has no room for more open files.
    """
    from_node, to_worker = os.pipe()
    try:
        from_worker, to_node = os.pipe()
    except OSError:
        ChannelEnd(from_node, to_worker).close()
        raise
    for each in (from_worker, to_worker):
        os.set_blocking(each, False)
        if sys.platform == "linux":  # elsewhere nothing is confined, and tests alone come here
            with contextlib.suppress(OSError):  # this user's pipes, or the machine, have enough
                fcntl.fcntl(each, fcntl.F_SETPIPE_SZ, _ROOM)
    return ChannelEnd(from_worker, to_worker), ChannelEnd(from_node, to_node)
