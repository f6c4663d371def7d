"""``pye2 call`` and ``pye2 map``: a function of a module of yours, run on nodes.

What the function prints goes to standard error, so that standard output holds values alone.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from pye2_cli.options import takes_broker, takes_root_topic
from pye2core import Pye2Error, Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

_PARTS_OF_A_NAME: Final = 2
_NEGATIVE: Final = re.compile(r"-\.?\d")
_NAMED: Final = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)

takes_timeout = click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds for each call."
)
takes_needs = click.option(
    "--need",
    "needs",
    metavar="LABEL=VALUE",
    multiple=True,
    help="A label that the node must have, as in gpu=1, or memory=2GiB; may be repeated.",
)


# \b keeps click from making one paragraph of the lines.
_CALL_EXAMPLES: Final = """\b
  pye2 call shapes:area 3 4.5 --node attic
  pye2 call shapes:area width=3 height=4.5
  pye2 call shapes:area --timeout 60 -- -3 4.5    # negative numbers: after --
"""
_MAP_EXAMPLES: Final = """\b
  pye2 map shapes:area sizes.jsonl --spread -o areas.jsonl
  seq 9 | pye2 map shapes:area - --node attic --node cellar
"""


class _TakesNumbers(click.Command):
    """A command that says where negative numbers stand, as they read like options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As every command's.

        Raises:
            click.UsageError: an option is not known, and may be meant as a number.
        """
        typed = tuple(args)  # what is read is taken out of the list
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            number = next((each for each in typed if _NEGATIVE.match(each)), None)
            if number is None or not number.startswith(error.option_name):
                raise
            message = (
                f"{number} reads as an option: negative numbers stand behind --, and options before"
                f" that, as in `pye2 call shapes:area --timeout 60 -- {number}`"
            )
            raise click.UsageError(message, ctx) from None


@click.command(cls=_TakesNumbers, epilog=_CALL_EXAMPLES)
@click.argument("function", metavar="MODULE:FUNCTION")
@click.argument("arguments", nargs=-1, metavar="[ARGUMENTS]...")
@click.option("--node", help="The node, by name or address; the least busy one otherwise.")
@takes_timeout
@takes_needs
@takes_broker
@takes_root_topic
@click.option("--json", "as_json", is_flag=True, help="The value as one line of JSON.")
def call(
    *,
    function: str,
    arguments: tuple[str, ...],
    node: str | None,
    timeout: float | None,
    needs: tuple[str, ...],
    broker: str | None,
    root_topic: str | None,
    as_json: bool,
) -> None:
    """Run a function on a node and print its value.

    MODULE is looked for in the current folder, too. Each of the ARGUMENTS is JSON where it can be
    read as that, and text otherwise; NAME=VALUE gives one by name. The value is printed as JSON
    where it can be, a text as it is, all else as Python shows it. What a generator yields is
    printed as it comes. What the function prints goes to standard error.
    """
    called = _function(function)
    args, kwargs = _read_arguments(arguments)
    options = _options(timeout, needs)
    with Session(broker=broker, root_topic=root_topic, silent=True) as session:
        outcome = session.submit(called, *args, node=node, **kwargs, **options)
        is_stream = isinstance(outcome, Iterator)
        try:
            with _telling_what_it_raises():
                values = outcome if is_stream else [outcome.result()]
                for value in values:
                    click.echo(_told(value, as_json=as_json))
        except KeyboardInterrupt:
            end = outcome.close if is_stream else outcome.cancel
            end()
            raise


@click.command(name="map", epilog=_MAP_EXAMPLES)
@click.argument("function", metavar="MODULE:FUNCTION")
@click.argument("file", type=click.File(encoding="utf-8-sig"), metavar="FILE.jsonl")
@click.option("--nodes", type=click.IntRange(min=1), help="How many nodes to use; all otherwise.")
@click.option(
    "--node",
    "names",
    multiple=True,
    metavar="NODE",
    help="A node to use, by name or address; may be repeated.",
)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Where to.")
@click.option(
    "--spread", is_flag=True, help="Each line is a list of arguments, all of the same length."
)
@click.option("--keep-going", is_flag=True, help='Print {"error": …} for a call that fails.')
@takes_timeout
@takes_needs
@takes_broker
@takes_root_topic
def map_(
    *,
    function: str,
    file: IO[str],
    nodes: int | None,
    names: tuple[str, ...],
    output: Path | None,
    spread: bool,
    keep_going: bool,
    timeout: float | None,
    needs: tuple[str, ...],
    broker: str | None,
    root_topic: str | None,
) -> None:
    """Run a function on nodes for each line of a file, and print the values in that order.

    FILE.jsonl holds one JSON value a line, `-` stands for standard input. So does the output, in
    which what JSON does not have is a text as Python shows it. It ends with the first call that
    fails, unless it is to keep going.
    """
    if nodes is not None and names:
        raise click.UsageError("--nodes says how many nodes to use, --node which: give one of them")
    called = _function(function)
    lines = _read_lines(file)
    iterables = _transposed(lines) if spread else [lines.values()]
    shows_bar = sys.stderr.isatty() and (output is not None or not sys.stdout.isatty())
    with (
        _writing_to(output) as out,
        Session(broker=broker, root_topic=root_topic, silent=True) as session,
    ):
        ends = session.map_calls(
            called, *iterables, nodes=names or nodes, progress=shows_bar, **_options(timeout, needs)
        )
        for number, future in zip(lines, ends, strict=True):
            error = future.exception() if keep_going else None
            with _telling_the_line(number, file.name), _telling_what_it_raises():
                value = {"error": _error_line(error)} if error else future.result()
            out.write(_told(value, as_json=True) + "\n")
            out.flush()


def _function(name: str) -> Callable[..., Any]:
    parts = name.split(":")
    if len(parts) != _PARTS_OF_A_NAME or not all(parts):
        message = f"{name!r} is not MODULE:FUNCTION, as in shapes:area"
        raise click.BadParameter(message, param_hint="MODULE:FUNCTION")
    module, attribute = parts
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        message = f"there is no module {error.name!r} here ({Path.cwd()})"
        raise click.BadParameter(message, param_hint="MODULE:FUNCTION") from None
    try:
        for each in attribute.split("."):
            found = getattr(found, each)
    except AttributeError:
        message = f"the module {module} has no {attribute!r}"
        raise click.BadParameter(message, param_hint="MODULE:FUNCTION") from None
    if not callable(found):
        message = f"{name} is no function"
        raise click.BadParameter(message, param_hint="MODULE:FUNCTION")
    called: Callable[..., Any] = found
    return called


def _options(timeout: float | None, needs: tuple[str, ...]) -> dict[str, Any]:
    """How the function is to be called, as ``Session.submit`` takes it."""
    options: dict[str, Any] = {"on_output": lambda text: click.echo(text, nl=False, err=True)}
    if timeout is not None:
        options["timeout"] = timeout
    if needs:
        pairs = [each.partition("=") for each in needs]
        for label, sign, _ in pairs:
            if not label or not sign:
                raise click.BadParameter(f"{label!r} is not LABEL=VALUE", param_hint="--need")
        options["needs"] = {label: value for label, _, value in pairs}
    return options


def _read_arguments(texts: tuple[str, ...]) -> tuple[list[Any], dict[str, Any]]:
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for text in texts:
        named = _NAMED.fullmatch(text)
        if named is not None:
            kwargs[named[1]] = _read(named[2])
        else:
            args.append(_read(text))
    return args, kwargs


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_lines(file: IO[str]) -> dict[int, Any]:
    """What its lines say, by their numbers; those that say nothing are left out."""
    try:
        return {n: _read_line(text, n) for n, text in enumerate(file, 1) if text.strip()}
    except UnicodeDecodeError as error:
        message = f"it is no text in UTF-8: {error}"
        raise click.BadParameter(message, param_hint="FILE.jsonl") from None


def _read_line(text: str, number: int) -> Any:
    try:
        return json.loads(text.rstrip())
    except json.JSONDecodeError as error:
        # Its own text counts lines, too, and of this one alone.
        message = f"line {number} is not JSON: {error.msg}, at character {error.pos + 1}"
        raise click.BadParameter(message, param_hint="FILE.jsonl") from None


def _transposed(lines: dict[int, Any]) -> list[list[Any]]:
    """For each parameter, its arguments in all calls."""
    first: list[Any] = next(iter(lines.values()), [])
    for number, line in lines.items():
        if not isinstance(line, list) or len(line) != len(first):
            message = f"line {number} is not a list as long as the first; --spread needs that"
            raise click.BadParameter(message, param_hint="FILE.jsonl")
    return [list(each) for each in zip(*lines.values(), strict=True)]


def _writing_to(output: Path | None) -> AbstractContextManager[IO[str]]:
    """A file to write to, or standard output, which is left open."""
    try:
        return click.open_file(str(output or "-"), "w", encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(output), hint=error.strerror) from None


def _told(value: object, *, as_json: bool) -> str:
    """A value as a line: text as it is, what JSON knows as JSON, all else as Python shows it."""
    if isinstance(value, str) and not as_json:
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        if as_json:
            return json.dumps(repr(value), ensure_ascii=False)
        return repr(value)


@contextmanager
def _telling_the_line(number: int, file: str) -> Iterator[None]:
    """Say for which line of a file a call failed."""
    try:
        yield
    except click.ClickException as error:
        raise click.ClickException(f"line {number} of {file}: {error.message}") from error
    except Pye2Error as error:
        raise click.ClickException(f"line {number} of {file}: {error}") from error


@contextmanager
def _telling_what_it_raises() -> Iterator[None]:
    """Show where on the node the function raised, and not where it was waited for here."""
    try:
        yield
    except Exception as error:
        there = getattr(error.__cause__, "text", None)
        if there is None:
            raise
        raise click.ClickException(f"the function raised, on the node:\n{there}") from error


def _error_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
