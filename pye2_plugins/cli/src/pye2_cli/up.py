"""``pye2 up``: a broker and several nodes on this machine, until they are told to stop."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pye2_cli.fleet import Fleet, check_broker
from pye2_cli.keys.places import client_passphrases
from pye2_cli.options import takes_root_topic
from pye2core.identity import load_or_create_key
from pye2core.settings import DEFAULT_ROOT, client_key_path, client_settings, parse_broker_url

if TYPE_CHECKING:
    from pye2core.settings import ClientSettings


@click.command()
@click.option("--nodes", "size", type=click.IntRange(1, 64), default=3, show_default=True)
@click.option("--broker", "broker_url", help="An existing broker; without it one is started.")
@takes_root_topic
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("_local_cache/nodes"),
    show_default=True,
    help="The folder for the nodes' homes; their keys and addresses stay there.",
)
@click.option(
    "--allow", multiple=True, metavar="ADDRESS", help="Whose commands the nodes take too."
)
@click.option(
    "--may-delegate",
    is_flag=True,
    help="The nodes also take each other's work for clients that sign no delegation: PyE2's, whose"
    " distributed jobs need it. Whoever may use one node can then use all of them.",
)
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the EE_* lines for a client to this file instead of printing them; its other"
    " lines stay.",
)
@click.option("--json", "as_json", is_flag=True, help="One line when all is ready, for programs.")
def up(
    *,
    size: int,
    broker_url: str | None,
    root_topic: str | None,
    home: Path,
    allow: tuple[str, ...],
    may_delegate: bool,
    env_file: Path | None,
    as_json: bool,
) -> None:
    """Run a broker and several nodes until Ctrl-C or SIGTERM.

    The nodes take commands from the client key of this folder, and from whom --allow names; work
    that one of them brings for those as well.
    """
    check_broker(broker_url)
    client = load_or_create_key(client_key_path(), client_passphrases()).address
    stop = _until_told_to_stop()
    with Fleet(
        home, size, broker_url, (client, *allow), root_topic, may_delegate=may_delegate
    ) as fleet:
        environment = environment_lines(client_settings(broker=fleet.url, root_topic=root_topic))
        if env_file is not None:
            write_settings(env_file, environment)
        if as_json:
            click.echo(json.dumps(_as_object(fleet)))
        else:
            _tell(fleet, client, environment, env_file)
        stop.wait()


def _until_told_to_stop() -> threading.Event:
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    return told


def _as_object(fleet: Fleet) -> dict[str, object]:
    nodes = [{"name": node.name, "address": node.address} for node in fleet.nodes]
    return {"broker": fleet.url, "nodes": nodes}


def environment_lines(settings: ClientSettings) -> str:
    """The lines of a ``.env`` file by which a client, PyE2's too, finds this network.

    PyE2 does not start without a user name and password; a broker that asks for none ignores them.
    """
    broker = settings.broker
    secured = broker.tls is not None
    lines = {
        "EE_HOSTNAME": broker.host,
        "EE_PORT": str(broker.port or (8883 if secured else 1883)),
        "EE_USERNAME": broker.user or "pye2",
        "EE_PASSWORD": broker.password or "pye2",
        "EE_SECURED": str(secured).lower(),
    }
    if settings.root_topic != DEFAULT_ROOT:
        lines["PYE2_ROOT_TOPIC"] = settings.root_topic
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def write_settings(path: Path, text: str) -> None:
    """Set these lines in a ``.env`` file, whose other lines stay; it may hold a password now."""
    ours = {_name_in(line) for line in text.splitlines()}
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = [line for line in before.splitlines() if _name_in(line) not in ours]
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text("".join(f"{line}\n" for line in kept) + text, encoding="utf-8")


def _name_in(line: str) -> str:
    """The variable that a line of a ``.env`` file sets."""
    return line.partition("=")[0].strip().removeprefix("export ").strip().upper()


def _tell(fleet: Fleet, client: str, environment: str, env_file: Path | None) -> None:
    click.echo(f"broker   {parse_broker_url(fleet.url).url}")
    for node in fleet.nodes:
        click.echo(f"node     {node.name}  {node.address}")
    click.echo(f"client   {client} (the key of this folder) is allowed on all of them")
    if env_file is None:
        click.echo("\nfor a client's .env file:\n" + environment)
    else:
        click.echo(f"\na client's settings are in {env_file}")
    click.echo("Ctrl-C stops them all.")
