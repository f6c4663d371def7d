"""Makes instances for the pipelines, and clears away what instances leave behind.

On the node's loop; the disk is waited for in threads.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pye2_node.forsaken import Forsaken
from pye2_node.instances import RunningInstance
from pye2core.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pye2_node.changes import IsConfidential
    from pye2_node.context import Facilities
    from pye2_node.desired import DesiredPipeline
    from pye2_node.ledger import Ledger
    from pye2core.messages import InstanceConfig, InstancePath, Notification

_log = logging.getLogger("pye2_node")


class Caretaker:
    """What the pipelines see of their node; implements ``pipelines.PipelinesOwner``.

    Args:
        facilities: what all instances of the node share.
        ledger: what the node is to run.
        is_confidential: which settings are published only as digests.
        signatures: those that the node can run.
        on_change: called when others should know that something of an instance changed.
    """

    def __init__(
        self,
        facilities: Facilities,
        ledger: Ledger,
        *,
        is_confidential: IsConfidential,
        signatures: Iterable[str],
        on_change: Callable[[], None],
    ) -> None:
        self._facilities = facilities
        self._ledger = ledger
        self._is_confidential = is_confidential
        self._signatures = signatures
        self._on_change = on_change
        self._forsaken = Forsaken(facilities.network, facilities.address)

    def new_instance(self, config: InstanceConfig, pipeline: DesiredPipeline) -> RunningInstance:
        """Make an instance that does nothing yet."""
        return RunningInstance(
            config,
            pipeline,
            self._facilities,
            is_confidential=self._is_confidential,
            on_state=self._on_state,
        )

    def _on_state(self, instance: RunningInstance) -> None:
        self._forsaken.note_state(instance)
        self._facilities.registry.observe(
            "pye2_instance_state_changed", path=instance.path, state=instance.state.value
        )
        self._on_change()

    def announce(self, notification: Notification) -> None:
        """Send a notification."""
        self._facilities.announce(notification)

    def offered(self) -> str:
        """The signatures that this node can run, in words."""
        return ", ".join(self._signatures) or "no signatures"

    async def put_back(
        self, pipeline: str, failed: InstanceConfig, previous: InstanceConfig
    ) -> None:
        """An instance goes on with its previous configuration."""
        try:
            await self._ledger.put_back(pipeline, failed, previous)
        except NodeError as error:
            _log.warning("after a restart %r may run otherwise: %s", pipeline, error)
        self._on_change()

    async def forget(self, path: InstancePath) -> None:
        """An instance is no more: remove what it kept."""
        try:
            await asyncio.to_thread(self._facilities.home.remove_instance_folder, path)
            await asyncio.to_thread(self._facilities.store.forget_state, path)
        except (OSError, NodeError) as error:
            _log.warning("not all of %s could be removed: %s", path, error)

    def remove_leftovers(self) -> None:
        """Remove what instances left that were removed while the node died; on any thread."""
        home, store = self._facilities.home, self._facilities.store
        staying = {path for each in self._ledger.pipelines.values() for path in each.paths()}
        home.remove_instance_folders_except(staying)
        for path in store.kept_states() - staying:
            store.forget_state(path)
