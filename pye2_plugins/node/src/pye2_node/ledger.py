"""What the node is to run: in memory for everybody to look at, on disk before anybody is told.

Lives on the node's loop; the disk is waited for in a thread.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from pye2_node.store import Change, CommandId, Drop, Put
from pye2core.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pye2_node.commands import Plan
    from pye2_node.desired import DesiredPipeline
    from pye2_node.store import Store
    from pye2core.messages import InstanceConfig


@frozen
class Asked:
    """A command that is to be taken.

    Attributes:
        id: tells it from all others; None for one that did not come over the network.
        plan: makes its plan from the pipelines as they are.
    """

    id: CommandId | None
    plan: Callable[[Mapping[str, DesiredPipeline]], Plan]


class Ledger:
    """The pipelines that the node is to run.

    Args:
        store: where they are kept.

    Raises:
        NodeError: what is kept cannot be read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pipelines = store.pipelines()
        self._changing = asyncio.Lock()

    @property
    def pipelines(self) -> Mapping[str, DesiredPipeline]:
        """All pipelines by name."""
        return self._pipelines

    def is_brought_by(self, main_node: str) -> bool:
        """Whether a node has brought something that is still to run; from any thread."""
        brought = [each.brought for each in list(self._pipelines.values())]
        return any(each is not None and each.main_node == main_node for each in brought)

    async def take(self, commands: Sequence[Asked]) -> list[Plan | Exception | None]:
        """Plan commands and keep what they change, waiting for the disk once.

        As long as they change nothing of what the next is planned by: the rest is for the next
        time.

        Args:
            commands: at least one, in their order.

        Returns:
            Of each that was looked at, from the first, the plan; None if it was taken before, and
            nothing is to be done; or what its plan raised, or why it could not be kept, in which
            case nothing was changed.
        """
        async with self._changing:
            outcomes = self._plans_of(commands)
            taken = [
                (number, (outcome.changes, asked.id))
                for number, (asked, outcome) in enumerate(zip(commands, outcomes, strict=False))
                if not isinstance(outcome, Exception)
            ]
            try:
                kept = await self._kept([each for _, each in taken])
            except NodeError as error:
                kept = []
                for number, _ in taken:
                    outcomes[number] = error
            found: list[Plan | Exception | None] = [*outcomes]
            for (number, (changes, _)), is_new in zip(taken, kept, strict=False):
                if is_new:
                    self._take_over(changes)
                else:
                    found[number] = None
            return found

    def _plans_of(self, commands: Sequence[Asked]) -> list[Plan | Exception]:
        """The plans up to the first that changes something."""
        outcomes: list[Plan | Exception] = []
        for asked in commands:
            try:
                outcomes.append(made := asked.plan(self._pipelines))
            except Exception as error:  # noqa: BLE001 - a defect costs one command, not those beside it
                outcomes.append(error)
            else:
                if made.changes:
                    break
        return outcomes

    async def _kept(self, taken: Sequence[tuple[Sequence[Change], CommandId | None]]) -> list[bool]:
        return await asyncio.to_thread(self._store.commit_all, taken) if taken else []

    async def put_back(
        self, pipeline: str, failed: InstanceConfig, previous: InstanceConfig
    ) -> None:
        """An instance could not take over its new configuration: keep the one that it runs with.

        Nothing happens if the instance was changed again meanwhile.

        Raises:
            NodeError: it could not be kept.
        """
        async with self._changing:
            current = self._pipelines.get(pipeline)
            if current is None:
                return
            if current.config.instance(failed.signature, failed.instance_id) != failed:
                return
            changes = [Put(evolve(current, config=current.config.with_instance(previous)))]
            await asyncio.to_thread(self._store.commit, changes)
            self._take_over(changes)

    async def read_again(self) -> None:
        """Take over what is on disk.

        Raises:
            NodeError: it cannot be read; what was known stays.
        """
        async with self._changing:
            self._pipelines = await asyncio.to_thread(self._store.pipelines)

    def _take_over(self, changes: Sequence[Change]) -> None:
        for change in changes:
            match change:
                case Put(pipeline):
                    self._pipelines[pipeline.config.name] = pipeline
                case Drop(name):
                    self._pipelines.pop(name, None)
