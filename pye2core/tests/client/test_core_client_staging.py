"""Staging: proposals, plans, and what is left of them after the node's answer."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from client_configurations import PIPELINES, SETTINGS, deployed
from hypothesis import given
from hypothesis import strategies as st

from pye2core.client.differences import changes_between
from pye2core.client.staging import Staging
from pye2core.client.transactions import Outcome, State
from pye2core.errors import ConfigurationPending
from pye2core.messages import Action, InstanceConfig, NotificationCode, PipelineConfig


@given(PIPELINES)
def test_what_is_confirmed_leaves_nothing_to_send(target: PipelineConfig) -> None:
    staging = Staging(target)

    staging.stage()
    staging.settle(Outcome(State.OK))

    assert staging.running
    assert staging.stage() is None


@given(PIPELINES, PIPELINES)
def test_a_plan_makes_of_what_was_confirmed_what_is_proposed(
    before: PipelineConfig, after: PipelineConfig
) -> None:
    staging = deployed(before)
    staging.propose(after)

    plan = staging.stage()

    made = before
    if plan is not None and plan.action is Action.UPDATE_PIPELINE:
        assert isinstance(plan.body, PipelineConfig)
        made = plan.body
    elif plan is not None:
        assert isinstance(plan.body, tuple)
        for update in plan.body:
            found = made.instance(update.signature, update.instance_id)
            assert found is not None
            made = made.with_instance(found.changed(update.changes))
    for instance in after.instances:
        found = made.instance(instance.signature, instance.instance_id)
        assert found is not None
        assert changes_between(found, instance) == {}
    assert len(made.instances) == len(after.instances)


@given(PIPELINES, PIPELINES, st.data())
def test_after_a_failure_nothing_unconfirmed_counts_and_nothing_new_is_forgotten(
    before: PipelineConfig, after: PipelineConfig, data: st.DataObject
) -> None:
    staging = deployed(before)
    staging.propose(after)
    plan = staging.stage()
    if plan is None:
        return
    confirmed = data.draw(st.lists(st.sampled_from(plan.expected), unique=True))

    staging.settle(Outcome(State.FAILED, "no", tuple(confirmed)))

    ran = {
        (each.path.signature, each.path.instance_id)
        for each in confirmed
        if each.code == NotificationCode.PLUGIN_CONFIG_OK
    }
    assert staging.on_node is not None
    for instance in staging.on_node.instances:
        key = (instance.signature, instance.instance_id)
        source = after if key in ran else before
        assert source.instance(*key) == instance
    for instance in after.instances:
        assert staging.proposed.instance(instance.signature, instance.instance_id) is not None


@given(PIPELINES, PIPELINES)
def test_what_was_not_confirmed_in_time_may_have_been_done_so_that_all_is_said_again(
    before: PipelineConfig, after: PipelineConfig
) -> None:
    staging = deployed(before)
    staging.propose(after)
    if staging.stage() is None:
        return

    staging.settle(Outcome(State.TIMEOUT))
    again = staging.stage()

    assert again is not None
    assert (again.action, again.body) == (Action.UPDATE_PIPELINE, staging.proposed)
    staging.settle(Outcome(State.OK))
    assert staging.stage() is None


@given(SETTINGS, SETTINGS)
def test_changes_lead_from_one_configuration_to_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    one, other = InstanceConfig("S", "i", before), InstanceConfig("S", "i", {**before, **after})

    changes = changes_between(one, other)

    assert repr(one.changed(changes).settings) == repr(other.settings)
    assert changes_between(other, other) == {}


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), ([1], [True]), ({}, {"a": 1})])
def test_values_that_differ_on_the_wire_differ(before: Any, after: Any) -> None:
    one, other = (InstanceConfig("S", "i", {"A": value}) for value in (before, after))

    assert changes_between(one, other) == {"A": after}


def test_arrays_can_be_settings() -> None:
    np = pytest.importorskip("numpy")
    one = InstanceConfig("S", "i", {"A": np.arange(3)})

    assert "A" in changes_between(one, evolve(one, settings={"A": np.arange(3)}))


def test_a_slow_instance_is_given_its_process_delay_longer() -> None:
    config = PipelineConfig("p", instances=(InstanceConfig("S", "i", {"PROCESS_DELAY": 60}),))
    staging = deployed(config)
    staging.propose_instance(InstanceConfig("S", "i", {"PROCESS_DELAY": 60, "A": 1}))

    plan = staging.stage()

    assert plan is not None
    assert plan.grace == 60


def test_nothing_can_be_proposed_while_something_is_staged() -> None:
    staging = Staging(PipelineConfig("p"))
    staging.stage()

    with pytest.raises(ConfigurationPending):
        staging.propose(PipelineConfig("p"))
    staging.unstage()
    staging.propose(PipelineConfig("p", "VideoStream"))


def test_what_is_changed_within_a_setting_after_it_was_deployed_is_a_change() -> None:
    levels: dict[str, list[int]] = {"K": [1]}
    staging = Staging(PipelineConfig("p"))
    staging.propose_instance(InstanceConfig("S", "one", {"L": levels}))
    staging.stage()
    staging.settle(Outcome(State.OK))

    levels["K"].append(2)
    staging.propose_instance(InstanceConfig("S", "one", {"L": levels}))

    plan = staging.stage()
    assert plan is not None
    assert plan.target.instances[0].settings == {"L": {"K": [1, 2]}}
