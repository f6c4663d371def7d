"""What others change of a pipeline is followed, and what we have changed of it since survives."""

from __future__ import annotations

import pytest
from client_configurations import PIPELINES, deployed
from hypothesis import given

from pye2core.client.differences import by_key, changes_between, rebased
from pye2core.client.staging import Staging
from pye2core.client.transactions import Expectation, Outcome, State
from pye2core.messages import (
    Action,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    Notification,
    NotificationCode,
    NotificationKind,
    PipelineConfig,
    Requester,
)
from pye2core.messages.digests import digest_of

ONE = ("S", "one")
RUNS = Expectation(NotificationCode.PLUGIN_CONFIG_OK, InstancePath("p", *ONE))


def pipeline(source: str = "Void", /, **instances: dict[str, object]) -> PipelineConfig:
    """A pipeline with these instances."""
    made = tuple(InstanceConfig("S", name, settings) for name, settings in instances.items())
    return PipelineConfig("p", source, made)


def settings_in(config: PipelineConfig | None) -> dict[str, dict[str, object]]:
    """What the instances of a pipeline are told, by their ids."""
    assert config is not None
    return {each.instance_id: each.settings for each in config.instances}


def change(staging: Staging, name: str, **changes: object) -> None:
    """Propose changed settings of an instance."""
    before = staging.proposed.instance("S", name)
    assert before is not None
    staging.propose_instance(before.changed(changes))


# --- what we changed and what others changed ------------------------------------------------------


@given(PIPELINES, PIPELINES)
def test_where_we_changed_nothing_all_is_as_others_made_it(
    before: PipelineConfig, theirs: PipelineConfig
) -> None:
    assert rebased(before, before, theirs) == theirs


@given(PIPELINES, PIPELINES)
def test_where_others_changed_nothing_all_is_as_we_made_it(
    before: PipelineConfig, ours: PipelineConfig
) -> None:
    result = rebased(before, ours, before)

    assert by_key(result) == by_key(ours)
    assert (result.data_source, result.settings) == (ours.data_source, ours.settings)


@given(PIPELINES, PIPELINES, PIPELINES)
def test_every_change_of_ours_survives_what_others_changed(
    before: PipelineConfig, ours: PipelineConfig, theirs: PipelineConfig
) -> None:
    result = by_key(rebased(before, ours, theirs))

    old = by_key(before)
    for key, mine in by_key(ours).items():
        changes = changes_between(old[key], mine) if key in old else mine.settings
        if changes or key not in old:
            assert {name: result[key].settings[name] for name in changes} == changes
    assert not (old.keys() - by_key(ours).keys()) & result.keys()


def test_the_next_deployment_sends_what_we_changed_and_nothing_else() -> None:
    staging = deployed(pipeline(one={"SPEED": 1, "COLOUR": "red"}))
    change(staging, "one", SPEED=2)

    staging.note_report(pipeline(one={"SPEED": 1, "COLOUR": "blue", "SIZE": 3}))
    plan = staging.stage()

    assert settings_in(staging.on_node) == {"one": {"SPEED": 1, "COLOUR": "blue", "SIZE": 3}}
    assert plan is not None
    assert plan.body == (InstanceUpdate("p", "S", "one", {"SPEED": 2}),)


def test_where_both_changed_the_same_setting_ours_counts() -> None:
    staging = deployed(pipeline(one={"SPEED": 1}))
    change(staging, "one", SPEED=2)

    staging.note_report(pipeline(one={"SPEED": 9}))

    assert settings_in(staging.on_node) == {"one": {"SPEED": 9}}
    assert settings_in(staging.proposed) == {"one": {"SPEED": 2}}


def test_what_is_sent_whole_has_what_others_made_in_it() -> None:
    staging = deployed(pipeline(one={"SPEED": 1}))
    staging.propose_instance(InstanceConfig("S", "ours"))

    staging.note_report(pipeline("Other", one={"SPEED": 9}, theirs={"A": 1}))
    plan = staging.stage()

    assert plan is not None
    assert plan.action is Action.UPDATE_PIPELINE
    assert plan.body == pipeline("Other", one={"SPEED": 9}, theirs={"A": 1}, ours={})


