"""What a signature's part in a worker finds there; implements ``pye2core.abc.SandboxHost``.

Runs in the worker. The functions that are made here may import what workers have in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2_node.sandbox import failures
from pye2_node.sandbox.exchanges import packed
from pye2_node.sandbox.functions import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pye2_node.sandbox.functions import Functions
    from pye2_node.sandbox.node_link import NodeLink
    from pye2_node.sandbox.plugin_api import Plugin
    from pye2_node.sandbox.plugin_host import PluginHost


class ExchangeHost:
    """Of one worker.

    Attributes:
        plugin: the object that code is given.
        largest: bytes that an answer or an item may have.
    """

    def __init__(
        self,
        worker: PluginHost,
        plugin: Plugin,
        link: NodeLink,
        functions: Functions,
        largest: int,
    ) -> None:
        self.plugin = plugin
        self.largest = largest
        self._worker = worker
        self._link = link
        self._functions = functions

    def make_function(
        self, name: str, source: str, parameters: Sequence[str]
    ) -> Callable[..., object]:
        """Check and compile a source; raises ValueError with all problems if it is refused."""
        try:
            return self._functions.make(name, source, parameters)
        except Refused as refused:
            raise ValueError(f"the code for {name} is refused: {refused}") from None

    def describe(self, error: BaseException) -> dict[str, Any]:
        """What there is to say of an exception; says if a limit is what it comes from."""
        limit = failures.limit_hit_by(error)
        if limit is not None:
            self._worker.hit_limit(limit)
        files = self._functions.files
        frames = failures.frames_of(error, files)
        return {**failures.describe(error, "", files), "frames": frames}

    def send_item(self, *data: bytes | memoryview) -> None:
        """Give bytes to the runner, before the answer; raises ValueError if they are too many."""
        size = sum(map(len, data))
        if size > self.largest:
            raise ValueError(
                f"it has {size} bytes, more than the {self.largest} that a node sends at once:"
                " send less, or in parts"
            )
        for each in packed({"did": "piece"}, {"did": "item"}, data):
            self._link.send(*each)
