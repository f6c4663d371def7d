"""What a distribution says that it requires, and whether it is there.

You are beside the loader. It asks here when an import has failed, so that nothing is read of
distributions whose plugins are well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def unmet(requires: Iterable[str]) -> list[str]:
    """Those requirements that no installed distribution meets, without their markers.

    One that cannot be read is left out, and so is one for another system or for an extra.
    """
    return [bare(line) for line in requires if not _is_met(line)]


def bare(requirement: str) -> str:
    """A requirement as ``pip install`` takes it, without its marker."""
    return requirement.partition(";")[0].strip()


def _is_met(line: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    from packaging.requirements import InvalidRequirement, Requirement

    try:
        needed = Requirement(line)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            return True
        return bool(needed.specifier.contains(version(needed.name), prereleases=True))
    except PackageNotFoundError:
        return False
    except (InvalidRequirement, ValueError):
        return True
