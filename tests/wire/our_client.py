"""What tests see of our client while it drives a node that is not ours."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 30.0

SMALL_JOB = {
    "main_node_process_real_time_collected_data": "return data",
    "main_node_finish_condition": "return True",
    "main_node_finish_condition_kwargs": {"X": 1},
    "main_node_aggregate_collected_data": "return collected_data",
    "nr_remote_worker_nodes": 2,
    "worker_node_code": "return [1, 2]",
}
"""What ``create_chain_dist_custom_job`` needs for a job."""


class Heard:
    """What a callback was given last; to be waited for."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._changed = threading.Condition()

    def __call__(self, *arguments: Any) -> None:
        with self._changed:
            self._items.append(arguments[-1])
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._items)

    def wait_for(self, is_wanted: Callable[[Any], object] = lambda _: True) -> Any:
        """The first item that is wanted."""

        def found() -> list[Any]:
            return [each for each in self._items if is_wanted(each)]

        with self._changed:
            assert self._changed.wait_for(found, PATIENCE), self._items
            return found()[0]


class Rejections(logging.Handler):
    """What our client logs of messages that it does not act on."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: queue.Queue[str] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put(record.getMessage())

    def next_of(self, sender: str) -> str:
        """The next line about a sender."""
        while sender not in (line := self.lines.get(timeout=PATIENCE)):
            pass
        return line
