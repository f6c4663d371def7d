"""The ``plugin`` object that custom code sees (PyE2 wire protocol, sections 13 and 16).

Runs in the worker. What needs the node goes there as a frame; nothing here opens a file or a
connection. The names are PyE2's; the threads and the caches are in modules of their own.
"""

from __future__ import annotations

import collections
import copy
import datetime as dt
import difflib
import functools
import io
import itertools
import json
import math
import random
import re
import statistics
import time
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from pye2_node.sandbox.plugin_caches import PluginCaches
from pye2_node.sandbox.plugin_names import DEFAULT_SETTINGS, is_of_pye2
from pye2_node.sandbox.plugin_texts import PluginTexts
from pye2_node.sandbox.plugin_threads import PluginThreads
from pye2_node.sandbox.values import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pye2_node.sandbox.plugin_host import PluginHost


class Plugin(PluginThreads, PluginCaches, PluginTexts):
    """What custom code can use on a node.

    Example:
        >>> def remote(plugin):
        ...     numbers = plugin.np.random.randint(0, plugin.cfg_upto, 20)
        ...     return sorted(set(numbers.tolist()))
    """

    np = np
    collections = collections
    itertools = itertools
    json = json
    math = math
    random = random
    re = re
    statistics = statistics
    datetime = dt.datetime
    timedelta = dt.timedelta
    BytesIO = io.BytesIO
    OrderedDict = collections.OrderedDict
    defaultdict = collections.defaultdict
    deque = collections.deque
    deepcopy = staticmethod(copy.deepcopy)
    partial = functools.partial

    def __init__(self, host: PluginHost) -> None:
        """Make the object for one instance.

        Args:
            host: the worker, which knows the instance and the way to the node.
        """
        super().__init__()
        self._host = host

    # --- settings and surroundings ----------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any]:
        """The instance's whole configuration, by upper-case key."""
        return self._host.state.settings

    @property
    def functions(self) -> Mapping[str, Callable[..., object]]:
        """The functions that are defined for this instance, by name."""
        return self._host.state.functions

    @property
    def e2_addr(self) -> str:
        """The address of the node that runs this code."""
        return self._host.state.surroundings.get("node_address", "")

    node_addr = ee_addr = e2_addr

    @property
    def node_id(self) -> str:
        """The name of the node that runs this code."""
        return self._host.state.surroundings.get("node_name", "")

    e2_id = ee_id = eeid = node_id

    @property
    def stream_id(self) -> str:
        """The name of the pipeline."""
        return self._host.state.surroundings.get("pipeline", "")

    pipeline_name = stream_id

    @property
    def signature(self) -> str:
        """The signature of this plugin instance."""
        return self._host.state.surroundings.get("signature", "")

    @property
    def instance_id(self) -> str:
        """The id of this plugin instance."""
        return self._host.state.surroundings.get("instance_id", "")

    plugin_id = instance_id

    @property
    def exec_iter(self) -> int:
        """How many calls this process has run before the present one."""
        return self._host.state.iteration

    current_exec_iteration = current_process_iteration = iteration = exec_iter

    # --- to the node ------------------------------------------------------------------------------

    def P(self, text: object, color: str | None = None, **options: object) -> None:  # noqa: N802 - PyE2's name
        """Write a line to the node's log.

        Args:
            text: the line.
            color: taken for PyE2's sake; a log has no colours.
            options: taken for PyE2's sake.
        """
        del color, options
        self._host.log(f"{text}\n")

    def add_payload_by_fields(self, **fields: object) -> None:
        """Send a payload with these fields at once, besides what the function returns.

        Raises:
            ValueError: the payload is too large, or this call has sent too many.
            TypeError: a field cannot be carried; names the path to it.
        """
        if self._host.state.payloads_left <= 0:
            self._host.hit_limit("payloads")
            raise ValueError(
                "this call has sent as many payloads as one call may: return a list instead, or "
                "send the others in the next call"
            )
        self._host.state.payloads_left -= 1
        self._host.send_payload(to_json(fields, "payload"))

    create_and_send_payload = add_payload_by_fields

    def add_payload(self, payload: Mapping[str, object]) -> None:
        """Send a dictionary as a payload at once; see :meth:`add_payload_by_fields`."""
        self.add_payload_by_fields(**payload)

    # --- small things -----------------------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        """Do nothing for some seconds; they count towards the call's time limit."""
        time.sleep(seconds)

    def uuid(self, size: int = 13) -> str:
        """A random text of ``size`` hexadecimal digits (at most 32)."""
        return uuid.uuid4().hex[:size]

    def __getattr__(self, name: str) -> Any:
        """``cfg_<key>`` reads a setting; another unknown name is an error that helps."""
        if name.startswith("cfg_"):
            return self._setting(name.removeprefix("cfg_"))
        if name.startswith("_"):
            raise AttributeError(f"plugin has no attribute {name!r}")
        raise AttributeError(self._explain_missing(name))

    def _setting(self, key: str) -> Any:
        settings = self._host.state.settings
        if key.upper() in settings:
            return settings[key.upper()]
        if key in DEFAULT_SETTINGS:
            return copy.deepcopy(DEFAULT_SETTINGS[key])
        names = ", ".join(f"cfg_{name.lower()}" for name in sorted(settings)) or "none at all"
        raise AttributeError(
            f"plugin.cfg_{key}: this instance has no setting {key.upper()}; it has: {names}. Give "
            f"the setting when the instance is created, for example {key}=…"
        )

    def _explain_missing(self, name: str) -> str:
        offered = [known for known in dir(type(self)) if not known.startswith("_")]
        near = difflib.get_close_matches(name, offered, n=3, cutoff=0.6)
        hint = f"; near it: {', '.join(f'plugin.{match}' for match in near)}" if near else ""
        if is_of_pye2(name):
            return f"plugin.{name} is offered by PyE2's nodes but not by this one{hint}"
        return f"plugin has no attribute {name!r}{hint}"
