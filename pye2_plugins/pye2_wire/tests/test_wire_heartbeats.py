"""Heartbeats in both versions: what is compressed is PyE2's, and bounded when it is opened."""

import base64
import json
import logging
import zlib
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from pye2_wire.canonical import canonical
from pye2_wire.heartbeats import decoded_data, encoded_data
from pye2_wire.plain import NESTING_LIMIT
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.settings import HeartbeatVersion, WireSettings
from pye2_wire.signing import signature_fields, signed_part
from pye2core import installed_plugins
from pye2core.abc import MAX_MESSAGE
from pye2core.clock import ManualClock
from pye2core.connection import Dialects
from pye2core.errors import MessageRejected, SettingsError
from pye2core.identity import Identity, without_prefix
from pye2core.messages import Capability, Heartbeat, InstanceConfig, PipelineConfig, Presence

VECTORS_FILE = Path(__file__).parents[3] / "tests/data/vectors/heartbeat_v2.json"
VECTORS = {v["name"]: v for v in json.loads(VECTORS_FILE.read_text("utf-8"))["vectors"]}
CLIENT = Identity.from_private_value(bytes.fromhex("11" * 32))
NODE = Identity.from_private_value(bytes.fromhex("22" * 32))
DIALECT = Pye2Serializer(clock=ManualClock())
PIPELINE = PipelineConfig("p1", "Void", (InstanceConfig("S", "i", {"CODE": "sha256:1"}),))
HEARTBEAT = Heartbeat(
    "naeural-1",
    NODE.address,
    (CLIENT.address,),
    secured=True,
    pipelines=(PIPELINE,),
    load=3.5,
    free_memory=1.25,
    version="1.0",
    signatures={"S": "2.0"},
    is_supervisor=True,
    status={"UPTIME": 9},
)


def wired(heartbeat: Heartbeat = HEARTBEAT) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(DIALECT.seal(heartbeat, NODE))
    return wire


