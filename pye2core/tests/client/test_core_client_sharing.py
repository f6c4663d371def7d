"""A pipeline that another client changes, closes or makes anew while this session has it."""

from __future__ import annotations

import queue
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from client_support import PATIENCE, Calls, FakeNode

from pye2core.client.differences import by_key
from pye2core.clock import ManualClock
from pye2core.errors import (
    ConfirmationTimeout,
    DeployFailed,
    InstanceNotFound,
    PipelineNotFound,
)
from pye2core.messages import (
    Action,
    Heartbeat,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    NotificationCode,
    Origin,
    PipelineConfig,
    Provenance,
    Requester,
)
from pye2core.messages.digests import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core import Instance, Pipeline, Session

PLAIN = "PUPPET_PLAIN_01"
PATH = InstancePath("p", PLAIN, "i")
ANOTHER = Requester("0xai_another", "another", "another_1")


@pytest.fixture
def pipeline(session: Session, node: FakeNode) -> Pipeline:
    """A deployed pipeline with one instance."""
    pipeline = session.create_pipeline(node=node.address, name="p")
    pipeline.create_plugin_instance(signature=PLAIN, instance_id="i", speed=1, colour="red")
    pipeline.deploy(timeout=PATIENCE)
    node.next_command()
    return pipeline


@pytest.fixture
def instance(pipeline: Pipeline) -> Instance:
    (only,) = pipeline.instances
    return only


def so(session: Session, is_so: Callable[[], object]) -> bool:
    """Whether it becomes so with one of the next heartbeats."""
    return session.peers.wait_until(is_so, PATIENCE)


def another_changes(node: FakeNode, **changes: Any) -> None:
    """The node runs the instance with settings of another client's, and says so."""
    node.change(InstanceUpdate("p", PLAIN, "i", changes))
    node.beat()


def another_closes(node: FakeNode, pipeline: Pipeline) -> None:
    """The node has been told by another client to close the pipeline, and says what it runs."""
    del node.running["p"]
    node.beat()
    assert so(pipeline.session, lambda: pipeline.is_gone)


# --- changes --------------------------------------------------------------------------------------


def test_the_picture_is_what_the_newest_heartbeat_says(
    pipeline: Pipeline, instance: Instance, node: FakeNode
) -> None:
    node.running["p"] = evolve(
        node.running["p"],
        settings={"URL": "rtsp://theirs"},
        instances=(
            InstanceConfig(PLAIN, "i", {"SPEED": 9, "COLOUR": "red"}),
            InstanceConfig(PLAIN, "theirs", {}),
        ),
    )
    node.beat()
    assert so(pipeline.session, lambda: instance.config["SPEED"] == 9)

    assert pipeline.config == {"NAME": "p", "TYPE": "Void", "URL": "rtsp://theirs"}
    assert [each.instance_id for each in pipeline.instances] == ["i", "theirs"]
    assert pipeline.session.get_active_pipelines(node.name) == {"p": pipeline}
    assert instance.proposed_config is None
    assert pipeline.deploy() is None


def test_a_deployment_leaves_what_another_client_changed(
    pipeline: Pipeline, instance: Instance, node: FakeNode
) -> None:
    instance.update_instance_config(speed=2)
    another_changes(node, COLOUR="blue")
    assert so(pipeline.session, lambda: instance.config["COLOUR"] == "blue")

    assert instance.proposed_config == {"SPEED": 2}
    pipeline.deploy(timeout=PATIENCE)

    assert node.next_command().body == (InstanceUpdate("p", PLAIN, "i", {"SPEED": 2}),)
    assert instance.config == {"SPEED": 2, "COLOUR": "blue"}


def test_another_instance_of_ours_is_sent_with_what_another_client_made(
    pipeline: Pipeline, instance: Instance, node: FakeNode
) -> None:
    node.running["p"] = node.running["p"].with_instance(InstanceConfig("THEIRS_01", "t", {"A": 1}))
    another_changes(node, SPEED=9)
    assert so(pipeline.session, lambda: instance.config["SPEED"] == 9)
    pipeline.create_plugin_instance(signature=PLAIN, instance_id="j")

    pipeline.deploy(timeout=PATIENCE)

    body = node.next_command().body
    assert isinstance(body, PipelineConfig)
    assert {each.instance_id: each.settings for each in body.instances} == {
        "i": {"SPEED": 9, "COLOUR": "red"},
        "t": {"A": 1},
        "j": {},
    }


