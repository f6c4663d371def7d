"""A job's settings as they come from the wire."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_chain_job.settings import OTHER_NAMES, JobSettings
from pye2_custom_code.settings import checked
from pye2core.errors import InvalidConfiguration
from pye2core.messages import InstancePath

CODES = dict.fromkeys(
    [
        "CUSTOM_CODE_PROCESS_REAL_TIME_COLLECTED_DATA",
        "CUSTOM_CODE_FINISH_CONDITION",
        "CUSTOM_CODE_AGGREGATE_COLLECTED_DATA",
        "CUSTOM_CODE_REMOTE_NODE",
    ],
    "code",
)


def read(**settings: object) -> JobSettings:
    return checked(JobSettings, {**CODES, **settings}, InstancePath(), OTHER_NAMES)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
keys = st.sampled_from(
    [
        *CODES,
        *OTHER_NAMES,
        "NR_REMOTE_NODES",
        "NODES",
        "NODE_TIMEOUT",
        "NODE_PIPELINE_CONFIG",
        "NODE_PLUGIN_CONFIG",
        "FINISH_CONDITION_KWARGS",
        "CANCEL_ALL_JOBS_ON_EXCEPTION",
    ]
)


@given(st.dictionaries(keys, anything))
def test_whatever_is_sent_is_read_or_refused(settings: dict[str, object]) -> None:
    with suppress(InvalidConfiguration):
        assert read(**settings).pieces >= 1


@pytest.mark.parametrize(
    ("settings", "pieces"),
    [
        ({"NR_REMOTE_NODES": 3, "NODES": ["a"]}, 3),
        ({"NR_REMOTE_NODES": 3.0}, 3),
        ({"NODES": ["a", "b"]}, 2),
        ({"NODES": "a"}, 1),
        ({}, 4),
    ],
)
def test_there_are_as_many_pieces_as_nodes_are_wanted_or_named(
    settings: dict[str, object], pieces: int
) -> None:
    assert read(**settings).pieces == pieces


@pytest.mark.parametrize("value", [0, -1, True, 2.5, "2", 10**9])
def test_a_number_of_nodes_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(InvalidConfiguration, match="NR_REMOTE_NODES must be a whole number"):
        read(NR_REMOTE_NODES=value)


def test_keys_of_the_workers_settings_are_upper_case_and_those_of_the_finish_stage_stay() -> None:
    settings = read(
        NODE_PLUGIN_CONFIG={"upto": 1},
        NODE_PIPELINE_CONFIG={"stream_type": "Void"},
        FINISH_CONDITION_KWARGS={"X": 1, "y": 2},
    )
    assert settings.node_plugin_config == {"UPTO": 1}
    assert settings.node_pipeline_config == {"STREAM_TYPE": "Void"}
    assert settings.finish_condition_kwargs == {"X": 1, "y": 2}


def test_of_two_names_for_one_setting_the_engines_own_counts() -> None:
    assert read(NODE_TIMEOUT=10, REMOTE_NODE_TIMEOUT=20).node_timeout == 10
    assert read(NODE_TIMEOUT=None, REMOTE_NODE_TIMEOUT=20).node_timeout == 20
