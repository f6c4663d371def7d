"""Where commands arrive: handled one after the other, kept on disk, acknowledged, answered.

On the node's loop, but for :meth:`CommandDesk.receive`. What takes time is handed on to the
pipelines, so that the next command need not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from pye2_node.commands import (
    NodeAction,
    UnreadableCommand,
    planned,
    refusal,
    requester_of,
)
from pye2_node.ledger import Asked
from pye2_node.notices import Answers
from pye2_node.store import CommandId
from pye2core.errors import InvalidConfiguration, NodeError
from pye2core.messages import Command, InstancePath
from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pye2_node.commands import Plan, Work
    from pye2_node.deputies import Authority
    from pye2_node.desired import DesiredPipeline
    from pye2_node.ledger import Ledger
    from pye2_node.signatures import Signatures
    from pye2core.clock import Clock
    from pye2core.messages import Notification, Requester

    Acknowledge = Callable[[], None]

_log = logging.getLogger("pye2_node")

MOST_AT_ONCE: Final = 100
"""Commands that are kept together: the disk is waited for once for all of them."""


class DeskOwner(Protocol):
    """The node, as its desk sees it."""

    def announce(self, notification: Notification) -> None:
        """Send a notification."""

    def do(self, work: Work) -> None:
        """Hand work to the pipelines."""

    async def act(self, action: NodeAction) -> None:
        """Do something that concerns the node as a whole."""

    def note_client(self, client: Requester) -> None:
        """Somebody who is allowed gave a command."""

    def note_change(self) -> None:
        """Tell everybody soon how the node is: that changed."""

    def authority_of(self, command: Command) -> Authority:
        """Whose rights a command has.

        Raises:
            DelegationRefused: nobody's who is allowed.
        """

    def report_replay(self, command: Command) -> None:
        """A command came that was taken before."""


def _nothing_to_acknowledge() -> None:
    """Nobody would deliver it again."""


class CommandDesk:
    """Takes commands that were let in.

    Args:
        ledger: what the node is to run.
        owner: the node.
        signatures: which settings are code, and which instances their clients' alone.
        clock: dates changes.
        loop: the node's loop.
    """

    def __init__(
        self,
        ledger: Ledger,
        owner: DeskOwner,
        signatures: Signatures,
        *,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._ledger = ledger
        self._owner = owner
        self._signatures = signatures
        self._clock = clock
        self._loop = loop
        self._waiting: asyncio.Queue[tuple[Command | UnreadableCommand, Acknowledge]] = (
            asyncio.Queue()
        )

    def receive(
        self,
        command: Command | UnreadableCommand,
        acknowledge: Acknowledge = _nothing_to_acknowledge,
    ) -> None:
        """Take a command of somebody who is allowed; from any thread.

        How many wait here is limited by who acknowledges, but for those that cannot be read.

        Args:
            command: what to do.
            acknowledge: called when it need not be delivered again; does nothing for what came over
                no network, and for what has been acknowledged.
        """
        self._loop.call_soon_threadsafe(self._waiting.put_nowait, (command, acknowledge))

    async def handle_all(self) -> None:
        """Handle commands as they come, those that wait together at once, until cancelled."""
        while True:
            # Nothing of them is known here while the next ones are waited for: they may be large.
            await self._handle([await self._waiting.get()])

    async def _handle(self, waiting: list[tuple[Command | UnreadableCommand, Acknowledge]]) -> None:
        while len(waiting) < MOST_AT_ONCE and not self._waiting.empty():
            waiting.append(self._waiting.get_nowait())
        while waiting:
            outcomes = await self._taken([command for command, _ in waiting])
            for (command, acknowledge), outcome in zip(waiting, outcomes, strict=False):
                await self._conclude(command, acknowledge, outcome)
            del waiting[: len(outcomes)]

    async def _taken(
        self, commands: Sequence[Command | UnreadableCommand]
    ) -> Sequence[Plan | Exception | None]:
        """What the first of these commands came to, or several from the first."""
        try:
            return await self._ledger.take([self._asked(each) for each in commands])
        except Exception as error:  # noqa: BLE001 - a defect costs one command, not all after it
            return [error]

    def _asked(self, command: Command | UnreadableCommand) -> Asked:
        if isinstance(command, UnreadableCommand):
            # Answered, but once only: whoever plays it again is not heard.
            return Asked(command.id, lambda _: refusal(command))
        return Asked(_id_of(command), lambda known: self._planned(command, known))

    def _planned(self, command: Command, known: Mapping[str, DesiredPipeline]) -> Plan:
        self._owner.note_client(requester_of(command))
        authority = self._owner.authority_of(command)
        return planned(command, known, self._signatures, self._clock.now(), authority)

    async def _conclude(
        self,
        command: Command | UnreadableCommand,
        acknowledge: Acknowledge,
        outcome: Plan | Exception | None,
    ) -> None:
        """Do what a command came to, now that it is kept."""
        try:
            acknowledge()
            if isinstance(outcome, Exception):
                self._refuse(command, outcome)
            elif outcome is not None:
                self._log_taken(command)
                await self._carry_out(outcome)
            elif isinstance(command, Command):
                self._owner.report_replay(command)
        except Exception:  # noqa: BLE001 - a defect costs one command, not all after it
            _log.exception("the command %s was not carried out", _called(command))

    def _refuse(self, command: Command | UnreadableCommand, error: Exception) -> None:
        if isinstance(command, UnreadableCommand) or not isinstance(
            error, InvalidConfiguration | NodeError
        ):
            _log.error("the command %s was not carried out", _called(command), exc_info=error)
            return
        _log.warning("the command %s is refused: %s", command.action.name, error)
        answers = Answers(requester_of(command))
        self._owner.announce(answers.refused(InstancePath(), str(error)))

    def _log_taken(self, command: Command | UnreadableCommand) -> None:
        if isinstance(command, Command) and _log.isEnabledFor(logging.INFO):
            asker = requester_of(command)
            told = printable(f"{asker.name or '?'} {asker.address or '(this node)'}")
            _log.info("takes the command to %s of %s", command.action.value, told)

    async def _carry_out(self, plan: Plan) -> None:
        for notice in plan.notices:
            self._owner.announce(notice)
        for work in plan.work:
            self._owner.do(work)
        if plan.changes:
            self._owner.note_change()
        if plan.node_action is not None:
            await self._owner.act(plan.node_action)


def _called(command: Command | UnreadableCommand) -> str:
    if isinstance(command, UnreadableCommand):
        return f"about {command.pipeline}, which cannot be read,"
    return command.action.name


def _id_of(command: Command) -> CommandId | None:
    """What tells the command from others; None if the node sent it to itself."""
    origin = command.origin
    if origin is None or not origin.digest:
        return None
    return CommandId(origin.sender, origin.digest)
