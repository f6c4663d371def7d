"""What only all that was heard together tells: what came again or was told before, what never came.

You are in ``pye2 wire``. Nothing is asked; whoever listens sees no more than the broker shows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from pye2_cli.wire.telling import time_of_day
from pye2core.abc import ChannelKind
from pye2core.identity import without_prefix
from pye2core.messages import Notification, NotificationCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pye2_cli.wire.names import NameBook
    from pye2_cli.wire.reading import Problem, Reading

MOST_COMMANDS = 10_000
"""Commands that are remembered, nodes that were sent some, and hints that were given."""

SETTLING = timedelta(seconds=3)
"""What is confirmed sooner than this after the beginning was most likely asked before it."""

_CONFIRMATIONS = frozenset(
    {
        NotificationCode.PIPELINE_OK,
        NotificationCode.PIPELINE_ARCHIVE_OK,
        NotificationCode.PLUGIN_CONFIG_OK,
        NotificationCode.PLUGIN_INSTANCE_COMMAND_OK,
    }
)


@define
class Repetitions:
    """Commands that were heard before: nodes take each once."""

    _heard: dict[str, datetime | None] = field(factory=dict, init=False)

    def remarked(self, reading: Reading, heard_at: datetime | None) -> Reading:
        """The message, with a note if it is a command that came before."""
        sealed = reading.sealed
        if sealed is None or not reading.verified or reading.kind != "command":
            return reading
        if sealed.digest not in self._heard:
            self._heard[sealed.digest] = heard_at
            if len(self._heard) > MOST_COMMANDS:
                del self._heard[next(iter(self._heard))]
            return reading
        before = self._heard[sealed.digest]
        when = f"at {time_of_day(before)}" if before is not None else "before"
        return evolve(
            reading,
            remarks=(*reading.remarks, f"the same as {when}; nodes ignore what comes again"),
        )


@define
class Hints:
    """Whose key opens what is encrypted: told at length once for each receiver, not each time."""

    _told: dict[str, None] = field(factory=dict, init=False)

    def shortened(self, reading: Reading) -> Reading:
        """The message, with what was told before about reading it made brief."""
        if reading.recipient is None:
            return reading
        problems = [self._brief(each, reading.recipient) for each in reading.problems]
        return evolve(reading, problems=tuple(problems))

    def _brief(self, problem: Problem, receiver: str) -> Problem:
        if problem.reason != "decryption":
            return problem
        if problem.text in self._told:
            return evolve(problem, text=f"as before, for {receiver}")
        self._told[problem.text] = None
        if len(self._told) > MOST_COMMANDS:
            del self._told[next(iter(self._told))]
        return problem


@define
class UnheardCommands:
    """Notices nodes that confirm commands which were not heard here, and tells of it once.

    Args:
        tell: told in a line.
        names: what nodes are called.
        since: when the listening began.
    """

    _tell: Callable[[str], None]
    _names: NameBook
    _since: datetime
    _commanded: dict[str, None] = field(factory=dict, init=False)
    _told: bool = field(default=False, init=False)

    def hear(self, reading: Reading, heard_at: datetime) -> None:
        """Take in a message."""
        channel, said = reading.channel, reading.message
        if channel is not None and channel.kind is ChannelKind.CONFIG:
            self._note(channel.owner or "")
        elif isinstance(said, Notification) and said.code in _CONFIRMATIONS and reading.verified:
            self._consider(reading, heard_at)

    def _note(self, node: str) -> None:
        self._commanded[without_prefix(node)] = None
        if len(self._commanded) > MOST_COMMANDS:
            del self._commanded[next(iter(self._commanded))]

    def _consider(self, reading: Reading, heard_at: datetime) -> None:
        node = reading.sender or ""
        if self._told or heard_at - self._since < SETTLING:
            return
        if not self._commanded.keys().isdisjoint(self._names.all_of(node)):
            return
        self._told = True
        name = reading.node_name or node
        self._tell(
            f"{name} confirms a command that was not heard here. Unless it was started anew, or the"
            f" command was sent before {time_of_day(self._since)}, the broker's access rules keep"
            " commands to nodes from this listener, without a word: docs/protocol.md, section 1.3,"
            " has the rules that it needs"
        )
