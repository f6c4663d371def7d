"""What each command comes to, as a table (PyE2 wire protocol, sections 6 to 10)."""

import pytest
from attrs import evolve
from node_support import CLIENT, Registry, desired, pipeline, puppet

from pye2_node.commands import Apply, Close, NodeAction, Tell, planned, requester_of
from pye2_node.signatures import Signatures
from pye2_node.store import Drop, Put
from pye2core.clock import ManualClock
from pye2core.errors import InvalidConfiguration
from pye2core.messages import (
    SIGNS_OF_LIFE,
    Action,
    Command,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    NotificationKind,
    Origin,
    PipelineCommand,
    PipelineConfig,
    Requester,
)

OTHER = Requester("0xai_other", "other", "session-2")
PATH = InstancePath("p", "PUPPET_01", "i")
NOW = ManualClock().now()
SIGNATURES = Signatures(Registry([]), shows_code=False)


def plan(action, body=None, known=(), requester=CLIENT):
    command = Command(action, body, "n1", requester, origin=Origin(requester.address or ""))
    pipelines = {each.name: desired(each) for each in known}
    return planned(command, pipelines, SIGNATURES, NOW)


def said(plan):
    """What is told: where, and with which code."""
    return [(each.path, each.code) for each in plan.notices]


def update(changes, **where):
    fields = {"pipeline": "p", "signature": "puppet_01", "instance_id": "i", **where}
    return InstanceUpdate(changes=changes, **fields)


# --- pipelines ------------------------------------------------------------------------------------


def test_a_new_pipeline():
    sent = pipeline("p", puppet("i"), puppet("j"))

    made = plan(Action.UPDATE_PIPELINE, sent)

    assert said(made) == [(InstancePath(), None), (InstancePath("p"), 1)]
    assert made.notices[0].text.startswith("Received VALIDATED command for new pipeline 'p'")
    (put,) = made.changes
    assert put.pipeline.config == sent
    (work,) = made.work
    assert work.confirm == {PATH, evolve(PATH, instance_id="j")}


def test_an_update_of_a_pipeline():
    made = plan(Action.UPDATE_PIPELINE, pipeline("p", puppet(V=2)), [pipeline("p", puppet(V=1))])

    assert said(made) == [(InstancePath(), None), (InstancePath("p"), 1)]
    assert "for existing pipeline 'p'" in made.notices[0].text
    assert made.changes[0].pipeline.config == pipeline("p", puppet(V=2))


def test_a_pipeline_stays_its_creators_and_names_who_changed_it():
    made = plan(Action.UPDATE_PIPELINE, pipeline("p"), [pipeline("p")], requester=OTHER)

    changed = made.changes[0].pipeline
    assert (changed.requester, changed.modified_by, changed.updated_at) == (CLIENT, OTHER, NOW)


def test_answers_are_for_who_gave_the_command():
    made = plan(Action.UPDATE_PIPELINE, pipeline("p", puppet()), [pipeline("p")], requester=OTHER)

    assert {each.requester for each in made.notices} == {OTHER}
    assert made.work[0].answers.requester == OTHER


def test_the_requesters_address_is_the_one_that_signed():
    command = Command(Action.STOP, None, "n1", CLIENT, origin=Origin("0xai_signer"))

    assert requester_of(command) == evolve(CLIENT, address="0xai_signer")


def test_a_pipeline_that_cannot_be_run_is_refused_and_changes_nothing():
    made = plan(Action.UPDATE_PIPELINE, pipeline("admin_pipeline"))

    assert said(made) == [(InstancePath(), None), (InstancePath("admin_pipeline"), -1)]
    assert made.notices[-1].kind is NotificationKind.EXCEPTION
    assert not made.changes
    assert not made.work


