"""The commands of ``pye2 wire``: ``listen``, ``decode``, ``vectors check``."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from types import FrameType

    from pye2_cli.wire.reading import Reading
    from pye2_cli.wire.selecting import NameBook
    from pye2_wire.vectors import FileReport
    from pye2core.identity import Identity

_KINDS = ("heartbeat", "notification", "payload", "command")

_LINES_SHOWN = 5
"""Of what failed in a file of vectors."""

_key_option = click.option(
    "--key",
    "key_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also read what is encrypted for this key, or by it; this folder's client key is always"
    " tried.",
)


@click.group()
def wire() -> None:
    """Show and check what passes on a network: why does my node not answer?"""


@wire.command()
@click.option("--broker", help="The broker's URL; PYE2_BROKER or .env otherwise.")
@_key_option
@click.option("--node", metavar="NAME_OR_ADDR", help="Only what comes from this node or is for it.")
@click.option("--kind", type=click.Choice(_KINDS), help="Only messages of this kind.")
@click.option("--pipeline", metavar="NAME", help="Only what is about it, or cannot be read.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON a message.")
def listen(
    *,
    broker: str | None,
    key_files: tuple[Path, ...],
    node: str | None,
    kind: str | None,
    pipeline: str | None,
    as_json: bool,
) -> None:
    """Print every message on the network, and whether it verifies, until Ctrl-C.

    Also commands to nodes that are not there, roll calls, and results in clients' own inboxes.
    Nothing is sent.
    """
    from pye2_cli.wire.listening import Listener
    from pye2_cli.wire.reading import Reader
    from pye2_cli.wire.selecting import NameBook, Selection
    from pye2core import installed_plugins
    from pye2core.settings import client_settings

    settings = client_settings(broker=broker)
    registry = installed_plugins()
    names, selection = NameBook(), Selection(node, kind, pipeline)
    write = _writer(names, as_json=as_json)

    def show(reading: Reading, heard_at: datetime) -> None:
        names.learn(reading)
        if selection.takes(reading, names):
            write(reading, heard_at)

    reader = Reader(registry, _keys(key_files))
    with _until_told_to_stop():
        Listener(settings, registry, reader, show, _tell).run([node] if node else [])


@wire.command()
@click.argument("file", type=click.File("rb"))
@_key_option
@click.option("--json", "as_json", is_flag=True, help="One line of JSON a message.")
def decode(*, file: IO[bytes], key_files: tuple[Path, ...], as_json: bool) -> None:
    """Print the message in FILE, or one on each of its lines, and whether it verifies.

    - is standard input. Ends with 1 if a message does not verify or cannot be read.
    """
    from pye2_cli.wire.files import messages_in
    from pye2_cli.wire.reading import Reader
    from pye2_cli.wire.selecting import NameBook
    from pye2core import installed_plugins

    found = messages_in(file.read())
    if not found:
        message = f"there is no message in {file.name}; save one as JSON, or one on each line"
        raise click.ClickException(message)
    reader = Reader(installed_plugins(), _keys(key_files))
    names = NameBook()
    write = _writer(names, as_json=as_json)
    readings = [reader.read(data) for data in found]
    with _quiet_when_nobody_reads():
        for reading in readings:
            names.learn(reading)
            write(reading, None)
    if any(reading.problems for reading in readings):
        sys.exit(1)


@wire.group()
def vectors() -> None:
    """Recorded facts about the wire."""


@vectors.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def check(*, folder: Path) -> None:
    """Check each vector file in DIR that has the name and shape of one of PyE2's.

    Prints a line a file, and ends with 1 if anything failed.
    """
    from pye2_wire.vectors import check_folder

    failed = False
    for report in check_folder(folder):
        failed = failed or bool(report.failures)
        _print_report(report)
    if failed:
        sys.exit(1)


def _print_report(report: FileReport) -> None:
    if not report.is_known:
        click.echo(f"{report.name}: skipped, no vectors of this name are known")
        return
    click.echo(f"{report.name}: {report.checked} checked, {len(report.failures)} failed")
    _print_first(report.failures)
    _print_first([f"not known here, so not checked: {fact}" for fact in report.unchecked])


def _print_first(lines: Sequence[str]) -> None:
    for line in lines[:_LINES_SHOWN]:
        click.echo(f"  {line}")
    if len(lines) > _LINES_SHOWN:
        click.echo(f"  … and {len(lines) - _LINES_SHOWN} more")


# --- what they share ------------------------------------------------------------------------------


def _keys(files: tuple[Path, ...]) -> list[Identity]:
    from pye2core.identity import load_key
    from pye2core.settings import client_key_path

    own = client_key_path()
    return [load_key(path) for path in (*files, *([own] if own.is_file() else []))]


def _tell(line: str) -> None:
    from pye2core.printable import printable

    click.echo(printable(line), err=True)


def _writer(names: NameBook, *, as_json: bool) -> Callable[[Reading, datetime | None], None]:
    from pye2_cli.wire import telling

    def write_object(reading: Reading, heard_at: datetime | None) -> None:
        click.echo(json.dumps(telling.as_object(reading, heard_at)))

    def write_line(reading: Reading, heard_at: datetime | None) -> None:
        line = telling.as_line(reading, names, heard_at)
        click.secho(line, fg="red" if reading.problems else None)

    return write_object if as_json else write_line


@contextmanager
def _until_told_to_stop() -> Iterator[None]:
    """End what is within quietly at Ctrl-C, SIGTERM, or when nobody reads what is written."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _quiet_when_nobody_reads():
            yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _quiet_when_nobody_reads() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # Python would complain at its end that it cannot write what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
