"""Whether what an instance asks for is granted, and what is said to its owner where it is not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pye2_node.sandbox.granted_zygotes import Share, share_among
from pye2core.code.grants import Grants, read_grants
from pye2core.errors import GrantMissing, InvalidConfiguration, NodeError
from pye2core.messages import GRANTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pye2core.messages import InstanceConfig, InstancePath


def _everybody(address: str) -> bool:
    """Nobody was denied."""
    del address
    return True


class Granting:
    """What this node's owner grants.

    Args:
        granted: tells what an address is granted at this moment.
        node_name: the node's name.
        home: the node's home, which nobody is granted.
        on_asked: called when something is asked for.
        count: tells how many addresses are granted something.
        allows: whether an address may give commands at this moment.
    """

    def __init__(
        self,
        granted: Callable[[str], Grants],
        node_name: str,
        home: Path,
        *,
        on_asked: Callable[[], None],
        count: Callable[[], int],
        allows: Callable[[str], bool] = _everybody,
    ) -> None:
        self._granted = granted
        self._node_name = node_name
        self._home = home
        self._on_asked = on_asked
        self._count = count
        self._allows = allows

    def refuse_what_is_denied(self, config: InstanceConfig, path: InstancePath) -> None:
        """Raise unless all whose settings these are may give commands still.

        For instances that are their clients' alone: they do what their clients say, and nothing
        for one who may say nothing any more.

        Raises:
            InvalidConfiguration: one of them may not.
        """
        self._on_asked()
        denied = [each for each in sorted(config.set_by) if not self._allows(each)]
        if denied:
            raise InvalidConfiguration(
                f"it was sent by {denied[0]}, which is not allowed on"
                f" {self._node_name} any more; on the node run: pye2 node allow {denied[0]} (with"
                " the --home or --name that the node was started with)",
                pipeline=path.pipeline,
            )

    def refuse_what_is_not_granted(
        self, asked: Grants, config: InstanceConfig, path: InstancePath, asker: str
    ) -> None:
        """Raise unless all that is asked for is granted to all whose settings it is.

        Args:
            asked: what it asks for.
            config: the instance's.
            path: the instance.
            asker: what its client calls it, as the beginning of a sentence.

        Raises:
            GrantMissing: it is not.
            NodeError: the node's home would be within reach.
        """
        self._on_asked()
        for address in sorted(config.set_by) or [""]:
            lacking = asked.lacking_in(self._granted(address))
            if any(lacking):
                raise self._missing(address, asked, lacking, path, asker)
        refuse_home(asked, self._home)

    def share_of(self, config: InstanceConfig) -> Share:
        """On whose account an instance's processes are, and how much each of these may have."""
        return Share(config.set_by, share_among(self._count()))

    def _missing(
        self, address: str, asked: Grants, lacking: Grants, path: InstancePath, asker: str
    ) -> GrantMissing:
        """What is said: everybody may hear it, so it tells only what was asked for.

        What else is granted, and to whom, is the owner's to know.
        """
        command = f"pye2 node allow {address} {lacking.as_options()}"
        here = f"{address or 'nobody'} is not granted on {self._node_name}"
        which = f"which {here}" if lacking == asked else f"of which {here}: {lacking}"
        return GrantMissing(
            f"{asker} asks for {asked}, {which}; on the node run:"
            f" {command} (with the --home or --name that the node was started with)",
            pipeline=path.pipeline,
            address=address,
            asked=asked.as_settings(),
            lacking=lacking.as_settings(),
            command=command,
        )


def refuse_home(grants: Grants, home: Path) -> None:
    """Refuse folders from which the node's home can be reached.

    Raises:
        NodeError: one of them is such a folder.
    """
    inner = os.path.realpath(home)
    for folder in (*grants.folders, *grants.folders_rw):
        outer = os.path.realpath(folder)
        if os.path.commonpath([inner, outer]) in {inner, outer}:
            raise NodeError(
                f"{folder} cannot be granted: the node's home {home}, with its key, is in it, or it"
                " in the home; move what the code needs to a folder of its own"
            )


def granted_to(
    config: InstanceConfig, path: InstancePath, granting: Granting | None, *, asker: str
) -> Grants:
    """What an instance asks for, all of which is granted.

    Args:
        config: the instance's.
        path: the instance.
        granting: what the node's owner grants; None where that is nothing.
        asker: what its client calls it, as the beginning of a sentence.

    Raises:
        InvalidConfiguration: it cannot be understood, or nothing is granted to anybody.
        GrantMissing: it is not granted.
        NodeError: it cannot be.
    """
    try:
        asked = read_grants(config.settings.get(GRANTS))
    except ValueError as error:
        message = f"{asker} cannot run: its setting {GRANTS} {error}"
        raise InvalidConfiguration(message, pipeline=path.pipeline) from None
    if granting is None:
        message = f"{asker} asks for {asked}, and nothing is granted here"
        raise InvalidConfiguration(message, pipeline=path.pipeline)
    granting.refuse_what_is_not_granted(asked, config, path, asker)
    return asked
