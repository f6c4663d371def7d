"""A node of ours as a process of its own, for tests that stop, kill or start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from attrs import define, field

from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from pathlib import Path


@define
class NodeProcess:
    """One node of ours as a process of its own, which is quiet unless asked."""

    url: str
    home: Path
    name: str
    allow: tuple[str, ...]
    options: tuple[str, ...] = ("--heartbeat-interval", "30")
    log: int | None = None
    """Where its log goes; None for where ours does, ``subprocess.PIPE`` for ``process.stderr``."""
    environment: dict[str, str] = field(factory=dict)
    process: subprocess.Popen[str] = field(init=False)
    address: str = field(init=False)

    def __enter__(self) -> Self:
        self.address = load_or_create_key(self.home / "node.pem").address
        command = [sys.executable, "-m", "pye2_node", "--name", self.name]
        command += ["--home", str(self.home), "--json", "--parent-death"]
        for address in self.allow:
            command += ["--allow", address]
        command += self.options
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYE2_BROKER": self.url, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.wait_until_ready()
        return self

    def kill(self) -> None:
        """End it as a power cut does; to be entered again."""
        self.process.kill()
        self.process.communicate(timeout=30)

    def allow_too(self, address: str, *options: str) -> None:
        """Have its owner let somebody else use it."""
        command = [sys.executable, "-m", "pye2_node", "allow", address, "--home", str(self.home)]
        command += options
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def wait_until_ready(self) -> None:
        """Read on until it says that it takes commands."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if json.loads(line).get("event") == "ready":
                return
        raise AssertionError("the node ended before it was ready")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=30)
