"""``pye2 node doctor``: what stands between this machine and what others send.

On the command line's side of the node. It starts the sandbox as a node would, has every layer
tried, and says of each one that does not hold what its owner can do about it. It also looks at the
clock, by which commands expire.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Final

import click
from attrs import asdict, frozen

from pye2_node.doctor_grants import as_object, can_confine, in_words
from pye2_node.node_clock import clock_trouble
from pye2_node.sandbox.layers.names import ALL_LAYERS, ONE_IS_A_MUST, Layer
from pye2core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WHAT_TO_DO: Final[Mapping[Layer, str]] = {
    Layer.NAMESPACES: (
        "run the node as root, or let ordinary users have user namespaces: sysctl "
        "user.max_user_namespaces above 0; on Ubuntu kernel.apparmor_restrict_unprivileged_userns"
        "=0, on older Debians kernel.unprivileged_userns_clone=1"
    ),
    Layer.UID: "run the node as root, and each instance becomes a user that owns nothing",
    Layer.RLIMITS: "look into the limits that this process was started with: `ulimit -a`",
    Layer.LANDLOCK: (
        "use a kernel of 5.13 or later with Landlock; where it is built in but not on, add "
        "lsm=landlock,… to its command line (/boot/firmware/cmdline.txt on a Raspberry Pi)"
    ),
    Layer.SECCOMP: (
        "use a kernel with CONFIG_SECCOMP_FILTER, and a 64-bit Python on x86-64 or aarch64"
    ),
}


@frozen
class LayerFinding:
    """What was found of one layer.

    Attributes:
        layer: its name.
        holds: whether it does on this machine, for this user.
        why: why it does not.
        what_to_do: what the owner can do about it.
    """

    layer: str
    holds: bool
    why: str | None = None
    what_to_do: str | None = None


def examine_sandbox() -> list[LayerFinding]:
    """Start a sandbox and have every layer tried.

    Raises:
        NodeError: it could not be started at all; says why.
    """
    missing = asyncio.run(_missing_layers())
    return [_finding(layer, missing.get(layer)) for layer in sorted(ALL_LAYERS - {Layer.CHECK})]


async def _missing_layers() -> Mapping[str, str]:
    from pye2_node.sandbox import SandboxPool

    pool = SandboxPool()
    try:
        await pool.start()
        report = pool.report()
    finally:
        await pool.stop()
    assert report is not None, "a zygote has started"
    return report.missing


def _finding(layer: Layer, why: str | None) -> LayerFinding:
    if why is None:
        return LayerFinding(layer.value, holds=True)
    return LayerFinding(layer.value, holds=False, why=why, what_to_do=_WHAT_TO_DO[layer])


def show_examination(home: Path, *, as_json: bool) -> bool:
    """Examine the sandbox and print what was found.

    Args:
        home: the home of the node whose grants are looked at, and whose last run the clock is
            compared with.
        as_json: print one object for programs.

    Returns:
        Whether nodes on this machine run code of others.

    Raises:
        NodeError: see :func:`examine_sandbox`; or the node's white list cannot be read.
    """
    findings = examine_sandbox()
    holding = {finding.layer for finding in findings if finding.holds}
    is_enough = not holding.isdisjoint(ONE_IS_A_MUST)
    trouble = clock_trouble(SYSTEM_CLOCK.now(), home)
    if as_json:
        layers = [asdict(finding) for finding in findings]
        said = {
            "runs_custom_code": is_enough,
            "layers": layers,
            "clock_trouble": trouble,
            "grants": as_object(home, is_confined=can_confine(holding)),
        }
        click.echo(json.dumps(said))
    else:
        _print(findings, is_enough=is_enough)
        if is_enough:
            click.echo("\n".join(in_words(home, is_confined=can_confine(holding))))
        if trouble is not None:
            click.echo(f"But {trouble}.")
        if (owner := _other_owner_of(home)) is not None:
            click.echo(
                f"This was tried as root, and {home} is {owner}'s: `sudo -u {owner}` before this"
                " command says what holds for a node of that account."
            )
    return is_enough


def _other_owner_of(home: Path) -> str | None:
    """Whose a home is, where root looks at that of another account."""
    if os.geteuid() != 0 or not home.exists() or home.stat().st_uid == 0:
        return None
    try:
        return home.owner()
    except KeyError:  # an account that has no name on this machine
        return f"#{home.stat().st_uid}"


def _print(findings: list[LayerFinding], *, is_enough: bool) -> None:
    for finding in findings:
        click.echo(f"{finding.layer:<12}{'holds' if finding.holds else f'missing: {finding.why}'}")
        if finding.what_to_do is not None:
            click.echo(f"{'':<12}→ {finding.what_to_do}")
    click.echo()
    if not is_enough:
        click.echo("Nodes on this machine refuse code of others: it takes landlock or seccomp.")
        click.echo("With --unsafe they run it, and it can do whatever the node's user can.")
    elif all(finding.holds for finding in findings):
        click.echo("Code of others runs here behind every layer.")
    else:
        click.echo("Code of others runs here behind those layers that hold.")
