"""``pye2 nodes``: who is online, live."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from pye2_cli.cells import cell
from pye2core import Session

if TYPE_CHECKING:
    from rich.table import Table

    from pye2core.messages import Heartbeat


@click.command()
@click.option("--broker", help="The broker's URL; PYE2_BROKER or .env otherwise.")
@click.option("--once", is_flag=True, help="Wait for the nodes, print the table once, and end.")
@click.option("--seconds", default=11.0, show_default=True, help="How long --once waits for nodes.")
@click.option("--json", "as_json", is_flag=True, help="With --once: one line a node, for programs.")
def nodes(*, broker: str | None, once: bool, seconds: float, as_json: bool) -> None:
    """Watch who is online; Ctrl-C ends.

    Nodes say that they are there every 10 seconds.
    """
    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    heard = threading.Event()
    with Session(
        broker=broker, silent=True, on_heartbeat=lambda *_: heard.set(), name="pye2-nodes"
    ) as session:
        if once:
            session.run(wait=seconds, close_session=False)
            _print_once(session, as_json=as_json)
        else:
            with suppress(KeyboardInterrupt):
                _watch(session, heard)


def _print_once(session: Session, *, as_json: bool) -> None:
    if as_json:
        for heartbeat in session.peers.online().values():
            click.echo(json.dumps(_as_object(session, heartbeat)))
        return
    from rich.console import Console

    Console().print(_table(session))


def _watch(session: Session, heard: threading.Event) -> None:
    from rich.live import Live

    with Live(_table(session), auto_refresh=False) as live:
        while True:
            heard.wait(1.0)
            heard.clear()
            live.update(_table(session), refresh=True)


def _as_object(session: Session, heartbeat: Heartbeat) -> dict[str, Any]:
    return {
        "name": heartbeat.name,
        "address": heartbeat.address,
        "allowed": heartbeat.address in session.get_allowed_nodes(),
        "pipelines": len(heartbeat.pipelines or ()),
        "cpu_percent": heartbeat.load,
        "available_gb": heartbeat.free_memory,
        "seconds_ago": session.peers.seconds_since(heartbeat.address),
        "version": heartbeat.version,
    }


def _table(session: Session) -> Table:
    from rich.table import Table

    online = sorted(session.peers.online().values(), key=lambda each: each.name)
    table = Table(title=f"{len(online)} nodes online at {session.server}")
    for column in ("name", "address"):
        table.add_column(column, overflow="fold")  # an address that is cut is of no use
    for column in ("allows me", "pipelines", "CPU %", "free GB", "seen"):
        table.add_column(column, justify="right")
    for heartbeat in online:
        row = _as_object(session, heartbeat)
        table.add_row(
            cell(row["name"]),
            cell(row["address"]),
            cell("yes", "green") if row["allowed"] else cell("no", "red"),
            cell(row["pipelines"]),
            cell(row["cpu_percent"]),
            cell(row["available_gb"]),
            cell(f"{row['seconds_ago'] or 0:.0f} s ago"),
        )
    return table
