"""What nodes publish in place of a confidential value: its digest.

Code is not for everybody who hears heartbeats. A node shows ``sha256:`` and 64 hex digits instead;
a client that sends this back means "as it is" (PyE2 wire protocol, section 7).
"""

from __future__ import annotations

import re
from typing import Any

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(value: Any) -> str:
    """What is published in place of a value: ``sha256:…`` of its text, or of its JSON.

    Raises:
        TypeError, ValueError: it is no text, and cannot be written as JSON.
    """
    # Imported with the first digest: most clients never make one.
    import hashlib
    import json

    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_digest(value: object) -> bool:
    """Whether a value has the form of a digest."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def is_digest_of(shown: object, value: object) -> bool:
    """Whether what is shown is the digest of this very value."""
    if not is_digest(shown):
        return False
    try:
        return digest_of(value) == shown
    except (TypeError, ValueError):  # such as an array: what it was sent as is not known here
        return False
