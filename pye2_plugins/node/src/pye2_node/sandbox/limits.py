"""What the owner of a node grants to custom code, and what custom code is told of where it runs.

The node's side; what a worker must know of it is ``layers.rlimits.WorkerLimits``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from pye2_node.sandbox import frames
from pye2_node.sandbox.layers.names import ALL_LAYERS, Layer
from pye2_node.sandbox.layers.rlimits import WorkerLimits
from pye2_node.settings import MEBIBYTE

if TYPE_CHECKING:
    from pye2_node.settings import OwnersChoices
    from pye2core.code.grants import Grants
    from pye2core.messages import InstancePath


@frozen
class SandboxLimits:
    """The limits of one node's sandbox.

    Attributes:
        worker: what one worker may use.
        start_seconds: how long the zygote may take to be ready.
        answer_seconds: how long a worker may take to compile code or to take over settings.
        events: frames that a worker may send during one call besides the result; one that sends
            more is ended.
        layers: what stands between the code and the machine. Tests turn one off to see that the
            others hold; a node puts on whatever its machine has.
        unsafe: run code where neither Landlock nor seccomp holds.
        written_bytes: how large a file may become where writing is granted, and the folder that a
            worker then has of its own.
    """

    worker: WorkerLimits = field(factory=WorkerLimits)
    start_seconds: float = 30.0
    answer_seconds: float = 15.0
    events: int = 5000
    layers: frozenset[Layer] = ALL_LAYERS
    unsafe: bool = False
    written_bytes: int = 64 * MEBIBYTE

    def worker_with(self, grants: Grants | None) -> WorkerLimits:
        """What one worker may use to which this is granted."""
        if grants is None or not grants.opens_files:
            return self.worker
        return self.worker._replace(file_size=self.written_bytes)

    def value_of(self, name: str) -> float | None:
        """The value of a limit that a worker may say it has hit, by its name."""
        worker = self.worker
        return {
            "kept_text": worker.cache_text,
            "file_size": self.written_bytes,
            "memory": worker.memory,
            "open_files": worker.open_files,
            "output": worker.output,
            "payload_bytes": frames.MAX_FRAME,
            "payload_values": frames.MAX_VALUES,
            "payloads": worker.payloads,
            "processes": worker.processes,
        }.get(name)


def limits_chosen(choices: OwnersChoices) -> SandboxLimits:
    """The limits as a node's owner chose them."""
    worker = WorkerLimits(
        memory=choices.memory_megabytes * MEBIBYTE, exchange=choices.call_megabytes * MEBIBYTE
    )
    written = choices.kept_megabytes * MEBIBYTE
    return SandboxLimits(worker=worker, unsafe=choices.unsafe, written_bytes=written)


@frozen
class Surroundings:
    """Where custom code runs: ``plugin.node_id``, ``plugin.e2_addr``, ``plugin.stream_id``, ….

    Attributes:
        node_name: the node's name.
        node_address: the node's address.
        path: pipeline, signature and instance.
    """

    node_name: str = ""
    node_address: str = ""
    path: InstancePath | None = None

    def as_frame(self) -> dict[str, str]:
        """The fields of a ``begin`` frame."""
        fields = {"node_name": self.node_name, "node_address": self.node_address}
        if self.path is not None:
            fields["pipeline"] = self.path.pipeline or ""
            fields["signature"] = self.path.signature or ""
            fields["instance_id"] = self.path.instance_id or ""
        return fields