def test_a_pipeline_command_has_no_code():
    command = PipelineCommand("p", {"PAUSE": True})

    taken = plan(Action.PIPELINE_COMMAND, command, [pipeline("p")])

    assert said(taken) == [(InstancePath("p"), None)]
    assert taken.notices[0].kind is NotificationKind.NORMAL
    assert said(plan(Action.PIPELINE_COMMAND, command)) == [(InstancePath("p"), -1)]


# --- instances ------------------------------------------------------------------------------------


def test_an_update_of_one_instance():
    made = plan(Action.UPDATE_INSTANCE, update({"V": 2}), [pipeline("p", puppet(V=1, K=1))])

    assert said(made) == [(PATH, 1)]
    assert made.changes[0].pipeline.config == pipeline("p", puppet(V=2, K=1))
    (work,) = made.work
    assert isinstance(work, Apply)
    assert work.confirm == {PATH}


def test_a_list_of_updates_has_one_answer_each_and_one_for_all():
    known = [pipeline("p", puppet("i", V=1), puppet("j", V=1))]
    updates = (update({"V": 2}), update({"V": 3}, instance_id="j"))

    made = plan(Action.UPDATE_INSTANCES, updates, known)

    second = evolve(PATH, instance_id="j")
    assert said(made) == [(PATH, 1), (second, 1), (InstancePath(), None)]
    assert "updated 2 instances" in made.notices[-1].text
    assert made.notices[-1].instances == (PATH, second)
    assert made.changes[-1].pipeline.config == pipeline("p", puppet("i", V=2), puppet("j", V=3))


def test_in_a_list_what_is_not_there_is_denied_and_the_rest_is_done():
    updates = (update({"V": 2}, instance_id="nobody", signature="PUPPET_01"), update({"V": 3}))

    made = plan(Action.UPDATE_INSTANCES, updates, [pipeline("p", puppet(V=1))])

    assert said(made) == [
        (evolve(PATH, instance_id="nobody"), -1),
        (PATH, 1),
        (InstancePath(), None),
    ]
    assert made.changes[-1].pipeline.config == pipeline("p", puppet(V=3))


def test_answers_spell_a_signature_as_the_configuration_does():
    spelled = PipelineConfig("p", instances=(InstanceConfig("Puppet_01", "i", {"V": 1}),))
    sent = update({"V": 2, "INSTANCE_COMMAND": {"A": 1}}, signature="PUPPET_01")

    made = plan(Action.UPDATE_INSTANCE, sent, [spelled])

    path = InstancePath("p", "Puppet_01", "i")
    assert said(made) == [(path, 1)]
    assert made.changes[0].pipeline.config.instances[0].signature == "Puppet_01"
    applied, told = made.work
    assert applied.confirm == {PATH}
    assert told.path == path


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"pipeline": "q"}, "no pipeline 'q'"),
        ({"instance_id": "j"}, "no instance 'j'"),
        ({"signature": "OTHER_01"}, "OTHER_01"),
    ],
)
def test_an_update_of_what_is_not_there_is_denied(where, reason):
    made = plan(Action.UPDATE_INSTANCE, update({"V": 2}, **where), [pipeline("p", puppet())])

    (notice,) = made.notices
    assert (notice.code, notice.kind) == (-1, NotificationKind.EXCEPTION)
    assert reason in notice.text
    assert not made.changes


@pytest.mark.parametrize(
    ("command", "data", "parameters"),
    [
        ({"A": 1, "COMMAND_PARAMS": {"Do_It": True}}, {"A": 1}, {"do_it": True}),
        ({"A": 1}, {"A": 1}, {}),
        ("RESET", {}, {"reset": True}),
        ({"SDK_REQUEST": "12", "COMMAND_PARAMS": None}, {"SDK_REQUEST": "12"}, {}),
    ],
)
def test_an_instance_command(command, data, parameters):
    sent = update({"INSTANCE_COMMAND": command})

    made = plan(Action.UPDATE_INSTANCE, sent, [pipeline("p", puppet())])

    assert said(made) == [(PATH, 1)]
    assert not made.changes
    (work,) = made.work
    assert isinstance(work, Tell)
    assert (work.path, work.data, work.parameters) == (PATH, data, parameters)


