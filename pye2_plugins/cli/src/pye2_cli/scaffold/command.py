"""``pye2 plugins new``: what is typed, and what is told when it is done.

You are at the scaffold's edge, where click is.
"""

from __future__ import annotations

from pathlib import Path

import click

from pye2_cli.scaffold.kinds import KINDS
from pye2core import installed_plugins


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where the new folder is made; this folder unless given.",
)
def new(kind: str, name: str, into: Path) -> None:
    """Begin a plugin: write a distribution whose tests pass.

    It is called pye2-NAME and has an example that works, to be replaced piece by piece, and the
    contract's tests, which say what is broken meanwhile.
    """
    from pye2_cli.scaffold.naming import names_from, require_free
    from pye2_cli.scaffold.writing import texts_of, write

    names = names_from(name)
    require_free(names, KINDS[kind], installed_plugins())
    folder = into / names.distribution
    texts = texts_of(KINDS[kind], names)
    write(folder, texts)
    click.echo(f"Written: {folder} ({len(texts)} files), the {kind} {KINDS[kind].offer(names)}")
    click.echo("Next:")
    click.echo(f"  cd {folder}")
    click.echo("  pip install --editable '.[dev]'")
    click.echo("  pytest")
    click.echo(
        "(While pye2 is on no package index: `uv build --all-packages --wheel -o dist` in its"
        " checkout, and `pip install --find-links CHECKOUT/dist …` here.)"
    )
