"""What is said beside a unit: the steps that make it run, and what its owner should know."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pye2_node.service.places import hidden
from pye2_node.service.unit import STATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2_node.service.unit import Service

_UNITS: Final = Path("/etc/systemd/system")


def what_to_do(service: Service) -> Iterator[str]:
    """The lines that a person reads who has just had the unit printed."""
    yield "Nothing is installed yet. To have it run:"
    steps = _steps_of_a_user(service) if service.account is None else _steps(service)
    for number, step in enumerate(steps, 1):
        yield f"{number}. {step}"
    yield "docs/service.md says what each line of the unit is for."
    yield from _notes(service)


def _steps(service: Service) -> Iterator[str]:
    secrets = shlex.quote(str(service.environment_file))
    folder = shlex.quote(str(service.environment_file.parent))
    home = shlex.quote(str(service.home))
    if not service.is_root:
        yield (
            "an account of its own: sudo useradd --system --no-create-home"
            f" --shell /usr/sbin/nologin {service.account}"
        )
    if service.is_environment_needed:
        yield (
            f"the broker: sudo install -d -m 700 {folder} && sudo install -m 600 /dev/null"
            f" {secrets} && sudoedit {secrets}, with the line PYE2_BROKER=mqtt://…"
        )
    if not service.home.is_relative_to(STATES):
        yield f"the home: sudo install -d -m 700 -o {service.account} {home}"
    yield from _rights_to_what_is_granted(service)
    yield (
        f"the unit: put what was printed into {_UNITS / service.unit}, then sudo systemctl"
        f" daemon-reload && sudo systemctl enable --now {service.unit}"
    )
    yield f"look: journalctl -u {service.unit}"
    yield f"allow somebody: sudo {_allow(service)}"


def _rights_to_what_is_granted(service: Service) -> Iterator[str]:
    uses = {
        "read": service.folders,
        "write to": service.folders_rw,
        "use": service.devices,
    }
    told = [f"{verb} {shlex.quote(str(each))}" for verb, places in uses.items() for each in places]
    if told and service.is_root:
        yield (
            f"what you will grant: see that a group other than root's may {', '.join(told)};"
            " docs/grants.md says why"
        )
    elif told:
        yield (
            f"what you will grant: see that {service.account} may {', '.join(told)}; where a group"
            f" may, sudo usermod -aG GROUP {service.account}"
        )


def _steps_of_a_user(service: Service) -> Iterator[str]:
    if service.is_environment_needed:
        secrets = shlex.quote(str(service.environment_file))
        yield f"the broker: PYE2_BROKER=mqtt://… in {secrets}, chmod 600"
    yield (
        f"the unit: put what was printed into ~/.config/systemd/user/{service.unit}, then"
        f" systemctl --user daemon-reload && systemctl --user enable --now {service.unit}"
    )
    yield "have it run while you are not logged in: loginctl enable-linger"
    yield f"look: journalctl --user -u {service.unit}"
    yield f"allow somebody: {_allow(service)}"


def _allow(service: Service) -> str:
    return shlex.join([*service.command[:4], "allow", "ADDRESS", "--home", str(service.home)])


def _notes(service: Service) -> Iterator[str]:
    lying_open = hidden(service.installation)
    if service.account is not None and lying_open:
        yield (
            f"note: pye2 is installed in {lying_open[0]}. Whoever can write there decides what the"
            " service runs; for a machine of some importance install it where root alone can write"
            " (python3 -m venv /opt/pye2), and print the unit from there."
        )
    if service.is_root:
        yield (
            "note: as root all layers of the sandbox hold, but a defect of the node itself (it"
            " reads what comes from the network) would give away the machine. The default, an"
            " account of its own, is the safer one where seccomp and Landlock hold."
        )
    if service.account is None:
        yield (
            "note: a service of your own manager can read and write all of your files, should the"
            " node itself have a defect. An account of its own is the safer one."
        )