def test_an_instance_command_that_nobody_waits_for_is_not_confirmed():
    told = {"X": b"bytes", "UNCONFIRMED": True}

    made = plan(
        Action.UPDATE_INSTANCE, update({"INSTANCE_COMMAND": told}), [pipeline("p", puppet())]
    )

    (work,) = made.work
    assert said(made) == []
    assert (work.data, work.is_confirmed) == ({"X": b"bytes"}, False)


def clients_own(owner, **settings):
    """A pipeline with an instance that is one client's alone."""
    made = InstanceConfig("PRIVATE_PUPPET_01", "i", settings, set_by=frozenset({owner}))
    return pipeline("p", made)


@pytest.mark.parametrize("spelling", ["PRIVATE_PUPPET_01", "private_puppet_01"])
@pytest.mark.parametrize("changes", [{"INSTANCE_COMMAND": {"X": 1}}, {"V": 2}])
def test_an_instance_that_is_its_clients_alone_takes_nothing_of_others(changes, spelling):
    sent = update(changes, signature=spelling)
    known = [clients_own(CLIENT.address)]

    of_its_client = plan(Action.UPDATE_INSTANCE, sent, known)
    of_another = plan(Action.UPDATE_INSTANCE, sent, known, OTHER)

    assert of_its_client.work
    assert (of_another.work, of_another.changes) == ([], [])
    assert said(of_another) == [(InstancePath("p"), -1)]


def test_nobody_else_changes_it_with_its_pipeline_but_it_can_be_ended():
    known = [clients_own(CLIENT.address, V=1)]
    changed = clients_own(OTHER.address, V=2)

    refused = plan(Action.UPDATE_PIPELINE, changed, known, OTHER)
    ended = plan(Action.ARCHIVE_PIPELINE, "p", known, OTHER)

    assert (refused.work, refused.changes) == ([], [])
    assert refused.notices[-1].code == -1
    assert ended.work == [Close("p", ended.work[0].notices)]
    assert plan(Action.UPDATE_PIPELINE, changed, known).work


def test_that_such_a_command_cannot_be_taken_is_told_all_the_same():
    told = {"UNCONFIRMED": True}

    made = plan(Action.UPDATE_INSTANCE, update({"INSTANCE_COMMAND": told}))

    assert [each.code for each in made.notices] == [-1]


@pytest.mark.parametrize(
    ("told", "more", "is_for_one_life"),
    [
        ({"LIFE": "a", "UNCONFIRMED": True}, {}, True),
        ({"LIFE": "a"}, {}, False),
        ({"UNCONFIRMED": True}, {}, False),
        ({"LIFE": "", "UNCONFIRMED": True}, {}, False),
        ({"LIFE": "a", "UNCONFIRMED": True}, {"V": 2}, False),
    ],
    ids=["both", "it is confirmed", "it names none", "an empty one", "it changes settings, too"],
)
def test_only_what_does_nothing_but_to_tell_one_life_is_for_it_alone(told, more, is_for_one_life):
    sent = update({"INSTANCE_COMMAND": told, **more})

    made = plan(Action.UPDATE_INSTANCE, sent, [pipeline("p", puppet())])

    assert made.is_for_one_life is is_for_one_life


def test_what_cannot_be_told_to_anybody_is_not_for_one_life():
    sent = update({"INSTANCE_COMMAND": {"LIFE": "a", "UNCONFIRMED": True}})

    assert not plan(Action.UPDATE_INSTANCE, sent).is_for_one_life


@pytest.mark.parametrize("said", [7, ["a"], {"a": 1}, True])
def test_a_life_that_is_no_text_is_none_that_there_is(said):
    sent = update({"INSTANCE_COMMAND": {"LIFE": said}})

    (work,) = plan(Action.UPDATE_INSTANCE, sent, [pipeline("p", puppet())]).work

    assert isinstance(work.life, str)


