"""What a command makes of a pipeline's configuration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_support import pipeline, puppet, refuses_nothing

from pye2_node.changes import instance_after, published, unknown_code_in, updated
from pye2core.errors import InvalidConfiguration
from pye2core.messages import InstanceConfig, PipelineConfig, digest_of


def after(current, update):
    return updated(current, update, refuses_nothing)


def after_change(instance, **changes):
    return instance_after(pipeline("p", instance), instance, changes, refuses_nothing)


# --- pipelines ------------------------------------------------------------------------------------


def test_a_new_pipeline_is_as_it_was_sent():
    sent = pipeline("p", puppet(VALUE=1), URL="x")

    assert after(None, sent) == sent


def test_top_level_keys_are_merged_and_plugins_replaced_as_a_whole():
    current = pipeline("p", puppet("a", VALUE=1, OLD=1), puppet("b"), URL="x", KEPT=True)

    result = after(current, pipeline("p", puppet("a", VALUE=2), URL="y"))

    assert result.settings == {"URL": "y", "KEPT": True}
    assert result.instances == (puppet("a", VALUE=2),)


def test_keys_are_upper_case_and_signatures_spelled_as_they_were_sent():
    sent = PipelineConfig("p", "void", (InstanceConfig("puppet_01", "i", {"value": 1}),))

    assert after(None, sent) == pipeline("p", puppet(signature="puppet_01", VALUE=1))


def test_a_signature_that_is_spelled_otherwise_is_the_same_and_spelled_so_from_then_on():
    current = pipeline("p", puppet(SECRET="code"))
    sent = pipeline("p", puppet(signature="Puppet_01", SECRET=digest_of("code")))

    assert after(current, sent) == pipeline("p", puppet(signature="Puppet_01", SECRET="code"))


def test_two_spellings_of_a_signature_are_not_two_instances_of_one_id():
    with pytest.raises(InvalidConfiguration, match="two instances 'i' of PUPPET_01"):
        after(None, pipeline("p", puppet(), puppet(signature="puppet_01")))


def test_a_key_with_dots_addresses_a_nested_place():
    current = pipeline("p", CAP={"Fps": 5, "deep": {"x": 1}}, KEPT=1)

    result = after(current, pipeline("p", **{"CAP.FPS": 10, "CAP.deep.y": 2, "NEW.PLACE": 3}))

    assert result.settings == {
        "CAP": {"Fps": 10, "deep": {"x": 1, "y": 2}},
        "NEW": {"PLACE": 3},
        "KEPT": 1,
    }


def test_a_place_within_what_is_no_object_is_refused():
    with pytest.raises(InvalidConfiguration, match=r"CAP\.FPS"):
        after(pipeline("p", CAP=5), pipeline("p", **{"CAP.FPS": 10}))


@given(st.text("AB.", max_size=60))
def test_any_key_is_taken_or_refused(key):
    current = pipeline("p", A={"B": {"A": 1}}, B=1)

    try:
        result = after(current, pipeline("p", **{key: 7}))
    except InvalidConfiguration:
        return
    assert result.settings != current.settings
    assert current.settings == {"A": {"B": {"A": 1}}, "B": 1}


def test_a_key_of_a_thousand_dots_does_no_harm():
    result = after(None, pipeline("p", **{".".join("A" * 100_000): 1}))

    assert list(result.settings) == ["A"]


def test_the_nodes_own_pipeline_is_refused():
    with pytest.raises(InvalidConfiguration, match="admin_pipeline"):
        after(None, pipeline("admin_pipeline"))


def test_a_data_source_that_is_not_there_is_named():
    with pytest.raises(InvalidConfiguration, match="VideoStream"):
        after(None, PipelineConfig("p", "VideoStream"))


def test_two_instances_of_one_name_are_refused():
    with pytest.raises(InvalidConfiguration, match="two instances 'i'"):
        after(None, PipelineConfig("p", instances=(puppet(), InstanceConfig("puppet_01", "i"))))


def test_an_instance_command_is_no_setting():
    sent = pipeline("p", puppet(VALUE=1, INSTANCE_COMMAND={"A": 1}))

    assert after(None, sent).instances == (puppet(VALUE=1),)


# --- instances ------------------------------------------------------------------------------------


def test_an_instance_update_changes_only_what_it_names():
    assert after_change(puppet(VALUE=1, KEPT=2), value=3) == puppet(VALUE=3, KEPT=2)


def test_an_instance_update_can_address_a_nested_place():
    changed = after_change(puppet(DEEP={"a": 1, "b": 2}), **{"DEEP.a": 9})

    assert changed == puppet(DEEP={"a": 9, "b": 2})


# --- what is published only as a digest -----------------------------------------------------------


def test_confidential_values_are_published_as_digests():
    shown = published(pipeline("p", puppet(SECRET="code", VALUE=1)), refuses_nothing)

    assert shown.instances[0].settings == {"SECRET": digest_of("code"), "VALUE": 1}


def test_a_digest_that_comes_back_means_unchanged():
    current = pipeline("p", puppet(SECRET="code", VALUE=1))
    shown = published(current, refuses_nothing)

    assert after(current, shown) == current
    assert after_change(puppet(SECRET="code"), SECRET=digest_of("code")) == puppet(SECRET="code")


def test_a_digest_of_what_is_not_here_stays_and_is_found():
    sent = after(None, pipeline("p", puppet(SECRET=digest_of("code"), VALUE=1)))

    assert unknown_code_in(sent.instances[0], refuses_nothing) == ["SECRET"]


def test_what_only_looks_like_a_digest_is_a_value():
    current = pipeline("p", puppet(SECRET="code", VALUE=1))
    sent = pipeline("p", puppet(SECRET="sha256:abc", VALUE=digest_of("code")))

    assert after(current, sent) == sent


@pytest.mark.parametrize("value", ["text", {"b": 1, "a": [2]}, None, 5, "\ud800"])
def test_anything_has_a_digest(value):
    assert digest_of(value).startswith("sha256:")
    assert digest_of(value) == digest_of(value)
