"""Configurations for the client's tests, of every kind that makes a difference."""

from __future__ import annotations

from hypothesis import strategies as st

from pye2core.client.staging import Staging
from pye2core.messages import InstanceConfig, PipelineConfig

SETTINGS = st.dictionaries(
    st.sampled_from(["A", "B", "C"]),
    st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.lists(st.integers(0, 1))),
)
PIPELINES = st.builds(
    PipelineConfig,
    st.just("p"),
    st.sampled_from(["Void", "VideoStream"]),
    st.lists(
        st.builds(
            InstanceConfig, st.sampled_from(["S_01", "T_01"]), st.sampled_from("ij"), SETTINGS
        ),
        unique_by=lambda each: (each.signature, each.instance_id),
        max_size=4,
    ).map(tuple),
    SETTINGS,
)


def deployed(config: PipelineConfig) -> Staging:
    """A pipeline that the node is known to run like this."""
    return Staging(config, on_node=config)
