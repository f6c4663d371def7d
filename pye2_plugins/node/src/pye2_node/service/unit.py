"""The text of the unit: what systemd grants a node's service, and what it takes away.

The sandbox that a node puts around the code of others needs namespaces, mounts within them and, for
root, other users: what is taken away here must leave it these, so that the unit and the sandbox are
two fences and not one that fells the other. ``docs/service.md`` says what holds in which.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pye2_node.service.places import HOMES, hidden
from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STATES: Final = Path("/var/lib")
"""Where a system's services keep what is theirs; systemd makes the folders."""

_ROOT: Final = "root"
_CREDENTIAL: Final = "passphrase"
"""What the credential with the key's passphrase is called."""

_CALLS: Final = (
    "@system-service unshare mount umount2 pivot_root keyctl pidfd_open pidfd_send_signal"
    " landlock_create_ruleset landlock_add_rule landlock_restrict_self"
)
"""More than a usual service has: what the sandbox confines its workers with."""

_CAPABILITIES_OF_ROOT: Final = "CAP_SYS_ADMIN CAP_SETUID CAP_SETGID CAP_KILL"
"""Namespaces and mounts; workers that are other users; ending them."""

_PLAIN_PATH: Final = re.compile(r"/[A-Za-z0-9_./+@~,=%-]*")
"""In some lines of a unit a path cannot be quoted, in others it must be."""

_NAMESPACES: Final = "user mnt net ipc pid uts"
_NAMESPACES_OF_ROOT: Final = "mnt net ipc pid uts"


@frozen
class Service:
    """What is to be a service.

    Attributes:
        name: the node's name.
        command: what is started: an interpreter and its arguments.
        home: the node's home.
        account: whom it runs as; None for the user whose own service manager runs it.
        environment_file: a file with secrets as variables.
        is_environment_needed: whether it must be there.
        passphrase: the encrypted credential with the passphrase of the node's key.
        installation: folders that the service must be able to read.
        devices: of the machine, to be granted to instances.
        folders: outside of the home, to be granted to instances for reading.
        folders_rw: likewise, for writing.
        memory: how much all of it may take, as systemd writes it.
        tasks: how many processes and threads all of it may have.
    """

    name: str
    command: Sequence[str]
    home: Path
    account: str | None
    environment_file: Path
    is_environment_needed: bool = True
    passphrase: Path | None = None
    installation: Sequence[Path] = ()
    devices: Sequence[Path] = ()
    folders: Sequence[Path] = ()
    folders_rw: Sequence[Path] = ()
    memory: str = "75%"
    tasks: int = 2048

    @property
    def unit(self) -> str:
        """What the unit is called."""
        return f"pye2-node-{self.name}.service"

    @property
    def is_root(self) -> bool:
        """Whether it runs as root."""
        return self.account == _ROOT


def unit_text(service: Service) -> str:
    """The unit, ready to be written to a file.

    Raises:
        SettingsError: a path has characters that a unit cannot have in it.
    """
    return "\n".join([*_unit(service), "", *_service(service), "", *_install(service), ""])


def _unit(service: Service) -> Iterator[str]:
    yield f"# The pye2 node {service.name}, as `pye2 node install-service` printed it."
    yield "[Unit]"
    yield f"Description=pye2 node {service.name}"
    if service.account is not None:
        yield "Wants=network-online.target"
        # Commands can expire: a machine without a battery for its clock should have the time first.
        yield "After=network-online.target time-sync.target"
    yield "# Nobody watches: it is never given up."
    yield "StartLimitIntervalSec=0"


def _service(service: Service) -> Iterator[str]:
    yield "[Service]"
    yield "Type=exec"
    yield f"ExecStart={' '.join(map(quoted, service.command))}"
    yield "Restart=on-failure"
    yield "RestartSec=10"
    yield "# The node ends its workers itself; what is left after that is killed."
    yield "KillMode=mixed"
    yield "TimeoutStopSec=20"
    yield ""
    yield from _secrets(service)
    yield ""
    yield from _files(service)
    yield ""
    yield from _resources(service)
    yield ""
    yield from _rights(service)


def _secrets(service: Service) -> Iterator[str]:
    yield "# Secrets are never in a unit, which everybody can read: the broker's URL with its"
    yield "# password is PYE2_BROKER=… in this file, of mode 600."
    may_lack = "" if service.is_environment_needed else "-"
    yield f"EnvironmentFile={may_lack}{_path(service.environment_file)}"
    if service.passphrase is not None:
        yield f"LoadCredentialEncrypted={_CREDENTIAL}:{_path(service.passphrase)}"
        yield f"Environment=PYE2_NODE_KEY_PASSPHRASE_FILE=%d/{_CREDENTIAL}"


