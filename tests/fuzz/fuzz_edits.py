"""Makes of any bytes a recorded message that was edited: keys put in, taken out, changed.

Bytes that are flipped in a JSON text seldom leave one. Here they say what is done to the object.
"""

from __future__ import annotations

import json
from typing import Any

from fuzz_corpus import recorded

_WORDS = (
    *("EE_ID", "EE_EVENT_TYPE", "EE_SENDER", "EE_IS_ENCRYPTED", "EE_ENCRYPTED_DATA", "ACTION"),
    *("EE_PAYLOAD_PATH", "EE_FORMATTER", "EE_TIMESTAMP", "EE_TIMEZONE", "EE_VERSION", "PAYLOAD"),
    *("HEARTBEAT", "NOTIFICATION", "HEARTBEAT_VERSION", "v1", "v2", "ENCODED_DATA", "SESSION_ID"),
    *("NAME", "TYPE", "PLUGINS", "SIGNATURE", "INSTANCES", "INSTANCE_ID", "INSTANCE_CONFIG"),
    *("CONFIG_STREAMS", "EE_WHITELIST", "SECURED", "PYE2_CAPABILITIES", "EE_DELEGATION", "CODE"),
    *("NOTIFICATION_TYPE", "NOTIFICATION_CODE", "INFO", "aixp1", "cavi2", "raw", "DATA", "data"),
    *("PLUGIN_META", "PIPELINE_META", "metadata", "sender", "time", "type", "identifiers", "img"),
    *("UPDATE_CONFIG", "ARCHIVE_CONFIG", "PIPELINE_COMMAND", "UPDATE_PIPELINE_INSTANCE", "STOP"),
    *("BATCH_UPDATE_PIPELINE_INSTANCE", "FULL_HEARTBEAT", "UTC+3", "2026-01-01 00:00:00.000000"),
    *("", "n", "p", "i", "eJwDAAAAAAE=", "CUSTOM_EXEC_01", "DEVICE_STATUS", "MACHINE_MEMORY"),
)
_VALUES = (None, True, False, 0, -1, 1, 2**63, 10**400, 0.5, float("nan"), float("inf"), [], {})
_DEEPEST = 4
_OTHERS = 3

TEMPLATES = [json.loads(text) for pair in recorded() for text in pair if text]
"""Messages as they were recorded, and what was compressed in them."""


class Editor:
    """Edits by the bytes that it is given; where they end, by zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self._left = len(data)

    def message(self) -> dict[str, Any]:
        """A template, as it is after all edits."""
        template = TEMPLATES[self._number() % len(TEMPLATES)]
        message: dict[str, Any] = json.loads(json.dumps(template))
        while self._left > 0:
            self._edit(message, 0)
        return message

    def _edit(self, place: Any, depth: int) -> None:
        """Change something in an object or a list, or in something within it."""
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[self._number() % len(keys)] if keys else self._word()
        what = self._number() % 8
        inner = place[key] if keys else None
        if what < 3 and isinstance(inner, dict | list) and depth < 3 * _DEEPEST:
            self._edit(inner, depth + 1)
        elif what == 3 and keys:
            del place[key]
        elif what < 6 and keys:
            place[key] = self._value(0)
        elif isinstance(place, dict):
            place[self._word()] = self._value(0)
        else:
            place.append(self._value(0))

    def _value(self, depth: int) -> Any:
        number = self._number()
        if number < len(_VALUES):
            return _VALUES[number] if number < len(_VALUES) - 2 else type(_VALUES[number])()
        if number % 4 == 0 and depth < _DEEPEST:
            return [self._value(depth + 1) for _ in range(number % 5)]
        if number % 4 == 1 and depth < _DEEPEST:
            return {self._word(): self._value(depth + 1) for _ in range(number % 5)}
        return self._word()

    def _word(self) -> str:
        number = self._number()
        if number < len(_WORDS):
            return _WORDS[number]
        return "".join(chr(self._number()) for _ in range(number % _OTHERS))

    def _number(self) -> int:
        self._left -= 1
        return next(self._data, 0)