def state_of(wire: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(decoded_data(wire["ENCODED_DATA"]))
    return state


def received(wire: dict[str, Any]) -> Heartbeat:
    unsigned = signed_part(wire)
    signature = signature_fields(canonical(unsigned), NODE)
    sealed = DIALECT.parse(json.dumps({**unsigned, **signature}).encode())
    sealed.verify()
    opened = sealed.open(CLIENT)
    assert isinstance(opened, Heartbeat)
    return opened


def with_state(**changes: Any) -> dict[str, Any]:
    wire = wired()
    state = json.dumps({**state_of(wire), **changes}).encode()
    return {**wire, "ENCODED_DATA": encoded_data(state)}


def rejection_of(wire: dict[str, Any]) -> MessageRejected:
    with pytest.raises(MessageRejected) as rejection:
        received(wire)
    return rejection.value


@pytest.mark.parametrize("name", ["empty", "small"])
def test_the_compression_is_pye2s(name: str) -> None:
    vector = VECTORS[name]

    assert decoded_data(vector["ENCODED_DATA"]).decode() == vector["decompressed"]
    assert decoded_data(encoded_data(vector["json_text"].encode())).decode() == vector["json_text"]


def test_what_pye2_cannot_decompress_is_rejected() -> None:
    with pytest.raises(MessageRejected, match="ENCODED_DATA"):
        decoded_data(VECTORS["bad data"]["ENCODED_DATA"])


def test_a_complete_heartbeat_of_pye2_is_read() -> None:
    sealed = DIALECT.parse(
        json.dumps(VECTORS["complete signed v2 message (bob)"]["message"]).encode()
    )

    sealed.verify()
    heartbeat = sealed.open(CLIENT)

    assert isinstance(heartbeat, Heartbeat)
    assert (heartbeat.name, heartbeat.address) == ("node-b", NODE.address)
    assert sealed.digest == VECTORS["complete signed v2 message (bob)"]["message"]["EE_HASH"]


def test_a_heartbeat_arrives_as_it_was_meant() -> None:
    heartbeat = received(wired())

    assert (heartbeat.name, heartbeat.address) == ("naeural-1", NODE.address)
    assert (heartbeat.allowed, heartbeat.secured) == ((CLIENT.address,), True)
    assert heartbeat.pipelines == (PIPELINE,)
    assert (heartbeat.load, heartbeat.free_memory, heartbeat.version) == (3.5, 1.25, "1.0")
    assert (heartbeat.signatures, heartbeat.is_supervisor) == ({"S": "2.0"}, True)
    assert heartbeat.status["UPTIME"] == 9
    assert heartbeat.origin is not None
    assert heartbeat.origin.name == "naeural-1"


def test_a_node_tells_why_its_clock_is_not_set_in_a_field_of_ours() -> None:
    unset = wired(evolve(HEARTBEAT, clock_trouble="it says 1970"))

    assert state_of(unset)["PYE2_CLOCK"] == "it says 1970"
    assert received(unset).clock_trouble == "it says 1970"
    assert "PYE2_CLOCK" not in state_of(wired())


@pytest.mark.parametrize("odd", [7, None, ["it says 1970"], "x" * 501])
def test_an_odd_reason_for_a_clock_that_is_not_set_is_none(odd: Any) -> None:
    assert received(with_state(PYE2_CLOCK=odd)).clock_trouble is None


def test_the_status_is_all_that_the_message_said() -> None:
    status = received(wired()).status

    assert status["EE_ID"] == "naeural-1"
    assert status["EE_SENDER"] == NODE.address
    assert status["EE_EVENT_TYPE"] == "HEARTBEAT"
    assert status["DEVICE_STATUS"] == "ONLINE"
    assert (status["CPU_USED"], status["AVAILABLE_MEMORY"]) == (3.5, 1.25)
    assert (status["VERSION"], status["PYE2_SIGNATURES"]) == ("1.0", {"S": "2.0"})
    assert status["EE_IS_SUPER"] is True
    assert "ENCODED_DATA" not in status


def test_a_heartbeat_is_sent_in_version_2_with_its_counts_outside() -> None:
    wire = wired(Heartbeat("n", NODE.address, load=1.0, status={"NR_PAYLOADS": 7}))

    assert wire["HEARTBEAT_VERSION"] == "v2"
    assert wire["EE_PAYLOAD_PATH"] == ["n", None, None, None]
    assert [wire[key] for key in ("NR_INFERENCES", "NR_PAYLOADS", "NR_STREAMS_DATA")] == [0, 7, 0]
    assert "CPU_USED" not in wire


def test_the_white_list_is_published_without_prefixes() -> None:
    assert state_of(wired())["EE_WHITELIST"] == [without_prefix(CLIENT.address)]


def test_pipelines_are_published_as_pye2_stores_them() -> None:
    assert state_of(wired())["CONFIG_STREAMS"] == [
        {
            "NAME": "p1",
            "TYPE": "Void",
            "DEFAULT_PLUGIN": False,
            "PLUGINS": [
                {"SIGNATURE": "S", "INSTANCES": [{"INSTANCE_ID": "i", "CODE": "sha256:1"}]}
            ],
        }
    ]


def test_a_heartbeat_without_pipelines_says_that_it_says_nothing() -> None:
    silent = received(wired(Heartbeat("n", NODE.address, pipelines=None)))
    idle = received(wired(Heartbeat("n", NODE.address, pipelines=())))

    assert (silent.pipelines, idle.pipelines) == (None, ())


def test_what_the_model_knows_wins_over_a_status_of_the_same_name() -> None:
    status = {"EE_ADDR": "x", "SECURED": False, "CONFIG_STREAMS": [], "EE_WHITELIST": ["y"]}

    assert received(wired(Heartbeat("n", NODE.address, pipelines=None, status=status))).secured
    assert "CONFIG_STREAMS" not in state_of(
        wired(Heartbeat("n", NODE.address, pipelines=None, status=status))
    )


@pytest.mark.parametrize("odd", ["3", True, -1, float("nan"), float("inf"), 10**400, None, [3]])
def test_a_figure_that_cannot_be_used_is_not_known_and_the_heartbeat_counts(odd: Any) -> None:
    heartbeat = received(with_state(CPU_USED=odd, AVAILABLE_MEMORY=odd))

    assert (heartbeat.load, heartbeat.free_memory) == (None, None)
    assert heartbeat.name == "naeural-1"


@pytest.mark.parametrize("odd", [3, None, ["S"], {"S": 1}])
def test_a_version_and_signatures_that_cannot_be_used_are_not_known(odd: Any) -> None:
    heartbeat = received(with_state(VERSION=odd, PYE2_SIGNATURES=odd))

    assert (heartbeat.version, heartbeat.signatures) == (None, None)


@pytest.mark.parametrize("odd", [1, "yes", None, []])
def test_a_supervisor_is_only_who_says_so_plainly(odd: Any) -> None:
    assert not received(with_state(EE_IS_SUPER=odd)).is_supervisor


@pytest.mark.parametrize(
    ("active", "signatures"),
    [
        ([{"SIGNATURE": "A_01"}, {"SIGNATURE": 3}, {}, "B_01", {"SIGNATURE": "C_01"}], "A_01 C_01"),
        ({"SIGNATURE": "A_01"}, ""),
        (None, ""),
    ],
)
def test_the_signatures_of_active_instances_are_read_where_they_are_told(
    active: Any, signatures: str
) -> None:
    heartbeat = received(with_state(ACTIVE_PLUGINS=active))

    assert heartbeat.active_signatures == set(signatures.split())


def test_what_a_heartbeat_does_not_say_is_not_sent() -> None:
    state = state_of(wired(Heartbeat("n", NODE.address)))

    unsaid = {"CPU_USED", "AVAILABLE_MEMORY", "VERSION", "PYE2_SIGNATURES"}
    assert not unsaid & state.keys()
    assert state["EE_IS_SUPER"] is False


@pytest.mark.parametrize("version", ["v1", None])
def test_version_1_says_the_same_in_clear(version: str | None) -> None:
    wire = wired()
    open_wire = {**wire, **state_of(wire), "HEARTBEAT_VERSION": version}
    del open_wire["ENCODED_DATA"]

    heartbeat = received(open_wire)

    assert (heartbeat.pipelines, heartbeat.allowed) == ((PIPELINE,), (CLIENT.address,))


def test_version_1_is_sent_where_the_nodes_owner_wants_it_section_9() -> None:
    openly = WireSettings(heartbeat_version=HeartbeatVersion.OPEN)
    node = Pye2Serializer("naeural-1", ManualClock(), openly)

    wire = json.loads(node.seal(HEARTBEAT, NODE))

    assert wire["HEARTBEAT_VERSION"] == "v1"
    assert "ENCODED_DATA" not in wire
    state = state_of(wired())
    del state["EE_FORMATTER"]  # in clear it is the message's own
    assert {key: wire[key] for key in state} == state
    assert evolve(received(wire), status={}, origin=None) == evolve(
        received(wired()), status={}, origin=None
    )


@pytest.mark.parametrize(("variable", "version"), [("v1", "v1"), ("v2", "v2"), ("", "v2")])
def test_a_node_finds_the_version_in_its_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, version: str
) -> None:
    monkeypatch.setenv("PYE2_WIRE_HEARTBEAT_VERSION", variable)

    dialect = Dialects.installed(installed_plugins(), node_name="naeural-1").for_peer(None)

    wire = json.loads(dialect.seal(HEARTBEAT, NODE))

    assert wire["HEARTBEAT_VERSION"] == version


