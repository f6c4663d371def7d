"""Code that is run once: what is sent, what comes back, and that nothing is left behind."""

from __future__ import annotations

import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor
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


# --- what is sent ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("responder")
def test_an_instance_is_deployed_beside_what_runs_and_taken_away_again(
    pipeline: Pipeline, node: FakeNode
) -> None:
    outcome = pipeline.wait_exec(custom_code="x", instance_config={"speed": 2}, timeout=PATIENCE)

    assert outcome == ("X", None)
    added, removed = node.next_command(), node.next_command()
    assert (added.action, removed.action) == (Action.UPDATE_PIPELINE,) * 2
    (once,) = runs_in(added)
    assert re.fullmatch(r"p_rest_custom_exec_synchronous_[0-9a-f]{8}", once.instance_id)
    assert once.settings == {
        "ALLOW_EMPTY_INPUTS": True,
        "RUN_WITHOUT_IMAGE": True,
        "SPEED": 2,
        "WISH": "x",
    }
    assert runs_in(removed) == []
    assert [each.instance_id for each in removed.body.instances] == ["i"]
    assert [each.instance_id for each in pipeline.instances] == ["i"]


@pytest.mark.usefixtures("responder")
@pytest.mark.parametrize("data_source", ["VideoStream", "VOID", "void"])
def test_only_a_source_called_exactly_void_gives_no_input(
    session: Session, node: FakeNode, data_source: str
) -> None:
    pipeline = session.create_pipeline(node=node.address, name="p", data_source=data_source)

    pipeline.wait_exec("x", timeout=PATIENCE)

    (once,) = runs_in(node.next_command())
    assert once.settings["ALLOW_EMPTY_INPUTS"] is False
    assert once.settings["RUN_WITHOUT_IMAGE"] is False


@pytest.mark.usefixtures("responder")
def test_a_pipeline_that_does_not_run_yet_is_deployed_with_it(
    session: Session, node: FakeNode
) -> None:
    pipeline = session.create_pipeline(node=node.address, name="p")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")

    assert pipeline.wait_exec("x", timeout=PATIENCE) == ("X", None)

    first = node.next_command()
    assert [each.signature for each in first.body.instances] == ["PUPPET_PLAIN_01", ONCE]
    assert pipeline.is_deployed
    assert pipeline.deploy(timeout=PATIENCE) is None, "there is nothing left to deploy"


@pytest.mark.usefixtures("responder")
def test_what_is_only_proposed_is_not_sent_with_it(pipeline: Pipeline, node: FakeNode) -> None:
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="not yet")

    pipeline.wait_exec("x", timeout=PATIENCE)

    sent = [node.next_command(), node.next_command()]
    names = {each.instance_id for command in sent for each in command.body.instances}
    assert "not yet" not in names
    pipeline.deploy(timeout=PATIENCE)
    assert [each.instance_id for each in node.next_command().body.instances] == ["i", "not yet"]


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


def test_no_result_in_time_is_a_timeout_and_the_instance_is_taken_away(
    pipeline: Pipeline, node: FakeNode
) -> None:
    with pytest.raises(TimeoutError, match=r"the result of the code did not come in 0\.2 s") as why:
        pipeline.wait_exec("x", timeout=0.2)

    assert isinstance(why.value, ConfirmationTimeout)
    assert (why.value.node, why.value.pipeline) == (node.address, "p")
    assert len(runs_in(node.next_command())) == 1
    assert runs_in(node.next_command()) == []