def test_a_pipeline_that_was_attached_to_is_followed_likewise(
    open_session: Callable[..., Session], pipeline: Pipeline, node: FakeNode
) -> None:
    other = open_session()
    attached = other.attach_to_pipeline(node=node.address, name="p", max_wait_time=PATIENCE)
    (theirs,) = attached.instances
    theirs.update_instance_config(speed=2)
    another_changes(node, COLOUR="blue")
    assert so(other, lambda: theirs.config["COLOUR"] == "blue")

    attached.deploy(timeout=PATIENCE)

    assert node.next_command().body == (InstanceUpdate("p", PLAIN, "i", {"SPEED": 2}),)


def test_an_instance_that_another_client_took_away_is_not_changed_but_told(
    pipeline: Pipeline, instance: Instance, node: FakeNode
) -> None:
    node.running["p"] = PipelineConfig("p")
    node.beat()
    assert so(pipeline.session, lambda: not instance.config)

    with pytest.raises(InstanceNotFound, match="'i' of PUPPET_PLAIN_01"):
        instance.update_instance_config(speed=2)


def another_replaces(node: FakeNode, *instances: str, by: Requester = ANOTHER) -> None:
    """The node runs these instances for another client, and says so."""
    node.running["p"] = PipelineConfig(
        "p",
        instances=tuple(InstanceConfig(PLAIN, each) for each in instances),
        provenance=Provenance(by, by),
    )
    node.beat()


def shown(session: Session, words: str) -> queue.Queue[str]:
    """What the session shows from now on that has these words in it."""
    lines: queue.Queue[str] = queue.Queue()
    show = session.P

    def note(*args: object, **options: Any) -> None:
        line = " ".join(map(str, args))
        if words in line:
            lines.put(line)
        show(*args, **options)

    session.P = note  # type: ignore[method-assign]
    return lines


def test_who_removes_an_instance_is_named_though_nobody_listens(
    session: Session, pipeline: Pipeline, node: FakeNode
) -> None:
    lines = shown(session, "has lost")

    another_replaces(node, "theirs")

    line = lines.get(timeout=PATIENCE)
    assert f"{PLAIN}/i: removed by another 0xai_another" in line
    assert "create_or_attach_to_pipeline" in line


@pytest.mark.parametrize("by", ["ourselves", "another, who adds one"])
def test_what_is_no_removal_by_others_is_not_told(
    session: Session, pipeline: Pipeline, node: FakeNode, by: str
) -> None:
    lines = shown(session, "has lost")
    ours = Requester(session.address, "us", session.commands.new_session_id())

    if by == "ourselves":
        another_replaces(node, "other", by=ours)
    else:
        another_replaces(node, "i", "other")

    assert so(session, lambda: (PLAIN, "other") in by_key(pipeline.configurations.proposed))
    session.close()
    assert lines.empty()


def test_what_another_has_replaced_is_left_running_at_the_end(
    session: Session, pipeline: Pipeline, node: FakeNode
) -> None:
    another_replaces(node, "theirs")
    assert so(session, lambda: pipeline.replaced_by)
    lines = shown(session, "is not closed")

    session.close(close_pipelines=True, wait_close=True)

    assert "another 0xai_another" in lines.get_nowait()
    assert node.commands.empty()
    assert "p" in node.running


def test_who_closes_it_by_name_closes_it_and_who_deploys_again_owns_it_again(
    session: Session, pipeline: Pipeline, node: FakeNode
) -> None:
    another_replaces(node, "theirs")
    assert so(session, lambda: pipeline.replaced_by)

    pipeline.create_plugin_instance(signature=PLAIN, instance_id="again")
    pipeline.deploy(timeout=PATIENCE)
    assert pipeline.replaced_by is None
    pipeline.close(timeout=PATIENCE)

    assert "p" not in node.running


