"""A real node process on a real broker: it starts, is killed, comes back, and stops in order."""

import json
import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest
from node_support import FRIEND, LONG_AGO, SECONDS, STRANGER

from pye2_node.allow_file import Guest, allow
from pye2_wire.serializer import Pye2Serializer
from pye2core.code import encode
from pye2core.identity import load_or_create_key
from pye2core.messages import Action, InstanceConfig, InstanceUpdate, PipelineConfig, Presence

pytestmark = pytest.mark.mosquitto

MEGABYTE = 1024 * 1024


def custom(name, code, **settings):
    """A pipeline with one instance of custom code."""
    settings = {"CODE": encode(code), "PROCESS_DELAY": 0.1, **settings}
    return PipelineConfig(name, instances=(InstanceConfig("CUSTOM_EXEC_01", "i", settings),))


class NodeProcess:
    """A node as a user starts it."""

    def __init__(self, url, home, *options):
        self.home = home
        self.address = load_or_create_key(home / "node.pem").address
        command = [sys.executable, "-m", "pye2_node", "--name", home.name, "--home", str(home)]
        with (home / "stderr").open("ab") as said:
            self.process = subprocess.Popen(
                [*command, "--json", *options],
                env={**os.environ, "PYE2_BROKER": url},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                start_new_session=True,
            )

    def wait_until_ready(self):
        """Wait for its line for programs."""
        watchdog = threading.Timer(SECONDS, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        assert line, self.said()
        return json.loads(line)

    def said(self):
        return (self.home / "stderr").read_text()

    def family(self):
        """The process and all that it has started."""
        this = psutil.Process(self.process.pid)
        return [this, *this.children(recursive=True)]

    def end(self, how=signal.SIGTERM):
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(how)
        return self.wait()

    def wait(self):
        code = self.process.wait(SECONDS)
        self.process.stdout.close()
        return code


@pytest.fixture
def start(mosquitto, tmp_path):
    """Starts a node that allows the friend, and ends it."""
    started = []

    def start_node(name="n1", *options, ready=True):
        home = tmp_path / name
        home.mkdir(exist_ok=True)
        allow(home / "allow.toml", [Guest(FRIEND.address)], LONG_AGO)
        node = NodeProcess(mosquitto.url, home, *options)
        started.append(node)
        if ready:
            node.wait_until_ready()
        return node

    yield start_node
    for node in started:
        if node.process.poll() is None:
            node.end(signal.SIGKILL)
        node.process.stdout.close()


@pytest.fixture
def broker(mosquitto):
    """The broker of the clients, too."""
    return mosquitto


def assert_works(node, friend, name="still-works"):
    """The node runs custom code."""
    friend.send(Action.UPDATE_PIPELINE, custom(name, "return 42"), node.address)
    friend.notification(100, name)
    assert friend.payload(name).fields["EXEC_RESULT"] == 42


# --- what its log says ----------------------------------------------------------------------------

FAILING_SCRIPT = "def divided(x):\n  return 1 / x\nresult = divided(0)"


def let_fail(node, friend):
    """Have an instance fail three times, and another one not be started at all."""
    failing = custom("fails", FAILING_SCRIPT, ERROR_DELAY=0.1)
    friend.send(Action.UPDATE_PIPELINE, failing, node.address)
    failures = [friend.payload("fails").fields["EXEC_FAILURE"] for _ in range(3)]
    unknown = PipelineConfig("unknown", instances=(InstanceConfig("NO_SUCH_01", "i"),))
    friend.send(Action.UPDATE_PIPELINE, unknown, node.address)
    friend.notification(-100, "unknown")
    return failures


def test_its_log_has_one_line_of_an_instance_that_keeps_failing(start, friend):
    node = start()

    let_fail(node, friend)

    node.end()
    lines = [line for line in node.said().splitlines() if "instance fails:CUSTOM_EXEC_01:i" in line]
    assert len(lines) == 1
    assert "ZeroDivisionError: division by zero" in lines[0]
    assert "instance unknown:NO_SUCH_01:i" in node.said()
    assert "Traceback" not in node.said()


def test_its_verbose_log_has_each_failure_with_the_lines_of_the_code(start, friend):
    node = start("n1", "--verbose")

    let_fail(node, friend)

    node.end()
    said = node.said()
    assert said.count("instance fails:CUSTOM_EXEC_01:i: ") >= 3
    assert 'File "<code>", line 3, in <module>' in said
    assert 'File "<code>", line 2, in divided' in said
    assert "instance unknown:NO_SUCH_01:i" in said
    assert "connected to the broker mqtt://" in said
    assert "takes the command to update pipeline of " in said
    assert FRIEND.address in said


def test_a_failing_script_is_told_with_its_own_lines_and_none_of_the_nodes(start, friend):
    failure, *_ = let_fail(start(), friend)

    places = [line.strip() for line in failure["TRACEBACK"].splitlines() if "File " in line]
    assert places == ['File "<code>", line 3, in <module>', 'File "<code>", line 2, in divided']
    assert (failure["LINE"], failure["SOURCE_LINE"]) == (2, "return 1 / x")


# --- beginning and end ----------------------------------------------------------------------------


def test_it_says_in_one_line_that_it_is_ready(start):
    node = start(ready=False)

    line = node.wait_until_ready()

    assert line == {"event": "ready", "name": "n1", "address": node.address}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_exits_with_0_and_leaves_no_process_behind(start, friend, how):
    node = start()
    assert_works(node, friend)
    family = node.family()
    assert len(family) >= 3  # the node, the zygote, the instance's process

    assert node.end(how) == 0

    _, alive = psutil.wait_procs(family[1:], timeout=SECONDS)
    assert not alive
    friend.heartbeat("n1", lambda each: each.presence is Presence.LEAVING)
    assert node.said() == ""


def test_killed_it_leaves_no_process_behind(start, friend):
    node = start()
    assert_works(node, friend)
    family = node.family()

    node.end(signal.SIGKILL)

    _, alive = psutil.wait_procs(family[1:], timeout=SECONDS)
    assert not alive


def test_killed_and_started_again_it_runs_what_it_ran(start, friend):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, custom("p", "return 7"), node.address)
    friend.notification(100, "p")

    node.end(signal.SIGKILL)
    while not friend.payloads.empty():
        friend.payloads.get()
    start()

    friend.notification(100, "p")
    assert friend.payload("p").fields["EXEC_RESULT"] == 7


