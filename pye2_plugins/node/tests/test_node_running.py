"""A whole node on a broker within this process, with puppets for runners."""

import asyncio
import gc
import logging
import queue
from datetime import UTC, datetime

import pytest
from node_support import FRIEND, SECONDS, STRANGER, RunningNode, pipeline, puppet

from pye2_node.changes import digest_of
from pye2_node.commands import NodeAction, Tell
from pye2_node.sandbox import SandboxLimits
from pye2_node.sandbox.layers.names import ALL_LAYERS, Layer
from pye2_node.store import Store
from pye2_testing import MemoryTransport
from pye2_wire.serializer import Pye2Serializer
from pye2core.abc import Channel
from pye2core.clock import SYSTEM_CLOCK, SystemClock
from pye2core.errors import BrokerUnreachable, TransportError
from pye2core.identity import Identity
from pye2core.messages import (
    Action,
    Capability,
    Command,
    Heartbeat,
    InstancePath,
    InstanceUpdate,
    NotificationCode,
    NotificationKind,
    PayloadMessage,
    Presence,
)

# --- beginning and end ----------------------------------------------------------------------------


def test_a_node_says_hello_when_it_is_ready_and_goodbye_when_it_stops(start, friend):
    node = start()

    hello = friend.heartbeat("n1")
    assert hello.address == node.address
    assert set(hello.allowed) == {node.address, FRIEND.address}
    assert hello.secured
    assert hello.pipelines == ()
    assert hello.capabilities == set(Capability)

    node.stop()
    friend.heartbeat("n1", lambda each: each.presence is Presence.LEAVING)
    assert node.end is NodeAction.STOP


def refuse(channel):
    raise TransportError(f"{channel} is forbidden", broker="memory://")


def deliver_nothing(channel):
    """Mosquitto grants what its rules forbid."""


@pytest.mark.parametrize("forbid", [refuse, deliver_nothing])
def test_where_the_broker_forbids_roll_calls_no_answer_to_them_is_promised(
    start, friend, monkeypatch, forbid
):
    subscribe = MemoryTransport.subscribe

    def subscribe_to_allowed(transport, channel, timeout):
        if channel == Channel.roll_call():
            forbid(channel)
        else:
            subscribe(transport, channel, timeout)

    monkeypatch.setattr(MemoryTransport, "subscribe", subscribe_to_allowed)

    start()

    hello = friend.heartbeat("n1")
    assert hello.capabilities == set(Capability) - {Capability.ROLL_CALL}


def test_a_node_tells_observers_that_it_started_and_stopped(start, registry, monkeypatch):
    seen = []
    monkeypatch.setattr(
        registry, "observe", lambda hook, **arguments: seen.append((hook, arguments)), raising=False
    )

    node = start()
    node.stop()

    about = {"name": "n1", "address": node.address}
    assert ("pye2_node_started", about) in seen
    assert ("pye2_node_stopped", about) in seen


class ClockOfAPiAtBoot(SystemClock):
    """Its time is that of a machine that has not yet asked the network for it."""

    def now(self):
        return datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "said"), [(ClockOfAPiAtBoot(), 1), (SYSTEM_CLOCK, 0)], ids=["not set", "set"]
)
def test_a_node_says_if_its_clock_is_not_set(start, caplog, clock, said):
    start(clock=clock)

    assert caplog.text.count("the clock of this machine is not set") == said


@pytest.mark.parametrize(
    ("unsafe", "layers", "refuses"),
    [
        (False, ALL_LAYERS - {Layer.LANDLOCK, Layer.SECCOMP}, True),
        (True, ALL_LAYERS - {Layer.LANDLOCK, Layer.SECCOMP}, False),
        (False, ALL_LAYERS - {Layer.NAMESPACES}, False),
    ],
    ids=["nothing confines", "its owner wants it so", "confined"],
)
def test_a_node_that_refuses_code_says_so_as_it_starts(
    start, friend, caplog, monkeypatch, unsafe, layers, refuses
):
    caplog.set_level(logging.INFO)
    chosen = SandboxLimits(layers=layers, unsafe=unsafe)
    monkeypatch.setattr("pye2_node.node.limits_chosen", lambda choices: chosen)

    start()

    told = friend.heartbeat("n1", lambda each: each.sandbox and "custom code is" in caplog.text)
    assert told.sandbox.refuses_code is refuses
    assert ("custom code is refused here" in caplog.text) is refuses


