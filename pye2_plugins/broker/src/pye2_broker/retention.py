"""Bounds what the server keeps for sessions that are away.

It has no setting for this: sessions whose client was killed would have it keep every payload until
its store is full, and then it cuts off whoever publishes. So the stream in which it keeps MQTT
messages is given limits, over its own protocol; what is oldest goes first. The stream is there from
the first MQTT connection on, which is made here and shows as well that MQTT is answered.
"""

from __future__ import annotations

import json
import socket
from typing import IO, Any

_STREAM = "$MQTT_msgs"
_REPLIES = "_INBOX.pye2"

MOST_BYTES = 2 * 1024 * 1024 * 1024
"""What is kept for all sessions together."""

LONGEST = 3 * 24 * 3600
"""Seconds for which a message is kept."""

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
        limits = {"max_bytes": MOST_BYTES, "max_age": LONGEST * 10**9, "discard": "old"}
        wanted = {**config, **limits}
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