def test_killed_right_after_it_acknowledged_a_command_it_has_not_lost_it(start, friend):
    node = start()

    friend.send(Action.UPDATE_PIPELINE, custom("p", "return 7"), node.address)
    friend.notification(1, "p")
    node.end(signal.SIGKILL)
    start()

    friend.notification(100, "p")


def test_commands_that_came_while_it_was_away_are_executed_once(start, friend):
    node = start()
    node.end()

    friend.send(Action.UPDATE_PIPELINE, custom("p", "return 7"), node.address)
    friend.send(Action.UPDATE_PIPELINE, custom("q", "return 8"), "n1", address=node.address)
    again = start()
    friend.confirmed("p", "q")
    again.end()
    start()

    said = [friend.notifications.get(timeout=SECONDS) for _ in range(4)]
    assert {each.code for each in said} == {1, 100}
    assert not any(each.text.startswith("Received") for each in said)


def test_told_to_restart_it_begins_anew_in_the_same_process(start, friend):
    node = start()
    assert_works(node, friend)

    friend.send(Action.RESTART, None, node.address)

    assert node.wait_until_ready()["address"] == node.address
    friend.notification(100, "still-works")
    assert node.process.poll() is None


def test_told_to_stop_it_exits_with_0(start, friend):
    node = start()

    friend.send(Action.STOP, None, node.address)

    assert node.wait() == 0


def test_it_dies_with_its_parent_where_that_is_asked_for(start, friend, mosquitto, tmp_path):
    home = tmp_path / "child"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])",
            *("-m", "pye2_node", "--name", "child", "--home", str(home), "--parent-death"),
        ],
        env={**os.environ, "PYE2_BROKER": mosquitto.url},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    friend.heartbeat("child")
    family = psutil.Process(parent.pid).children(recursive=True)

    parent.kill()
    parent.wait()

    _, alive = psutil.wait_procs(family, timeout=SECONDS)
    assert not alive
    friend.heartbeat("child", lambda each: each.presence is Presence.LEAVING)


# --- what is wrong --------------------------------------------------------------------------------


def test_a_second_process_on_the_same_home_is_refused(start, friend):
    node = start()

    second = start(ready=False)

    assert second.wait() == 1
    assert f"process {node.process.pid} already runs the node" in second.said()
    assert_works(node, friend)


def test_a_broker_that_is_not_there_is_told_in_one_line(tmp_path):
    home = tmp_path / "n1"
    home.mkdir()
    node = NodeProcess("mqtt://127.0.0.1:9", home)

    assert node.wait() == 1
    assert "127.0.0.1:9" in node.said()
    assert "Traceback" not in node.said()


