"""``pye2 demo``: everything on this machine, from nothing to a result, and nothing left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from pye2_cli.fleet import Fleet, check_broker
from pye2_cli.jobs import JobRun, tell_result
from pye2_cli.options import takes_root_topic
from pye2core import Session
from pye2core.identity import load_or_create_key


@click.group()
def demo() -> None:
    """Start a broker and nodes, run a job on them, stop everything."""


@demo.command()
@click.option("--upto", default=1000, show_default=True, help="Find the primes up to this number.")
@click.option("--nodes", "size", type=click.IntRange(1, 64), default=3, show_default=True)
@click.option("--workers", default=2, show_default=True, help="How many nodes share the work.")
@click.option("--method", default="brute-force", show_default=True, help="How to find them.")
@click.option("--broker", "broker_url", help="An existing broker; without it one is started.")
@takes_root_topic
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON line.")
def primes(
    *,
    upto: int,
    size: int,
    workers: int,
    method: str,
    broker_url: str | None,
    root_topic: str | None,
    as_json: bool,
) -> None:
    """Find prime numbers on several nodes: real processes, a real broker, real keys."""
    job = JobRun("primes", {"upto": upto, "workers": workers, "method": method})
    job.check()
    check_broker(broker_url)
    with tempfile.TemporaryDirectory(prefix="pye2-demo-") as folder:
        key = Path(folder) / "client.pem"
        client = load_or_create_key(key).address
        if not as_json:
            click.echo(f"starting {size} nodes{'' if broker_url else ' and a broker'} …", err=True)
        with (
            Fleet(Path(folder), size, broker_url, (client,), root_topic) as fleet,
            Session(broker=fleet.url, root_topic=root_topic, key_file=key, silent=True) as session,
        ):
            main_node = fleet.nodes[0].address
            result = job.run(session, main_node, show_progress=not as_json)
    tell_result(result, as_json=as_json)