def _files(service: Service) -> Iterator[str]:
    yield "UMask=0077"
    if service.account is None:
        return
    if not service.is_root:
        yield f"User={service.account}"
        yield "RemoveIPC=yes"
    home, written = service.home, list(service.folders_rw)
    if home != STATES and home.is_relative_to(STATES):
        yield f"StateDirectory={_path(home).removeprefix(f'{STATES}/')}"
        yield "StateDirectoryMode=0700"
    else:
        written.insert(0, home)
    yield f"WorkingDirectory={_path(home)}"
    yield "ProtectSystem=strict"
    yield from _shown_of_homes(service, written)
    yield "PrivateTmp=yes"
    yield from (f"ReadWritePaths={_path(each)}" for each in written if not hidden([each]))


def _shown_of_homes(service: Service, to_write: Sequence[Path]) -> Iterator[str]:
    """Home folders are hidden, but for what the service is made of, reads and writes to."""
    read, written = hidden([*service.installation, *service.folders]), hidden(to_write)
    is_at_home = any(each.is_relative_to(home) for each in (*read, *written) for home in HOMES)
    yield "ProtectHome=tmpfs" if is_at_home else "ProtectHome=yes"
    yield from (f"BindReadOnlyPaths={_path(each)}" for each in read)
    yield from (f"BindPaths={_path(each)}" for each in written)


def _resources(service: Service) -> Iterator[str]:
    yield "# A node leaves the machine to the others on it. Where memory is short, the largest"
    yield "# worker is ended and the node goes on."
    yield f"MemoryMax={service.memory}"
    yield f"TasksMax={service.tasks}"
    yield "OOMPolicy=continue"
    yield "CPUWeight=50"
    yield "IOWeight=50"


def _rights(service: Service) -> Iterator[str]:
    yield "# What the sandbox needs is left: namespaces, mounts within them, Landlock, seccomp."
    yield "NoNewPrivileges=yes"
    yield f"RestrictNamespaces={_NAMESPACES_OF_ROOT if service.is_root else _NAMESPACES}"
    yield "# AF_NETLINK: it asks the kernel which networks there are."
    yield "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK"
    yield f"SystemCallFilter={_CALLS}"
    yield "SystemCallErrorNumber=EPERM"
    yield "SystemCallArchitectures=native"
    yield "LockPersonality=yes"
    yield "MemoryDenyWriteExecute=yes"
    yield "RestrictRealtime=yes"
    yield "RestrictSUIDSGID=yes"
    if service.account is not None:
        yield from _rights_that_a_system_takes(service)


def _rights_that_a_system_takes(service: Service) -> Iterator[str]:
    """What a user's own service manager cannot, or only by means that are in the sandbox's way."""
    yield f"CapabilityBoundingSet={_CAPABILITIES_OF_ROOT if service.is_root else ''}"
    yield "AmbientCapabilities="
    if service.devices:
        yield "DevicePolicy=closed"
        yield from (f"DeviceAllow={_path(each)} rw" for each in service.devices)
    else:
        yield "PrivateDevices=yes"
    yield "ProtectClock=yes"
    yield "ProtectControlGroups=yes"
    yield "ProtectHostname=yes"
    yield "ProtectKernelLogs=yes"
    yield "ProtectKernelModules=yes"
    yield "ProtectKernelTunables=yes"
    yield "ProtectProc=invisible"


def _install(service: Service) -> Iterator[str]:
    yield "[Install]"
    target = "default" if service.account is None else "multi-user"
    yield f"WantedBy={target}.target"


def quoted(argument: str) -> str:
    """An argument of a command as systemd reads it back, whatever is in it."""
    text = argument.replace("\\", r"\\").replace('"', r"\"").replace("%", "%%").replace("$", "$$")
    return text if re.fullmatch(r"[^\s'\";\\]+", argument) else f'"{text}"'


def _path(path: Path) -> str:
    if _PLAIN_PATH.fullmatch(str(path)) is None:
        raise SettingsError(
            f"{str(path)!r} cannot stand in a unit of systemd: choose a path from the root on, of"
            " letters, digits and ._+@~,=%- alone",
            setting="path",
        )
    return str(path).replace("%", "%%")