def test_a_node_without_a_broker_says_so(tmp_path, registry):
    node = RunningNode("memory://nowhere", tmp_path, registry)

    with pytest.raises(BrokerUnreachable), node:
        pass


@pytest.mark.parametrize(
    ("action", "end"), [(Action.STOP, NodeAction.STOP), (Action.RESTART, NodeAction.RESTART)]
)
def test_a_friend_can_stop_and_restart_it(start, friend, action, end):
    node = start()

    friend.send(action, None, node.address)

    assert node.wait_for_end() is end


# --- pipelines ------------------------------------------------------------------------------------


def test_a_new_pipeline_is_answered_in_pye2s_order_and_runs(start, friend, log):
    node = start()

    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet(VALUE=7)), node.address)

    said = [friend.notifications.get(timeout=SECONDS) for _ in range(3)]
    assert [(each.code, each.path.pipeline) for each in said] == [
        (None, None),
        (1, "p"),
        (100, "p"),
    ]
    assert {each.requester.session_id for each in said} == {"session-1"}
    assert {each.requester.name for each in said} == {"tests"}


def test_payloads_name_the_requester_and_the_instance(start, friend):
    node = start()

    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet(VALUE=7)), node.address)

    payload = friend.payload("p")
    assert payload.path == InstancePath("p", "PUPPET_01", "i")
    assert payload.fields["VALUE"] == 7
    assert payload.requester.session_id == "session-1"
    assert payload.origin.sender == node.address


def test_encrypted_payloads_are_for_the_requester_only(start, friend, connect):
    node = start()
    other = connect(STRANGER)
    config = pipeline("p", puppet(VALUE=7, ENCRYPT_PAYLOAD=True))

    friend.send(Action.UPDATE_PIPELINE, config, node.address)

    payload = friend.payload("p")
    assert payload.origin.encrypted
    assert payload.fields["VALUE"] == 7
    friend.send(Action.UPDATE_PIPELINE, pipeline("open", puppet()), node.address)
    assert other.payloads.get(timeout=SECONDS).path.pipeline == "open"


def test_heartbeats_show_a_new_pipeline_soon_and_its_secrets_as_digests(start, friend):
    node = start()

    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet(SECRET="code")), node.address)

    heartbeat = friend.heartbeat("n1", lambda each: each.pipelines)
    (shown,) = heartbeat.pipelines
    assert shown.instances == (puppet(SECRET=digest_of("code")),)


def test_what_was_read_from_a_heartbeat_can_be_sent_back(start, friend, log):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet(SECRET="code")), node.address)
    (shown,) = friend.heartbeat("n1", lambda each: each.pipelines).pipelines

    friend.send(Action.UPDATE_PIPELINE, shown, node.address)

    friend.notification(100, "p")
    assert log.count("start") == 1


def test_a_command_that_was_carried_out_takes_no_memory_any_more(start, friend):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)
    friend.confirmed("p")
    update = InstanceUpdate("p", "PUPPET_01", "i", {"INSTANCE_COMMAND": {"N": 1}})

    gc.disable()
    try:
        friend.send(Action.UPDATE_INSTANCE, update, node.address)
        friend.notification(NotificationCode.PLUGIN_INSTANCE_COMMAND_OK, "p")
        node.on_loop(int)  # what it does after that was said is done
        left = [each for each in gc.get_objects() if isinstance(each, Tell)]
    finally:
        gc.enable()

    assert left == []


