"""What people and programs see of the doctor."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import click

from pye2_cli.cells import cell
from pye2core.plugins import PluginState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from pye2_cli.doctor.findings import Finding

_TROUBLED = "trouble"
"""What is said instead of "loaded" where something is wrong all the same."""

_COLOURS = {
    PluginState.LOADED.value: "green",
    PluginState.DISABLED.value: "yellow",
    PluginState.BROKEN.value: "red",
    _TROUBLED: "red",
}
_INDENT = 10

SECONDS = 30.0
"""How long one step of one plugin may take."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One line a plugin, for programs.")
@click.option(
    "--timeout",
    default=SECONDS,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds that one step of one plugin may take.",
)
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool, timeout: float) -> None:
    """Try all that is installed, and say what is wrong and what to do.

    Plugins are loaded, and all that they offer is imported, in a process of its own. The exit code
    is 1 if anything is wrong; what PYE2_DISABLE_PLUGINS switches off is not.
    """
    from pye2_cli.doctor.examination import examine

    findings = examine(timeout)
    if as_json:
        for finding in findings:
            click.echo(json.dumps(finding.as_object()))
    else:
        _print(findings)
    if not findings or not all(finding.ok for finding in findings):
        ctx.exit(1)


def _print(findings: list[Finding]) -> None:
    from rich.console import Console

    console = Console()
    for finding in findings:
        _print_one(finding, console)
    if not findings:
        console.print("No plugin is installed; `pip install pye2-suite` brings the usual ones.")
        return
    counts = Counter(_state(finding) for finding in findings)
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    console.print(f"{len(findings)} plugins: {told}.", highlight=False)


def _state(finding: Finding) -> str:
    return finding.state if not finding.problems or finding.error else _TROUBLED


def _print_one(finding: Finding, console: Console) -> None:
    state = _state(finding)
    origin = cell(f"  {finding.name}, from {finding.distribution} {finding.version}")
    console.print(cell(f"{state:{_INDENT - 2}}", _COLOURS.get(state, "")) + origin)
    for told in _lines(finding):
        for line in cell(told).wrap(console, console.width - _INDENT):
            console.print(cell(" " * _INDENT) + line)


def _lines(finding: Finding) -> Iterator[str]:
    """What is wrong with it, and beneath each what to do."""
    if finding.error:
        yield f"{finding.phase}: {finding.error}"
    if finding.advice:
        yield f"→ {finding.advice}"
    for problem in finding.problems:
        yield f"{problem.subject}: {problem.error}"
        yield f"→ {problem.advice}"
