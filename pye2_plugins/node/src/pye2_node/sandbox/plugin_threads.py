"""The part of the ``plugin`` object that runs functions in several threads.

Runs in the worker. Every call waits for all its threads, so that none is left when it returns.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pye2core.code.transfer import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pye2_node.sandbox.plugin_host import PluginHost


class PluginThreads:
    """Threads under PyE2's names; never more than the node has processors."""

    _host: PluginHost

    def threadapi_map(
        self, func: Callable[..., Any], *iterables: Iterable[Any], n_threads: int | None = 1
    ) -> list[Any]:
        """Apply a function to every item, in threads; the results in the items' order.

        Args:
            func: takes one item of each iterable.
            iterables: where the items come from; it ends with the shortest. A number as the last
                of them is the number of threads, as in PyE2.
            n_threads: how many threads, at most as many as there are processors.

        Raises:
            Exception: the first that ``func`` raised, in the items' order.
        """
        if len(iterables) > 1 and isinstance(iterables[-1], int):
            return self.threadapi_map(func, *iterables[:-1], n_threads=iterables[-1])
        threads = _at_most_processors(n_threads)
        if threads == 1:
            return list(map(func, *iterables))
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(func, *iterables))

    def threadapi_run(
        self, func: Callable[[int, int], Any], n_threads: int | None = 1
    ) -> list[Any]:
        """Run ``func(thread_id, n_threads)`` once in each of some threads; the list of results.

        Args:
            func: what to run; ``thread_id`` counts from 0.
            n_threads: how many threads, at most as many as there are processors.
        """
        threads = _at_most_processors(n_threads)
        return self.threadapi_map(
            lambda thread_id: func(thread_id, threads), range(threads), n_threads=threads
        )

    def threadapi_base64_code_map(
        self, base64_code: str, lst_data: Iterable[Any], n_threads: int | None = 1
    ) -> list[Any]:
        """Apply code that was sent as a setting to every item, in threads.

        Args:
            base64_code: the code, packed as custom code is; it sees ``plugin`` and ``data``.
            lst_data: the items; each is ``data`` once.
            n_threads: how many threads, at most as many as there are processors.

        Raises:
            ValueError: the code is refused; says where and why.
            CodeError: it is not packed code.
        """
        source = decode(base64_code)
        function = self._host.make_function("threadapi_base64_code_map", source, ("plugin", "data"))
        return self.threadapi_map(lambda data: function(self, data), lst_data, n_threads=n_threads)


def _at_most_processors(wanted: int | None) -> int:
    return max(1, min(wanted or 1, len(os.sched_getaffinity(0))))