def test_an_instance_command_is_confirmed_and_echoed(start, friend):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)
    friend.notification(100, "p")

    changes = {"INSTANCE_COMMAND": {"SDK_REQUEST": "1234", "COMMAND_PARAMS": {"X": True}}}
    friend.send(
        Action.UPDATE_INSTANCE, InstanceUpdate("p", "PUPPET_01", "i", changes), node.address
    )

    friend.notification(101, "p")
    payloads = [friend.payload("p").fields for _ in range(2)]
    assert {"SDK_REQUEST": "1234"} in [fields.get("COMMAND_PARAMS") for fields in payloads]


def test_commands_that_come_together_are_carried_out_in_their_order(start, friend, log):
    node = start()
    for number in range(20):
        friend.send(
            Action.UPDATE_PIPELINE, pipeline(f"p{number}", puppet(VALUE=number)), node.address
        )
        command = {"INSTANCE_COMMAND": {"N": number, "COMMAND_PARAMS": {}, "UNCONFIRMED": True}}
        update = InstanceUpdate(f"p{number}", "PUPPET_01", "i", command)
        friend.send(Action.UPDATE_INSTANCE, update, node.address)

    echoed = set()
    while len(echoed) < 20:
        fields = friend.payloads.get(timeout=SECONDS).fields
        if "COMMAND_PARAMS" in fields:
            echoed.add(fields["COMMAND_PARAMS"]["N"])
    assert echoed == set(range(20))


def test_a_command_that_nobody_waits_for_is_confirmed_only_if_it_fails(start, friend):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, pipeline("good", puppet()), node.address)
    friend.send(Action.UPDATE_PIPELINE, pipeline("bad", puppet(COMMAND="raise")), node.address)
    friend.confirmed("good", "bad")

    for name in ("good", "bad"):
        command = {"INSTANCE_COMMAND": {"UNCONFIRMED": True}}
        update = InstanceUpdate(name, "PUPPET_01", "i", command)
        friend.send(Action.UPDATE_INSTANCE, update, node.address)

    heard = friend.notifications.get(timeout=SECONDS)
    assert (heard.code, heard.path.pipeline) == (-101, "bad")


def test_a_command_for_another_life_is_dropped_and_the_next_is_taken(start, friend, log):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet(LIVES="now")), node.address)
    friend.confirmed("p")

    for number, life in enumerate(("before", "now", "now")):
        command = {"INSTANCE_COMMAND": {"N": number, "LIFE": life, "UNCONFIRMED": True}}
        friend.send(
            Action.UPDATE_INSTANCE, InstanceUpdate("p", "PUPPET_01", "i", command), node.address
        )

    echoed = []
    while len(echoed) < 2:
        fields = friend.payloads.get(timeout=SECONDS).fields
        if "COMMAND_PARAMS" in fields:
            echoed.append(fields["COMMAND_PARAMS"]["N"])
    assert echoed == [1, 2]


def test_heartbeats_tell_slots_and_labels(start, friend):
    start(slots=3, labels=("gpu=1", "site=attic"), memory_megabytes=512)

    status = friend.heartbeat("n1", lambda each: not each.is_brief).status

    slots = {"total": 3, "busy": 0, "waiting": 0, "memory_megabytes": 512}
    assert status["PYE2_SLOTS"] == slots
    assert status["PYE2_LABELS"] == {"gpu": "1", "site": "attic"}


def test_an_unknown_signature_is_denied_and_the_node_goes_on(start, friend):
    node = start()

    friend.send(
        Action.UPDATE_PIPELINE, pipeline("bad", puppet(signature="CUSTOM_EXEC_1")), node.address
    )
    denied = friend.notification(-100, "bad")
    friend.send(Action.UPDATE_PIPELINE, pipeline("good", puppet()), node.address)
    friend.notification(100, "good")

    assert denied.kind is NotificationKind.EXCEPTION
    assert "CUSTOM_EXEC_01" in denied.text
    assert "PUPPET_01" in denied.info


def test_an_instance_that_hangs_holds_up_no_other_pipeline(start, friend):
    node = start()

    friend.send(Action.UPDATE_PIPELINE, pipeline("slow", puppet(START="hang")), node.address)
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)

    friend.notification(100, "p")
    friend.send(Action.ARCHIVE_PIPELINE, "slow", node.address)
    friend.notification(4, "slow")