def test_an_update_may_bring_a_command_along():
    sent = update({"instance_command": {"A": 1}, "V": 2})

    made = plan(Action.UPDATE_INSTANCE, sent, [pipeline("p", puppet(V=1))])

    assert [type(work) for work in made.work] == [Apply, Tell]
    assert made.changes[0].pipeline.config == pipeline("p", puppet(V=2))


# --- the end --------------------------------------------------------------------------------------


def test_archiving_is_confirmed_when_nothing_runs_any_more():
    made = plan(Action.ARCHIVE_PIPELINE, "p", [pipeline("p")])

    assert not made.notices
    assert made.changes == [Drop("p")]
    (work,) = made.work
    assert isinstance(work, Close)
    assert [(each.path, each.code) for each in work.notices] == [
        (InstancePath("p"), None),
        (InstancePath("p"), 4),
    ]
    assert work.notices[0].text.startswith("Successfully deleted")


def test_deleting_is_not_confirmed_by_a_code():
    made = plan(Action.DELETE_PIPELINE, "p", [pipeline("p")])

    assert [each.code for each in made.work[0].notices] == [None]


@pytest.mark.parametrize(
    ("action", "code"), [(Action.ARCHIVE_PIPELINE, -4), (Action.DELETE_PIPELINE, None)]
)
def test_closing_what_is_not_there_is_denied(action, code):
    made = plan(action, "nobody", [pipeline("p")])

    assert said(made) == [(InstancePath("nobody"), code)]
    assert made.notices[0].kind is NotificationKind.ABNORMAL
    assert not made.work


@pytest.mark.parametrize("action", [Action.ARCHIVE_ALL, Action.DELETE_ALL])
def test_closing_everything(action):
    made = plan(action, None, [pipeline("a"), pipeline("b")])

    assert made.changes == [Drop("a"), Drop("b")]
    assert [work.name for work in made.work] == ["a", "b"]


# --- the node as a whole --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action.STOP, NodeAction.STOP),
        (Action.RESTART, NodeAction.RESTART),
        (Action.RELOAD, NodeAction.RELOAD),
    ],
)
def test_commands_to_the_node_as_a_whole(action, expected):
    made = plan(action, None, [pipeline("p")])

    assert made.node_action is expected
    assert said(made) == [(InstancePath(), None)]
    assert not made.changes


@pytest.mark.parametrize(
    ("action", "body"),
    [
        (Action.UPDATE_PIPELINE, "p"),
        (Action.UPDATE_INSTANCE, None),
        (Action.UPDATE_INSTANCES, pipeline("p")),
        (Action.ARCHIVE_PIPELINE, None),
        (Action.PIPELINE_COMMAND, "p"),
    ],
)
def test_a_body_that_does_not_fit_its_action_is_refused(action, body):
    with pytest.raises(InvalidConfiguration, match=action.name):
        plan(action, body)


def test_every_action_that_needs_a_plan_has_one():
    bodies = {
        Action.UPDATE_PIPELINE: pipeline("p"),
        Action.UPDATE_INSTANCE: update({}),
        Action.UPDATE_INSTANCES: (update({}),),
        Action.PIPELINE_COMMAND: PipelineCommand("p", {}),
        Action.ARCHIVE_PIPELINE: "p",
        Action.DELETE_PIPELINE: "p",
    }

    for action in set(Action) - SIGNS_OF_LIFE - {Action.PAIR}:  # these come to no plan
        plan(action, bodies.get(action), [pipeline("p", puppet())])


def test_a_plan_does_not_change_what_it_was_made_from():
    known = {"p": desired(pipeline("p", puppet()))}
    command = Command(Action.ARCHIVE_ALL, None, "n1", CLIENT)

    made = planned(command, known, SIGNATURES, NOW)

    assert set(known) == {"p"}
    assert not any(isinstance(change, Put) for change in made.changes)