def test_a_key_that_cannot_be_used_is_told_and_left_as_it_is(start):
    node = start()
    node.end()
    (node.home / "node.pem").write_text("not a key")

    again = subprocess.run(
        [sys.executable, "-m", "pye2_node", "--home", str(node.home), "--broker", "mqtt://x"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert again.returncode == 1
    assert "node.pem" in again.stderr
    assert (node.home / "node.pem").read_text() == "not a key"


# --- who may --------------------------------------------------------------------------------------


def test_a_stranger_is_told_what_to_do_and_gets_in_when_that_is_done(start, connect):
    node = start()
    stranger = connect(STRANGER)

    stranger.send(Action.UPDATE_PIPELINE, custom("p", "return 1"), node.address)
    told = stranger.notification(-5000)
    assert f"pye2 node allow {STRANGER.address}" in told.text
    command = [sys.executable, "-m", "pye2_node", "allow", STRANGER.address, "--home"]
    subprocess.run([*command, str(node.home)], check=True, stdout=subprocess.DEVNULL)

    stranger.heartbeat("n1", lambda each: STRANGER.address in each.allowed)
    assert_works(node, stranger)


# --- hostile messages -----------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["forged", "truncated", "noise", "large"])
def test_hostile_messages_leave_it_running(start, friend, mosquitto, what):
    node = start()
    command = friend.command(Action.UPDATE_PIPELINE, custom("bad", "return 1"), node.address)
    good = Pye2Serializer().seal(command, FRIEND)
    data = {
        "forged": good.replace(b'"bad"', b'"evil"'),
        "truncated": good[: len(good) // 2],
        "noise": os.urandom(10 * MEGABYTE),
        "large": b'{"EE_SENDER": "' + b"x" * (40 * MEGABYTE) + b'"}',
    }[what]

    publish(mosquitto.port, f"naeural/{node.address}/config", data)
    publish(mosquitto.port, "naeural/n1/config", data)
    publish(mosquitto.port, "naeural/ctrl", data)

    assert_works(node, friend)
    heartbeat = friend.heartbeat("n1", lambda each: each.pipelines)
    assert [each.name for each in heartbeat.pipelines] == ["still-works"]


def publish(port, topic, data):
    """Publish by raw paho, which knows no limits."""
    from paho.mqtt.publish import single

    single(topic, data, qos=1, port=port, hostname="127.0.0.1")


def test_a_command_by_name_reaches_it_too(start, friend):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, custom("p", "return 1"), "n1", address=node.address)

    friend.notification(100, "p")


# --- custom code ----------------------------------------------------------------------------------


def test_what_custom_code_keeps_is_in_the_instances_folder_and_goes_with_it(start, friend):
    node = start()
    code = "plugin.cacheapi_save_json({'n': 1})\nreturn plugin.cacheapi_load_json()"
    friend.send(Action.UPDATE_PIPELINE, custom("p", code), node.address)
    assert friend.payload("p").fields["EXEC_RESULT"] == {"n": 1}
    assert len(list(node.home.glob("instances/*/cache/*"))) == 1

    friend.send(Action.ARCHIVE_PIPELINE, "p", node.address)
    friend.notification(4, "p")

    assert list(node.home.glob("instances/*")) == []


def test_other_code_is_taken_over_by_a_running_instance(start, friend):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, custom("p", "return 1"), node.address)
    friend.notification(100, "p")

    update = InstanceUpdate("p", "CUSTOM_EXEC_01", "i", {"CODE": encode("return 2")})
    friend.send(Action.UPDATE_INSTANCES, (update,), node.address)
    friend.notification(100, "p")

    while friend.payload("p").fields["EXEC_RESULT"] != 2:
        pass


def test_code_that_is_refused_leaves_the_old_code_running_also_after_a_restart(start, friend):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, custom("p", "return 1"), node.address)
    friend.notification(100, "p")

    update = InstanceUpdate("p", "CUSTOM_EXEC_01", "i", {"CODE": encode("import os\nreturn 2")})
    friend.send(Action.UPDATE_INSTANCES, (update,), node.address)
    denied = friend.notification(-100, "p")
    node.end()
    start()

    assert "import" in denied.text
    friend.notification(100, "p")
    assert friend.payload("p").fields["EXEC_RESULT"] == 1


def test_no_message_carries_the_code_in_clear(start, friend, mosquitto):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, custom("p", "return 'a secret'"), node.address)
    friend.notification(100, "p")

    heartbeat = friend.heartbeat("n1", lambda each: each.pipelines)

    (shown,) = heartbeat.pipelines[0].instances
    assert shown.settings["CODE"].startswith("sha256:")
    assert encode("return 'a secret'") not in str(heartbeat)


def test_the_node_survives_the_loss_of_its_broker(start, friend, mosquitto):
    node = start()
    friend.send(Action.UPDATE_PIPELINE, custom("p", "return 1"), node.address)
    friend.notification(100, "p")

    mosquitto.stop()
    mosquitto.start()

    assert_works(node, friend, "after")