def test_an_archived_pipeline_leaves_nothing_behind(start, friend, tmp_path, registry):
    class Keeper(registry.load(None, "puppets:PUPPET_01")):
        async def start(self):
            (self.context.folder / "file").write_text("kept")
            await self.context.save(b"kept")

    registry._runners["PUPPET_01"] = Keeper
    node = start()
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)
    friend.notification(100, "p")
    assert len(list((tmp_path / "n1" / "instances").iterdir())) == 1

    friend.send(Action.ARCHIVE_PIPELINE, "p", node.address)
    friend.notification(4, "p")
    friend.heartbeat("n1", lambda each: each.pipelines == ())
    node.stop()

    assert list((tmp_path / "n1" / "instances").iterdir()) == []
    store = Store(tmp_path / "n1" / "node.sqlite", SYSTEM_CLOCK)
    assert store.kept_states() == set()
    assert store.pipelines() == {}
    store.close()


# --- restarts -------------------------------------------------------------------------------------


def test_pipelines_are_there_after_a_restart(start, friend):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet(VALUE=1)), node.address)
    friend.notification(100, "p")
    node.stop()

    start()

    assert friend.notification(100, "p").requester.session_id == "session-1"
    assert friend.payload("p").fields["VALUE"] == 1


def test_commands_that_came_while_it_was_away_are_executed_once(start, friend, log):
    node = start()
    node.stop()

    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)
    friend.send(Action.UPDATE_PIPELINE, pipeline("q", puppet()), "n1")
    again = start()
    friend.confirmed("p", "q")
    again.stop()
    start()

    said = [friend.notifications.get(timeout=SECONDS) for _ in range(4)]
    assert sorted(each.code for each in said) == [1, 1, 100, 100]
    assert not any(each.text.startswith("Received") for each in said)
    assert log.count("start") == 4


def test_a_command_that_is_played_again_is_executed_once_also_after_a_restart(
    start, friend, raw, log
):
    node = start()
    command = friend.command(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)
    data = Pye2Serializer().seal(command, FRIEND, encrypt_for=node.address)
    channel = Channel.config(node.address)

    for _ in range(3):
        raw.publish(channel, data).result(SECONDS)
    friend.notification(100, "p")
    friend.send(Action.ARCHIVE_PIPELINE, "p", node.address)
    friend.notification(4, "p")
    node.stop()
    again = start()
    raw.publish(channel, data).result(SECONDS)
    friend.send(Action.UPDATE_PIPELINE, pipeline("q", puppet()), again.address)
    friend.notification(100, "q")

    assert set(again.on_loop(lambda: dict(again.node._ledger.pipelines))) == {"q"}
    assert again.node._main.rejections.counts["replay"] == 1


def test_a_command_for_one_life_is_executed_once_also_after_a_crash_that_forgot_it(
    start, friend, raw, log, monkeypatch
):
    monkeypatch.setattr("pye2_node.ledger.WRITTEN_AFTER", 3600.0)  # it never gets to the disk
    node = start()
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet(LIVES="before")), node.address)
    friend.notification(100, "p")
    told = {"INSTANCE_COMMAND": {"N": 1, "LIFE": "before", "UNCONFIRMED": True}}
    update = InstanceUpdate("p", "PUPPET_01", "i", told)
    command = friend.command(Action.UPDATE_INSTANCE, update, node.address)
    data = Pye2Serializer().seal(command, FRIEND, encrypt_for=node.address)
    channel = Channel.config(node.address)

    for _ in range(3):
        raw.publish(channel, data).result(SECONDS)
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet(LIVES="after")), node.address)
    friend.notification(100, "p")
    node.stop()
    again = start()
    raw.publish(channel, data).result(SECONDS)
    friend.send(Action.UPDATE_PIPELINE, pipeline("q", puppet()), again.address)
    friend.notification(100, "q")

    assert [each for each in log if each.startswith("told")] == ["told {'N': 1} {}"]
    assert again.node._main.rejections.counts["replay"] == 0


