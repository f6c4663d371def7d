"""Two receivers of the same payloads: paho's bare callback, and a session's that verifies."""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from benchmarks.echo import connected_client
from benchmarks.sender import NUMBER
from pye2core import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paho.mqtt.client import MQTTMessage

    from pye2core import Payload

RAW_TOPIC = "raw/payloads"
CLIENT_TOPIC = "naeural/payloads"


@define(eq=False)
class Arrivals:
    """Counts what arrives, each message once.

    Attributes:
        topic: where what is counted here is published.
        count: how many have arrived since :meth:`expect`.
    """

    topic: str
    count: int = 0
    _expected: int = 0
    _last: float = 0.0
    _complete: threading.Event = field(factory=threading.Event)

    def expect(self, count: int) -> None:
        """Begin anew; complete with so many."""
        self.count = 0
        self._expected = count
        self._complete.clear()

    def note(self) -> None:
        """One has arrived."""
        now = time.perf_counter()
        self.count += 1
        if self.count == self._expected:
            self._last = now
            self._complete.set()

    def wait(self, timeout: float) -> bool:
        """Wait for the last; whether it came."""
        return self._complete.wait(timeout)

    def complete_at(self, timeout: float) -> float:
        """Wait for the last; when it came, as ``time.perf_counter`` tells it.

        Raises:
            TimeoutError: some are missing.
        """
        if not self.wait(timeout):
            message = f"{self._expected - self.count} of {self._expected} did not arrive"
            raise TimeoutError(message)
        return self._last


@contextmanager
def raw_arrivals(url: str) -> Iterator[Arrivals]:
    """What paho's callback is given at QoS 1, unread."""
    arrivals = Arrivals(RAW_TOPIC)

    def on_message(_client: object, _data: object, message: MQTTMessage) -> None:
        if not message.dup:
            arrivals.note()

    client = connected_client(url, RAW_TOPIC, on_message)
    yield arrivals
    client.disconnect()
    client.loop_stop()


@contextmanager
def client_arrivals(url: str) -> Iterator[Arrivals]:
    """What a session's ``on_payload`` is given; one that is not verified is an error."""
    arrivals = Arrivals(CLIENT_TOPIC)

    def on_payload(_session: Session, _node: str, *rest: Any) -> None:
        payload: Payload = rest[-1]
        if payload.verified and NUMBER in payload:
            arrivals.note()

    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "client.pem"
        with Session(broker=url, key_file=key, silent=True, on_payload=on_payload):
            yield arrivals
