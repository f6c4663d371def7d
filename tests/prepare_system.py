"""Installs mosquitto and RabbitMQ from the system's packages where they are missing and can be had.

The tests that need them start private instances; where one cannot be installed they are left out,
and the test run's summary says which and why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = ("mosquitto", "rabbitmq-server")
"""Each is called like the program that tells whether it is there."""

SERVICES = {
    "mosquitto": ("mosquitto.service",),
    "rabbitmq-server": ("rabbitmq-server.service",),
    "epmd": ("epmd.service", "epmd.socket"),
}
"""What comes with a program and is started for the whole machine; the tests have no use for it."""


def is_there(program: str) -> bool:
    """Whether it is found, also where Debian puts it and ordinary users do not look."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


def apt_get(*arguments: str) -> str | None:
    """Call apt-get; None if that worked, otherwise why not."""
    program = shutil.which("apt-get")
    if program is None:
        return "this system has no apt-get; install it with its own package manager"
    if os.geteuid() != 0:
        return f"only root may install packages; run `sudo apt-get {' '.join(arguments)}`"
    done = subprocess.run(
        [program, *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"},
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode == 0:
        return None
    last = done.stderr.strip().splitlines()[-1:]
    return f"`apt-get {' '.join(arguments)}` failed: {' '.join(last)}"


def install(package: str) -> None:
    """Install one and say if that cannot be done."""
    print(f"{package} is missing; installing it from the system's packages", file=sys.stderr)
    reason = apt_get("install", "--yes", "--no-install-recommends", package)
    if reason:
        print(f"{package} is not installed, its tests will be left out: {reason}", file=sys.stderr)


def stop_services(programs: list[str]) -> None:
    """End what came with programs that are new, and keep it from starting with the machine."""
    units = [unit for program in programs for unit in SERVICES[program]]
    if units and Path("/run/systemd/system").exists():
        subprocess.run(["systemctl", "disable", "--now", *units], check=False)


def main() -> None:
    """Install what is missing and say what could not be."""
    missing = [package for package in PACKAGES if not is_there(package)]
    if not missing:
        return
    absent = [program for program in SERVICES if not is_there(program)]
    apt_get("update")  # where it fails, what is known already may do
    for package in missing:
        install(package)
    stop_services([program for program in absent if is_there(program)])


if __name__ == "__main__":
    main()