def test_a_timeout_says_what_the_node_said_meanwhile(
    pipeline: Pipeline, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def complain(command: Command) -> None:
        node.confirm(command)
        for each in runs_in(command):
            path = InstancePath("p", ONCE, each.instance_id)
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

    assert len(runs_in(node.next_command())) == 1
    assert runs_in(node.next_command()) == []


def test_a_new_pipeline_that_is_not_confirmed_in_time_is_left_without_the_instance(
    session: Session, node: FakeNode
) -> None:
    node.answer = node.ignore
    pipeline = session.create_pipeline(node=node.address, name="p")

    with pytest.raises(ConfirmationTimeout):
        pipeline.wait_exec("x", timeout=0.2)

    assert len(runs_in(node.next_command())) == 1
    assert runs_in(node.next_command()) == []


def test_a_node_that_cannot_run_it_is_believed_at_once(pipeline: Pipeline, node: FakeNode) -> None:
    def refuse(command: Command) -> None:
        path = InstancePath("p")
        node.notify(NotificationCode.PIPELINE_OK, path, command.requester)
        for each in runs_in(command):
            path = InstancePath("p", ONCE, each.instance_id)
            code = NotificationCode.PLUGIN_CONFIG_FAILED
            node.notify(code, path, command.requester, text="RESULT_KEY is wrong")

    node.answer = refuse

    with pytest.raises(DeployFailed, match="RESULT_KEY is wrong"):
        pipeline.wait_exec("x", timeout=PATIENCE)

    assert len(runs_in(node.next_command())) == 1
    assert runs_in(node.next_command()) == []


def test_a_new_pipeline_that_is_refused_is_not_sent_again(session: Session, node: FakeNode) -> None:
    node.answer = node.refuse("no such data source")
    pipeline = session.create_pipeline(node=node.address, name="p")

    with pytest.raises(DeployFailed, match="no such data source"):
        pipeline.wait_exec("x", timeout=PATIENCE)

    assert len(runs_in(node.next_command())) == 1
    node.answer = node.confirm
    session.create_pipeline(node=node.address, name="q").deploy(timeout=PATIENCE)
    assert node.next_command().body.name == "q"


def test_an_interrupt_takes_the_instance_away(
    pipeline: Pipeline, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(single_runs, "wait", interrupted)

    with pytest.raises(KeyboardInterrupt):
        pipeline.wait_exec("x", timeout=PATIENCE)

    assert len(runs_in(node.next_command())) == 1
    assert runs_in(node.next_command()) == []


def test_an_interrupt_before_a_new_pipeline_was_sent_sends_nothing(
    session: Session, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    pipeline = session.create_pipeline(node=node.address, name="p")
    with monkeypatch.context() as patched:
        patched.setattr(session.commands, "ask", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pipeline.wait_exec("x", timeout=PATIENCE)

    session.create_pipeline(node=node.address, name="q").deploy(timeout=PATIENCE)
    assert node.next_command().body.name == "q"


def test_a_new_pipeline_has_to_be_confirmed_as_a_whole(session: Session, node: FakeNode) -> None:
    def answer_only(command: Command) -> None:
        for each in runs_in(command):
            node.say(InstancePath("p", ONCE, each.instance_id), RESULT=1, ERROR=None)

    node.answer = answer_only
    pipeline = session.create_pipeline(node=node.address, name="p")
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")

    with pytest.raises(ConfirmationTimeout, match="PUPPET_PLAIN_01/i"):
        pipeline.wait_exec("x", timeout=0.5)


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
    assert runs_in(sent[-1]) == []
    for before, after in pairwise(sent):
        names = {each.instance_id for each in runs_in(before)}
        assert len(names ^ {each.instance_id for each in runs_in(after)}) == 1


def test_the_pipeline_can_be_changed_meanwhile(
    pipeline: Pipeline, node: FakeNode, run: tuple[Future[Any], Command]
) -> None:
    running, command = run
    pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="j")
    pipeline.deploy(timeout=PATIENCE)

    (once,) = runs_in(command)
    deployed = node.next_command()
    assert runs_in(deployed) == [once], "another deployment does not end it"
    node.say(InstancePath("p", ONCE, once.instance_id), RESULT=1, ERROR=None)
    assert running.result(PATIENCE) == (1, None)
    assert [each.instance_id for each in node.next_command().body.instances] == ["i", "j"]
    assert [each.instance_id for each in pipeline.instances] == ["i", "j"]


def test_a_pipeline_that_another_made_does_not_come_to_have_it(
    open_session: Callable[..., Session], pipeline: Pipeline, node: FakeNode
) -> None:
    node.beat()
    other = open_session()
    assert other.wait_for_node(node.address, PATIENCE, verbose=False)
    attached = other.attach_to_pipeline(node=node.address, name="p", max_wait_time=PATIENCE)
    said = threading.Event()
    responder = Responder(node)

    def report_first(command: Command) -> None:
        node.running["p"] = command.body
        node.beat()
        assert other.peers.wait_until(lambda: runs_reported(other, node), PATIENCE)
        said.set()
        responder(command)

    def runs_reported(session: Session, node: FakeNode) -> bool:
        reported = session.known_pipelines.reported(node.address)["p"]
        return any(each.signature == ONCE for each in reported.instances)

    node.answer = lambda command: responder(command) if said.is_set() else report_first(command)

    assert attached.wait_exec("x", timeout=PATIENCE) == ("X", None)
    assert [each.instance_id for each in attached.instances] == ["i"]


# --- the end of the pipeline or of the session ----------------------------------------------------


def test_closing_the_pipeline_ends_it_at_once(
    pipeline: Pipeline, node: FakeNode, run: tuple[Future[Any], Command]
) -> None:
    running, _ = run

    pipeline.close(timeout=PATIENCE)

    with pytest.raises(PipelineNotFound):
        running.result(PATIENCE)
    assert node.next_command().action is Action.ARCHIVE_PIPELINE
    assert node.commands.empty(), "anything more would make the node begin it anew"


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


def test_closing_the_session_takes_the_instance_away(
    session: Session, node: FakeNode, run: tuple[Future[Any], Command]
) -> None:
    running, _ = run

    session.close()

    with pytest.raises(NotConnected, match="session was closed"):
        running.result(PATIENCE)
    assert runs_in(node.next_command()) == []


def test_closing_the_session_with_its_pipelines_leaves_nothing(
    session: Session, node: FakeNode, run: tuple[Future[Any], Command]
) -> None:
    running, _ = run

    session.close(close_pipelines=True, wait_close=True)

    with pytest.raises(NotConnected):
        running.result(PATIENCE)
    assert runs_in(node.next_command()) == []
    assert node.next_command().action is Action.ARCHIVE_PIPELINE
    assert node.commands.empty()
