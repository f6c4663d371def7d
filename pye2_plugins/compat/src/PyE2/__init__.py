"""The import name ``PyE2``: pye2core's public names for programs that were written for PyE2.

Nothing of its own happens here. Where the original PyE2 is installed in the same environment, both
own this folder and which files are there is a matter of which was installed last: that is said
loudly, since half of one and half of the other is no program.
"""

from importlib.metadata import PackageNotFoundError, version
from warnings import warn

from pye2core import (
    CustomPluginTemplate,
    DistributedCustomCodePresets,
    Instance,
    Payload,
    Pipeline,
    Session,
)

__all__ = [
    "CustomPluginTemplate",
    "DistributedCustomCodePresets",
    "Instance",
    "Payload",
    "Pipeline",
    "Session",
]


def _warn_of_original() -> None:
    try:
        original = version("PyE2")
    except PackageNotFoundError:
        return
    warn(
        f"the original PyE2 {original} is installed beside pye2-compat, and both own the import"
        " name PyE2. Uninstall one: `pip uninstall PyE2` (then reinstall pye2-compat) to run on"
        " pye2, or `pip uninstall pye2-compat` (then reinstall PyE2) for the original.",
        RuntimeWarning,
        stacklevel=3,
    )


_warn_of_original()