def test_a_version_that_does_not_exist_is_said_before_the_node_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYE2_WIRE_HEARTBEAT_VERSION", "v3")

    with pytest.raises(SettingsError, match=r"PYE2_WIRE_HEARTBEAT_VERSION is 'v3'.*'v1', 'v2'"):
        Dialects.installed(installed_plugins(), node_name="naeural-1")


def test_who_speaks_is_taken_from_what_was_verified() -> None:
    heartbeat = received(with_state(EE_ID="forged", EE_SENDER="forged"))

    assert heartbeat.name == heartbeat.status["EE_ID"] == "naeural-1"
    assert heartbeat.address == heartbeat.status["EE_SENDER"] == NODE.address


def test_a_heartbeat_for_another_address_is_rejected() -> None:
    assert rejection_of(with_state(EE_ADDR=CLIENT.address)).reason == "shape"


def test_an_odd_pipeline_does_not_hide_its_node(caplog: pytest.LogCaptureFixture) -> None:
    good = {"NAME": "ok", "TYPE": "Void"}

    with caplog.at_level(logging.INFO, "pye2_wire"):
        heartbeat = received(with_state(CONFIG_STREAMS=[{"NAME": "odd"}, good]))

    assert heartbeat.pipelines == (PipelineConfig("ok"),)
    assert "pipeline 'odd': TYPE is missing" in caplog.text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"HEARTBEAT_VERSION": "v3"}, "unsupported"),
        ({"HEARTBEAT_VERSION": 2}, "shape"),
        ({"ENCODED_DATA": None}, "shape"),
        ({"ENCODED_DATA": ""}, "shape"),
        ({"ENCODED_DATA": 5}, "shape"),
        ({"ENCODED_DATA": "not base64!"}, "shape"),
        ({"ENCODED_DATA": "é"}, "shape"),
        ({"ENCODED_DATA": base64.b64encode(b"not zlib").decode()}, "shape"),
        ({"ENCODED_DATA": encoded_data(b"[]")}, "shape"),
        ({"ENCODED_DATA": encoded_data(b"{")}, "shape"),
        ({"ENCODED_DATA": encoded_data(b"{}" + b" " * 99)[:12]}, "shape"),
        ({"EE_ID": None}, "shape"),
        ({"EE_ID": 5}, "shape"),
        ({"EE_PAYLOAD_PATH": ["x"]}, "shape"),
    ],
)
def test_what_is_no_heartbeat_is_rejected(changes: dict[str, Any], reason: str) -> None:
    assert rejection_of({**wired(), **changes}).reason == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"SECURED": "yes"},
        {"EE_WHITELIST": "all"},
        {"EE_WHITELIST": [5]},
        {"CONFIG_STREAMS": {}},
        {"EE_ADDR": 5},
    ],
)
def test_odd_types_in_the_state_are_rejected(changes: dict[str, Any]) -> None:
    assert rejection_of(with_state(**changes)).reason == "shape"


