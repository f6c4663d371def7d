"""What an idle client receives on a network of quiet nodes: counted, in simulated time.

The nodes' own schedule, pulse and heartbeats, on the memory transport; nothing else of them runs.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from benchmarks.table import Row, progress
from pye2_node.desired import DesiredPipeline
from pye2_node.heartbeat import (
    HeartbeatSchedule,
    capabilities_of,
    shown_pipelines,
    signatures_of,
)
from pye2_node.machine import Machine
from pye2_node.presence import Presence
from pye2_node.pulse import Pulse
from pye2_node.settings import HEARTBEAT_SECONDS
from pye2_testing import MemoryBroker, MemoryTransport
from pye2_wire.serializer import Pye2Serializer
from pye2core import Session
from pye2core.abc import Channel
from pye2core.clock import ManualClock
from pye2core.connection import Connection, ConnectionSettings, Dialects
from pye2core.identity import Identity
from pye2core.messages import InstanceConfig, PipelineConfig, Requester, SandboxReport
from pye2core.plugins import installed_plugins
from pye2core.settings import parse_broker_url

NODES = 100
ALLOWED = 3
"""Addresses on each node's white list."""

MINUTES = 10
MINUTE = 60

PYE2_HEARTBEAT = 14_000
"""Bytes of a full heartbeat in a capture of PyE2's main net, 604 s long."""

CAPTURE = Path(__file__).parent.parent / "tests" / "data" / "captures" / "engine_plain.json"
"""Two of PyE2's nodes that had little to tell, recorded."""


def _pipeline(name: str, owner: str, clock: ManualClock) -> DesiredPipeline:
    instance = InstanceConfig("CUSTOM_EXEC_01", "sensor", {"CODE": "x", "PROCESS_DELAY": 60})
    asker = Requester(owner, "dashboard", "dashboard_1")
    return DesiredPipeline(PipelineConfig(name, instances=(instance,)), asker, asker, clock.now())


def received_a_minute(pipelines: int) -> float:
    """Bytes that an idle session receives a minute, with so many pipelines on each node."""
    clock = ManualClock()
    with (
        tempfile.TemporaryDirectory() as folder,
        MemoryBroker("quiet") as broker,
        Session(broker.url, bc_engine=Identity.generate(), clock=clock) as session,
    ):
        nodes = _nodes(broker, Machine(Path(folder), clock), clock, pipelines)
        _let_time_pass(nodes, clock)
        for _, connection in nodes:
            connection.close()
        assert session.peers.wait_until(lambda: len(session.peers.online()) == NODES, MINUTE)
        own = Channel.inbox(session.address)
        hears = {Channel.ctrl(), Channel.notif(), Channel.payloads(), own}
        received = sum(len(each.data) for each in broker.published if each.channel in hears)
    return received / MINUTES


def _nodes(
    broker: MemoryBroker, machine: Machine, clock: ManualClock, pipelines: int
) -> list[tuple[Presence, Connection]]:
    allowed = tuple(Identity.generate().address for _ in range(ALLOWED))
    run = [_pipeline(f"thermometer-{each}", allowed[0], clock) for each in range(pipelines)]
    shown = shown_pipelines(run, lambda _signature, key: key == "CODE")
    told = capabilities_of(MemoryTransport.features, hears_roll_calls=True)
    confined = SandboxReport(("landlock", "namespaces", "rlimits", "seccomp", "uid"))
    nodes = []
    for name in (f"node-{number:02d}" for number in range(NODES)):
        connection = _connection(broker, name, clock)
        presence = Presence(
            name,
            connection.identity.address,
            interval=HEARTBEAT_SECONDS,
            signatures=signatures_of(installed_plugins()),
            sandbox=lambda: confined,
            capabilities=lambda: told,
            machine=machine,
            clock=clock,
            clock_trouble=lambda: None,
            allowed=lambda: allowed,
            may_delegate=tuple,
            pipelines=lambda: shown,
            instances=list,
        )
        nodes.append((presence, connection))
    return nodes


def _connection(broker: MemoryBroker, name: str, clock: ManualClock) -> Connection:
    connection = Connection(
        ConnectionSettings(parse_broker_url(broker.url), name),
        Identity.generate(),
        Dialects([Pye2Serializer(name, clock)]),
        installed_plugins(),
    )
    connection.start()
    return connection


def _let_time_pass(nodes: list[tuple[Presence, Connection]], clock: ManualClock) -> None:
    loop = asyncio.new_event_loop()
    pulses = {}
    for presence, connection in nodes:
        schedule = HeartbeatSchedule(HEARTBEAT_SECONDS, clock)
        pulses[schedule] = Pulse(
            schedule, presence, connection, must_say_everything=lambda: False, loop=loop
        )
    for _ in range(MINUTES * MINUTE):
        for schedule, pulse in pulses.items():
            if schedule.seconds_left <= 0:
                pulse.send_due()
        clock.advance(1)
    loop.close()


def recorded_heartbeat() -> float:
    """Bytes of a heartbeat of PyE2's engine that had little to tell, on average."""
    messages = json.loads(CAPTURE.read_text(encoding="utf-8"))["messages"]
    sizes = [len(each["raw_utf8"]) for each in messages if each["topic"].endswith("/ctrl")]
    return sum(sizes) / len(sizes)


def rows() -> list[Row]:
    """Bytes a minute, against PyE2's heartbeats at the same rate."""
    progress(f"{NODES} quiet nodes for {MINUTES} simulated minutes")
    beats = NODES * MINUTE / HEARTBEAT_SECONDS
    ours = received_a_minute(0) / 1000
    return [
        Row(
            f"an idle client among {NODES} quiet nodes, a minute",
            ours,
            "kB",
            f"against PyE2's full heartbeats, {PYE2_HEARTBEAT / 1000:.0f} kB each on its main net",
            beats * PYE2_HEARTBEAT / 1000,
            0.05,
        ),
        Row(
            "the same, against a small network of PyE2's",
            ours,
            "kB",
            f"recorded heartbeats of {recorded_heartbeat() / 1000:.1f} kB: nodes with next to"
            " nothing to tell",
            beats * recorded_heartbeat() / 1000,
        ),
        Row("the same with a pipeline on each node", received_a_minute(1) / 1000, "kB"),
    ]
