"""What a node shows of itself: its heartbeats, from the first of a life to the last.

On the node's loop, but for :meth:`Presence.begin_life`. ``heartbeat`` knows what heartbeats say,
``pulse`` sends them when they are due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from pye2_node.heartbeat import Life, report_on
from pye2core import __version__
from pye2core.messages import Heartbeat, NodeReport
from pye2core.messages import Presence as Stands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pye2_node.instances import RunningInstance
    from pye2_node.machine import Machine
    from pye2core.clock import Clock
    from pye2core.messages import Capability, PairingOffer, PipelineConfig, SandboxReport


def _no_offer() -> None:
    """It cannot be paired with now."""


@define(eq=False)
class Presence:
    """Makes a node's heartbeats.

    Attributes:
        name: the node's name.
        address: its address.
        interval: seconds between two heartbeats when nothing happens.
        signatures: what it can run, each with its version.
        sandbox: tells what stands between its machine and the code that others send.
        capabilities: tells what it does beyond PyE2's protocol on its present connection.
        machine: how its machine is doing.
        clock: where to read the time.
        clock_trouble: tells why that cannot be right.
        allowed: tells the addresses whose commands it takes.
        may_delegate: tells those of them that may bring work for others without a delegation.
        pipelines: tells its pipelines as they are shown.
        instances: tells what runs.
        life: which connection to the broker it is, and how often the node has changed.
        pairing: tells how its offer to be paired with a client stands.
        status: tells what else there is to say, by upper-case key.
    """

    name: str
    address: str
    interval: float
    signatures: Mapping[str, str]
    sandbox: Callable[[], SandboxReport | None]
    capabilities: Callable[[], frozenset[Capability]]
    machine: Machine
    clock: Clock
    clock_trouble: Callable[[], str | None]
    allowed: Callable[[], tuple[str, ...]]
    may_delegate: Callable[[], tuple[str, ...]]
    pipelines: Callable[[], tuple[PipelineConfig, ...]]
    instances: Callable[[], Iterable[RunningInstance]]
    life: Life = field(factory=Life)
    pairing: Callable[[], PairingOffer | None] = _no_offer
    status: Callable[[], dict[str, Any]] = dict

    def full(self) -> Heartbeat:
        """Everything that others may know of the node."""
        return Heartbeat(
            self.name,
            self.address,
            allowed=self.allowed(),
            may_delegate=self.may_delegate(),
            pipelines=self.pipelines(),
            load=self.machine.load(),
            free_memory=self.machine.free_memory(),
            version=__version__,
            signatures=self.signatures,
            sandbox=self.sandbox(),
            pairing=self.pairing(),
            clock_trouble=self.clock_trouble(),
            life=self.life.id,
            revision=self.life.revision,
            capabilities=self.capabilities(),
            status=self.status(),
            report=NodeReport(
                at=self.clock.now(),
                interval=self.interval,
                machine=self.machine.sample(),
                instances=tuple(map(report_on, self.instances())),
            ),
        )

    def brief(self) -> Heartbeat:
        """How busy the node is, and that nothing else has changed."""
        return Heartbeat(
            self.name,
            self.address,
            is_brief=True,
            life=self.life.id,
            revision=self.life.revision,
            load=self.machine.load(),
            free_memory=self.machine.free_memory(),
        )

    def farewell(self) -> Heartbeat:
        """The node is going."""
        return self._ending(Stands.LEAVING)

    def begin_life(self) -> Heartbeat:
        """Begin a life, before a connection; gives what the broker is to tell at its end."""
        self.life.begin_anew()
        return self._ending(Stands.LOST)

    def _ending(self, presence: Stands) -> Heartbeat:
        return Heartbeat(
            self.name,
            self.address,
            is_brief=True,
            life=self.life.id,
            revision=self.life.revision,
            presence=presence,
        )
