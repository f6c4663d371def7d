"""Says what the server keeps for sessions that are away, and for how long.

It has no setting for this. By itself it keeps a message until every session has acknowledged it,
and that goes wrong in two ways. Sessions whose client was killed have it keep every payload until
its store is full, and then it cuts off whoever publishes. And while a session is being removed, it
now and then drops a message that others were still to get (nats-server 2.15.1: one of some hundred
removals in a busy network). So the stream in which it keeps MQTT messages keeps them all, up to
limits; what is oldest goes first. It is told so over the server's own protocol. The stream is there
from the first MQTT connection on, which is made here and shows as well that MQTT is answered.
"""

from __future__ import annotations

import json
import socket
from typing import IO, Any, Final

_STREAM = "$MQTT_msgs"
_REPLIES = "_INBOX.pye2"

LIMITS: Final[dict[str, Any]] = {
    "retention": "limits",
    "discard": "old",
    "max_bytes": 2 * 1024**3,
    # Of each topic, so that payloads, of which there are many, crowd out no commands: as long as
    # they have 10 kB or less on average.
    "max_msgs_per_subject": 200_000,
    # In nanoseconds: three days.
    "max_age": 3 * 24 * 3600 * 10**9,
}
"""What is kept for all sessions together, in the server's own words."""

_CONNECT = bytes.fromhex("10 17 0004 4d515454 04 02 000a") + b"\x00\x0bpye2-broker"
_ACCEPTED = bytes.fromhex("20 02 00 00")
_DISCONNECT = bytes.fromhex("e0 00")


class RetentionError(Exception):
    """The server answered something else than what it should have."""


def limit_retention(host: str, mqtt_port: int, own_port: int, timeout: float) -> None:
    """Connect once over MQTT, then limit what is kept.

    Args:
        host: where MQTT is answered.
        mqtt_port: the port there.
        own_port: the port of the server's own protocol, on the loopback interface.
        timeout: seconds that each answer may take.

    Raises:
        OSError: no connection, or no answer in time.
        RetentionError: the server does not do as it is told.
    """
    _greet(host, mqtt_port, timeout)
    with socket.create_connection(("127.0.0.1", own_port), timeout) as connection:
        config = _ask(connection, f"$JS.API.STREAM.INFO.{_STREAM}", b"")["config"]
        wanted = {**config, **LIMITS}
    if wanted != config:
        with socket.create_connection(("127.0.0.1", own_port), timeout) as connection:
            _ask(connection, f"$JS.API.STREAM.UPDATE.{_STREAM}", json.dumps(wanted).encode())


def _greet(host: str, port: int, timeout: float) -> None:
    with socket.create_connection((host, port), timeout) as connection:
        connection.sendall(_CONNECT)
        answer = connection.recv(len(_ACCEPTED))
        if answer != _ACCEPTED:
            raise RetentionError(f"an MQTT connection is answered with {answer.hex()!r}")
        connection.sendall(_DISCONNECT)


def _ask(connection: socket.socket, subject: str, body: bytes) -> dict[str, Any]:
    """Send the one request of this connection and return its answer."""
    request = f'CONNECT {{"verbose":false}}\r\nSUB {_REPLIES} 1\r\nPUB {subject} {_REPLIES} '
    connection.sendall(request.encode() + b"%d\r\n%b\r\n" % (len(body), body))
    with connection.makefile("rb") as lines:
        answer = _read_message(lines)
    if "error" in answer:
        raise RetentionError(f"{subject} is answered with {answer['error']}")
    return answer


def _read_message(lines: IO[bytes]) -> dict[str, Any]:
    for line in lines:
        if line.startswith(b"MSG "):
            answer: dict[str, Any] = json.loads(lines.read(int(line.split()[-1])))
            return answer
        if line.startswith(b"-ERR"):
            raise RetentionError(line.decode(errors="replace").strip())
    raise RetentionError("the server hung up")
