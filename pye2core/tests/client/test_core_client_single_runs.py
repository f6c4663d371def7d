"""Code that is run once: what is sent, what comes back, and that nothing is left behind."""

from __future__ import annotations

import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from client_support import PATIENCE, Calls, FakeNode

from pye2core.client import single_runs
from pye2core.errors import (
    CodeError,
    ConfirmationTimeout,
    DeployFailed,
    NotConnected,
    PipelineNotFound,
    PluginBroken,
    UnknownSignature,
)
from pye2core.messages import (
    Action,
    InstanceConfig,
    InstancePath,
    NotificationCode,
    NotificationKind,
    PipelineConfig,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pye2core import Pipeline, Session
    from pye2core.messages import Command

ONCE = "PUPPET_ONCE_01"


def runs_in(command: Command) -> list[InstanceConfig]:
    """The instances in a command that run code once."""
    assert isinstance(command.body, PipelineConfig)
    return [each for each in command.body.instances if each.signature == ONCE]


def the_run_in(command: Command) -> InstancePath:
    """The one instance that a command brings, which runs code once, in a pipeline of its own."""
    assert command.action is Action.UPDATE_PIPELINE
    assert isinstance(command.body, PipelineConfig)
    (once,) = command.body.instances
    return InstancePath(command.body.name, once.signature, once.instance_id)


def is_the_end_of(command: Command, path: InstancePath) -> bool:
    """Whether a command closes the pipeline of a run."""
    return (command.action, command.body) == (Action.ARCHIVE_PIPELINE, path.pipeline)


class Responder:
    """What a node does with code that is to be run once: each is answered when it first comes.

    Attributes:
        fields: what the payload says, for the settings of the instance.
    """

    def __init__(self, node: FakeNode) -> None:
        self._node = node
        self._known: set[str] = set()
        self.fields: Callable[[dict[str, Any]], dict[str, Any]] = lambda settings: {
            "RESULT": settings["WISH"].upper(),
            "ERROR": None,
        }

    def __call__(self, command: Command) -> None:
        self._node.confirm(command)
        if command.action is not Action.UPDATE_PIPELINE:
            return
        for each in runs_in(command):
            if each.instance_id not in self._known:
                self._known.add(each.instance_id)
                path = InstancePath(command.body.name, ONCE, each.instance_id)
                self._node.say(path, STATUS="Working hours shift STARTED")
                self._node.say(path, **self.fields(each.settings))


@pytest.fixture
def pipeline(session: Session, node: FakeNode) -> Pipeline:
    """A deployed pipeline with one instance."""
    pipeline = session.create_pipeline(node=node.address, name="p")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i", speed=1)
    pipeline.deploy(timeout=PATIENCE)
    node.next_command()
    return pipeline


@pytest.fixture
def fed(session: Session, node: FakeNode) -> Pipeline:
    """A deployed pipeline with one instance, and with input."""
    pipeline = session.create_pipeline(node=node.address, name="fed", data_source="VideoStream")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i", speed=1)
    pipeline.deploy(timeout=PATIENCE)
    node.next_command()
    return pipeline


@pytest.fixture
def responder(node: FakeNode) -> Responder:
    answering = Responder(node)
    node.answer = answering
    return answering


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    """Threads for what is to happen meanwhile."""
    with ThreadPoolExecutor() as pool:
        yield pool


@pytest.fixture
def run(
    pipeline: Pipeline, node: FakeNode, beside: ThreadPoolExecutor
) -> tuple[Future[Any], Command]:
    """A run that the node has taken on and does not answer, with the command that brought it."""
    running = beside.submit(pipeline.wait_exec, "x", timeout=PATIENCE)
    return running, node.next_command()


@pytest.fixture
def time_is_over_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a run is over as soon as the node has confirmed it."""

    def wait_for_confirmation(ends: Any, *_: Any, **__: Any) -> None:
        wait(ends[1:], PATIENCE)

    monkeypatch.setattr(single_runs, "wait", wait_for_confirmation)


# --- what is sent ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("responder")
def test_it_runs_in_a_pipeline_of_its_own_which_is_closed_again(
    pipeline: Pipeline, node: FakeNode
) -> None:
    outcome = pipeline.wait_exec(custom_code="x", instance_config={"speed": 2}, timeout=PATIENCE)

    assert outcome == ("X", None)
    added = node.next_command()
    path = the_run_in(added)
    assert re.fullmatch(r"p_[0-9a-f]{8}", path.pipeline)
    assert added.body.data_source == "Void"
    (once,) = runs_in(added)
    assert once.instance_id.startswith("once in p,")
    assert once.settings == {"HAS_INPUT": False, "SPEED": 2, "WISH": "x"}
    assert is_the_end_of(node.next_command(), path)
    assert node.commands.empty()


@pytest.mark.usefixtures("responder")
def test_the_pipeline_that_is_asked_is_neither_deployed_nor_changed(
    session: Session, node: FakeNode
) -> None:
    pipeline = session.create_pipeline(node=node.address, name="p")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")

    assert pipeline.wait_exec("x", timeout=PATIENCE) == ("X", None)

    assert not pipeline.is_deployed
    assert [each.instance_id for each in pipeline.instances] == ["i"]
    path = the_run_in(node.next_command())
    assert is_the_end_of(node.next_command(), path)
    pipeline.deploy(timeout=PATIENCE)
    assert [each.instance_id for each in node.next_command().body.instances] == ["i"]


@pytest.mark.usefixtures("responder")
@pytest.mark.parametrize("data_source", ["VOID", "void"])
def test_void_is_void_in_any_case(session: Session, node: FakeNode, data_source: str) -> None:
    pipeline = session.create_pipeline(node=node.address, name="p", data_source=data_source)

    pipeline.wait_exec("x", timeout=PATIENCE)

    assert node.next_command().body.data_source == "Void"


@pytest.mark.usefixtures("responder")
def test_the_session_knows_nothing_of_it_afterwards(
    session: Session, pipeline: Pipeline, node: FakeNode
) -> None:
    pipeline.wait_exec("x", timeout=PATIENCE)

    assert session.known_pipelines.all() == [pipeline]
    assert list(session.get_active_pipelines(node.address) or {}) == ["p"]


def test_a_heartbeat_from_before_it_does_not_end_it(
    session: Session, pipeline: Pipeline, node: FakeNode
) -> None:
    responder = Responder(node)
    beats = Calls()

    def say_first_what_ran_before(command: Command) -> None:
        if command.action is Action.UPDATE_PIPELINE:
            node.beat()
            beats.next()
        responder(command)

    hear = session.known_pipelines.hear

    def note_and_hear(*args: Any) -> None:
        hear(*args)
        beats()

    session.known_pipelines.hear = note_and_hear  # type: ignore[method-assign]  # to see it done
    node.answer = say_first_what_ran_before

    assert pipeline.wait_exec("x", timeout=PATIENCE) == ("X", None)


def test_code_that_is_refused_here_is_not_sent(pipeline: Pipeline, node: FakeNode) -> None:
    with pytest.raises(CodeError, match="refused"):
        pipeline.wait_exec("refused", timeout=PATIENCE)

    assert node.commands.empty()


def test_there_must_be_code(pipeline: Pipeline, node: FakeNode) -> None:
    with pytest.raises(CodeError, match="nothing to run"):
        pipeline.wait_exec(None, timeout=PATIENCE)  # type: ignore[arg-type]  # that is the point

    assert node.commands.empty()


def test_without_a_plugin_that_runs_code_once_it_is_said_what_to_install(
    session: Session, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_does(role: Any) -> Any:
        raise UnknownSignature("pip install …", kind="role", name=role.value)

    monkeypatch.setattr(session.registry, "signature_for", none_does)
    pipeline = session.create_pipeline(node=node.address, name="p")

    with pytest.raises(UnknownSignature):
        pipeline.wait_exec("x", timeout=PATIENCE)


def test_a_class_that_does_not_run_code_once_is_reported(
    pipeline: Pipeline, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = pipeline.session.registry
    plain = registry.signature("PUPPET_PLAIN_01")
    monkeypatch.setattr(registry, "signature_for", lambda _role: plain)

    with pytest.raises(PluginBroken, match="PUPPET_PLAIN_01") as why:
        pipeline.wait_exec("x", timeout=PATIENCE)

    assert why.value.plugin == "puppets"
    assert node.commands.empty()


# --- what comes back ------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [None, 0, False, "", [], {"a": 1}])
def test_any_result_is_a_result(pipeline: Pipeline, responder: Responder, result: Any) -> None:
    responder.fields = lambda _: {"RESULT": result, "ERROR": None}

    assert pipeline.wait_exec("x", timeout=PATIENCE) == (result, None)


def test_an_error_of_the_code_comes_back_beside_the_result(
    pipeline: Pipeline, responder: Responder
) -> None:
    responder.fields = lambda _: {"RESULT": None, "ERROR": "it is broken"}

    assert pipeline.wait_exec("x", timeout=PATIENCE) == (None, "it is broken")


@pytest.mark.usefixtures("time_is_over_then")
def test_no_result_in_time_is_a_timeout_and_nothing_is_left(
    pipeline: Pipeline, node: FakeNode
) -> None:
    with pytest.raises(TimeoutError, match="the result of the code did not come in 20 s") as why:
        pipeline.wait_exec("x", timeout=PATIENCE)

    path = the_run_in(node.next_command())
    assert isinstance(why.value, ConfirmationTimeout)
    assert (why.value.node, why.value.pipeline) == (node.address, path.pipeline)
    assert is_the_end_of(node.next_command(), path)


def test_a_timeout_says_what_the_node_said_meanwhile(
    pipeline: Pipeline, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def complain(command: Command) -> None:
        node.confirm(command)
        if command.action is not Action.UPDATE_PIPELINE:
            return
        for each in runs_in(command):
            path = InstancePath(command.body.name, ONCE, each.instance_id)
            kind, text = NotificationKind.EXCEPTION, "no such plugin"
            node.notify(None, path, command.requester, kind=kind, text=text)

    node.answer = complain
    told = threading.Event()
    hear = single_runs.SingleRunInstance.calls_for_notification

    def calls_for_notification(self: Any, message: Any) -> Any:
        yield from hear(self, message)
        if self.complaint:
            told.set()

    monkeypatch.setattr(
        single_runs.SingleRunInstance, "calls_for_notification", calls_for_notification
    )

    # Its time is over as soon as the node has said that.
    monkeypatch.setattr(single_runs, "wait", lambda *_, **__: told.wait(PATIENCE))

    with pytest.raises(ConfirmationTimeout, match="It said: no such plugin"):
        pipeline.wait_exec("x", timeout=PATIENCE)


def test_a_node_that_does_not_answer_at_all_is_a_timeout_too(
    pipeline: Pipeline, node: FakeNode
) -> None:
    node.answer = node.ignore

    with pytest.raises(ConfirmationTimeout, match="the pipeline's configuration"):
        pipeline.wait_exec("x", timeout=0.2)

    path = the_run_in(node.next_command())
    assert is_the_end_of(node.next_command(), path)


def refuse_runs(node: FakeNode) -> Callable[[Command], None]:
    """What a node does that takes a pipeline and cannot start what runs code once in it."""

    def refuse(command: Command) -> None:
        if command.action is not Action.UPDATE_PIPELINE:
            return
        name = command.body.name
        node.notify(NotificationCode.PIPELINE_OK, InstancePath(name), command.requester)
        for each in runs_in(command):
            path = InstancePath(name, ONCE, each.instance_id)
            code = NotificationCode.PLUGIN_CONFIG_FAILED
            node.notify(code, path, command.requester, text="RESULT_KEY is wrong")

    return refuse


def test_a_node_that_cannot_run_it_is_believed_at_once(pipeline: Pipeline, node: FakeNode) -> None:
    node.answer = refuse_runs(node)

    with pytest.raises(DeployFailed, match="RESULT_KEY is wrong"):
        pipeline.wait_exec("x", timeout=PATIENCE)

    path = the_run_in(node.next_command())
    assert is_the_end_of(node.next_command(), path)


def test_a_node_that_refuses_the_pipeline_is_believed_at_once(
    pipeline: Pipeline, node: FakeNode
) -> None:
    node.answer = node.refuse("too many pipelines")

    with pytest.raises(DeployFailed, match="too many pipelines"):
        pipeline.wait_exec("x", timeout=PATIENCE)

    path = the_run_in(node.next_command())
    assert is_the_end_of(node.next_command(), path)


def test_an_interrupt_takes_it_away(
    pipeline: Pipeline, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(single_runs, "wait", interrupted)

    with pytest.raises(KeyboardInterrupt):
        pipeline.wait_exec("x", timeout=PATIENCE)

    path = the_run_in(node.next_command())
    assert is_the_end_of(node.next_command(), path)


def test_an_interrupt_while_it_is_sent_takes_away_what_may_have_been_sent(
    session: Session, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    pipeline = session.create_pipeline(node=node.address, name="p")
    with monkeypatch.context() as patched:
        patched.setattr(session.commands, "ask", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pipeline.wait_exec("x", timeout=PATIENCE)

    assert node.next_command().action is Action.ARCHIVE_PIPELINE
    assert session.known_pipelines.all() == [pipeline]


# --- several things at once -----------------------------------------------------------------------


@pytest.mark.usefixtures("responder")
def test_it_can_be_called_from_a_callback(pipeline: Pipeline, node: FakeNode) -> None:
    outcomes = Calls()
    (instance,) = pipeline.instances
    instance.temporary_attach(
        on_data=lambda pipeline, _: outcomes(pipeline.wait_exec("x", timeout=PATIENCE))
    )

    node.say(InstancePath("p", "PUPPET_PLAIN_01", "i"), SPEED=1)

    assert outcomes.next() == (("X", None),)


@pytest.mark.usefixtures("responder")
def test_several_can_run_at_once_and_none_is_left(
    pipeline: Pipeline, node: FakeNode, beside: ThreadPoolExecutor
) -> None:
    wishes = [f"wish {number}" for number in range(8)]

    outcomes = beside.map(lambda wish: pipeline.wait_exec(wish, timeout=PATIENCE), wishes)

    assert [result for result, _ in outcomes] == [wish.upper() for wish in wishes]
    sent = [node.next_command() for _ in range(2 * len(wishes))]
    added = [each for each in sent if each.action is Action.UPDATE_PIPELINE]
    closed = [each.body for each in sent if each.action is Action.ARCHIVE_PIPELINE]
    assert len({each.body.name for each in added}) == len(wishes)
    assert sorted(closed) == sorted(each.body.name for each in added)


def test_the_pipeline_can_be_changed_meanwhile(
    pipeline: Pipeline, node: FakeNode, run: tuple[Future[Any], Command]
) -> None:
    running, command = run
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="j")
    pipeline.deploy(timeout=PATIENCE)

    assert node.next_command().body.name == "p"
    node.say(the_run_in(command), RESULT=1, ERROR=None)
    assert running.result(PATIENCE) == (1, None)
    assert [each.instance_id for each in pipeline.instances] == ["i", "j"]


def test_the_runs_of_several_clients_on_one_pipeline_do_not_touch_each_other(
    open_session: Callable[..., Session],
    node: FakeNode,
    run: tuple[Future[Any], Command],
) -> None:
    running, command = run
    path = the_run_in(command)
    node.beat()
    other = open_session()
    assert other.wait_for_node(node.address, PATIENCE, verbose=False)
    attached = other.attach_to_pipeline(node=node.address, name="p", max_wait_time=PATIENCE)
    node.answer = Responder(node)

    assert attached.wait_exec("y", timeout=PATIENCE) == ("Y", None)

    others = the_run_in(node.next_command())
    assert others.pipeline != path.pipeline
    assert is_the_end_of(node.next_command(), others)
    assert path.pipeline in node.running
    node.say(path, RESULT="still there", ERROR=None)
    assert running.result(PATIENCE) == ("still there", None)


# --- pipelines with input -------------------------------------------------------------------------


@pytest.mark.usefixtures("responder")
def test_where_there_is_input_it_runs_beside_what_runs_and_is_taken_away_again(
    fed: Pipeline, node: FakeNode
) -> None:
    assert fed.wait_exec("x", timeout=PATIENCE) == ("X", None)

    added, removed = node.next_command(), node.next_command()
    (once,) = runs_in(added)
    assert once.settings["HAS_INPUT"] is True
    assert (added.body.name, added.body.data_source) == ("fed", "VideoStream")
    assert [each.instance_id for each in added.body.instances] == ["i", once.instance_id]
    assert [each.instance_id for each in removed.body.instances] == ["i"]
    assert [each.instance_id for each in fed.instances] == ["i"]


@pytest.mark.usefixtures("responder")
def test_a_pipeline_with_input_that_does_not_run_yet_is_deployed_before(
    session: Session, node: FakeNode
) -> None:
    pipeline = session.create_pipeline(node=node.address, name="p", data_source="VideoStream")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")

    assert pipeline.wait_exec("x", timeout=PATIENCE) == ("X", None)

    assert runs_in(node.next_command()) == []
    assert len(runs_in(node.next_command())) == 1
    assert pipeline.is_deployed
    assert pipeline.deploy(timeout=PATIENCE) is None, "there is nothing left to deploy"


def test_a_pipeline_with_input_that_is_refused_is_not_sent_again(
    session: Session, node: FakeNode
) -> None:
    node.answer = node.refuse("no such data source")
    pipeline = session.create_pipeline(node=node.address, name="p", data_source="VideoStream")

    with pytest.raises(DeployFailed, match="no such data source"):
        pipeline.wait_exec("x", timeout=PATIENCE)

    assert runs_in(node.next_command()) == []
    assert node.commands.empty()


@pytest.mark.usefixtures("responder")
def test_what_is_only_proposed_is_not_sent_with_it(fed: Pipeline, node: FakeNode) -> None:
    fed.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="not yet")

    fed.wait_exec("x", timeout=PATIENCE)

    sent = [node.next_command(), node.next_command()]
    names = {each.instance_id for command in sent for each in command.body.instances}
    assert "not yet" not in names
    fed.deploy(timeout=PATIENCE)
    assert [each.instance_id for each in node.next_command().body.instances] == ["i", "not yet"]


@pytest.mark.usefixtures("responder")
def test_a_change_that_may_be_made_late_is_not_taken_back_with_it(
    fed: Pipeline, node: FakeNode
) -> None:
    (instance,) = fed.instances
    answers, node.answer = node.answer, node.ignore
    instance.update_instance_config(speed=4)
    with pytest.raises(ConfirmationTimeout):
        fed.deploy(timeout=0.05)
    node.next_command()
    node.answer = answers

    fed.wait_exec("x", timeout=PATIENCE)

    for sent in (node.next_command(), node.next_command()):
        kept = sent.body.instance("PUPPET_PLAIN_01", "i")
        assert kept.settings["SPEED"] == 4


def test_a_pipeline_with_input_can_be_changed_meanwhile(
    fed: Pipeline, node: FakeNode, beside: ThreadPoolExecutor
) -> None:
    running = beside.submit(fed.wait_exec, "x", timeout=PATIENCE)
    (once,) = runs_in(node.next_command())
    fed.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="j")
    fed.deploy(timeout=PATIENCE)

    assert runs_in(node.next_command()) == [once], "another deployment does not end it"
    node.say(InstancePath("fed", ONCE, once.instance_id), RESULT=1, ERROR=None)
    assert running.result(PATIENCE) == (1, None)
    assert [each.instance_id for each in node.next_command().body.instances] == ["i", "j"]
    assert [each.instance_id for each in fed.instances] == ["i", "j"]


@pytest.mark.usefixtures("responder")
def test_several_can_run_at_once_beside_what_runs_and_none_is_left(
    fed: Pipeline, node: FakeNode, beside: ThreadPoolExecutor
) -> None:
    wishes = [f"wish {number}" for number in range(8)]

    outcomes = beside.map(lambda wish: fed.wait_exec(wish, timeout=PATIENCE), wishes)

    assert [result for result, _ in outcomes] == [wish.upper() for wish in wishes]
    sent = [node.next_command() for _ in range(2 * len(wishes))]
    assert runs_in(sent[-1]) == []
    for before, after in pairwise(sent):
        names = {each.instance_id for each in runs_in(before)}
        assert len(names ^ {each.instance_id for each in runs_in(after)}) == 1


def test_a_pipeline_that_another_made_does_not_come_to_have_it(
    open_session: Callable[..., Session], fed: Pipeline, node: FakeNode
) -> None:
    node.beat()
    other = open_session()
    assert other.wait_for_node(node.address, PATIENCE, verbose=False)
    attached = other.attach_to_pipeline(node=node.address, name=fed.name, max_wait_time=PATIENCE)
    said = threading.Event()
    responder = Responder(node)

    def report_first(command: Command) -> None:
        node.running["fed"] = command.body
        node.beat()
        assert other.peers.wait_until(lambda: runs_reported(other, node), PATIENCE)
        said.set()
        responder(command)

    def runs_reported(session: Session, node: FakeNode) -> bool:
        reported = session.known_pipelines.reported(node.address)["fed"]
        return any(each.signature == ONCE for each in reported.instances)

    node.answer = lambda command: responder(command) if said.is_set() else report_first(command)

    assert attached.wait_exec("x", timeout=PATIENCE) == ("X", None)
    assert [each.instance_id for each in attached.instances] == ["i"]


@pytest.mark.usefixtures("time_is_over_then")
def test_no_result_in_time_leaves_the_pipeline_as_it_was(fed: Pipeline, node: FakeNode) -> None:
    with pytest.raises(ConfirmationTimeout, match="the result of the code"):
        fed.wait_exec("x", timeout=PATIENCE)

    assert len(runs_in(node.next_command())) == 1
    assert [each.instance_id for each in node.next_command().body.instances] == ["i"]


def test_closing_a_pipeline_with_input_ends_its_runs_at_once(
    fed: Pipeline, node: FakeNode, beside: ThreadPoolExecutor
) -> None:
    running = beside.submit(fed.wait_exec, "x", timeout=PATIENCE)
    node.next_command()

    fed.close(timeout=PATIENCE)

    with pytest.raises(PipelineNotFound):
        running.result(PATIENCE)
    assert node.next_command().action is Action.ARCHIVE_PIPELINE
    assert node.commands.empty(), "anything more would make the node begin it anew"


# --- the end of the pipeline or of the session ----------------------------------------------------


def test_closing_the_pipeline_ends_it_at_once(
    pipeline: Pipeline, node: FakeNode, run: tuple[Future[Any], Command]
) -> None:
    running, command = run

    pipeline.close(timeout=PATIENCE)

    with pytest.raises(PipelineNotFound, match="'p'"):
        running.result(PATIENCE)
    assert is_the_end_of(node.next_command(), the_run_in(command))
    assert is_the_end_of(node.next_command(), InstancePath("p"))
    assert node.commands.empty()


def test_a_run_can_be_ended_by_closing_its_own_pipeline(
    session: Session, node: FakeNode, run: tuple[Future[Any], Command]
) -> None:
    running, command = run
    path = the_run_in(command)
    its_own = session.known_pipelines.get(node.address, path.pipeline)
    assert its_own is not None

    its_own.close(timeout=PATIENCE)

    with pytest.raises(PipelineNotFound, match=path.pipeline):
        running.result(PATIENCE)
    assert is_the_end_of(node.next_command(), path)
    assert node.commands.empty()


def test_a_pipeline_that_is_being_closed_runs_nothing_more(
    pipeline: Pipeline, node: FakeNode
) -> None:
    node.answer = node.ignore
    pipeline.close(wait_confirmation=False)

    with pytest.raises(PipelineNotFound):
        pipeline.wait_exec("x", timeout=PATIENCE)

    assert node.next_command().action is Action.ARCHIVE_PIPELINE
    assert node.commands.empty()


def test_a_pipeline_that_could_not_be_closed_can_be_used_again(
    pipeline: Pipeline, node: FakeNode
) -> None:
    node.answer = node.ignore
    with pytest.raises(ConfirmationTimeout):
        pipeline.close(timeout=0.1)

    node.answer = Responder(node)

    assert pipeline.wait_exec("x", timeout=PATIENCE) == ("X", None)


def test_closing_the_session_takes_it_away(
    session: Session, node: FakeNode, run: tuple[Future[Any], Command]
) -> None:
    running, command = run

    session.close()

    with pytest.raises(NotConnected, match="session was closed"):
        running.result(PATIENCE)
    assert is_the_end_of(node.next_command(), the_run_in(command))


def test_closing_the_session_with_its_pipelines_leaves_nothing(
    session: Session, node: FakeNode, run: tuple[Future[Any], Command]
) -> None:
    running, command = run

    session.close(close_pipelines=True, wait_close=True)

    with pytest.raises(NotConnected):
        running.result(PATIENCE)
    assert is_the_end_of(node.next_command(), the_run_in(command))
    assert is_the_end_of(node.next_command(), InstancePath("p"))
    assert node.commands.empty()
