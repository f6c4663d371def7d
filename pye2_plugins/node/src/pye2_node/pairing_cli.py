"""``pye2 node --pair``: make a code, show it, say what came of it.

On the command line's side: for a node that runs already, from a process of its own; and for one
that the same command starts.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

import click

from pye2_node.doorbell import ring
from pye2_node.owner import act_as_owner_of
from pye2_node.pairing import Opening
from pye2_node.pairing_control import asking
from pye2core.errors import HomeInUse, NodeError
from pye2core.pairing import PairingKey, new_code, read_code
from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pye2_node.node import Node
    from pye2_node.pairing_control import Events

_TAKEN_SECONDS: Final = 30.0
"""A node that runs, or is just starting, takes a wish within this time."""

_LATE_SECONDS: Final = 30.0


def pair_running_node(home: Path, alias: str | None, *, as_json: bool) -> bool:
    """Have the node of this home pair, if one runs there, and wait for what comes of it.

    Returns:
        Whether one runs.

    Raises:
        NodeError: nobody was paired; says why.
    """
    if not _is_running(home):
        return False
    act_as_owner_of(home)
    code, opening = _new(alias)
    with asking(home, opening) as events:
        ring(home)  # one that is only starting looks without it
        _show_all(events, home, _Show(code, as_json=as_json), opening.seconds)
    return True


def pairing_too(
    say_ready: Callable[[Node], None], alias: str | None, *, as_json: bool
) -> Callable[[Node], None]:
    """What a node that is started says when it is ready, and then offers to be paired."""
    code, opening = _new(alias)
    show = _Show(code, as_json=as_json)

    def begin(running: Node) -> None:
        say_ready(running)
        running.pairing.open(opening, show)

    return begin


def without_pairing(arguments: Sequence[str]) -> list[str]:
    """A command's arguments without those that have it pair."""
    kept = []
    remaining = iter(arguments)
    for each in remaining:
        if each == "--pair-as":
            next(remaining, None)
        elif each != "--pair" and not each.startswith("--pair-as="):
            kept.append(each)
    return kept


def _new(alias: str | None) -> tuple[str, Opening]:
    code = new_code()
    return code, Opening(PairingKey.of_code(read_code(code)), alias)


def _is_running(home: Path) -> bool:
    from pye2_node.home import Home

    if not home.is_dir():
        return False
    try:
        Home.open(home).close()
    except HomeInUse:
        return True
    return False


def _show_all(events: Events, home: Path, show: _Show, seconds: float) -> None:
    try:
        opened = events.next(_TAKEN_SECONDS)
        if opened is None:
            raise NodeError(
                f"the node in {home} does not take notice; run this as the user that the node runs"
                " as, and see what the node says"
            )
        show(opened)
        end = events.next(seconds + _LATE_SECONDS)
    except EOFError:
        raise NodeError(
            f"the node in {home} ended, and with it the pairing; start it and try again"
        ) from None
    if end is None:
        raise NodeError(f"the node in {home} does not say what came of it; see `pye2 node who`")
    show(end)
    if end["event"] != "paired":
        raise NodeError("nobody was paired; `pye2 node --pair` shows a new code")


class _Show:
    """Prints what happens.

    Args:
        code: the code.
        as_json: whether for programs.
    """

    def __init__(self, code: str, *, as_json: bool) -> None:
        self._code = code
        self._as_json = as_json

    def __call__(self, event: Mapping[str, object]) -> None:
        if self._as_json:
            said = {**event, "event": f"pairing-{event['event']}"}
            if event["event"] == "open":
                said["code"] = self._code
            click.echo(json.dumps(said))
        else:
            click.echo("\n".join(self._lines(event)))
        sys.stdout.flush()

    def _lines(self, event: Mapping[str, object]) -> list[str]:
        match event["event"]:
            case "open":
                minutes = float(str(event["seconds"])) / 60
                return [
                    f"pairing   {event['name']} {event['address']}",
                    f"code      {self._code}",
                    f"          for one client, good for {minutes:g} minutes. On the client run",
                    f"          pye2 pair {self._code}",
                    "          with the same --broker, and leave this running until it is done",
                ]
            case "paired":
                alias = f"  {printable(str(event['alias']))}" if event["alias"] else ""
                return [
                    f"paired    {event['address']}{alias}",
                    "          may use this node from now on; `pye2 node deny` takes that back",
                ]
            case "expired":
                return ["expired   nobody has used the code in time"]
        return [f"ended     {event['why']}"]