def test_an_instance_that_we_take_away_stays_away_whatever_others_change_of_it() -> None:
    staging = deployed(pipeline(one={"SPEED": 1}, two={}))
    staging.propose_removal(ONE)

    staging.note_report(pipeline(one={"SPEED": 9}, two={}))

    assert settings_in(staging.proposed) == {"two": {}}


def test_an_instance_that_others_take_away_is_gone_unless_we_changed_it() -> None:
    staging = deployed(pipeline(one={"SPEED": 1}, two={}))
    change(staging, "one", SPEED=2)

    staging.note_report(pipeline())

    assert settings_in(staging.on_node) == {}
    assert settings_in(staging.proposed) == {"one": {"SPEED": 2}}


def test_nothing_is_heard_while_a_change_of_our_own_awaits_its_confirmation() -> None:
    staging = deployed(pipeline(one={"SPEED": 1}))
    change(staging, "one", SPEED=2)
    staging.stage()

    assert not staging.note_report(pipeline(one={"SPEED": 9}))
    assert not staging.note_report(None)
    staging.settle(Outcome(State.OK))

    assert settings_in(staging.on_node) == {"one": {"SPEED": 2}}
    assert staging.running


def test_what_the_node_no_longer_runs_is_gone_until_it_runs_again() -> None:
    staging = deployed(pipeline())

    staging.note_report(None)
    assert (staging.gone, staging.running) == (True, False)
    staging.note_report(pipeline(one={}))

    assert (staging.gone, staging.running) == (False, True)
    assert settings_in(staging.proposed) == {"one": {}}


def test_what_never_ran_is_not_gone() -> None:
    staging = Staging(pipeline(one={}))

    staging.note_report(None)

    assert not staging.gone
    assert staging.stage() is not None


# --- what nodes show of confidential settings -----------------------------------------------------


@pytest.mark.parametrize("code", ["return 7", {"DATA": {"CODE": "return 7"}}])
def test_the_digest_of_what_we_sent_is_what_we_sent(code: object) -> None:
    staging = deployed(pipeline(one={"CODE": code, "SPEED": 1}))

    staging.note_report(pipeline(one={"CODE": digest_of(code), "SPEED": 9}))

    assert settings_in(staging.on_node) == {"one": {"CODE": code, "SPEED": 9}}
    assert staging.stage() is None


def test_code_that_others_sent_is_known_by_its_digest_and_kept_as_it_is() -> None:
    theirs = digest_of("return 8")
    staging = deployed(pipeline(one={"CODE": "return 7", "SPEED": 1}))
    change(staging, "one", SPEED=2)

    staging.note_report(pipeline(one={"CODE": theirs, "SPEED": 1}))
    plan = staging.stage()

    assert settings_in(staging.on_node) == {"one": {"CODE": theirs, "SPEED": 1}}
    assert plan is not None
    assert plan.body == (InstanceUpdate("p", "S", "one", {"SPEED": 2}),)


def test_a_digest_of_what_cannot_be_written_as_text_is_shown() -> None:
    shown = digest_of("anything")
    staging = deployed(pipeline(one={"CODE": {1, 2}}))

    staging.note_report(pipeline(one={"CODE": shown}))

    assert settings_in(staging.on_node) == {"one": {"CODE": shown}}


def test_a_tuple_is_shown_as_a_list_and_is_the_same() -> None:
    staging = deployed(pipeline(one={"SHARES": (1, 2)}))

    staging.note_report(pipeline(one={"SHARES": [1, 2]}))

    assert settings_in(staging.on_node) == {"one": {"SHARES": (1, 2)}}


# --- what runs for a moment -----------------------------------------------------------------------


def test_what_runs_for_a_moment_is_no_part_of_the_picture_even_while_it_is_taken_away() -> None:
    staging = deployed(pipeline(one={}))
    once = InstanceConfig("R", "x")
    shown = pipeline(one={}).with_instance(once)
    staging.temporary["R", "x"] = once

    staging.note_report(shown)
    staging.take_away(("R", "x"))
    staging.note_report(shown)
    assert settings_in(staging.on_node) == {"one": {}}

    staging.note_report(pipeline(one={}))
    staging.note_report(shown)
    assert settings_in(staging.on_node) == {"one": {}, "x": {}}


