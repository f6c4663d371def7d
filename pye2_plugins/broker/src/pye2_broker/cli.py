"""The command ``pye2 broker``."""

from __future__ import annotations

import json
import queue
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pye2_broker.embedded import EmbeddedBroker
from pye2_broker.errors import BrokerFailed

if TYPE_CHECKING:
    from types import FrameType

_USUAL_PORT = 1883


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", default=_USUAL_PORT, show_default=True, help="The port to listen on; 0: a free one."
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("_local_cache/_broker"),
    show_default=True,
    help="Where messages, sessions and the log are kept.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when it is ready.")
def broker(*, host: str, port: int, folder: Path, as_json: bool) -> None:
    """Run the embedded broker until Ctrl-C or SIGTERM.

    It asks nobody for a password: let only this machine reach it, or a network that you trust.
    """
    ended: queue.SimpleQueue[BrokerFailed | None] = queue.SimpleQueue()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        ended.put(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        with EmbeddedBroker(folder, host, port or None) as running:
            running.watch(ended.put)
            click.echo(json.dumps({"broker": running.url}) if as_json else _describe(running))
            failure = ended.get()
    except BrokerFailed as error:
        failure = error
    if failure is not None:
        raise click.ClickException(str(failure))


def _describe(running: EmbeddedBroker) -> str:
    return f"The broker listens at {running.url}; its log is {running.log}. Ctrl-C stops it."
