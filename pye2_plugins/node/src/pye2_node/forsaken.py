"""Ends what has failed and whose client does not end it: it is denied, has died, or fell silent.

On the node's loop. A runner that works notices for itself that its client is silent; an instance
that failed has none. Only those are ended so that are their client's alone, and of which it said
that the pipeline ends with them: all others are kept until somebody closes them.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pye2_node.instances import InstanceState
from pye2core.errors import Pye2Error
from pye2core.messages import CLOSES_PIPELINE, Action, Command

if TYPE_CHECKING:
    from pye2_node.instances import RunningInstance
    from pye2core.abc import Network

_log = logging.getLogger("pye2_node")

FORSAKEN_AFTER: Final = 600.0
"""Seconds after which such an instance is ended that failed and was not deployed again."""


class Forsaken:
    """Waits until instances that failed count as forsaken.

    Args:
        network: takes the command that ends a pipeline.
        node_address: the node's address.
    """

    def __init__(self, network: Network, node_address: str) -> None:
        self._network = network
        self._node_address = node_address
        self._waiting: dict[RunningInstance, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def note_state(self, instance: RunningInstance) -> None:
        """Something has become of an instance."""
        if instance.state is InstanceState.FAILED and _ends_its_pipeline(instance):
            if instance not in self._waiting:
                self._wait_for(instance)
        elif (waiting := self._waiting.pop(instance, None)) is not None:
            waiting.cancel()

    def _wait_for(self, instance: RunningInstance) -> None:
        loop = asyncio.get_running_loop()
        self._waiting[instance] = loop.call_later(FORSAKEN_AFTER, self._look, instance)

    def _look(self, instance: RunningInstance) -> None:
        del self._waiting[instance]
        deployed_at = instance.context.pipeline.updated_at
        if instance.context.clock.now() - deployed_at < timedelta(seconds=FORSAKEN_AFTER):
            self._wait_for(instance)  # its client has tried again, and it has failed again
            return
        ending = asyncio.create_task(self._end(instance))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _end(self, instance: RunningInstance) -> None:
        pipeline = instance.path.pipeline
        _log.info("the pipeline %r failed, and its client has left it: it is ended", pipeline)
        archive = Command(Action.ARCHIVE_PIPELINE, pipeline, self._node_address)
        try:
            await self._network.send(archive)
        except Pye2Error as error:
            _log.warning("the pipeline %r is not ended yet: %s", pipeline, error)
            self.note_state(instance)


def _ends_its_pipeline(instance: RunningInstance) -> bool:
    return instance.context.is_private and instance.config.settings.get(CLOSES_PIPELINE) is True