def test_code_that_only_its_digest_tells_of_is_still_ours(session: Session, node: FakeNode) -> None:
    pipeline = session.create_pipeline(node=node.address, name="p")
    code = pipeline.create_custom_plugin_instance(instance_id="c", custom_code="return 7")
    pipeline.deploy(timeout=PATIENCE)
    node.running["p"] = PipelineConfig(
        "p",
        instances=(InstanceConfig(code.signature, "c", {"CODE": digest_of("return 7"), "X": 1}),),
    )
    node.beat()
    assert so(session, lambda: "X" in code.config)

    assert code.config == {"CODE": "return 7", "X": 1}


# --- what is older --------------------------------------------------------------------------------


@pytest.fixture
def confirmed(session: Session, pipeline: Pipeline, node: FakeNode) -> Heartbeat:
    """A heartbeat of the moment at which the node has confirmed the pipeline, which it shows."""
    node.beat()
    report = session.known_pipelines.report_of
    assert so(session, lambda: "p" in getattr(report(node.address), "pipelines", ()))
    said = report(node.address)
    assert said is not None
    return evolve(
        node.heartbeat(), origin=Origin(node.address, node.name, sent_at=said.moment.said)
    )


def earlier(heartbeat: Heartbeat, seconds: float) -> Heartbeat:
    """The same heartbeat, said that much earlier."""
    assert heartbeat.origin is not None
    assert heartbeat.origin.sent_at is not None
    sent_at = heartbeat.origin.sent_at - timedelta(seconds=seconds)
    return evolve(heartbeat, origin=evolve(heartbeat.origin, sent_at=sent_at))


def test_a_heartbeat_that_was_said_before_the_confirmation_and_comes_after_it_counts_for_nothing(
    session: Session, pipeline: Pipeline, instance: Instance, confirmed: Heartbeat
) -> None:
    instance.update_instance_config(speed=2)
    pipeline.deploy(timeout=PATIENCE)

    session.known_pipelines.hear(confirmed)
    session.known_pipelines.hear(evolve(confirmed, pipelines=()))

    assert instance.config["SPEED"] == 2
    assert pipeline.is_deployed


def test_pye2s_nodes_are_believed_when_they_must_have_looked_after_the_confirmation(
    session: Session, pipeline: Pipeline, instance: Instance, confirmed: Heartbeat
) -> None:
    pye2s = evolve(confirmed, life=None, revision=None, pipelines=())

    session.known_pipelines.hear(earlier(pye2s, -0.5))
    assert pipeline.is_deployed
    session.known_pipelines.hear(earlier(pye2s, -1.5))

    assert pipeline.is_gone


def test_what_was_said_while_a_change_of_ours_waited_counts_when_it_is_over(
    open_session: Callable[..., Session], node: FakeNode
) -> None:
    clock = ManualClock()
    session = open_session(clock=clock)
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    pipeline = session.create_pipeline(node=node.address, name="p")
    instance = pipeline.create_plugin_instance(signature=PLAIN, instance_id="i", speed=1)
    pipeline.deploy(timeout=0)
    node.answer = node.ignore
    instance.update_instance_config(speed=2)
    transactions = pipeline.deploy(wait_confirmation=False, timeout=10)
    assert transactions
    another_changes(node, SPEED=9)
    report = session.known_pipelines.report_of
    assert so(session, lambda: getattr(report(node.address), "pipelines", {}).get("p"))
    assert instance.config == {"SPEED": 1}

    clock.advance(10)
    session.wait_for_transactions(transactions)

    assert instance.config == {"SPEED": 9}


def brief_after(full: Heartbeat) -> Heartbeat:
    """A brief heartbeat, which says that nothing has changed since the full one."""
    return Heartbeat(
        full.name, full.address, is_brief=True, life=full.life, revision=full.revision, load=77
    )


def test_a_heartbeat_that_another_has_overtaken_counts_for_nothing(
    pipeline: Pipeline, instance: Instance, node: FakeNode
) -> None:
    session = pipeline.session
    late = node.heartbeat()
    node.change(InstanceUpdate("p", PLAIN, "i", {"SPEED": 9}))
    newest = node.heartbeat()
    node.send(newest)
    assert so(session, lambda: instance.config["SPEED"] == 9)

    node.send(late)
    node.send(brief_after(newest))
    assert so(session, lambda: session.peers.online()[node.address].load == 77)

    assert instance.config["SPEED"] == 9