def test_a_decompression_bomb_is_rejected_without_being_unpacked() -> None:
    bomb = base64.b64encode(zlib.compress(b" " * (MAX_MESSAGE + 1), 9)).decode()

    rejection = rejection_of({**wired(), "ENCODED_DATA": bomb})

    assert rejection.reason == "shape"
    assert "more than a message may have" in str(rejection)


def test_a_pipeline_as_deep_as_a_command_may_bring_it_can_be_published() -> None:
    deep: Any = 1
    for _ in range(NESTING_LIMIT - 2):
        deep = [deep]
    pipeline = PipelineConfig("p", settings={"URL": deep})

    assert received(wired(Heartbeat("n", NODE.address, pipelines=(pipeline,)))).pipelines == (
        pipeline,
    )


# --- ours -----------------------------------------------------------------------------------------

BRIEF = Heartbeat(
    "n" * 64,
    NODE.address,
    is_brief=True,
    life="0a1b2c3d",
    revision=10**9,
    load=99.9,
    free_memory=1.5,
)


def test_a_brief_heartbeat_is_one_of_version_1_that_shows_no_pipelines() -> None:
    wire = wired(BRIEF)

    assert wire["HEARTBEAT_VERSION"] == "v1"
    assert wire["EE_ID"] == "n" * 64
    assert not {"CONFIG_STREAMS", "ENCODED_DATA", "EE_HASH"} & wire.keys()


def test_a_brief_heartbeat_of_the_longest_name_has_less_than_half_a_kibibyte() -> None:
    assert len(DIALECT.seal(BRIEF, NODE)) < 512


@pytest.mark.parametrize("presence", [Presence.LEAVING, Presence.LOST])
def test_the_end_of_a_life_is_less_than_a_kibibyte(presence: Presence) -> None:
    sealed = DIALECT.seal(evolve(BRIEF, presence=presence), NODE)

    assert len(sealed) < 1024
    assert json.loads(sealed)["DEVICE_STATUS"] == {"LEAVING": "OFFLINE"}.get(presence.name, "LOST")


def test_a_brief_heartbeat_says_nothing_of_who_is_allowed() -> None:
    """Without this, all would seem to be: PyE2's nodes that state nothing take anybody."""
    assert received(wired(BRIEF)).secured


@pytest.mark.parametrize("stated", [None, "inbox", 7, {"inbox": 1}])
def test_a_node_whose_capabilities_are_no_list_states_none(stated: Any) -> None:
    assert received(with_state(PYE2_CAPABILITIES=stated)).capabilities is None


def test_capabilities_that_nobody_knows_are_of_no_concern() -> None:
    heard = received(with_state(PYE2_CAPABILITIES=["inbox", "telepathy", 7, None, ["x"]]))

    assert heard.capabilities == {Capability.INBOX}


@pytest.mark.parametrize("stated", ["GONE", "", 7, None, [], {}])
def test_a_device_status_that_nobody_knows_is_online(stated: Any) -> None:
    assert received(with_state(DEVICE_STATUS=stated)).presence is Presence.ONLINE


@pytest.mark.parametrize("key", ["PYE2_LIFE", "PYE2_STATE"])
@pytest.mark.parametrize("stated", [None, True, [], {}, 1.5])
def test_an_odd_life_or_revision_counts_as_not_stated(key: str, stated: Any) -> None:
    heard = received(with_state(**{key: stated}))

    assert (heard.life, heard.revision) == (None, None)


@pytest.mark.parametrize("more", [{"PADDING": "x" * 1024}, {"CONFIG_STREAMS": []}])
def test_what_calls_itself_brief_and_is_not_is_refused(more: dict[str, Any]) -> None:
    assert rejection_of({**wired(BRIEF), **more}).reason == "shape"


def test_of_a_brief_heartbeat_only_its_two_figures_are_kept() -> None:
    """It is laid over what is known of its node, again and again."""
    heard = received({**wired(BRIEF), "X_1": "x", "CPU_USED": "a lot"})

    assert heard.status == {"AVAILABLE_MEMORY": 1.5}
    assert heard.load is None


def test_a_life_that_is_no_name_counts_as_not_stated() -> None:
    assert received({**wired(BRIEF), "PYE2_LIFE": "x" * 65}).life is None
