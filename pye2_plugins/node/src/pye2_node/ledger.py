"""What the node is to run: in memory for everybody to look at, on disk before anybody is told.

Lives on the node's loop; the disk is waited for in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from pye2_node.store import Change, CommandId, Drop, Put
from pye2core.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pye2_node.commands import Plan
    from pye2_node.desired import DesiredPipeline
    from pye2_node.store import Store
    from pye2core.messages import InstanceConfig

_log = logging.getLogger("pye2_node")

WRITTEN_AFTER: Final = 1.0
"""Seconds after which it is on the disk that a command for one life was taken."""

MOST_NOTED: Final = 20_000
"""Commands that may wait for that; further ones wait for the disk, as all others do."""


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
        self._has_noted = asyncio.Event()

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
        time. Of commands for one life of an instance it is noted that they were taken, and written
        by :meth:`write_behind`: if the machine loses that with its power, it loses that life, too,
        and they would be dropped if they came again.

        Args:
            commands: at least one, in their order.

        Returns:
            Of each that was looked at, from the first, the plan; None if it was taken before, and
            nothing is to be done; or what its plan raised, or why it could not be kept, in which
            case nothing was changed.
        """
        async with self._changing:
            outcomes = self._plans_of(commands)
            found: list[Plan | Exception | None] = [*outcomes]
            taken = []
            for number, (asked, outcome) in enumerate(zip(commands, outcomes, strict=False)):
                if isinstance(outcome, Exception):
                    continue
                if asked.id is None or not self._can_note(outcome):
                    taken.append((number, (outcome.changes, asked.id)))
                elif not self._note(asked.id):
                    found[number] = None
            try:
                kept = await self._kept([each for _, each in taken])
            except NodeError as error:
                kept = []
                for number, _ in taken:
                    found[number] = error
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

    def _can_note(self, plan: Plan) -> bool:
        return plan.is_for_one_life and self._store.noted < MOST_NOTED

    def _note(self, command: CommandId) -> bool:
        self._has_noted.set()
        return self._store.note(command)

    async def write_behind(self) -> None:
        """Bring to the disk what was noted, again and again, until cancelled."""
        while True:
            await self._has_noted.wait()
            await asyncio.sleep(WRITTEN_AFTER)  # what is noted meanwhile is written with it
            self._has_noted.clear()
            try:
                await asyncio.to_thread(self._store.keep_noted)
            except NodeError as error:
                _log.error("which calls were taken is not on the disk yet: %s", error)
                self._has_noted.set()

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
