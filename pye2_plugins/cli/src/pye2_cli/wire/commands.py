"""The commands of ``pye2 wire``: ``listen``, ``decode``, ``forget``, ``vectors check``."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from pye2_cli.options import takes_broker, takes_root_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from types import FrameType

    from pye2_cli.wire.files import SavedMessage
    from pye2_cli.wire.names import NameBook
    from pye2_cli.wire.reading import Reader, Reading
    from pye2_wire.vectors import FileReport
    from pye2_wire.vectors.checking import Cases

_KINDS = ("heartbeat", "notification", "payload", "command")

_LINES_SHOWN = 5
"""Of what failed in a file of vectors."""

_takes_keys = click.option(
    "--key",
    "key_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also read what is encrypted for this key or, in PyE2's dialect, by it; this folder's"
    " client key is always tried. Can be repeated.",
)

_takes_json = click.option(
    "--json", "as_json", is_flag=True, help="One line of JSON a message, with all that it says."
)


@click.group()
def wire() -> None:
    """Show and check what passes on a network: why does my node not answer?"""


@wire.command()
@takes_broker
@takes_root_topic
@_takes_keys
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="NAME_OR_ADDR",
    help="Only what comes from this node or is for it. Repeated: any of them.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(_KINDS),
    help="Only messages of this kind. Repeated: any of them.",
)
@click.option(
    "--pipeline",
    "pipelines",
    multiple=True,
    metavar="NAME",
    help="Only what is about it, or cannot be read. Repeated: any of them.",
)
@_takes_json
@click.option(
    "--save",
    type=click.File("a", encoding="utf-8"),
    metavar="FILE",
    help="Add the messages that are shown, as they came, to FILE, for `pye2 wire decode FILE`.",
)
def listen(
    *,
    broker: str | None,
    root_topic: str | None,
    key_files: tuple[Path, ...],
    nodes: tuple[str, ...],
    kinds: tuple[str, ...],
    pipelines: tuple[str, ...],
    as_json: bool,
    save: IO[str] | None,
) -> None:
    """Print every message on the network, and whether it verifies, until Ctrl-C.

    Also commands to nodes that are not there, roll calls, and results in clients' own inboxes.
    Nothing is sent.

    A file that --save or --json wrote can be read again by `pye2 wire decode FILE`. What --save
    writes stays encrypted; --json also has what was decrypted.
    """
    from pye2_cli.wire.files import saved_object
    from pye2_cli.wire.keys import keys_in
    from pye2_cli.wire.listening import Listener
    from pye2_cli.wire.names import NameBook, considered
    from pye2_cli.wire.noticing import Repetitions, UnheardCommands
    from pye2_cli.wire.reading import Reader
    from pye2_cli.wire.selecting import Selection
    from pye2core import installed_plugins
    from pye2core.clock import SYSTEM_CLOCK
    from pye2core.settings import client_settings

    settings = client_settings(
        broker=broker,
        root_topic=root_topic,
        secured_schemes=installed_plugins().secured_schemes(),
    )
    registry = installed_plugins()
    names, selection = NameBook(), Selection(nodes, kinds, pipelines)
    write = _writer(names, as_json=as_json)
    repetitions = Repetitions()
    unheard = UnheardCommands(_tell, names, since=SYSTEM_CLOCK.now())

    def show(reading: Reading, heard_at: datetime) -> None:
        names.learn(reading)
        reading = repetitions.remarked(reading, heard_at)
        unheard.hear(reading, heard_at)
        if not selection.takes(reading, names):
            return
        if save is not None:
            click.echo(json.dumps(saved_object(reading, heard_at)), save)
        write(considered(reading, names), heard_at)

    keys = keys_in(key_files)
    reader = Reader(registry, keys.identities, keys.memory)
    with _until_told_to_stop():
        Listener(settings, registry, reader, show, _tell).run(nodes)


@wire.command()
@click.argument("file", type=click.File("rb"))
@_takes_keys
@_takes_json
def decode(*, file: IO[bytes], key_files: tuple[Path, ...], as_json: bool) -> None:
    """Print the message in FILE, or one on each of its lines, and whether it verifies.

    A message is the JSON that passed on the network, or a line that `pye2 wire listen` wrote with
    --save or --json. - is standard input. Ends with 1 if a message does not verify, cannot be read,
    or was sent where nobody takes notice of it.
    """
    from pye2_cli.wire.files import messages_in
    from pye2_cli.wire.keys import keys_in
    from pye2_cli.wire.names import NameBook, considered
    from pye2_cli.wire.noticing import Repetitions
    from pye2_cli.wire.reading import Reader
    from pye2core import installed_plugins

    found = messages_in(file.read())
    if not found:
        message = (
            f"there is no message in {file.name}; save one as JSON, or one on each line, or run"
            " `pye2 wire listen --save FILE`"
        )
        raise click.ClickException(message)
    keys = keys_in(key_files)
    reader = Reader(installed_plugins(), keys.identities, keys.memory)
    names, repetitions = NameBook(), Repetitions()
    write = _writer(names, as_json=as_json)
    has_problems = False
    with _quiet_when_nobody_reads():
        for saved in found:
            reading = _read(saved, reader)
            names.learn(reading)
            known = repetitions.remarked(considered(reading, names), saved.heard_at)
            has_problems = has_problems or bool(known.problems)
            write(known, saved.heard_at)
    if has_problems:
        sys.exit(1)


@wire.command()
@click.argument("address")
@click.option(
    "--key",
    "key_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The key of the client or node that is to forget; this folder's client key otherwise.",
)
def forget(*, address: str, key_file: Path | None) -> None:
    """Have a client or a node forget which dialects the peer ADDRESS speaks.

    Who is known to speak a stronger dialect than PyE2's is never spoken to, nor believed, in a
    weaker one. If the plugin of that dialect was removed there on purpose, this is how the other
    side learns of it. It takes effect at once, also where that side runs.
    """
    from pye2_cli.keys.places import client_passphrases
    from pye2core.connection import forget_speaker, memory_of
    from pye2core.identity import address_of, load_key, public_key_of
    from pye2core.settings import client_key_path

    path = key_file or client_key_path()
    if not path.is_file():
        message = f"there is no client key here ({path}); name one with --key FILE"
        raise click.ClickException(message)
    own = load_key(path, client_passphrases()).address
    peer = address_of(public_key_of(address))
    if not forget_speaker(memory_of(own, path), peer):
        message = (
            f"{own} remembers nothing of {peer}. Is it another key that is to forget? Name its file"
            " with --key (a node's is node.pem in its home)."
        )
        raise click.ClickException(message)
    click.echo(f"{own} has forgotten which dialects {peer} speaks")


@wire.group()
def vectors() -> None:
    """Recorded facts about the wire."""


@vectors.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def check(*, folder: Path) -> None:
    """Check each vector file in DIR that has the name and shape of one of PyE2's, or of ours.

    Prints a line a file, and ends with 1 if anything failed.
    """
    from pye2_wire.vectors import check_folder

    failed = False
    for report in check_folder(folder, _further_vectors()):
        failed = failed or bool(report.failures)
        _print_report(report)
    if failed:
        sys.exit(1)


def _further_vectors() -> Mapping[str, Cases]:
    """What knows the files of dialects that may be installed besides PyE2's."""
    try:
        from pye2_native_wire.vectors import FILE, native_cases
    except ImportError:
        return {}
    return {FILE: native_cases}


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


def _read(saved: SavedMessage, reader: Reader) -> Reading:
    reading = reader.read(saved.data)
    return reading if saved.channel is None else reading.heard_on(saved.channel)


def _tell(line: str) -> None:
    from pye2core.printable import printable

    click.echo(printable(line), err=True)


def _writer(names: NameBook, *, as_json: bool) -> Callable[[Reading, datetime | None], None]:
    from pye2_cli.wire import telling
    from pye2_cli.wire.noticing import Hints

    hints = Hints()

    def write_object(reading: Reading, heard_at: datetime | None) -> None:
        click.echo(json.dumps(telling.as_object(reading, heard_at)))

    def write_line(reading: Reading, heard_at: datetime | None) -> None:
        doubtful = "yellow" if reading.remarks else None
        click.secho(
            telling.as_line(hints.shortened(reading), names, heard_at),
            fg="red" if reading.problems else doubtful,
        )

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