def test_a_brief_heartbeat_says_that_all_is_still_as_the_full_one_said(
    open_session: Callable[..., Session], node: FakeNode
) -> None:
    clock = ManualClock()
    session = open_session(clock=clock)
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    pipeline = session.create_pipeline(node=node.address, name="p")
    answered = Calls()
    pipeline.attach(on_notification=answered)
    pipeline.deploy(with_confirmation=False)
    answered.next()
    node.running.clear()
    full = node.heartbeat()
    node.send(full)
    assert so(session, lambda: session.peers.online()[node.address].revision == full.revision)
    assert pipeline.is_deployed
    clock.advance(10)

    node.send(brief_after(full))

    assert so(session, lambda: pipeline.is_gone)


@pytest.fixture
def sent_to_one_who_is_away(
    open_session: Callable[..., Session], node: FakeNode, clock: ManualClock
) -> Pipeline:
    """A new pipeline whose node has not read of it; nobody waits until it has."""
    session = open_session(clock=clock)
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    pipeline = session.create_pipeline(node=node.address, name="p")
    pipeline.create_plugin_instance(signature=PLAIN, instance_id="i", speed=1)
    node.answer = node.ignore
    pipeline.deploy(with_confirmation=False)
    return pipeline


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_what_a_node_has_not_read_of_yet_is_not_gone_because_it_does_not_run_it(
    sent_to_one_who_is_away: Pipeline, node: FakeNode, clock: ManualClock
) -> None:
    pipeline = sent_to_one_who_is_away
    reported = pipeline.session.known_pipelines.reported
    clock.advance(100)

    node.running["sign"] = PipelineConfig("sign")
    node.beat()

    assert so(pipeline.session, lambda: "sign" in reported(node.address))
    assert not pipeline.is_gone
    node.confirm(node.next_command())
    clock.advance(100)
    node.beat()
    assert so(pipeline.session, lambda: pipeline.is_deployed)
    del node.running["p"]
    node.beat()
    assert so(pipeline.session, lambda: pipeline.is_gone)


# --- the end of a pipeline ------------------------------------------------------------------------


def test_what_another_client_closed_is_not_made_anew_by_a_deployment(
    pipeline: Pipeline, instance: Instance, node: FakeNode
) -> None:
    instance.update_instance_config(speed=2)
    another_closes(node, pipeline)

    with pytest.raises(PipelineNotFound, match=r"naeural-1 .*'p' any more.*create_pipeline") as e:
        pipeline.deploy()

    assert (e.value.node, e.value.pipeline) == (node.address, "p")
    assert not pipeline.is_deployed
    assert pipeline.session.get_active_pipelines(node.name) == {}
    assert node.commands.empty()


def test_the_notification_that_it_was_archived_says_so_at_once(
    pipeline: Pipeline, node: FakeNode
) -> None:
    told = Calls()
    pipeline.attach(on_notification=told)
    node.beat()
    reported = pipeline.session.known_pipelines.reported
    assert so(pipeline.session, lambda: "p" in reported(node.address))

    node.notify(NotificationCode.PIPELINE_ARCHIVE_OK, InstancePath("p"), ANOTHER)
    told.next()

    with pytest.raises(PipelineNotFound, match="another client closed it"):
        pipeline.deploy()
    assert pipeline.session.get_active_pipelines(node.name) == {}


@pytest.mark.parametrize(
    ("code", "path"),
    [
        (NotificationCode.PIPELINE_ARCHIVE_FAILED, InstancePath("p")),
        (NotificationCode.PIPELINE_OK, InstancePath("p")),
        (NotificationCode.PLUGIN_CONFIG_OK, PATH),
    ],
)
def test_no_other_notification_does(
    pipeline: Pipeline, node: FakeNode, code: NotificationCode, path: InstancePath
) -> None:
    told = Calls()
    pipeline.attach(on_notification=told)

    node.notify(code, path, ANOTHER)
    told.next()

    assert pipeline.is_deployed


def test_it_can_be_made_anew(pipeline: Pipeline, node: FakeNode) -> None:
    session = pipeline.session
    another_closes(node, pipeline)

    anew = session.create_pipeline(node=node.address, name="p")
    anew.deploy(timeout=PATIENCE)

    assert node.next_command().body == PipelineConfig("p")
    assert session.get_active_pipelines(node.name) == {"p": anew}
    with pytest.raises(PipelineNotFound):
        pipeline.deploy()


