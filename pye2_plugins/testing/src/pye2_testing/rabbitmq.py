"""Runs the real RabbitMQ, privately, for tests.

Erlang wants a name server beside the broker (epmd): each instance has one, on a port of its own.
Nothing here needs pytest; ``fixtures`` makes it a fixture.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import signal
import subprocess
from typing import TYPE_CHECKING, Final

from pye2_testing import child
from pye2_testing.child import Child, free_port
from pye2_testing.private_server import PrivateServer, ServerFailed
from pye2core.settings import BrokerAddress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_READY: Final = b"completed with"
_NAMES_READY: Final = b"entering the main select() loop"
"""It says that it is running before it knows whether the port is free."""

_NAMES_TAKEN: Final = "already a epmd running"
_UNWRAPPED: Final = "/usr/lib/rabbitmq/bin"
"""Where Debian has the script that does not become another user."""


class RabbitMqFailed(ServerFailed):
    """RabbitMQ is not installed, or did not start; ``output`` is what it said."""


def find_program(name: str = "rabbitmq-server") -> str | None:
    """The path of RabbitMQ's program, or of another one that comes with it or with Erlang."""
    return child.find_program(name, _UNWRAPPED)


def _required(name: str) -> str:
    program = find_program(name)
    if program is None:
        raise RabbitMqFailed(f"{name} is not installed: `apt-get install rabbitmq-server`.")
    return program


class RabbitMq(PrivateServer):
    """A RabbitMQ on 127.0.0.1, on a port that was free.

    Args:
        folder: its configuration and data; made if it is missing.
        user: who may connect.
        password: that user's.
        vhosts: its virtual hosts, which that user may use.
        options: further lines of its configuration file.

    Example:
        ::

            with RabbitMq(tmp_path) as rabbitmq:
                session = Session(rabbitmq.url)
    """

    title = "RabbitMQ"
    failed = RabbitMqFailed
    says_taken = ("eaddrinuse", "in_use", _NAMES_TAKEN)
    answer_timeout = 60.0
    end_timeout = 20.0
    goodbye = (signal.SIGTERM, signal.SIGKILL)

    def __init__(
        self,
        folder: Path,
        *,
        user: str = "guest",
        password: str = "guest",  # noqa: S107 - RabbitMQ's own default
        vhosts: Sequence[str] = ("/",),
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(folder, options)
        self.user = user
        self.password = password
        self._vhosts = tuple(vhosts)
        self._names: Child | None = None
        self._environment: dict[str, str] = {}

    @property
    def address(self) -> BrokerAddress:
        """Where it is reached, with user and password."""
        return BrokerAddress("amqp", "127.0.0.1", self.port, self.user, self.password)

    @property
    def url(self) -> str:
        """Where it is reached, with user and password."""
        return self.address.secret_url

    def control(self, *arguments: str) -> str:
        """Call ``rabbitmqctl`` for it; what that says.

        Raises:
            RabbitMqFailed: the program is missing, or it refuses.
        """
        program = _required("rabbitmqctl")
        done = subprocess.run(  # noqa: S603 - the system's own program
            [program, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            output = done.stdout + done.stderr
            raise RabbitMqFailed(f"rabbitmqctl {' '.join(arguments)}:\n{output}", output=output)
        return done.stdout

    def _prepare(self) -> None:
        _required("rabbitmq-server")  # before there is a name server that nobody would end
        super()._prepare()
        self._write("enabled_plugins", "[].\n")
        self._write("definitions.json", json.dumps(self._definitions()))

    def _try(self, port: int) -> str | None:
        self._environment = self._make_environment(port)
        output = self._start_names()
        if output is not None:
            return output
        output = super()._try(port)
        if output is not None:
            self._end_names()
        return output

    def _launch(self, port: int) -> Child:
        self._write("rabbitmq.conf", "\n".join(self._configuration(port)) + "\n")
        return Child(
            [_required("rabbitmq-server")],
            lambda line: _READY in line,
            environment=self._environment,
            folder=self.folder,
        )

    def _start_names(self) -> str | None:
        """Start Erlang's name server, which RabbitMQ would otherwise start and leave behind."""
        names = Child(
            [_required("epmd"), "-d", "-d", "-address", "127.0.0.1"],
            lambda line: _NAMES_READY in line,
            environment=self._environment,
        )
        output = names.failure(self.answer_timeout)
        if output is None:
            self._names = names
        return output

    def _configuration(self, port: int) -> list[str]:
        return [
            f"listeners.tcp.1 = 127.0.0.1:{port}",
            f"load_definitions = {self.folder / 'definitions.json'}",
            "log.console = true",
            "log.console.level = warning",
            "log.file = false",
            "disk_free_limit.absolute = 1MB",
            *self._options,
        ]

    def _make_environment(self, port: int) -> dict[str, str]:
        # Nothing of ours, or a setting for another RabbitMQ of this machine would reach this one.
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),  # where Erlang keeps its cookie
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(free_port()),
            "RABBITMQ_NODENAME": f"pye2-{port}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_LOG": "-color",
            "RUNNING_UNDER_SYSTEMD": "true",  # or a shell script stands between us and the broker
        }

    def _definitions(self) -> dict[str, object]:
        """Who may connect and what there is, as RabbitMQ reads it at its start."""
        salt = secrets.token_bytes(4)
        digest = hashlib.sha256(salt + self.password.encode()).digest()
        permission = {"user": self.user, "configure": ".*", "write": ".*", "read": ".*"}
        return {
            "users": [
                {
                    "name": self.user,
                    "password_hash": base64.b64encode(salt + digest).decode(),
                    "hashing_algorithm": "rabbit_password_hashing_sha256",
                    "tags": "administrator",
                }
            ],
            "vhosts": [{"name": name} for name in self._vhosts],
            "permissions": [{**permission, "vhost": name} for name in self._vhosts],
        }

    def _end(self, signals: Sequence[signal.Signals]) -> None:
        super()._end(signals)
        self._end_names()

    def _end_names(self) -> None:
        ended, self._names = self._names, None
        if ended is not None:
            ended.end([signal.SIGKILL])
