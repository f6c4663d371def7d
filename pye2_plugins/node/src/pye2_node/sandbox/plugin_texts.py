"""The part of the ``plugin`` object that turns times and values into text and back.

Runs in the worker.
"""

from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, datetime
from typing import Any, Final

from pye2_node.sandbox.values import to_json
from pye2core.clock import SYSTEM_CLOCK

_READABLE: Final = "%Y-%m-%d %H:%M:%S"
_LONGEST_UNPACKED: Final = 64 * 1024 * 1024


class PluginTexts:
    """Times, JSON and base64 under PyE2's names. Times are those of the node's time zone."""

    def time(self) -> float:
        """The present moment in seconds since 1970."""
        return SYSTEM_CLOCK.now().timestamp()

    def now_str(
        self,
        nice_print: bool = False,  # noqa: FBT001, FBT002 - PyE2's signature
        short: bool = False,  # noqa: FBT001, FBT002 - PyE2's signature
    ) -> str:
        """The present moment as text.

        Args:
            nice_print: ``2026-01-31 13:05:00.000000`` instead of ``20260131130500000000``.
            short: without the fraction of the second.
        """
        layout = _READABLE if nice_print else "%Y%m%d%H%M%S"
        fraction = ".%f" if nice_print else "%f"
        return self._local_now().strftime(layout if short else layout + fraction)

    def datetime_to_str(self, dt: datetime | None = None, fmt: str = _READABLE) -> str:
        """A moment as text; the present one if none is given."""
        return (dt or self._local_now()).strftime(fmt)

    def timestamp_to_str(self, ts: float | None = None, fmt: str = _READABLE) -> str:
        """Seconds since 1970 as text; the present moment if none are given."""
        moment = self.time() if ts is None else ts
        return datetime.fromtimestamp(moment, UTC).astimezone().strftime(fmt)

    time_to_str = timestamp_to_str

    def json_dumps(self, dct: object, **options: Any) -> str:
        """A value as JSON text, numpy's numbers and arrays included.

        Raises:
            TypeError: it holds what JSON cannot carry; names the path to it.
        """
        text = to_json(dct, "value")
        return json.dumps(json.loads(text), **options) if options else text

    safe_json_dumps = json_dumps

    def json_loads(self, json_str: str, **options: Any) -> Any:
        """The value of a JSON text."""
        return json.loads(json_str, **options)

    def str_to_base64(self, txt: str, compress: bool = False) -> str:  # noqa: FBT001, FBT002 - PyE2's signature
        """A text as base64, through zlib first if ``compress``."""
        data = txt.encode("utf-8")
        return base64.b64encode(zlib.compress(data, 9) if compress else data).decode("ascii")

    def base64_to_str(self, b64: str, decompress: bool = False) -> str:  # noqa: FBT001, FBT002 - PyE2's signature
        """The text in a base64, through zlib if ``decompress``.

        Raises:
            ValueError: it is not base64 or not text, or it unpacks to more than 64 MiB.
        """
        data = base64.b64decode(b64)
        if decompress:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(data, _LONGEST_UNPACKED)
            if unpacker.unconsumed_tail:
                raise ValueError(f"the text unpacks to more than {_LONGEST_UNPACKED} bytes")
        return data.decode("utf-8")

    def bytes_to_base64(self, data: bytes) -> str:
        """Bytes as base64, to be returned or sent."""
        return base64.b64encode(data).decode("ascii")

    def _local_now(self) -> datetime:
        return SYSTEM_CLOCK.now().astimezone()
