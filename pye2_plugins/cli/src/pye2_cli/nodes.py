"""``pye2 nodes``: who is online, live."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from pye2_cli.cells import cell
from pye2_cli.options import takes_broker, takes_root_topic
from pye2_cli.tables import print_whole, width_of
from pye2core import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from pye2core.messages import Heartbeat, SandboxReport

_COLUMNS = (
    "name",
    "address",
    "allows me",
    "seen",
    "pipelines",
    "calls",
    "labels",
    "CPU %",
    "free GB",
    "sandbox",
    "signatures",
)
_OF_TEXT = frozenset({"name", "address", "labels", "sandbox", "signatures"})
_NEEDED_COLUMNS = 2

_SLOTS: Final = "PYE2_SLOTS"
_LABELS: Final = "PYE2_LABELS"
"""What nodes that take calls say of themselves (PyE2 wire protocol, section 21.4)."""


@click.command()
@takes_broker
@takes_root_topic
@click.option("--once", is_flag=True, help="Wait for the nodes, print the table once, and end.")
@click.option("--seconds", default=2.0, show_default=True, help="How long --once waits for nodes.")
@click.option("--json", "as_json", is_flag=True, help="With --once: one line a node, for programs.")
def nodes(
    *, broker: str | None, root_topic: str | None, once: bool, seconds: float, as_json: bool
) -> None:
    """Watch who is online; Ctrl-C ends.

    "calls" is how many function calls run on a node at the moment, and how many it runs at once.

    Nodes answer at once; PyE2's say only every 10 seconds that they are there: to see those, too,
    give --once --seconds 11. With --once, the exit code is 1 if there was none.
    """
    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    heard = threading.Event()
    with Session(
        broker=broker,
        root_topic=root_topic,
        silent=True,
        on_heartbeat=lambda *_: heard.set(),
        name="pye2-nodes",
    ) as session:
        if once:
            session.sleep(seconds)
            _print_once(session, seconds, as_json=as_json)
        else:
            with suppress(KeyboardInterrupt):
                _watch(session, heard)


def _print_once(session: Session, seconds: float, *, as_json: bool) -> None:
    online = session.peers.online()
    if not online:
        waited = f"nothing heard within {seconds:g} s"
        click.echo(
            f"{waited}; PyE2's nodes say every 10 s that they are there. A node of another root"
            " topic is not heard, nor is one where the broker's access rules do not let you listen",
            err=True,
        )
        sys.exit(1)
    if not as_json:
        from rich.console import Console

        console = Console()
        fitting = _table_within(session, console)
        print_whole(fitting if console.is_terminal else _table(session, _COLUMNS))
        return
    for heartbeat in online.values():
        click.echo(json.dumps(_as_object(session, heartbeat)))


def _watch(session: Session, heard: threading.Event) -> None:
    from rich.live import Live

    with Live(auto_refresh=False) as live:
        while True:
            live.update(_table_within(session, live.console), refresh=True)
            heard.wait(1.0)
            heard.clear()


def _as_object(session: Session, heartbeat: Heartbeat) -> dict[str, Any]:
    return {
        "name": heartbeat.name,
        "address": heartbeat.address,
        "allowed": heartbeat.address in session.get_allowed_nodes(),
        "pipelines": len(heartbeat.pipelines or ()),
        "slots": slots_of(heartbeat),
        "labels": labels_of(heartbeat),
        "cpu_percent": heartbeat.load,
        "available_gb": heartbeat.free_memory,
        "seconds_ago": session.peers.seconds_since(heartbeat.address),
        "version": heartbeat.version,
        "signatures": session.get_node_signatures(heartbeat.address),
        "sandbox": _sandbox_as_object(heartbeat.sandbox),
        "clock_trouble": heartbeat.clock_trouble,
    }


def slots_of(heartbeat: Heartbeat) -> dict[str, int] | None:
    """How many calls run there and how many may; None where it does not say."""
    told = heartbeat.status.get(_SLOTS)
    if not isinstance(told, Mapping):
        return None
    numbers = {name: told.get(name) for name in ("total", "busy")}
    return {name: each for name, each in numbers.items() if type(each) is int}


def labels_of(heartbeat: Heartbeat) -> dict[str, str]:
    """What clients may choose it by."""
    told = heartbeat.status.get(_LABELS)
    return {str(k): str(v) for k, v in told.items()} if isinstance(told, Mapping) else {}


def _told_slots(slots: Mapping[str, int] | None) -> str:
    return f"{slots.get('busy', '?')} of {slots.get('total', '?')}" if slots else ""


def _sandbox_as_object(report: SandboxReport | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return {
        "layers": list(report.layers),
        "missing": dict(report.missing),
        "unsafe": report.unsafe,
    }


def told_sandbox(report: SandboxReport | None) -> str:
    """What confines the code that others send to a node; empty where it does not say."""
    if report is None:
        return ""
    if report.refuses_code:
        return "refuses code"
    holding = ", ".join(report.layers) or "nothing"
    return f"{holding} (unsafe)" if report.unsafe else holding


def _told_clocks(online: Sequence[Heartbeat]) -> Text | None:
    """Which nodes do not know the time."""
    names = [each.name for each in online if each.clock_trouble is not None]
    return cell(f"clock not set (--once --json tells why): {', '.join(names)}") if names else None


def _table_within(session: Session, console: Console) -> Table:
    """The table without the columns, from the last one on, for which there is no room."""
    for shown in range(len(_COLUMNS), _NEEDED_COLUMNS, -1):
        table = _table(session, _COLUMNS[:shown])
        if width_of(table, console) <= console.width:
            return table
    return _table(session, _COLUMNS[:_NEEDED_COLUMNS])


def _table(session: Session, columns: Sequence[str]) -> Table:
    from rich.table import Table

    online = sorted(session.peers.online().values(), key=lambda each: each.name)
    counted = "1 node" if len(online) == 1 else f"{len(online)} nodes"
    table = Table(title=f"{counted} online at {session.server}", caption=_told_clocks(online))
    for column in columns:
        is_text = column in _OF_TEXT
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True)
    for heartbeat in online:
        row = _as_object(session, heartbeat)
        cells = (
            cell(row["name"]),
            cell(row["address"]),
            cell("yes", "green") if row["allowed"] else cell("no", "red"),
            cell(f"{row['seconds_ago'] or 0:.0f} s ago"),
            cell(row["pipelines"]),
            cell(_told_slots(row["slots"])),
            cell(", ".join(f"{name}={value}" for name, value in row["labels"].items())),
            cell(row["cpu_percent"]),
            cell(row["available_gb"]),
            cell(told_sandbox(heartbeat.sandbox)),
            cell("\n".join(f"{name} {its}" for name, its in (row["signatures"] or {}).items())),
        )
        table.add_row(*cells[: len(columns)])
    return table