# --- what was not confirmed in time ---------------------------------------------------------------


def said(code: int, path: InstancePath = RUNS.path, session_id: str | None = "s1") -> Notification:
    """A notification of the node's."""
    return Notification(
        NotificationKind.NORMAL,
        "said",
        code=code,
        path=path,
        requester=Requester(session_id=session_id),
    )


@pytest.fixture
def unanswered() -> Staging:
    """A pipeline of which a change from 1 to 4 was sent, and not confirmed in time."""
    staging = deployed(pipeline(one={"V": 1}))
    change(staging, "one", V=4)
    staging.stage()
    staging.settle(Outcome(State.TIMEOUT, missing=(RUNS,), session_id="s1"))
    return staging


def test_until_more_is_known_all_is_said_again(unanswered: Staging) -> None:
    plan = unanswered.stage()

    assert plan is not None
    assert plan.body == pipeline(one={"V": 1})


def test_a_report_that_shows_the_change_ends_the_doubt(unanswered: Staging) -> None:
    unanswered.note_report(pipeline(one={"V": 4, "MORE": 1}))

    assert settings_in(unanswered.on_node) == {"one": {"V": 4, "MORE": 1}}
    assert unanswered.stage() is None


def test_a_report_that_does_not_show_it_leaves_the_doubt_for_it_may_be_made_later(
    unanswered: Staging,
) -> None:
    unanswered.note_report(pipeline(one={"V": 1}, theirs={}))
    plan = unanswered.stage()

    assert plan is not None
    assert plan.body == pipeline(one={"V": 1}, theirs={})


def test_a_late_confirmation_makes_the_change_and_ends_the_doubt(unanswered: Staging) -> None:
    change(unanswered, "one", W=5)

    assert unanswered.note_late_answer(said(100), is_news=True)
    plan = unanswered.stage()

    assert settings_in(unanswered.on_node) == {"one": {"V": 4}}
    assert plan is not None
    assert plan.body == (InstanceUpdate("p", "S", "one", {"W": 5}),)


def test_a_late_confirmation_counts_on_top_of_what_was_heard_meanwhile(unanswered: Staging) -> None:
    unanswered.note_report(pipeline(one={"V": 1}, theirs={}))

    unanswered.note_late_answer(said(100), is_news=True)

    assert settings_in(unanswered.on_node) == {"one": {"V": 4}, "theirs": {}}


def test_a_late_confirmation_of_what_a_newer_report_has_told_only_ends_the_doubt(
    unanswered: Staging,
) -> None:
    unanswered.note_report(pipeline(one={"V": 9}))

    assert unanswered.note_late_answer(said(100), is_news=False)

    assert settings_in(unanswered.on_node) == {"one": {"V": 9}}
    assert unanswered.stage() is None


def test_a_late_refusal_ends_the_doubt_and_nothing_was_changed(unanswered: Staging) -> None:
    assert unanswered.note_late_answer(said(-100), is_news=True)

    assert settings_in(unanswered.on_node) == {"one": {"V": 1}}
    assert unanswered.stage() is None


@pytest.mark.parametrize(
    "notification",
    [
        said(1),
        said(100, InstancePath("p", "S", "two")),
        said(100, session_id="another command's"),
        said(100, session_id=None),
        said(-999),
    ],
)
def test_what_is_no_answer_to_it_leaves_the_doubt(
    unanswered: Staging, notification: Notification
) -> None:
    assert not unanswered.note_late_answer(notification, is_news=True)

    assert unanswered.unanswered is not None


def test_a_new_pipeline_that_is_confirmed_late_runs() -> None:
    staging = Staging(pipeline("Other", one={"V": 1}))
    staging.stage()
    stored = Expectation(NotificationCode.PIPELINE_OK, InstancePath("p"))
    staging.settle(Outcome(State.TIMEOUT, missing=(stored, RUNS), session_id="s1"))

    assert not staging.note_late_answer(said(1, stored.path), is_news=True)
    assert not staging.running
    assert staging.note_late_answer(said(100), is_news=True)

    assert staging.on_node == pipeline("Other", one={"V": 1})
    assert staging.stage() is None


