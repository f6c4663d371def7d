"""Installs mosquitto from the system's packages where it is missing and that is possible.

The tests that need it start private instances of it; where it cannot be installed they are left
out, and the test run's summary says which and why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def mosquitto_is_there() -> bool:
    """Whether the program is found, also where Debian puts it and ordinary users do not look."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


def install_mosquitto() -> str | None:
    """Install it; None if that worked, otherwise why not."""
    apt = shutil.which("apt-get")
    if apt is None:
        return "this system has no apt-get; install mosquitto with its own package manager"
    if os.geteuid() != 0:
        return "only root may install packages; run `sudo apt-get install mosquitto`"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "mosquitto"]):
        done = subprocess.run([apt, *arguments], env=environment, check=False, **quiet)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:]
            return f"`apt-get {arguments[0]}` failed: {' '.join(last)}"
    return None


def main() -> None:
    """Install what is missing and say what could not be."""
    if mosquitto_is_there():
        return
    print("mosquitto is missing; installing it from the system's packages", file=sys.stderr)
    reason = install_mosquitto()
    if reason:
        print(f"mosquitto is not installed, its tests will be left out: {reason}", file=sys.stderr)


if __name__ == "__main__":
    main()
