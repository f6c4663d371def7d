"""A node's voice in a process of its own: payloads of 1 KiB, signed, published by paho alone.

Each line on standard input, ``TOPIC COUNT``, has it seal that many new payloads, then publish them
at once at QoS 1. When the broker has taken them all, it answers with the moment of the first.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Self

from benchmarks.echo import connected_client
from pye2_wire.serializer import Pye2Serializer
from pye2core.identity import Identity
from pye2core.messages import InstancePath, PayloadMessage

NUMBER = "NUMBER"
_NODE = "benchmark"
_PATH = InstancePath("pipeline", "SIGNATURE_01", "instance")
_TEXT = "x" * 1024
_LONGEST = 600.0


def sealed_payloads(count: int, identity: Identity) -> list[bytes]:
    """Payloads of 1 KiB that a node sends, numbered from 0."""
    dialect = Pye2Serializer(_NODE)
    fields = ({NUMBER: number, "TEXT": _TEXT} for number in range(count))
    return [dialect.seal(PayloadMessage(_PATH, said), identity) for said in fields]


class Sender:
    """The process, as its owner sees it; it ends with the ``with`` block.

    Args:
        url: the broker's.
    """

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "benchmarks.sender", url]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.terminate()

    def send(self, topic: str, count: int) -> float:
        """Have payloads published; the moment of the first, as ``time.perf_counter`` tells it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{topic} {count}\n")
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def main() -> None:
    """Publish what is asked for until the input ends."""
    identity = Identity.generate()
    client = connected_client(sys.argv[1], "benchmark/nothing", lambda *_: None)
    print("ready", flush=True)
    for line in sys.stdin:
        topic, count = line.split()
        messages = sealed_payloads(int(count), identity)
        start = time.perf_counter()
        published = [client.publish(topic, message, 1) for message in messages]
        published[-1].wait_for_publish(_LONGEST)
        print(start, flush=True)
    client.disconnect()


if __name__ == "__main__":
    main()
