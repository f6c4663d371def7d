"""Finds the messages in a file: one, or one on each line.

You are in ``pye2 wire``. What a message is, is not known here; only where it ends.
"""

from __future__ import annotations

import json


def messages_in(content: bytes) -> list[bytes]:
    """The messages of a file.

    A file that is one JSON text is one message, over however many lines. So is one of which no line
    is an object of its own: a message that was damaged.
    """
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    if not lines:
        return []
    if _is_json(content) or not any(_is_object(line) for line in lines):
        return [content.strip()]
    return lines


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _is_object(line: bytes) -> bool:
    return line.startswith(b"{") and _is_json(line)
