"""Says what to do about a distribution with a defect; reads metadata, and only once there is one.

You are in the loading of plugins. Whoever installed a distribution from its sources, to be edited,
makes it: neither an upgrade nor its makers can help that one.
"""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError


def remedy(distribution: str) -> str:
    """What to do about a defect of a distribution, as a part of a sentence."""
    sources = _edited_at(distribution)
    if sources is not None:
        return f"mend it: it is installed from {sources}"
    return f"`pip install --upgrade {distribution}` or tell its makers"


def _edited_at(distribution: str) -> str | None:
    """The folder that a distribution is installed from to be edited; None if it is not."""
    import json
    from urllib.parse import unquote, urlsplit

    try:
        said = Distribution.from_name(distribution).read_text("direct_url.json")
        origin = json.loads(said or "{}")
        is_edited = origin["dir_info"]["editable"] is True
        return unquote(urlsplit(origin["url"]).path) if is_edited else None
    except (PackageNotFoundError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # most have no such file, and a damaged one tells nothing