def test_what_the_node_was_told_last_has_a_change_in_it_that_may_be_made_yet(
    unanswered: Staging,
) -> None:
    unanswered.note_report(pipeline(one={"V": 1}, theirs={}))

    assert settings_in(unanswered.as_told()) == {"one": {"V": 4}, "theirs": {}}
    assert settings_in(unanswered.on_node) == {"one": {"V": 1}, "theirs": {}}


# --- what nobody waits for ------------------------------------------------------------------------


def sent_off(staging: Staging, session_id: str = "s1") -> Staging:
    """With what is proposed sent, and nobody waiting for its confirmation."""
    assert staging.stage() is not None
    staging.assume(session_id)
    return staging


@pytest.fixture
def unawaited() -> Staging:
    """A pipeline of which a change from 1 to 4 was sent, and nobody waits for its confirmation."""
    staging = deployed(pipeline(one={"V": 1}))
    change(staging, "one", V=4)
    return sent_off(staging)


def test_what_nobody_waits_for_counts_as_made(unawaited: Staging) -> None:
    assert settings_in(unawaited.on_node) == {"one": {"V": 4}}
    assert unawaited.running


def test_a_new_pipeline_that_the_node_may_not_have_read_of_is_not_gone() -> None:
    staging = sent_off(Staging(pipeline(one={"V": 1})))
    assert staging.running

    staging.note_report(None)

    assert not staging.gone
    assert not staging.running
    again = staging.stage()
    assert again is not None
    assert again.body == pipeline(one={"V": 1})


def test_it_runs_as_soon_as_the_node_shows_it() -> None:
    staging = sent_off(Staging(pipeline(one={"V": 1})))
    staging.note_report(None)

    staging.note_report(pipeline(one={"V": 1}))
    assert staging.running
    assert staging.stage() is None
    staging.note_report(None)

    assert staging.gone


def test_once_the_node_has_answered_its_absence_means_that_it_is_gone() -> None:
    staging = sent_off(Staging(pipeline(one={"V": 1})))
    staging.note_late_answer(said(1, InstancePath("p")), is_news=True)

    staging.note_report(None)

    assert staging.gone


def test_a_report_from_before_it_leaves_the_change_proposed(unawaited: Staging) -> None:
    unawaited.note_report(pipeline(one={"V": 1}, theirs={}))

    assert settings_in(unawaited.on_node) == {"one": {"V": 1}, "theirs": {}}
    assert settings_in(unawaited.proposed) == {"one": {"V": 4}, "theirs": {}}
    unawaited.note_report(pipeline(one={"V": 4}))
    assert unawaited.stage() is None


def test_its_late_confirmation_ends_the_doubt(unawaited: Staging) -> None:
    assert not unawaited.note_late_answer(said(1), is_news=True)
    assert unawaited.note_late_answer(said(100), is_news=True)

    assert settings_in(unawaited.on_node) == {"one": {"V": 4}}
    assert unawaited.stage() is None


def test_its_refusal_leaves_it_proposed(unawaited: Staging) -> None:
    assert unawaited.note_late_answer(said(-100), is_news=False)

    assert settings_in(unawaited.on_node) == {"one": {"V": 1}}
    plan = unawaited.stage()
    assert plan is not None
    assert plan.body == (InstanceUpdate("p", "S", "one", {"V": 4}),)


def test_what_could_not_be_sent_after_all_is_proposed_again() -> None:
    staging = Staging(pipeline(one={"V": 1}))
    sent_off(staging)

    staging.unstage()

    assert not staging.running
    assert staging.stage() is not None


def test_of_two_that_nobody_waits_for_a_report_from_before_both_leaves_both_proposed(
    unawaited: Staging,
) -> None:
    change(unawaited, "one", W=5)
    sent_off(unawaited, "s2")

    unawaited.note_report(pipeline(one={"V": 1}))

    assert settings_in(unawaited.on_node) == {"one": {"V": 1}}
    assert settings_in(unawaited.proposed) == {"one": {"V": 4, "W": 5}}
