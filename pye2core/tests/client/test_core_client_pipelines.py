"""Pipelines and instances: what is sent when, and what comes of the node's answers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from client_support import PATIENCE, Calls, FakeNode, Gate

from pye2core.abc import Channel
from pye2core.client.pipelines import KnownPipelines
from pye2core.client.reports import SETTLING
from pye2core.clock import ManualClock
from pye2core.errors import (
    AlreadyExists,
    ConfigurationPending,
    ConfirmationTimeout,
    DeployFailed,
    InstanceNotFound,
    NodeNotOnline,
    NotConnected,
    PipelineNotFound,
    SettingsError,
    UnknownSignature,
)
from pye2core.messages import (
    Action,
    Heartbeat,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    Notification,
    NotificationCode,
    NotificationKind,
    PipelineCommand,
    PipelineConfig,
)

if TYPE_CHECKING:
    from pye2core import Pipeline, Session
    from pye2core.messages import Command


@pytest.fixture
def pipeline(session: Session, node: FakeNode) -> Pipeline:
    """A deployed pipeline with one instance."""
    pipeline = session.create_pipeline(node=node.address, name="p")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i", speed=1)
    pipeline.deploy(timeout=PATIENCE)
    node.next_command()
    return pipeline


PATH = InstancePath("p", "PUPPET_PLAIN_01", "i")


# --- what is sent ---------------------------------------------------------------------------------


def test_a_new_pipeline_is_sent_whole(session: Session, node: FakeNode) -> None:
    pipeline = session.create_pipeline(
        node=node.name, name="p", data_source="VideoStream", config={"url": "rtsp://x"}, live=True
    )
    pipeline.create_plugin_instance(
        signature="puppet_plain_01", instance_id="i", config={"speed": 1}, colour="red"
    )

    pipeline.deploy(timeout=PATIENCE)

    command = node.next_command()
    settings = {"SPEED": 1, "COLOUR": "red"}
    assert command.action is Action.UPDATE_PIPELINE
    assert command.body == PipelineConfig(
        "p",
        "VideoStream",
        (InstanceConfig("PUPPET_PLAIN_01", "i", settings),),
        {"URL": "rtsp://x", "LIVE": True},
    )
    assert command.origin is not None
    assert command.origin.encrypted
    assert pipeline.is_deployed
    assert pipeline.was_last_operation_successful


def test_without_encrypt_comms_commands_go_in_clear(open_session: Any, node: FakeNode) -> None:
    session = open_session(encrypt_comms=False)
    node.beat()
    session.wait_for_node(node.address, PATIENCE, verbose=False)

    session.create_pipeline(node=node.name, name="p").deploy(timeout=PATIENCE)

    origin = node.next_command().origin
    assert origin is not None
    assert not origin.encrypted


def test_of_a_changed_instance_only_the_changes_are_sent(
    pipeline: Pipeline, node: FakeNode
) -> None:
    (instance,) = pipeline.instances
    instance.update_instance_config(config={"weight": 3}, speed=1)

    pipeline.deploy(timeout=PATIENCE)

    command = node.next_command()
    assert command.action is Action.UPDATE_INSTANCES
    assert command.body == (InstanceUpdate("p", "PUPPET_PLAIN_01", "i", {"WEIGHT": 3}),)
    assert instance.config == {"SPEED": 1, "WEIGHT": 3}


def test_another_instance_sends_the_whole_pipeline(pipeline: Pipeline, node: FakeNode) -> None:
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="j")

    pipeline.deploy(timeout=PATIENCE)

    body = node.next_command().body
    assert isinstance(body, PipelineConfig)
    assert [each.instance_id for each in body.instances] == ["i", "j"]


def test_an_instance_that_is_closed_is_missing_from_the_next_deployment(
    pipeline: Pipeline, node: FakeNode
) -> None:
    (instance,) = pipeline.instances
    instance.close()

    pipeline.deploy(timeout=PATIENCE)

    body = node.next_command().body
    assert isinstance(body, PipelineConfig)
    assert body.instances == ()
    assert pipeline.instances == []


def test_a_changed_data_source_sends_the_whole_pipeline(pipeline: Pipeline, node: FakeNode) -> None:
    pipeline.update_acquisition_parameters({"url": "rtsp://y"}, type="VideoStream")

    pipeline.deploy(timeout=PATIENCE)

    body = node.next_command().body
    assert isinstance(body, PipelineConfig)
    assert (body.data_source, body.settings) == ("VideoStream", {"URL": "rtsp://y"})
    assert pipeline.config == {"NAME": "p", "TYPE": "VideoStream", "URL": "rtsp://y"}


def test_a_full_configuration_lists_all_instances_that_are_to_be(
    pipeline: Pipeline, node: FakeNode
) -> None:
    plugins = [{"signature": "OTHER_01", "instances": [{"instance_id": "k", "size": 2}]}]
    pipeline.update_full_configuration({"PLUGINS": plugins})

    pipeline.deploy(timeout=PATIENCE)

    body = node.next_command().body
    assert isinstance(body, PipelineConfig)
    assert body.instances == (InstanceConfig("OTHER_01", "k", {"SIZE": 2}),)


def test_without_changes_nothing_is_sent(pipeline: Pipeline, node: FakeNode) -> None:
    pipeline.instances[0].update_instance_config(speed=1)

    assert pipeline.deploy() is None
    assert pipeline.deploy(wait_confirmation=False) == []
    assert node.commands.empty()


@pytest.mark.parametrize("name", ["NAME", "plugins"])
def test_name_and_plugins_are_no_acquisition_parameters(pipeline: Pipeline, name: str) -> None:
    with pytest.raises(SettingsError, match=name.upper()):
        pipeline.update_acquisition_parameters({name: "x"})


def test_a_list_of_plugins_without_an_instance_id_is_told(session: Session, node: FakeNode) -> None:
    plugins = [{"SIGNATURE": "A_01", "INSTANCES": [{"INSTANCE_ID": "x"}, {}]}]

    with pytest.raises(SettingsError, match=r"plugins\[0\]\['INSTANCES'\]\[1\] has no INSTANCE_ID"):
        session.create_pipeline(node=node.name, name="p", plugins=plugins)


# --- what the node answers ------------------------------------------------------------------------


def test_a_refusal_is_raised_with_the_nodes_reason(session: Session, node: FakeNode) -> None:
    node.answer = node.refuse("no room for it")
    pipeline = session.create_pipeline(node=node.name, name="p")

    with pytest.raises(DeployFailed, match=r"naeural-1 .*'p': no room for it") as caught:
        pipeline.deploy(timeout=PATIENCE)

    assert (caught.value.node, caught.value.reason) == (node.address, "no room for it")
    assert pipeline.was_last_operation_successful is False
    assert not pipeline.is_deployed


def test_silence_is_raised_with_what_was_not_confirmed(session: Session, node: FakeNode) -> None:
    node.answer = node.ignore
    pipeline = session.create_pipeline(node=node.name, name="p")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")

    with pytest.raises(ConfirmationTimeout, match=r"the first run .* PUPPET_PLAIN_01/i") as caught:
        pipeline.deploy(timeout=0.01)

    assert len(caught.value.missing) == 2
    assert pipeline.was_last_operation_successful is False


@pytest.mark.parametrize(("runs", "lines"), [(True, 0), (False, 1)])
def test_an_instance_that_is_confirmed_and_does_not_run_is_shown(
    session: Session,
    node: FakeNode,
    capsys: pytest.CaptureFixture[str],
    runs: bool,  # noqa: FBT001 - a parameter of the test
    lines: int,
) -> None:
    def confirm_run(pipeline: str, instance: InstanceConfig, command: Any) -> None:
        path = InstancePath(pipeline, instance.signature, instance.instance_id)
        said = Notification(
            NotificationKind.NORMAL,
            "done",
            code=NotificationCode.PLUGIN_CONFIG_OK,
            path=path,
            requester=command.requester,
            info="outside of its working hours",
            fields={"PLUGIN_RUNNING": runs},
        )
        node._connection.send(said, Channel.notif())

    node.confirm_run = confirm_run  # type: ignore[method-assign]  # the test's own words
    pipeline = session.create_pipeline(node=node.name, name="p")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")

    pipeline.deploy(timeout=PATIENCE, verbose=True)

    told = capsys.readouterr().out
    assert "Pipeline p deployed" in told
    line = "Instance PUPPET_PLAIN_01/i does not run for now: outside of its working hours"
    assert told.count(line) == lines


def test_a_node_that_does_not_allow_the_client_is_told_with_what_to_do(
    open_session: Any, add_node: Any
) -> None:
    session, stranger = open_session(), add_node("stranger")
    stranger.answer = stranger.ignore
    stranger.beat()
    session.wait_for_node(stranger.name, PATIENCE, verbose=False)

    with pytest.raises(ConfirmationTimeout, match=f"pye2 node allow {session.address}"):
        session.create_pipeline(node="stranger", name="p").deploy(timeout=0.01)


def test_a_first_deployment_that_failed_is_sent_again_by_the_next(
    session: Session, node: FakeNode
) -> None:
    node.answer = node.refuse("not now")
    pipeline = session.create_pipeline(node=node.name, name="p")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")
    with pytest.raises(DeployFailed):
        pipeline.deploy(timeout=PATIENCE)
    first = node.next_command()

    node.answer = node.confirm
    pipeline.deploy(timeout=PATIENCE)

    assert node.next_command().body == first.body


def test_a_change_that_was_refused_is_discarded(pipeline: Pipeline, node: FakeNode) -> None:
    (instance,) = pipeline.instances
    instance.update_instance_config(speed=99)
    assert instance.proposed_config == {"SPEED": 99}
    node.answer = lambda command: node.notify(
        NotificationCode.PLUGIN_CONFIG_FAILED, PATH, command.requester, text="too fast"
    )

    with pytest.raises(DeployFailed, match="too fast"):
        pipeline.deploy(timeout=PATIENCE)

    assert instance.config == {"SPEED": 1}
    assert instance.proposed_config is None
    assert instance.was_last_operation_successful is False
    assert pipeline.is_deployed


def test_what_the_node_has_stored_is_deployed_although_an_instance_failed(
    session: Session, node: FakeNode
) -> None:
    def answer(command: Command) -> None:
        node.notify(NotificationCode.PIPELINE_OK, InstancePath("p"), command.requester)
        node.notify(NotificationCode.PLUGIN_CONFIG_FAILED, PATH, command.requester, text="bad")

    node.answer = answer
    pipeline = session.create_pipeline(node=node.name, name="p")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")

    with pytest.raises(DeployFailed, match="bad"):
        pipeline.deploy(timeout=PATIENCE)

    assert pipeline.is_deployed
    assert [each.instance_id for each in pipeline.instances] == ["i"]


def test_confirmations_of_anybody_else_count_for_nothing(
    session: Session, node: FakeNode, add_node: Any
) -> None:
    other = add_node("other")
    node.answer = lambda command: other.notify(
        NotificationCode.PIPELINE_OK, InstancePath("p"), command.requester
    )

    with pytest.raises(ConfirmationTimeout):
        session.create_pipeline(node=node.name, name="p").deploy(timeout=0.05)


def test_nothing_can_be_changed_while_a_change_awaits_its_confirmation(
    pipeline: Pipeline, node: FakeNode
) -> None:
    (instance,) = pipeline.instances
    node.answer = node.ignore
    instance.update_instance_config(speed=2)
    transactions = pipeline.deploy(wait_confirmation=False, timeout=PATIENCE)
    assert transactions

    with pytest.raises(ConfigurationPending):
        instance.update_instance_config(speed=3)
    with pytest.raises(ConfigurationPending):
        pipeline.deploy()

    node.confirm(node.next_command())
    pipeline.session.wait_for_transactions(transactions)
    instance.update_instance_config(speed=3)
    assert instance.config == {"SPEED": 2}


def test_a_value_that_cannot_be_sent_leaves_the_pipeline_as_it_was(pipeline: Pipeline) -> None:
    (instance,) = pipeline.instances
    instance.update_instance_config(speed={1, 2})

    with pytest.raises(TypeError, match="SPEED"):
        pipeline.deploy()

    instance.update_instance_config(speed=2)
    pipeline.deploy(timeout=PATIENCE)
    assert instance.config == {"SPEED": 2}


def test_without_confirmation_the_change_counts_as_made(pipeline: Pipeline, node: FakeNode) -> None:
    (instance,) = pipeline.instances
    node.answer = node.ignore
    instance.update_instance_config(speed=2)

    pipeline.deploy(with_confirmation=False)

    assert instance.config == {"SPEED": 2}


def test_a_closed_session_says_that_nothing_was_sent(pipeline: Pipeline) -> None:
    pipeline.session.close()
    pipeline.instances[0].update_instance_config(speed=2)

    with pytest.raises(NotConnected):
        pipeline.deploy()


# --- making and finding ---------------------------------------------------------------------------


def test_a_pipeline_on_an_unknown_node_is_refused_with_those_that_are_online(
    session: Session, node: FakeNode
) -> None:
    with pytest.raises(NodeNotOnline, match=f"'nobody'.*naeural-1 .{node.address}"):
        session.create_pipeline(node="nobody", name="p")


def test_a_new_pipeline_ends_the_callbacks_of_the_one_that_it_replaces(
    session: Session, node: FakeNode
) -> None:
    before = set(threading.enumerate())
    node.running = {"p": PipelineConfig("p")}
    node.beat()
    assert session.peers.wait_until(
        lambda: session.peers.online()[node.address].pipelines, PATIENCE
    )
    replaced = (session.get_active_pipelines(node.name) or {})["p"]
    heard = Calls()
    replaced.attach(on_data=heard)
    (thread,) = replaced.callback_threads()
    thread.put(heard)

    session.create_pipeline(node=node.name, name="p")
    thread.join(PATIENCE)

    assert not any(each.name == "pye2-pipeline p" for each in set(threading.enumerate()) - before)


def test_a_second_pipeline_of_the_same_name_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(AlreadyExists, match="'p'"):
        pipeline.session.create_pipeline(node=pipeline.node_addr, name="p")


def test_a_second_instance_of_the_same_name_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(AlreadyExists, match="'i' of PUPPET_PLAIN_01"):
        pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")


def test_an_unknown_signature_is_refused_with_those_that_are_known(pipeline: Pipeline) -> None:
    with pytest.raises(UnknownSignature, match="PUPPET_PLAIN_01"):
        pipeline.create_plugin_instance(signature="PUPPET_PLAIN_1", instance_id="j")


@pytest.mark.parametrize(
    "status",
    [
        {"PYE2_SIGNATURES": {"FOREIGN_01": "1.0"}},
        {"ACTIVE_PLUGINS": [{"SIGNATURE": "foreign_01"}]},
    ],
)
def test_a_signature_that_only_the_node_knows_makes_a_plain_instance(
    pipeline: Pipeline, node: FakeNode, status: dict[str, Any]
) -> None:
    node.beat(**status)
    peers = pipeline.session.peers
    assert peers.wait_until(lambda: peers.runs(node.name, "FOREIGN_01"), PATIENCE)

    instance = pipeline.create_plugin_instance(signature="FOREIGN_01", instance_id="f", a=1)

    assert instance.proposed_config == {"A": 1}


def test_the_custom_code_plugin_decides_what_code_means(session: Session, node: FakeNode) -> None:
    heard = Calls()
    pipeline = session.create_pipeline(node=node.name, name="p")
    instance = pipeline.create_custom_plugin_instance(
        instance_id="c", custom_code="return 7", on_data=heard, process_delay=1
    )
    pipeline.deploy(timeout=PATIENCE)

    node.say(instance.path, EXEC_RESULT=7)

    assert instance.config == {"CODE": "return 7", "PROCESS_DELAY": 1}
    assert heard.next()[:2] == (pipeline, 7)


def test_an_instance_is_found_again_and_unknown_ones_are_listed(pipeline: Pipeline) -> None:
    found = pipeline.attach_to_plugin_instance(signature="puppet_plain_01", instance_id="i")

    assert found is pipeline.instances[0]
    with pytest.raises(InstanceNotFound, match="PUPPET_PLAIN_01/i"):
        pipeline.attach_to_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="x")


def test_a_specialised_class_takes_an_instances_place(session: Session, node: FakeNode) -> None:
    from client_puppets import Code, Job

    from pye2core import Instance

    pipeline = session.create_pipeline(node=node.name, name="p")
    plain = Instance(pipeline, "PUPPET_CODE_01", "c")

    special = plain.convert_to_specialized_class(Code)

    assert type(special) is Code
    with pytest.raises(TypeError, match="Job is for PUPPET_JOB_01"):
        plain.convert_to_specialized_class(Job)


# --- attaching ------------------------------------------------------------------------------------


@pytest.fixture
def foreign(session: Session, node: FakeNode) -> PipelineConfig:
    """A pipeline that somebody else made."""
    config = PipelineConfig(
        "theirs", instances=(InstanceConfig("ODD_01", "o", {"CODE": "sha256:x"}),)
    )
    node.running["theirs"] = config
    node.beat()
    peers = session.peers
    assert peers.wait_until(lambda: peers.runs(node.name, "ODD_01"), PATIENCE)
    return config


def test_a_pipeline_of_somebody_elses_can_be_attached_to(
    session: Session, node: FakeNode, foreign: PipelineConfig
) -> None:
    heard = Calls()
    pipeline = session.attach_to_pipeline(node=node.name, name="theirs", on_data=heard)
    instance = pipeline.attach_to_plugin_instance(
        signature="ODD_01", instance_id="o", on_data=heard
    )

    node.say(instance.path, VALUE=1)

    assert instance.config == {"CODE": "sha256:x"}
    lengths = {len(heard.next()), len(heard.next())}
    assert lengths == {2, 4}


def test_attaching_twice_gives_the_same_pipeline(
    session: Session, node: FakeNode, foreign: PipelineConfig
) -> None:
    first = session.attach_to_pipeline(node=node.name, name="theirs")

    assert session.create_or_attach_to_pipeline(node=node.address, name="theirs") is first
    assert session.get_active_pipelines(node.address) == {"theirs": first}


def test_a_pipeline_that_does_not_run_is_told_with_those_that_do(
    session: Session, node: FakeNode, foreign: PipelineConfig
) -> None:
    with pytest.raises(PipelineNotFound, match="'nothing'; it runs: theirs"):
        session.attach_to_pipeline(node=node.name, name="nothing")


def test_create_or_attach_makes_what_does_not_run(session: Session, node: FakeNode) -> None:
    pipeline = session.create_or_attach_to_pipeline(node=node.name, name="new", live=True)

    pipeline.deploy(timeout=PATIENCE)

    assert node.next_command().action is Action.UPDATE_PIPELINE


def test_a_change_to_an_attached_pipeline_keeps_what_others_have_set(
    session: Session, node: FakeNode, foreign: PipelineConfig
) -> None:
    pipeline = session.attach_to_pipeline(node=node.name, name="theirs")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="mine")

    pipeline.deploy(timeout=PATIENCE)

    body = node.next_command().body
    assert isinstance(body, PipelineConfig)
    assert body.instances[0] == foreign.instances[0]
    assert body.instances[1].instance_id == "mine"


# --- commands -------------------------------------------------------------------------------------


def test_an_instance_command_goes_out_in_pye2s_form(pipeline: Pipeline, node: FakeNode) -> None:
    (instance,) = pipeline.instances

    instance.send_instance_command("RESTART", payload={"k": 1}, command_params={"a": 2})
    instance.send_instance_command({"do": "it"}, session_id="mine", timeout=PATIENCE)

    first, second = node.next_command(), node.next_command()
    assert isinstance(first.body, InstanceUpdate)
    assert first.body.changes == {
        "INSTANCE_COMMAND": {"k": 1, "COMMAND_PARAMS": {"a": 2, "RESTART": True}}
    }
    assert isinstance(second.body, InstanceUpdate)
    assert second.body.changes == {"INSTANCE_COMMAND": {"do": "it", "COMMAND_PARAMS": {}}}
    assert second.requester.session_id == "mine"


def test_an_instance_command_that_fails_is_raised_with_the_reason(
    pipeline: Pipeline, node: FakeNode
) -> None:
    node.answer = lambda command: node.notify(
        NotificationCode.PLUGIN_INSTANCE_COMMAND_FAILED,
        PATH,
        command.requester,
        kind=NotificationKind.EXCEPTION,
        text="cannot restart",
    )

    with pytest.raises(DeployFailed, match="cannot restart"):
        pipeline.instances[0].send_instance_command("RESTART")


def echo(node: FakeNode) -> Any:
    """Confirm a command, and answer it with a payload that echoes it."""

    def answer(command: Command) -> None:
        node.confirm(command)
        body = command.body
        assert isinstance(body, InstanceUpdate)
        data = {k: v for k, v in body.changes["INSTANCE_COMMAND"].items() if k != "COMMAND_PARAMS"}
        path = InstancePath(body.pipeline, body.signature, body.instance_id)
        node.say(path, COMMAND_PARAMS={}, NUMBER=0)
        node.say(path, COMMAND_PARAMS=data, NUMBER=1)

    return answer


def test_the_payload_that_echoes_a_request_answers_it(pipeline: Pipeline, node: FakeNode) -> None:
    node.answer = echo(node)

    answer = pipeline.instances[0].send_instance_command_and_wait_for_response_payload(
        "ASK", payload={"q": 1}, timeout_response_payload=PATIENCE
    )

    assert answer is not None
    assert (answer["NUMBER"], answer["COMMAND_PARAMS"]["q"]) == (1, 1)


def test_a_request_that_no_payload_answers_gives_none(pipeline: Pipeline) -> None:
    answer = pipeline.instances[0].send_instance_command_and_wait_for_response_payload(
        "ASK", timeout_response_payload=0.01
    )

    assert answer is None


@pytest.mark.parametrize("mode", ["any", "all"])
def test_several_instances_can_be_asked_at_once(
    pipeline: Pipeline, node: FakeNode, mode: Any
) -> None:
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="j")
    pipeline.deploy(timeout=PATIENCE)
    node.answer = echo(node)
    session = pipeline.session

    answers = session.broadcast_instance_command_and_wait_for_response_payload(
        pipeline.instances, mode, "ASK", timeout=PATIENCE
    )

    assert answers is not None
    found = [each for each in answers if each is not None]
    assert len(answers) == 2
    assert len(found) == 2 or (mode == "any" and found)


def test_asking_nobody_gives_none(session: Session) -> None:
    assert session.broadcast_instance_command_and_wait_for_response_payload([]) is None


def test_a_pipeline_command_goes_out_in_pye2s_form(pipeline: Pipeline, node: FakeNode) -> None:
    pipeline.send_pipeline_command("START", payload={"k": 1}, command_params={"z": 2})

    body = node.next_command().body
    assert body == PipelineCommand("p", {"START": True, "k": 1, "COMMAND_PARAMS": {"z": 2}})


# --- closing --------------------------------------------------------------------------------------


def test_closing_has_the_node_archive_the_pipeline(pipeline: Pipeline, node: FakeNode) -> None:
    pipeline.close(timeout=PATIENCE)

    command = node.next_command()
    assert (command.action, command.body) == (Action.ARCHIVE_PIPELINE, "p")
    assert not pipeline.is_deployed
    with pytest.raises(PipelineNotFound, match="was closed"):
        pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="k")


def test_closing_what_was_never_deployed_sends_nothing(session: Session, node: FakeNode) -> None:
    session.create_pipeline(node=node.name, name="p").close()

    session.create_pipeline(node=node.name, name="p")
    assert node.commands.empty()


def test_closing_what_the_node_refused_does_not_fail(session: Session, node: FakeNode) -> None:
    node.answer = node.refuse("no")
    pipeline = session.create_pipeline(node=node.name, name="p")
    with pytest.raises(DeployFailed):
        pipeline.deploy(timeout=PATIENCE)

    transactions = pipeline.close(wait_confirmation=False, timeout=PATIENCE)

    assert transactions
    session.wait_for_transactions(transactions)
    session.create_pipeline(node=node.name, name="p")


def test_a_pipeline_can_be_changed_and_closed_from_within_a_callback(
    session: Session, node: FakeNode
) -> None:
    done = Calls()

    def on_data(pipeline: Pipeline, payload: Any) -> None:
        pipeline.instances[0].update_instance_config(speed=payload["SPEED"])
        pipeline.deploy(timeout=PATIENCE)
        pipeline.close(timeout=PATIENCE)
        done(pipeline.is_deployed)

    pipeline = session.create_pipeline(node=node.name, name="p")
    instance = pipeline.create_plugin_instance(
        signature="PUPPET_PLAIN_01", instance_id="i", on_data=on_data
    )
    pipeline.deploy(timeout=PATIENCE)

    node.say(instance.path, SPEED=5)

    assert done.next() == (False,)


# --- callbacks ------------------------------------------------------------------------------------


def test_callbacks_can_be_added_and_removed(pipeline: Pipeline, node: FakeNode) -> None:
    (instance,) = pipeline.instances
    first, second, notified = Calls(), Calls(), Calls()
    attachment = instance.temporary_attach(first, notified)
    instance.temporary_attach(second)

    node.say(PATH, NUMBER=1)
    assert first.next()[1]["NUMBER"] == 1
    instance.temporary_detach(attachment)
    node.say(PATH, NUMBER=2)

    assert [second.next()[1]["NUMBER"] for _ in range(2)] == [1, 2]
    assert first.empty


def test_a_notification_reaches_the_instance_and_the_pipeline(
    session: Session, node: FakeNode
) -> None:
    of_pipeline, of_instance = Calls(), Calls()
    pipeline = session.create_pipeline(node=node.name, name="p", on_notification=of_pipeline)
    pipeline.create_plugin_instance(
        signature="PUPPET_PLAIN_01", instance_id="i", on_notification=of_instance
    )
    pipeline.deploy(timeout=PATIENCE)

    codes = [of_pipeline.next()[1]["NOTIFICATION_CODE"] for _ in range(2)]

    assert codes == [1, 100]
    found, notification = of_instance.next()
    assert found is pipeline
    assert (notification["NOTIFICATION_CODE"], notification.path) == (100, PATH)


def test_a_detached_instance_goes_on_unheard(pipeline: Pipeline, node: FakeNode) -> None:
    heard, gate = Calls(), Gate()
    (instance,) = pipeline.instances
    instance.temporary_attach(heard)
    pipeline.attach(gate)

    pipeline.detach_from_instance(instance)
    node.say(PATH, NUMBER=1)

    assert gate.entered.wait(PATIENCE)
    gate.open()
    assert heard.empty
    assert pipeline.is_deployed


def test_a_payload_says_who_signed_it_and_where_it_came_from(
    pipeline: Pipeline, node: FakeNode
) -> None:
    heard = Calls()
    pipeline.instances[0].temporary_attach(heard)

    node.say(PATH, NUMBER=1)

    payload = heard.next()[1]
    assert (payload.sender, payload.verified, payload.path) == (node.address, True, PATH)


def test_a_payload_of_another_nodes_instance_of_the_same_name_is_not_ours(
    pipeline: Pipeline, node: FakeNode, add_node: Any
) -> None:
    heard = Calls()
    pipeline.instances[0].temporary_attach(heard)

    add_node("other").say(PATH, NUMBER=1)
    node.say(PATH, NUMBER=2)

    assert heard.next()[1]["NUMBER"] == 2


def test_what_a_node_ran_is_not_kept_when_the_node_is_forgotten() -> None:
    known = KnownPipelines(ManualClock())
    known.hear(Heartbeat("node", "0xai_node", pipelines=(PipelineConfig("p"),)))

    known.forget_node("0xai_node")

    assert known.reported("0xai_node") == {}


def test_a_session_forgets_what_ran_on_a_node_that_says_goodbye(
    session: Session, node: FakeNode
) -> None:
    node.running = {"p": PipelineConfig("p")}
    node.beat()
    known = session.known_pipelines
    assert session.peers.wait_until(
        lambda: session.peers.online()[node.address].pipelines, PATIENCE
    )

    node.say_goodbye()
    assert session.peers.wait_until(lambda: not session.peers.online(), PATIENCE)

    assert known.reported(node.address) == {}


def test_what_was_closed_stays_hidden_until_heartbeats_can_know_of_it(pipeline: Pipeline) -> None:
    clock = ManualClock()
    known = KnownPipelines(clock)
    config = PipelineConfig(pipeline.name)
    heartbeat = Heartbeat("node", pipeline.node_addr, pipelines=(config,))
    known.hear(heartbeat)

    known.forget(pipeline)
    assert known.reported(pipeline.node_addr) == {}
    known.hear(heartbeat)
    assert known.reported(pipeline.node_addr) == {}
    clock.advance(SETTLING)
    known.hear(heartbeat)

    assert known.reported(pipeline.node_addr) == {pipeline.name: config}
