"""The session: nodes, heartbeats, callbacks, running and closing."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from client_support import PATIENCE, Calls, FakeNode, Gate

from pye2core import Session
from pye2core.abc import Channel
from pye2core.client import happenings
from pye2core.clock import ManualClock
from pye2core.connection import Connection
from pye2core.errors import (
    BrokerUnreachable,
    ConfirmationTimeout,
    DeployFailed,
    JobFailedError,
    KeyFileError,
    NodeNotOnline,
    SettingsError,
    UnknownTransport,
)
from pye2core.identity import without_prefix
from pye2core.messages import InstancePath, PipelineConfig, Requester

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pye2_testing import MemoryBroker
    from pye2core import PluginRegistry
    from pye2core.identity import Identity

SOMEWHERE = InstancePath("p", "SIG_01", "i")


# --- connecting -----------------------------------------------------------------------------------


def test_it_is_subscribed_before_the_constructor_returns(
    broker: MemoryBroker, open_session: Callable[..., Session]
) -> None:
    session = open_session(name="my session/1")

    (client_id,) = broker._sessions
    assert broker.subscriptions(client_id) == {
        Channel.ctrl(),
        Channel.notif(),
        Channel.payloads(),
        Channel.inbox(session.address),
    }
    assert client_id.startswith("my-session-1_")
    assert session.connected


def test_two_sessions_of_one_name_do_not_take_each_other_over(
    broker: MemoryBroker, open_session: Callable[..., Session]
) -> None:
    first, second = open_session(), open_session()

    assert first.connected
    assert second.connected
    assert len(broker._sessions) == 2


def test_closing_leaves_nothing_at_the_broker(
    broker: MemoryBroker, open_session: Callable[..., Session]
) -> None:
    session = open_session()

    session.close()
    session.close()

    assert not session.connected
    assert broker._sessions == {}


def test_a_with_statement_closes_it(broker: MemoryBroker, open_session: Any) -> None:
    with open_session():
        assert broker._sessions

    assert broker._sessions == {}


def test_a_broker_that_is_not_there_is_told(registry: PluginRegistry, identity: Identity) -> None:
    with pytest.raises(BrokerUnreachable, match="nowhere"):
        Session("memory://nowhere", registry=registry, bc_engine=identity)


def test_a_scheme_that_nobody_serves_says_what_to_install(
    registry: PluginRegistry, identity: Identity
) -> None:
    with pytest.raises(UnknownTransport, match="pip install pye2-amqp"):
        Session("amqp://h", registry=registry, bc_engine=identity)


def test_without_a_broker_it_says_how_to_give_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith(("PYE2_", "EE_", "AIXP_"))]:
        monkeypatch.delenv(name)

    with pytest.raises(SettingsError, match="PYE2_BROKER"):
        Session()


def test_an_argument_that_means_nothing_is_named_with_what_was_meant() -> None:
    with pytest.raises(TypeError, match="'hotsname'; did you mean hostname"):
        Session(hotsname="h")


@pytest.mark.parametrize("alias", ["password", "pwd", "pass"])
def test_pye2s_names_of_arguments_are_taken(
    registry: PluginRegistry, identity: Identity, alias: str
) -> None:
    from pye2_testing import MemoryBroker

    with MemoryBroker("guarded", user="me", password="secret") as guarded:
        arguments = {"username": "me", alias: "secret"}
        with Session(guarded.url, registry=registry, bc_engine=identity, **arguments) as session:
            assert session.connected
            assert session.server == "guarded"


def test_its_key_is_in_pye2s_place_and_stays(
    broker: MemoryBroker, registry: PluginRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    addresses = set()
    for _ in range(2):
        with Session(broker.url, registry=registry) as session:
            addresses.add(session.address)

    assert len(addresses) == 1
    assert (tmp_path / "_local_cache/_data/_pk_sdk.pem").stat().st_mode & 0o777 == 0o600


def test_pye2s_blockchain_config_names_the_key_file(
    broker: MemoryBroker, registry: PluginRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = {"PEM_FILE": "mine.pem", "PEM_LOCATION": "output", "PASSWORD": None}

    Session(broker.url, registry=registry, blockchain_config=config).close()

    assert (tmp_path / "_local_cache/_output/mine.pem").exists()


def test_a_key_file_that_is_none_is_left_as_it_is(
    broker: MemoryBroker, registry: PluginRegistry, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_text("no key")
    file.chmod(0o600)

    with pytest.raises(KeyFileError, match="not a private key"):
        Session(broker.url, registry=registry, key_file=file)
    assert file.read_text() == "no key"


# --- nodes ----------------------------------------------------------------------------------------


def test_a_node_is_known_by_its_name_and_by_its_address_in_any_form(
    session: Session, node: FakeNode
) -> None:
    bare = node.address.removeprefix("0xai_")

    for name in (node.name, node.address, bare, f"aixp_{bare}"):
        assert session.check_node_online(name)
        assert session.wait_for_node(name, 0)
    assert session.get_active_nodes() == [node.address]
    assert session.get_node_name(bare) == node.name
    assert not session.check_node_online("nobody")


def test_waiting_for_a_node_asks_it_to_show_itself(
    open_session: Callable[..., Session], node: FakeNode
) -> None:
    session = open_session()

    assert session.wait_for_node(node.address, PATIENCE, verbose=False)


def test_waiting_ends_when_any_node_appears(
    open_session: Callable[..., Session], node: FakeNode
) -> None:
    session = open_session()
    assert not session.wait_for_any_node(0.01, verbose=False)

    node.beat()

    assert session.wait_for_any_node(PATIENCE, verbose=False)


def test_what_a_nodes_name_holds_cannot_command_the_terminal(
    open_session: Callable[..., Session],
    add_node: Callable[..., FakeNode],
    capsys: pytest.CaptureFixture[str],
) -> None:
    session = open_session()
    add_node("at\x1b[2Jtic\n").beat()

    session.wait_for_any_node(PATIENCE)

    assert "Online: at?[2Jtic?\n" in capsys.readouterr().out


def test_waiting_says_what_for_if_it_may(
    open_session: Callable[..., Session], capsys: pytest.CaptureFixture[str]
) -> None:
    open_session().wait_for_node("nobody", 0.01)

    assert "nobody to appear" in capsys.readouterr().out


def test_a_node_that_is_silent_for_a_minute_is_not_online(
    open_session: Callable[..., Session], node: FakeNode
) -> None:
    clock = ManualClock()
    session = open_session(clock=clock)
    node.beat()
    assert session.wait_for_any_node(PATIENCE, verbose=False)

    clock.advance(61)

    assert not session.check_node_online(node.name)
    assert session.get_active_pipelines(node.name) is None
    with pytest.raises(NodeNotOnline, match="last heard from 61 s ago"):
        session.create_pipeline(node=node.name, name="p")


def test_a_node_that_was_lost_is_said_to_be_lost_and_not_silent_for_long(
    open_session: Callable[..., Session], node: FakeNode
) -> None:
    clock = ManualClock()
    session = open_session(clock=clock)
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    pipeline = session.create_pipeline(node=node.address, name="p")
    node.answer = node.ignore
    (transaction,) = pipeline.deploy(wait_confirmation=False) or []
    node.next_command()

    node.is_lost()
    assert _is_gone(session, node)
    clock.advance(11)

    with pytest.raises(ConfirmationTimeout, match="was lost 11 s ago, when its connection"):
        session.commands.finish(transaction, 10)
    with pytest.raises(NodeNotOnline, match=r"was lost 11 s ago.*no other node is online"):
        session.create_pipeline(node=node.name, name="q")


def _is_gone(session: Session, node: FakeNode) -> bool:
    return session.peers.wait_until(lambda: node.address not in session.peers.online(), PATIENCE)


def test_a_node_that_says_goodbye_is_not_online(session: Session, node: FakeNode) -> None:
    node.say_goodbye()

    assert session.peers.wait_until(lambda: not session.peers.is_online(node.name), PATIENCE)


def test_allowed_are_the_nodes_whose_list_has_the_client(
    session: Session, node: FakeNode, add_node: Callable[..., FakeNode]
) -> None:
    add_node("stranger").beat()
    assert session.wait_for_node("stranger", PATIENCE, verbose=False)

    assert session.get_allowed_nodes() == [node.address]
    assert len(session.get_active_nodes()) == 2


def test_supervisors_are_those_that_say_so(session: Session, node: FakeNode) -> None:
    assert session.get_active_supervisors() == []

    node.beat(is_supervisor=True)

    assert session.peers.wait_until(session.get_active_supervisors, PATIENCE)
    assert session.get_active_supervisors() == [node.address]


@pytest.mark.parametrize("prefix", ["0xai_", "aixp_", ""])
def test_a_node_is_asked_under_its_full_address_however_it_is_named(
    open_session: Callable[..., Session], node: FakeNode, prefix: str
) -> None:
    session = open_session()

    assert session.wait_for_node(prefix + without_prefix(node.address), PATIENCE, verbose=False)


def test_nobody_can_take_over_a_nodes_name(
    session: Session, node: FakeNode, add_node: Callable[..., FakeNode]
) -> None:
    impostor = add_node("impostor")

    impostor.beat_as(node.name)
    impostor.beat()
    assert session.wait_for_node("impostor", PATIENCE, verbose=False)

    assert session.peers.address_of(node.name) == node.address
    assert session._connection.rejections.counts["name-taken"] == 1


def test_a_pinned_name_belongs_to_its_address_whoever_uses_it_first(
    open_session: Callable[..., Session], node: FakeNode, add_node: Callable[..., FakeNode]
) -> None:
    session = open_session(pinned_nodes={node.name: node.address})
    impostor = add_node("impostor")

    impostor.beat_as(node.name)
    impostor.beat()
    node.beat()
    assert session.wait_for_node("impostor", PATIENCE, verbose=False)
    assert session.wait_for_node(node.name, PATIENCE, verbose=False)

    assert session.peers.address_of(node.name) == node.address
    assert session._connection.rejections.counts["name-taken"] == 1


# --- pipelines that nodes run ---------------------------------------------------------------------


def test_active_pipelines_are_those_of_the_newest_heartbeat(
    session: Session, node: FakeNode
) -> None:
    node.running = {name: PipelineConfig(name) for name in "ab"}
    node.beat()
    assert session.peers.wait_until(lambda: len(seen(session, node)) == 2, PATIENCE)
    assert set(session.get_active_pipelines(node.name) or {}) == {"a", "b"}

    del node.running["a"]
    node.beat()
    assert session.peers.wait_until(lambda: len(seen(session, node)) == 1, PATIENCE)

    assert set(session.get_active_pipelines(node.name) or {}) == {"b"}


def seen(session: Session, node: FakeNode) -> Any:
    heartbeat = session.peers.heartbeat(node.address)
    return (heartbeat.pipelines if heartbeat is not None else None) or ()


def test_what_was_confirmed_since_the_heartbeat_counts(session: Session, node: FakeNode) -> None:
    pipeline = session.create_pipeline(node=node.name, name="new")
    assert session.get_active_pipelines(node.name) == {}

    pipeline.deploy(timeout=PATIENCE)
    assert session.get_active_pipelines(node.name) == {"new": pipeline}

    pipeline.close(timeout=PATIENCE)
    assert session.get_active_pipelines(node.name) == {}


# --- callbacks ------------------------------------------------------------------------------------


def test_the_sessions_callbacks_hear_everything(
    open_session: Callable[..., Session], node: FakeNode
) -> None:
    on_heartbeat, on_notification, on_payload = Calls(), Calls(), Calls()
    session = open_session(
        on_heartbeat=on_heartbeat, on_notification=on_notification, on_payload=on_payload
    )

    node.beat(CPU_USED=3)
    node.notify(None, InstancePath("p"), Requester(), text="hello")
    node.say(SOMEWHERE, VALUE=1)

    _, address, heartbeat = on_heartbeat.next()
    assert (address, heartbeat["CPU_USED"], heartbeat["EE_ID"]) == (node.address, 3, node.name)
    _, address, notification = on_notification.next()
    assert (address, notification["NOTIFICATION"]) == (node.address, "hello")
    found, address, pipeline, signature, instance, payload = on_payload.next()
    assert found is session
    assert (address, pipeline, signature, instance) == (node.address, "p", "SIG_01", "i")
    assert payload["VALUE"] == 1


def test_a_payload_for_this_session_alone_is_heard(
    open_session: Callable[..., Session], node: FakeNode
) -> None:
    on_payload = Calls()
    session = open_session(on_payload=on_payload)

    node.say_to(session.address, SOMEWHERE, VALUE=2)

    assert on_payload.next()[-1]["VALUE"] == 2


def test_workers_that_are_filtered_out_are_online_but_not_heard(
    open_session: Callable[..., Session], add_node: Callable[..., FakeNode]
) -> None:
    wanted, other = add_node("wanted"), add_node("other")
    bare = wanted.address.removeprefix("0xai_")
    on_payload = Calls()
    session = open_session(on_payload=on_payload, filter_workers=[bare])

    other.beat()
    other.say(SOMEWHERE, VALUE=1)
    wanted.say(SOMEWHERE, VALUE=2)

    assert on_payload.next()[-1]["VALUE"] == 2
    assert session.wait_for_node("other", PATIENCE, verbose=False)


def test_a_message_that_comes_again_is_not_heard_again(
    broker: MemoryBroker, open_session: Callable[..., Session], node: FakeNode
) -> None:
    on_payload = Calls()
    session = open_session(on_payload=on_payload)
    node.say(SOMEWHERE, VALUE=1)
    assert on_payload.next()[-1]["VALUE"] == 1

    (recorded,) = (each for each in broker.published if each.channel == Channel.payloads())
    publisher = broker.connect(
        "eavesdropper", lambda reason: None, persistent=False, root="naeural"
    )
    broker.publish(publisher, Channel.payloads(), recorded.data).result(PATIENCE)
    node.say(SOMEWHERE, VALUE=2)

    assert on_payload.next()[-1]["VALUE"] == 2
    assert session._connection.rejections.counts["replay"] == 1


def test_only_what_is_of_use_to_a_session_is_checked_at_all(
    broker: MemoryBroker,
    open_session: Callable[..., Session],
    session: Session,
    node: FakeNode,
) -> None:
    own, everything = Calls(), Calls()
    curious, busy = open_session(on_payload=everything), session
    busy.create_pipeline(node=node.address, name="mine", on_data=own)
    node.say(SOMEWHERE, VALUE=1)
    recorded = next(each for each in broker.published if each.channel == Channel.payloads())
    publisher = broker.connect("forger", lambda reason: None, persistent=False, root="naeural")
    forged = recorded.data.replace(b'"VALUE":1', b'"VALUE":2')

    broker.publish(publisher, Channel.payloads(), forged).result(PATIENCE)
    node.say(InstancePath("mine", "S", "i"), VALUE=3)

    assert own.next()[-1]["VALUE"] == 3
    assert [everything.next()[-1]["VALUE"] for _ in range(2)] == [1, 3]
    assert curious._connection.rejections.counts["signature"] == 1
    assert busy._connection.rejections.counts["signature"] == 0


def test_a_raising_callback_is_shown_and_the_next_is_called(
    open_session: Callable[..., Session], node: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = Calls()

    def on_payload(*args: Any) -> None:
        seen(*args)
        raise KeyError("my mistake")

    open_session(on_payload=on_payload)
    node.say(SOMEWHERE, VALUE=1)
    node.say(SOMEWHERE, VALUE=2)

    assert [seen.next()[-1]["VALUE"] for _ in range(2)] == [1, 2]
    assert "session pySDK raised KeyError: 'my mistake'" in capsys.readouterr().out


def test_confirmations_do_not_wait_for_any_callback(
    open_session: Callable[..., Session], node: FakeNode
) -> None:
    gate = Gate()
    session = open_session(on_payload=gate, on_notification=gate, on_heartbeat=gate)
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    assert gate.entered.wait(PATIENCE)

    session.create_pipeline(node=node.name, name="p").deploy(timeout=PATIENCE)

    gate.open()


def test_a_full_queue_of_payloads_holds_up_nothing_else(
    open_session: Callable[..., Session], node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pye2core.client.callbacks.BOUND", 5)
    gate, seen = Gate(), Calls()

    def on_payload(*args: Any) -> None:
        gate()
        seen(*args)

    session = open_session(on_payload=on_payload)
    for number in range(100):
        node.say(SOMEWHERE, VALUE=number)
    assert gate.entered.wait(PATIENCE)

    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    session.create_pipeline(node=node.name, name="p").deploy(timeout=PATIENCE)
    assert session._reception._receipts.held <= 20
    gate.open()

    assert [seen.next()[-1]["VALUE"] for _ in range(100)] == list(range(100))


def test_large_payloads_are_held_back_before_they_fill_the_memory(
    open_session: Callable[..., Session], node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pye2core.client.callbacks.BYTES_BOUND", 10_000)
    gate, seen = Gate(), Calls()

    def on_payload(*args: Any) -> None:
        gate()
        seen(*args)

    session = open_session(on_payload=on_payload)
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    all_came = Calls()
    session.create_pipeline(node=node.name, name="last", on_data=all_came)
    for number in range(3):
        node.say(SOMEWHERE, VALUE=number, IMG="x" * 10_000)
    node.say(InstancePath("last", "S", "i"), VALUE=3)
    all_came.next()

    held = session._reception._receipts.held
    gate.open()

    assert held > 0
    assert [seen.next()[-1]["VALUE"] for _ in range(4)] == list(range(4))


# --- running --------------------------------------------------------------------------------------


def test_run_ends_after_its_seconds_and_closes(open_session: Callable[..., Session]) -> None:
    session = open_session()

    session.run(0.01)

    assert not session.connected


def test_run_ends_when_its_condition_is_false(
    open_session: Callable[..., Session], node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(happenings, "LOOK_AGAIN", PATIENCE)
    values: list[int] = []
    session = open_session(on_payload=lambda *args: values.append(args[-1]["VALUE"]))
    for number in range(3):
        node.say(SOMEWHERE, VALUE=number)

    session.run(wait=lambda: len(values) < 3, close_session=False)

    assert values == [0, 1, 2]
    assert session.connected


def test_a_condition_that_nothing_here_changes_is_looked_at_again(
    open_session: Callable[..., Session],
) -> None:
    looks = iter([True, True, False])

    open_session().run(wait=lambda: next(looks))


def test_run_closes_the_pipelines_that_are_its_own(session: Session, node: FakeNode) -> None:
    node.running["theirs"] = PipelineConfig("theirs")
    node.beat()
    assert session.peers.wait_until(lambda: len(seen(session, node)) == 1, PATIENCE)
    session.get_active_pipelines(node.name)
    for name in ("one", "two"):
        session.create_pipeline(node=node.name, name=name).deploy(timeout=PATIENCE)

    session.run(wait=lambda: False, close_pipelines=True)

    assert list(node.running) == ["theirs"]


def test_a_pipeline_that_cannot_be_closed_is_told(
    session: Session, node: FakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    session.create_pipeline(node=node.name, name="p").deploy(timeout=PATIENCE)
    node.answer = node.refuse("it is stuck")

    session.run(wait=False, close_pipelines=True)

    assert "closing pipeline p failed: it is stuck" in caplog.text


def test_run_raises_when_a_job_fails_after_closing_its_pipelines(
    session: Session, node: FakeNode
) -> None:
    pipeline = session.create_pipeline(node=node.name, name="job")
    job = pipeline.create_plugin_instance(signature="PUPPET_JOB_01", instance_id="j")
    pipeline.deploy(timeout=PATIENCE)
    node.say(job.path, STATE="FAILED", ERROR="IndexError: 7")

    with pytest.raises(JobFailedError, match="the job job failed: IndexError: 7") as caught:
        session.run(close_session=False, close_pipelines=True)

    assert caught.value.reason == "IndexError: 7"
    assert node.running == {}
    session.run(wait=0.01, close_session=False)


def test_of_several_failures_all_are_told(open_session: Callable[..., Session]) -> None:
    session = open_session()
    for name in ("a", "b"):
        session.fail_job(JobFailedError(f"job {name} failed", pipeline=name, reason="x"))

    with pytest.raises(JobFailedError, match="job a failed") as caught:
        session.sleep(0.01)

    assert caught.value.__notes__ == ["besides: job b failed"]


def test_ctrl_c_ends_a_run_and_closes_the_session(
    open_session: Callable[..., Session], capsys: pytest.CaptureFixture[str]
) -> None:
    session = open_session()

    session.run(wait=lambda: os.kill(os.getpid(), signal.SIGINT) is None)

    assert not session.connected
    assert "Interrupted" in capsys.readouterr().out


def test_closing_ends_the_waiting_for_a_node_that_is_silent(
    session: Session, node: FakeNode
) -> None:
    node.answer = lambda command: session.close()
    pipeline = session.create_pipeline(node=node.name, name="p")

    with pytest.raises(DeployFailed, match="the session was closed"):
        pipeline.deploy(timeout=0)


def test_a_callback_may_close_the_session(
    open_session: Callable[..., Session], node: FakeNode
) -> None:
    closed = Calls()

    def on_payload(session: Session, *_: Any) -> None:
        session.close()
        closed(session.connected)

    open_session(on_payload=on_payload)
    node.say(SOMEWHERE, VALUE=1)

    assert closed.next() == (False,)


def test_a_callback_may_close_the_session_before_the_constructor_returns(
    open_session: Callable[..., Session], node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = Calls()
    start = Connection.start

    def start_and_linger(connection: Connection) -> None:
        start(connection)
        node.say(SOMEWHERE, VALUE=1)
        assert closed.next() == (False,)

    def on_payload(session: Session, *_: Any) -> None:
        session.close()
        closed(session.connected)

    monkeypatch.setattr(Connection, "start", start_and_linger)

    assert not open_session(on_payload=on_payload).connected


SCRIPT = """
import sys
from pye2_testing import MemoryBroker
from pye2core import Session
broker = MemoryBroker("at-exit")
broker.start()
import atexit
atexit.register(lambda: print(len(broker._sessions)))
session = Session(broker.url, key_file=sys.argv[1])
"""


def test_a_session_that_was_forgotten_is_closed_at_the_end_of_the_program(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "key.pem")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.strip() == "0"


# --- showing --------------------------------------------------------------------------------------


def test_p_writes_lines_that_are_important_enough(
    open_session: Callable[..., Session], capsys: pytest.CaptureFixture[str]
) -> None:
    session = open_session()

    session.P("one", 2, color="r")
    session.P("hidden", verbosity=2)

    assert capsys.readouterr().out == "one 2\n"


def test_p_writes_to_the_log_that_was_given(
    open_session: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    session = open_session(log=logging.getLogger("mine"), verbosity=2)

    with caplog.at_level(logging.INFO, "mine"):
        session.P("shown", verbosity=2)

    assert [(each.name, each.message) for each in caplog.records] == [("mine", "shown")]


def test_commands_are_shown_if_asked_for(
    open_session: Callable[..., Session], node: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    session = open_session(show_commands=True)
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)

    session.create_pipeline(node=node.name, name="p").deploy(timeout=PATIENCE)

    assert "UPDATE_PIPELINE to naeural-1" in capsys.readouterr().out


def test_it_speaks_of_its_own_doings_only_if_it_may(
    open_session: Callable[..., Session], capsys: pytest.CaptureFixture[str]
) -> None:
    open_session().close()
    assert capsys.readouterr().out == ""

    open_session(silent=False)
    assert "Connected to memory://" in capsys.readouterr().out


# --- what it costs --------------------------------------------------------------------------------


def test_the_public_names_are_there_without_anything_heavy() -> None:
    program = (
        "import sys; from pye2core import Session, Pipeline, Instance, Payload,"
        " CustomPluginTemplate, DistributedCustomCodePresets;"
        "heavy = {'cattrs', 'cryptography', 'coincurve', 'dotenv', 'PIL', 'numpy', 'paho', 'rich',"
        " 'packaging', 'importlib.metadata', 'asyncio'};"
        "print(sorted(heavy & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


def test_a_session_without_callbacks_starts_no_thread_for_them(
    node: FakeNode, open_session: Callable[..., Session]
) -> None:
    before = set(threading.enumerate())
    session = open_session()
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)

    session.create_pipeline(node=node.name, name="quiet").deploy(timeout=PATIENCE)

    names = {each.name for each in set(threading.enumerate()) - before}
    assert not any(name.startswith(("pye2-session", "pye2-pipeline")) for name in names)


# --- errors at the end ----------------------------------------------------------------------------


class _BrokenAtTheEnd(Session):
    """A session whose closing goes wrong, though it closes."""

    def close(self, **how: bool) -> None:
        super().close(**how)
        raise ValueError("the second error")


@pytest.fixture
def broken(
    broker: MemoryBroker, registry: PluginRegistry, identity: Identity, node: FakeNode
) -> Session:
    session = _BrokenAtTheEnd(broker.url, bc_engine=identity, registry=registry)
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    return session


def test_what_goes_wrong_at_the_end_of_a_with_block_does_not_hide_what_led_to_it(
    broken: Session, node: FakeNode
) -> None:
    node.answer = node.refuse("no room")

    with pytest.raises(DeployFailed, match="no room") as first, broken:
        broken.create_pipeline(node=node.address, name="p").deploy()

    assert any("the second error" in note for note in first.value.__notes__)
    assert not broken.connected


def test_what_goes_wrong_at_the_end_of_a_run_does_not_hide_what_led_to_it(broken: Session) -> None:
    broken.fail_job(JobFailedError("the job failed", pipeline="p", reason="r"))

    with pytest.raises(JobFailedError, match="the job failed") as first:
        broken.run()

    assert any("the second error" in note for note in first.value.__notes__)
    assert not broken.connected


def test_what_goes_wrong_at_the_end_alone_is_raised(broken: Session) -> None:
    with pytest.raises(ValueError, match="the second error"), broken:
        pass


def test_a_pipeline_that_cannot_be_closed_keeps_nothing_else_from_being_closed(
    session: Session, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (session.create_pipeline(node=node.address, name=name) for name in "ab")
    for pipeline in (first, second):
        pipeline.deploy()
        node.next_command()

    def refuse(**_: Any) -> None:
        raise DeployFailed("no", node=node.address, pipeline="a", reason="no")

    monkeypatch.setattr(first, "close", refuse)
    session.close(close_pipelines=True, wait_close=True)

    assert node.next_command().body == "b"
    assert not session.connected


def test_a_process_that_was_forked_does_not_close_the_session_of_the_one_it_comes_from(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = os.getpid()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("os.getpid", lambda: own + 1)
        session.close()

    assert session.connected
    session.close()
    assert not session.connected
