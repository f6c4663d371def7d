"""Whose a node's home is, where root changes what is in it for a service that runs as another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def act_as_owner_of(home: Path) -> None:
    """Where this process is root's and the home is not, go on as the home's owner, for good.

    What is written there can be read by the node then, and nothing that its account may have put
    there, such as a link, leads root elsewhere.
    """
    if os.geteuid() != 0 or not home.exists():
        return
    status = home.stat()
    if status.st_uid == 0:
        return
    # Read while all of the installation can be: the owner may not be let into it.
    import tomli_w  # noqa: F401 - what the white list is written with

    os.setgroups([])
    os.setegid(status.st_gid)
    os.seteuid(status.st_uid)