def test_settings_that_were_refused_do_not_come_back_after_a_restart(start, friend):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet(VALUE=1)), node.address)
    friend.notification(100, "p")

    update = InstanceUpdate("p", "PUPPET_01", "i", {"VALUE": 2, "START": "refuse"})
    friend.send(Action.UPDATE_INSTANCE, update, node.address)
    friend.notification(-100, "p")
    node.stop()
    start()

    friend.notification(100, "p")


def test_folders_of_instances_that_are_no_more_are_removed_when_it_starts(start, tmp_path):
    orphan = tmp_path / "n1" / "instances" / "orphan"
    orphan.mkdir(parents=True)

    start()

    assert not orphan.exists()


# --- other nodes ----------------------------------------------------------------------------------


def test_nodes_know_each_other_without_waiting_for_the_next_heartbeat(start, friend):
    first = start("n1")
    friend.heartbeat("n1")

    second = start("n2", guests=(first.address,))
    friend.heartbeat("n1")  # the answer to the new one, long before the interval is over

    (peer,) = first.on_loop(first.node._network.peers)
    assert (peer.name, peer.allows_me) == ("n2", True)
    heard_back = friend.heartbeat("n2")
    assert heard_back.address == second.address


def test_a_node_deploys_on_another_one_and_hears_its_answers(start, friend):
    first = start("n1")
    friend.heartbeat("n1")
    second = start("n2", guests=(), delegating=(first.address,))
    friend.heartbeat("n1")
    heard = queue.Queue()

    class Listener:
        def cares_about(self, pipeline):
            return pipeline == "w"

        def on_payload(self, payload):
            heard.put(payload)

        on_notification = on_peer = on_payload

    first.on_loop(lambda: first.node._network.listen(Listener()))
    command = Command(Action.UPDATE_PIPELINE, pipeline("w", puppet(VALUE=3)), "n2")
    sending = asyncio.run_coroutine_threadsafe(first.node._network.send(command), first._loop)
    sending.result(SECONDS)

    payload = heard.get(timeout=SECONDS)
    while not isinstance(payload, PayloadMessage):
        payload = heard.get(timeout=SECONDS)
    assert payload.fields["VALUE"] == 3
    assert payload.origin.sender == second.address


def test_a_node_can_deploy_on_itself(start, friend):
    node = start()
    command = Command(Action.UPDATE_PIPELINE, pipeline("own", puppet()), "n1")

    asyncio.run_coroutine_threadsafe(node.node._network.send(command), node._loop).result(SECONDS)

    assert friend.notification(100, "own").requester.address == node.address


# --- a main node that says nothing of for whom it works, and is allowed as if it were a person ----


@pytest.fixture
def main_node(connect):
    """One of PyE2's."""
    return connect(Identity.from_words(["main node"]))


def show_as_node(client, name):
    client.connection.send(Heartbeat(name, client.identity.address), Channel.ctrl()).result(SECONDS)


def asks_in_vain(client, node):
    client.send(Action.UPDATE_PIPELINE, pipeline("brought", puppet(VALUE=1)), node.address)
    told = client.notification(NotificationCode.COMM_RECEIVED_BAD_COMMAND)
    return f"pye2 node allow {client.identity.address} --may-delegate" in told.text


def test_a_main_node_is_known_as_one_although_somebody_took_its_name(
    start, friend, connect, main_node
):
    worker = start("n1", guests=(main_node.identity.address,))
    friend.heartbeat("n1")
    show_as_node(connect(STRANGER), "main")
    friend.heartbeat("n1")  # it answers to the new one

    show_as_node(main_node, "main")
    show_as_node(friend, "later")
    friend.heartbeat("n1")

    assert asks_in_vain(main_node, worker)


def test_a_main_node_is_known_as_one_from_the_start_if_it_was_heard_in_an_earlier_run(
    start, friend, main_node
):
    worker = start("n1", guests=(main_node.identity.address,))
    friend.heartbeat("n1")
    show_as_node(main_node, "main")
    friend.heartbeat("n1")
    worker.stop()

    again = start("n1", guests=(main_node.identity.address,))

    assert asks_in_vain(main_node, again)