def test_closing_what_is_gone_sends_nothing(pipeline: Pipeline, node: FakeNode) -> None:
    another_closes(node, pipeline)

    pipeline.close()

    assert node.commands.empty()
    with pytest.raises(PipelineNotFound, match="was closed"):
        pipeline.deploy()


def test_what_runs_again_is_followed_again_and_its_callbacks_are_called(
    pipeline: Pipeline, instance: Instance, node: FakeNode
) -> None:
    heard = Calls()
    instance.temporary_attach(on_data=heard)
    another_closes(node, pipeline)

    node.running["p"] = PipelineConfig("p", instances=(InstanceConfig(PLAIN, "i", {"SPEED": 5}),))
    node.beat()
    assert so(pipeline.session, lambda: pipeline.is_deployed)
    node.say(PATH, NUMBER=1)

    assert heard.next()[1]["NUMBER"] == 1
    assert instance.config == {"SPEED": 5}
    instance.update_instance_config(speed=6)
    pipeline.deploy(timeout=PATIENCE)
    assert node.next_command().body == (InstanceUpdate("p", PLAIN, "i", {"SPEED": 6}),)


def test_a_pipeline_that_was_never_deployed_is_not_gone(session: Session, node: FakeNode) -> None:
    pipeline = session.create_pipeline(node=node.address, name="p")
    known = session.known_pipelines.report_of
    before = known(node.address)

    node.beat()
    assert so(session, lambda: known(node.address) is not before)

    pipeline.deploy(timeout=PATIENCE)
    assert pipeline.is_deployed


# --- confirmations that come late -----------------------------------------------------------------


def test_a_confirmation_that_comes_late_is_a_confirmation(
    pipeline: Pipeline, instance: Instance, node: FakeNode
) -> None:
    told = Calls()
    node.answer = node.ignore
    instance.update_instance_config(speed=2)
    with pytest.raises(ConfirmationTimeout):
        pipeline.deploy(timeout=0.01)
    command = node.next_command()
    pipeline.attach(on_notification=told)
    assert instance.config["SPEED"] == 1

    node.confirm(command)
    for _ in range(2):
        told.next()

    assert instance.config["SPEED"] == 2
    assert pipeline.deploy() is None


def test_a_heartbeat_that_shows_what_was_not_confirmed_in_time_tells_that_it_was_done(
    session: Session, node: FakeNode
) -> None:
    node.answer = node.ignore
    pipeline = session.create_pipeline(node=node.address, name="p")
    pipeline.create_plugin_instance(signature=PLAIN, instance_id="i", speed=1)
    with pytest.raises(ConfirmationTimeout):
        pipeline.deploy(timeout=0.01)

    node.running["p"] = node.next_command().body  # type: ignore[assignment]  # a pipeline was sent
    node.beat()
    assert so(session, lambda: pipeline.is_deployed)

    assert pipeline.deploy() is None


def test_a_refusal_that_comes_late_is_a_refusal(
    pipeline: Pipeline, instance: Instance, node: FakeNode
) -> None:
    told = Calls()
    node.answer = node.ignore
    instance.update_instance_config(speed=2)
    with pytest.raises(ConfirmationTimeout):
        pipeline.deploy(timeout=0.01)
    command = node.next_command()
    pipeline.attach(on_notification=told)

    node.notify(NotificationCode.PIPELINE_FAILED, PATH, command.requester)
    told.next()

    assert instance.config["SPEED"] == 1
    assert pipeline.deploy() is None


def test_what_may_have_been_done_is_not_forgotten_when_the_next_change_is_refused(
    pipeline: Pipeline, instance: Instance, node: FakeNode
) -> None:
    node.answer = node.ignore
    instance.update_instance_config(speed=2)
    with pytest.raises(ConfirmationTimeout):
        pipeline.deploy(timeout=0.01)
    node.answer = node.refuse("not now")
    with pytest.raises(DeployFailed):
        pipeline.deploy(timeout=PATIENCE)

    node.answer = node.confirm
    pipeline.deploy(timeout=PATIENCE)

    sent = [node.next_command() for _ in range(3)]
    assert [each.action for each in sent] == [
        Action.UPDATE_INSTANCES,
        Action.UPDATE_PIPELINE,
        Action.UPDATE_PIPELINE,
    ]
    assert pipeline.deploy() is None
