"""What a distributed job can be told, and how such settings are checked.

PyE2 wire protocol, section 13: the SDK and the engine of that time call some settings differently;
both names are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from pye2_custom_code.settings import READ, some_seconds
from pye2core.messages import upper_keys

OTHER_NAMES: Final = {
    "SPECIFIC_REMOTE_NODES": "NODES",
    "REMOTE_NODE_TIMEOUT": "NODE_TIMEOUT",
    "NODE_PLUGIN_SIGNATURE": "NODE_SIGNATURE",
}

MOST_PIECES: Final = 4096
PYE2_PIECES: Final = 4
"""How many nodes share the work where nobody says (PyE2 wire protocol, section 13)."""


def some_text(value: object) -> str:
    """A text that is not empty."""
    text = value if isinstance(value, str) else ""
    if not text.strip():
        raise ValueError("must be text")
    return text


def truth(value: object) -> bool:
    """True or False."""
    if value is True or value is False:
        return bool(value)
    raise ValueError("must be true or false")


def nr_of_nodes(value: object) -> int:
    """How many nodes share the work."""
    whole = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if isinstance(value, float) and value.is_integer():
        whole = int(value)
    if not 1 <= whole <= MOST_PIECES:
        raise ValueError(f"must be a whole number from 1 to {MOST_PIECES}")
    return whole


def node_list(value: object) -> tuple[str, ...]:
    """Names or addresses of nodes."""
    nodes = [value] if isinstance(value, str) else value
    if not isinstance(nodes, list | tuple) or not all(isinstance(node, str) for node in nodes):
        raise ValueError("must be a list of nodes, each by its name or address")
    return tuple(nodes)


def table(value: object) -> dict[str, Any]:
    """A dictionary with text as keys."""
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return dict(value)
    raise ValueError("must be a dictionary with text as its keys")


def upper_table(value: object) -> dict[str, Any]:
    """A dictionary of settings, its keys in upper case."""
    return upper_keys(table(value))


@frozen
class JobSettings:
    """The settings of a distributed job.

    Attributes:
        custom_code_process_real_time_collected_data: what to keep of a worker's data: packed code,
            or the name of a preset, as the other ones too.
        custom_code_finish_condition: whether it is done.
        custom_code_aggregate_collected_data: the result.
        custom_code_remote_node: what the workers run.
        custom_code_progress: a percentage; not known to PyE2.
        nr_remote_nodes: how many workers share the work; None: as many as ``nodes``, or 4.
        nodes: nodes to be chosen first, by name or address.
        node_timeout: seconds without a sign of life after which a worker is replaced.
        node_wait_timeout: seconds to wait for a node that can be a worker; not known to PyE2.
        node_signature: the signature that the workers run.
        node_default_instance_id: the id of the workers' instances.
        node_pipeline_config: settings of the workers' pipelines; ``STREAM_TYPE`` is their source.
        node_plugin_config: settings of the workers' instances.
        finish_condition_kwargs: what the functions read as ``plugin.cfg_finish_condition_kwargs``.
        exec_timeout: seconds that one call of a function of the job may take.
        cancel_all_jobs_on_exception: whether the first error of a worker fails the job.
    """

    custom_code_process_real_time_collected_data: str = field(metadata={READ: some_text})
    custom_code_finish_condition: str = field(metadata={READ: some_text})
    custom_code_aggregate_collected_data: str = field(metadata={READ: some_text})
    custom_code_remote_node: str = field(metadata={READ: some_text})
    custom_code_progress: str | None = field(default=None, metadata={READ: some_text})
    nr_remote_nodes: int | None = field(default=None, metadata={READ: nr_of_nodes})
    nodes: tuple[str, ...] = field(default=(), metadata={READ: node_list})
    node_timeout: float = field(default=60.0, metadata={READ: some_seconds})
    node_wait_timeout: float = field(default=60.0, metadata={READ: some_seconds})
    node_signature: str = field(default="CUSTOM_EXEC_01", metadata={READ: some_text})
    node_default_instance_id: str = field(default="Default", metadata={READ: some_text})
    node_pipeline_config: dict[str, Any] = field(factory=dict, metadata={READ: upper_table})
    node_plugin_config: dict[str, Any] = field(factory=dict, metadata={READ: upper_table})
    finish_condition_kwargs: dict[str, Any] = field(factory=dict, metadata={READ: table})
    exec_timeout: float = field(default=60.0, metadata={READ: some_seconds})
    cancel_all_jobs_on_exception: bool = field(default=False, metadata={READ: truth})

    @property
    def pieces(self) -> int:
        """Into how many pieces the work is split."""
        return self.nr_remote_nodes or len(self.nodes) or PYE2_PIECES
