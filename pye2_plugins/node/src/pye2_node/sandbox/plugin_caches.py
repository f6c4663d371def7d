"""The part of the ``plugin`` object that keeps things: between calls, and across restarts.

Runs in the worker. What must outlive the process goes to the node as text and is kept there in the
instance's folder; the worker itself opens no file.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import partialmethod
from typing import TYPE_CHECKING, Any, Final

from pye2_node.sandbox.values import to_json

if TYPE_CHECKING:
    from pye2_node.sandbox.plugin_host import PluginHost

_CACHE: Final = "cache.json"

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = " \t\n\r"


def _nothing() -> None:
    return None


class PluginCaches:
    """Caches in memory, which live as long as the process, and texts kept by the node.

    Attributes:
        obj_cache: any objects; None for a key that was never set.
        local_data_cache: as ``obj_cache``, another one; ``state`` is the same.
        float_cache, int_cache, str_cache: numbers and texts; zero or empty if never set.
    """

    _host: PluginHost

    def __init__(self) -> None:
        """Begin with empty caches."""
        self.obj_cache: defaultdict[Any, Any] = defaultdict(_nothing)
        self.local_data_cache: defaultdict[Any, Any] = defaultdict(_nothing)
        self.state = self.local_data_cache
        self.float_cache: defaultdict[Any, float] = defaultdict(float)
        self.int_cache: defaultdict[Any, int] = defaultdict(int)
        self.str_cache: defaultdict[Any, str] = defaultdict(str)

    def cacheapi_save_json(self, obj: object, *, verbose: bool = False) -> None:
        """Keep a value for this instance, across restarts of the node too.

        Raises:
            TypeError: it holds what JSON cannot carry; names the path to it.
            ValueError: the node does not take it, for instance because it is too large.
        """
        del verbose
        self._host.save(_CACHE, to_json(obj, "obj"))

    def cacheapi_load_json(self, default: Any = None, *, verbose: bool = False) -> Any:
        """What was kept last, or ``default`` (an empty dictionary if none is given)."""
        del verbose
        text = self._host.load(_CACHE)
        if text is not None:
            return _from_json(text)
        return {} if default is None else default

    def _save_json_to(self, folder: str, dct: object, filename: str, **options: object) -> None:
        """Keep a value under a file name in one of the instance's folders."""
        del options
        self._host.save(f"{folder}.{filename}", to_json(dct, "dct"))

    def _load_json_from(self, folder: str, filename: str, **options: object) -> Any:
        """What is kept under a file name in one of the instance's folders, or None."""
        del options
        text = self._host.load(f"{folder}.{filename}")
        return None if text is None else _from_json(text)

    diskapi_save_json_to_data = partialmethod(_save_json_to, "data")
    diskapi_save_json_to_models = partialmethod(_save_json_to, "models")
    diskapi_save_json_to_output = partialmethod(_save_json_to, "output")
    diskapi_load_json_from_data = partialmethod(_load_json_from, "data")
    diskapi_load_json_from_models = partialmethod(_load_json_from, "models")
    diskapi_load_json_from_output = partialmethod(_load_json_from, "output")


def _from_json(text: str) -> Any:
    """As ``json.loads``, which takes three times as long for what is short."""
    text = text.strip(_SPACE)
    value, end = _DECODER.raw_decode(text)
    return value if end == len(text) else json.loads(text)  # raises, and says where
