"""What a client adds to the wire: message to callback, payloads in numbers, deploy() confirmed."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import hashing
from benchmarks.deploy import echo_times, one
from benchmarks.receivers import client_arrivals, raw_arrivals
from benchmarks.sender import Sender, sealed_payloads
from benchmarks.table import Row, medians_in_turn, progress, typical_pair
from pye2_broker import EmbeddedBroker
from pye2_cli.fleet import Fleet
from pye2_wire.sealed import parse
from pye2core import Session
from pye2core.identity import Identity, load_or_create_key

if TYPE_CHECKING:
    from benchmarks.receivers import Arrivals

SINGLE = 100
"""Messages of a run that come one by one."""

AT_ONCE = 5_000

DEPLOYS = 50
CONFIRMED_MS = 12.0
_TIMEOUT = 120.0


def callback_ms(sender: Sender, arrivals: Arrivals) -> float:
    """From publishing one payload to its callback: the median of a run."""
    times = []
    for _ in range(SINGLE):
        arrivals.expect(1)
        start = sender.send(arrivals.topic, 1)
        times.append(arrivals.complete_at(_TIMEOUT) - start)
    return statistics.median(times) * 1000


def rate(sender: Sender, arrivals: Arrivals) -> float:
    """Payloads a second, from publishing the first of many to the last one's callback."""
    arrivals.expect(AT_ONCE)
    start = sender.send(arrivals.topic, AT_ONCE)
    return AT_ONCE / (arrivals.complete_at(_TIMEOUT) - start)


def verifying_ms() -> float:
    """What checking one payload takes, hash and signature, after it was read."""
    messages = [parse(data) for data in sealed_payloads(1000, Identity.generate())]
    start = time.perf_counter()
    for message in messages:
        message.verify()
    return time.perf_counter() - start  # of 1000, so that seconds are milliseconds of one


def confirmed_times(session: Session, node: str, count: int) -> list[float]:
    """From the call of deploy() of a new pipeline, with one instance, to its return, in seconds."""
    times = []
    for number in range(count + 3):
        pipeline = session.create_pipeline(node=node, name=f"confirmed-{number}")
        pipeline.create_custom_plugin_instance(instance_id="one", custom_code=one, process_delay=60)
        start = time.perf_counter()
        pipeline.deploy()
        times.append(time.perf_counter() - start)
        pipeline.close()
    return times[3:]


def _receiving_rows() -> list[Row]:
    progress("payloads one by one, and 5,000 at once")
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedBroker(Path(folder)) as broker,
        Sender(broker.url) as sender,
        raw_arrivals(broker.url) as raw,
        client_arrivals(broker.url) as client,
    ):
        ours, reference = typical_pair(
            lambda: callback_ms(sender, client), lambda: callback_ms(sender, raw)
        )
        our_rate, raw_rate = typical_pair(lambda: rate(sender, client), lambda: rate(sender, raw))
        (verifying,) = medians_in_turn(verifying_ms)
    return [
        Row("message to callback, p50", ours, "ms", "against paho's callback", reference, 2.5),
        Row(
            "payloads at once, verified",
            our_rate,
            "/s",
            f"{AT_ONCE:,} of 1 KiB, all arrived; against paho's callback, both at QoS 1",
            raw_rate,
            0.40,
            at_least=True,
        ),
        Row(
            "of that, verifying: hash and signature",
            verifying,
            "ms",
            "against the whole time of a payload through the client",
            1000 / our_rate,
        ),
    ]


def _deploying_row() -> Row:
    progress("deploys")
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "client.pem"
        client = load_or_create_key(key).address
        with Fleet(Path(folder), 1, None, (client,)) as fleet:
            node = fleet.nodes[0].address
            with Session(broker=fleet.url, key_file=key, silent=True) as session:
                session.wait_for_node(node, verbose=False)
                times = confirmed_times(session, node, DEPLOYS)
            echo = statistics.median(echo_times(fleet.url, 100)) * 1000
    note = f"{DEPLOYS} deploys, against {CONFIRMED_MS:.0f} ms; a raw QoS 1 echo takes {echo:.2f} ms"
    confirmed = statistics.median(times) * 1000
    return Row("deploy() to its confirmation, p50", confirmed, "ms", note, CONFIRMED_MS, 1.0)


def rows() -> list[Row]:
    """Hashing, receiving and deploying."""
    return [*hashing.rows(), *_receiving_rows(), _deploying_row()]
