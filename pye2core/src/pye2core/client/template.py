"""What custom code can use on a node: the ``plugin`` object, for editors and readers.

You are in the client room. Nothing here works: the real object is made on the node, in the sandbox
of the instance. Annotate a function's parameter with :class:`CustomPluginTemplate` and an editor
knows what ``plugin`` has; call something of it on a client and the error says where it belongs.
(PyE2 wire protocol, sections 13 and 16.)
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pye2core.errors import CodeError

if TYPE_CHECKING:
    import copy
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

_C = TypeVar("_C", bound=type)


def _only_on_a_node(name: str) -> CodeError:
    return CodeError(
        f"plugin.{name} exists only on a node, where custom code runs; on a client it only says"
        " what there is. Send the function to a node to run it (create_custom_plugin_instance)."
    )


def _refuses_to_run(template: _C) -> _C:
    """Let everything public in the class say where it belongs, keeping its name and docstring."""
    for name, member in list(vars(template).items()):
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            refusing = _refusal(name, member.fget)
            setattr(template, name, property(refusing, doc=member.__doc__))
        elif callable(member):
            setattr(template, name, _refusal(name, member))
    return template


def _refusal(name: str, member: Any) -> Callable[..., NoReturn]:
    @functools.wraps(member)
    def refuse(*_: object, **__: object) -> NoReturn:
        raise _only_on_a_node(name)

    return refuse


@_refuses_to_run
class CustomPluginTemplate:
    """The ``plugin`` object that custom code sees on a node.

    Attributes:
        np: numpy.
        collections, itertools, json, math, random, re, statistics: Python's modules.
        datetime, timedelta: Python's classes of these names.
        obj_cache: any objects, kept as long as the instance's process; None for what is not there.
        local_data_cache: as ``obj_cache``, another one; ``state`` is the same.
        float_cache, int_cache, str_cache: numbers and texts; zero or empty for what is not there.
        cfg_…: the instance's setting of that name, given when the instance was created.

    Example:
        >>> def remote(plugin: CustomPluginTemplate):
        ...     numbers = plugin.np.random.randint(0, plugin.cfg_upto, 20)
        ...     return sorted(set(numbers.tolist()))
    """

    if TYPE_CHECKING:
        import collections
        import itertools
        import json
        import math
        import random
        import re
        import statistics
        from collections import OrderedDict, defaultdict, deque
        from datetime import datetime, timedelta
        from functools import partial
        from io import BytesIO

        import numpy as np

        deepcopy = staticmethod(copy.deepcopy)
        obj_cache: dict[Any, Any]
        local_data_cache: dict[Any, Any]
        state: dict[Any, Any]
        float_cache: dict[Any, float]
        int_cache: dict[Any, int]
        str_cache: dict[Any, str]

    def __getattr__(self, name: str) -> Any:
        """Any setting as ``cfg_<key>``, and the modules that the class lists."""
        if name.startswith("_"):
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(message)
        raise _only_on_a_node(name)

    # --- settings and surroundings ----------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any]:
        """The instance's whole configuration, by upper-case key."""
        raise NotImplementedError

    @property
    def e2_addr(self) -> str:
        """The address of the node that runs this code; also ``node_addr``, ``ee_addr``."""
        raise NotImplementedError

    node_addr = ee_addr = e2_addr

    @property
    def node_id(self) -> str:
        """The name of the node that runs this code; also ``e2_id``, ``ee_id``, ``eeid``."""
        raise NotImplementedError

    e2_id = ee_id = eeid = node_id

    @property
    def pipeline_name(self) -> str:
        """The name of the pipeline; also ``stream_id``."""
        raise NotImplementedError

    stream_id = pipeline_name

    @property
    def signature(self) -> str:
        """The signature of this instance."""
        raise NotImplementedError

    @property
    def instance_id(self) -> str:
        """The id of this instance; also ``plugin_id``."""
        raise NotImplementedError

    plugin_id = instance_id

    @property
    def exec_iter(self) -> int:
        """How many calls this process has run before the present one."""
        raise NotImplementedError

    current_exec_iteration = current_process_iteration = iteration = exec_iter

    # --- to the node and the client ---------------------------------------------------------------

    def P(self, text: object, color: str | None = None, **options: object) -> None:  # noqa: N802 - PyE2's name
        """Write a line to the node's log."""
        raise NotImplementedError

    def add_payload_by_fields(self, **fields: object) -> None:
        """Send a payload with these fields at once, besides what the function returns.

        Raises:
            ValueError: the payload is too large, or this call has sent too many.
            TypeError: a field cannot be carried; names the path to it.
        """
        raise NotImplementedError

    create_and_send_payload = add_payload_by_fields

    def add_payload(self, payload: Mapping[str, object]) -> None:
        """Send a dictionary as a payload at once; see :meth:`add_payload_by_fields`."""
        raise NotImplementedError

    # --- threads ----------------------------------------------------------------------------------

    def threadapi_map(
        self, func: Callable[..., Any], *iterables: Iterable[Any], n_threads: int | None = 1
    ) -> list[Any]:
        """Apply a function to every item, in threads; the results in the items' order.

        Args:
            func: takes one item of each iterable.
            iterables: where the items come from; it ends with the shortest.
            n_threads: how many threads, at most as many as the node has processors.

        Raises:
            Exception: the first that ``func`` raised, in the items' order.
        """
        raise NotImplementedError

    def threadapi_run(
        self, func: Callable[[int, int], Any], n_threads: int | None = 1
    ) -> list[Any]:
        """Run ``func(thread_id, n_threads)`` once in each of some threads; the list of results.

        Args:
            func: what to run; ``thread_id`` counts from 0.
            n_threads: how many threads, at most as many as the node has processors.
        """
        raise NotImplementedError

    def threadapi_base64_code_map(
        self, base64_code: str, lst_data: Iterable[Any], n_threads: int | None = 1
    ) -> list[Any]:
        """Apply code that was sent as a setting to every item, in threads.

        Args:
            base64_code: the code, packed as custom code is; it sees ``plugin`` and ``data``.
            lst_data: the items; each is ``data`` once.
            n_threads: how many threads, at most as many as the node has processors.

        Raises:
            ValueError: the code is refused; says where and why.
        """
        raise NotImplementedError

    # --- time and text ----------------------------------------------------------------------------

    def time(self) -> float:
        """The present moment in seconds since 1970."""
        raise NotImplementedError

    def sleep(self, seconds: float) -> None:
        """Do nothing for some seconds; they count towards the call's time limit."""
        raise NotImplementedError

    def now_str(self, nice_print: bool = False, short: bool = False) -> str:  # noqa: FBT001, FBT002 - PyE2's signature
        """The present moment of the node's time zone as text.

        Args:
            nice_print: ``2026-01-31 13:05:00.000000`` instead of ``20260131130500000000``.
            short: without the fraction of the second.
        """
        raise NotImplementedError

    def datetime_to_str(self, dt: datetime | None = None, fmt: str = "%Y-%m-%d %H:%M:%S") -> str:
        """A moment as text; the present one if none is given."""
        raise NotImplementedError

    def timestamp_to_str(self, ts: float | None = None, fmt: str = "%Y-%m-%d %H:%M:%S") -> str:
        """Seconds since 1970 as text; the present moment if none are given."""
        raise NotImplementedError

    time_to_str = timestamp_to_str

    def uuid(self, size: int = 13) -> str:
        """A random text of ``size`` hexadecimal digits (at most 32)."""
        raise NotImplementedError

    def json_dumps(self, dct: object, **options: Any) -> str:
        """A value as JSON text, numpy's numbers and arrays included.

        Raises:
            TypeError: it holds what JSON cannot carry; names the path to it.
        """
        raise NotImplementedError

    safe_json_dumps = json_dumps

    def json_loads(self, json_str: str, **options: Any) -> Any:
        """The value of a JSON text."""
        raise NotImplementedError

    def str_to_base64(self, txt: str, compress: bool = False) -> str:  # noqa: FBT001, FBT002 - PyE2's signature
        """A text as base64, through zlib first if ``compress``."""
        raise NotImplementedError

    def base64_to_str(self, b64: str, decompress: bool = False) -> str:  # noqa: FBT001, FBT002 - PyE2's signature
        """The text in a base64, through zlib if ``decompress``.

        Raises:
            ValueError: it is not base64, or unpacks to too much.
        """
        raise NotImplementedError

    def bytes_to_base64(self, data: bytes) -> str:
        """Bytes as base64, to be returned or sent."""
        raise NotImplementedError

    # --- keeping things ---------------------------------------------------------------------------

    def cacheapi_save_json(self, obj: object, *, verbose: bool = False) -> None:
        """Keep a value for this instance, across restarts of the node too.

        Raises:
            TypeError: it holds what JSON cannot carry; names the path to it.
            ValueError: the node does not take it, for instance because it is too large.
        """
        raise NotImplementedError

    def cacheapi_load_json(self, default: Any = None, *, verbose: bool = False) -> Any:
        """What was kept last, or ``default`` (an empty dictionary if none is given)."""
        raise NotImplementedError

    def diskapi_save_json_to_data(self, dct: object, filename: str, **options: object) -> None:
        """Keep a value under a file name in the instance's own folder of data.

        Also ``diskapi_save_json_to_models`` and ``diskapi_save_json_to_output``.
        """
        raise NotImplementedError

    diskapi_save_json_to_models = diskapi_save_json_to_output = diskapi_save_json_to_data

    def diskapi_load_json_from_data(self, filename: str, **options: object) -> Any:
        """What is kept under a file name in the instance's own folder of data, or None.

        Also ``diskapi_load_json_from_models`` and ``diskapi_load_json_from_output``.
        """
        raise NotImplementedError

    diskapi_load_json_from_models = diskapi_load_json_from_output = diskapi_load_json_from_data
