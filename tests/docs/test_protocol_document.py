"""What ``docs/protocol.md`` shows is true: its examples are checked with the project's own code."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from pye2_cli.wire.listening import _OF_ALL, _SHARED
from pye2_mqtt.topics import Topics
from pye2_node.audience import CLIENT_SECONDS, STRANGER_SECONDS
from pye2_node.changes import published, updated
from pye2_node.cli import node
from pye2_node.context import UNDER_WAY
from pye2_node.heartbeat import AFTER_CHANGE, AT_LEAST_BETWEEN, FULL_EVERY, WHEN_ASKED
from pye2_node.node import LOST_SECONDS
from pye2_node.refusals import ANSWER_EVERY, ANSWERS_A_SECOND
from pye2_node.settings import HEARTBEAT_SECONDS, NAME_PATTERN
from pye2_node.store import DIGESTS_KEPT
from pye2_wire.canonical import canonical
from pye2_wire.commands import ACTIONS
from pye2_wire.heartbeats import LARGEST_BRIEF
from pye2_wire.notifications import LONGEST_TEXT
from pye2_wire.plain import NESTING_LIMIT
from pye2_wire.sealed import parse
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import signed_part
from pye2core import Identity, peers
from pye2core.abc import MAX_LAST_WILL, MAX_MESSAGE, Channel
from pye2core.client.repetitions import REMEMBERED
from pye2core.client.session_nodes import NODE_SECONDS
from pye2core.code import decode, encode
from pye2core.code.rules import (
    ATTRIBUTES_REFUSED,
    BUILTINS_REFUSED,
    HARMLESS_DUNDERS,
    MAX_SOURCE_BYTES,
    NAMES_REFUSED_BY_PYE2,
)
from pye2core.connection.proofs import Proofs
from pye2core.delegations import (
    DAYS,
    LONGEST,
    MOST_CHARACTERS,
    code_digest,
    read_delegation,
    require_signed,
)
from pye2core.identity import decrypt
from pye2core.messages import (
    Action,
    Capability,
    Command,
    Heartbeat,
    InstanceConfig,
    Notification,
    NotificationCode,
    PayloadMessage,
    PipelineConfig,
    Presence,
)
from pye2core.plugins import installed_plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: ([^\n]*))?\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
EVERY_INSTANCES = {"PROCESS_DELAY", "EXEC_TIMEOUT"}  # told once for all, in section 7
NAMED = {name: text for _, name, text in BLOCKS if name}
MINUS = "\N{MINUS SIGN}"
SIGNED = [name for name in NAMED if name.startswith("signed ")]

Message = dict[str, Any]


def shown(name: str) -> Message:
    """The JSON of an example."""
    example: Message = json.loads(NAMED[name])
    return example


def keys() -> dict[str, Identity]:
    return {
        name: Identity.from_private_value(bytes.fromhex(each["private"]))
        for name, each in shown("keys").items()
    }


def opened(name: str, reader: str) -> Any:
    """What one of the page's peers makes of a message of the page, verified."""
    sealed = parse(NAMED[name].encode())
    sealed.verify()
    return sealed.open(keys()[reader])


# --- section 20 ---------------------------------------------------------------------------------


def test_the_delegation_is_what_the_client_of_the_page_has_signed() -> None:
    delegation = read_delegation(NAMED["delegation as it is carried"].strip())

    require_signed(delegation)
    said = shown("delegation")
    assert (delegation.client, delegation.main_node) == (
        keys()["client"].address,
        keys()["node"].address,
    )
    assert (said["job"], said["code"]) == (delegation.job, list(delegation.code))
    assert delegation.code == (code_digest(encode("return 6 * 7")),)
    assert said["grants"] == delegation.grants
    signed = delegation.text.partition(".")[0]
    assert json.loads(base64.urlsafe_b64decode(signed + "=" * (-len(signed) % 4))) == said


def test_the_bounds_of_delegations_are_ours() -> None:
    assert f"{MOST_CHARACTERS:,}" in PAGE
    assert f"at most {LONGEST.days} days after it; ours {DAYS:g} days" in PAGE


# --- the page itself ------------------------------------------------------------------------------


def test_all_its_json_is_json() -> None:
    for language, _, text in BLOCKS:
        if language == "json":
            json.loads(text)


def anchor(heading: str) -> str:
    kept = "".join(each for each in heading.lower() if each.isalnum() or each in " -_")
    return kept.strip().replace(" ", "-")


def test_its_contents_lead_to_its_sections() -> None:
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    targets = re.findall(r"\]\(#([^)]*)\)", PAGE)

    assert targets
    assert set(targets) <= {anchor(each) for each in headings}


def cited_sections() -> Iterator[str]:
    sources = [*ROOT.glob("*/src/**/*.py"), *ROOT.glob("*/*/src/**/*.py")]
    for source in sources:
        text = re.sub(r"\s*\n[\s#*]*", " ", source.read_text(encoding="utf-8"))
        for cited in re.findall(r"PyE2 wire protocol, sections? ([\d., and]+)", text):
            yield from re.findall(r"\d+(?:\.\d+)?", cited)


def test_it_has_every_section_that_the_code_cites() -> None:
    cited = set(cited_sections())

    assert {"3.1", "9", "13"} <= cited
    assert cited <= set(re.findall(r"^#+ (\d+(?:\.\d+)?) ", PAGE, re.MULTILINE))


# --- identity, canonical JSON, hash, signature, encryption ----------------------------------------


def test_its_addresses_are_those_of_its_keys() -> None:
    for name, identity in keys().items():
        assert shown("keys")[name]["address"] == identity.address


def examples_of_numbers() -> list[list[str]]:
    return [line.split("→") for line in NAMED["numbers"].splitlines()]


@pytest.mark.parametrize(("literal", "text"), examples_of_numbers())
def test_a_number_is_hashed_as_it_says(literal: str, text: str) -> None:
    assert canonical({"v": json.loads(literal)}).decode() == f'{{"v":{text.strip()}}}'


def examples_of_values() -> list[tuple[str, str]]:
    lines = NAMED["canonical"].split("\n")
    return list(zip(lines[:-1:2], (each.split("→ ")[1] for each in lines[1::2]), strict=True))


@pytest.mark.parametrize(("written", "hashed"), examples_of_values())
def test_a_value_is_hashed_as_it_says(written: str, hashed: str) -> None:
    assert canonical({"v": json.loads(written)}).decode() == f'{{"v":{hashed}}}'


def test_the_value_that_is_not_shown_has_the_hash_that_it_says() -> None:
    written, stated = NAMED["canonical by its hash"].split("→")

    assert hashlib.sha256(canonical(json.loads(written))).hexdigest() == stated.strip()


def test_its_signed_example_is_worked_out_rightly() -> None:
    message = shown("signed example")
    text = NAMED["canonical of the example"].rstrip("\n")

    assert canonical(signed_part(message)).decode() == text
    assert hashlib.sha256(text.encode()).hexdigest() == NAMED["hash of the example"].strip()
    assert message["EE_HASH"] == NAMED["hash of the example"].strip()
    command = opened("signed example", "node")
    assert command.action is Action.UPDATE_INSTANCE
    assert command.body.pipeline == "schön"


@pytest.mark.parametrize("name", SIGNED)
def test_its_signatures_are_good(name: str) -> None:
    parse(NAMED[name].encode()).verify()


def test_its_encryption_example_is_worked_out_rightly() -> None:
    example = shown("encryption example")
    sender, receiver = keys()[example["from"]], keys()[example["to"]]
    sealed = base64.b64decode(example["text"])

    assert sender.shared_key(receiver.address).hex() == example["key"]
    assert receiver.shared_key(sender.address).hex() == example["key"]
    assert sealed[:12].hex() == example["nonce"]
    assert decrypt(receiver, sender.address, sealed).decode() == example["plaintext"]


@pytest.mark.parametrize("what", ["deployment", "archiving"])
def test_its_ciphertexts_hold_what_it_says(what: str) -> None:
    text = shown(f"signed {what}")["EE_ENCRYPTED_DATA"]
    plain = decrypt(keys()["node"], keys()["client"].address, base64.b64decode(text))

    assert json.loads(plain) == shown(f"plaintext of the {what}")


def test_its_custom_code_is_packed_as_it_says() -> None:
    example = shown("code")

    assert decode(example["CODE"]) == example["source"]
    assert decode(encode(example["source"])) == example["source"]
    body = example["def"].split("\n")[1:]
    assert "\n".join(line[4:] for line in body) == example["source"]


# --- its exchange ---------------------------------------------------------------------------------


def test_its_exchange_says_what_it_should() -> None:
    roll_call = opened("signed roll call", "node")
    full = opened("signed full heartbeat", "client")
    deployment = opened("signed deployment", "node")
    pipeline = opened("signed confirmation of the pipeline", "client")
    instance = opened("signed confirmation of the instance", "client")
    payload = opened("signed payload", "client")
    archiving = opened("signed archiving", "node")
    archived = opened("signed confirmation of the archiving", "client")

    assert isinstance(roll_call, Command)
    assert (roll_call.action, roll_call.target) == (Action.FULL_HEARTBEAT, "*")
    assert isinstance(full, Heartbeat)
    assert keys()["client"].address in full.allowed
    assert full.capabilities == frozenset(Capability)
    assert isinstance(deployment, Command)
    assert deployment.action is Action.UPDATE_PIPELINE
    for said in (roll_call, deployment, archiving):
        assert said.requester.capabilities == {Capability.INBOX}
    assert archiving.action is Action.ARCHIVE_PIPELINE
    notifications = (pipeline, instance, archived)
    assert all(isinstance(each, Notification) for each in notifications)
    assert [each.code for each in notifications] == [
        NotificationCode.PIPELINE_OK,
        NotificationCode.PLUGIN_CONFIG_OK,
        NotificationCode.PIPELINE_ARCHIVE_OK,
    ]
    sent = deployment.requester.session_id
    assert {each.requester.session_id for each in (pipeline, instance, payload)} == {sent}
    assert archived.requester.session_id == archiving.requester.session_id != sent
    assert isinstance(payload, PayloadMessage)
    assert (payload.path, payload.fields["EXEC_RESULT"]) == (instance.path, 42)
    (deployed,) = deployment.body.instances
    assert decode(deployed.settings["CODE"]) == "return 6 * 7"


def test_the_status_that_it_shows_is_the_encoded_one() -> None:
    encoded = shown("signed full heartbeat")["ENCODED_DATA"]

    assert json.loads(zlib.decompress(base64.b64decode(encoded))) == shown("status")


def test_its_topics_are_ours() -> None:
    topics, address = Topics("naeural"), keys()["client"].address
    subscribed = [line.split()[0] for line in NAMED["subscriptions"].splitlines()]

    channels = [Channel.ctrl(), Channel.notif(), Channel.payloads(), Channel.inbox(address)]
    assert subscribed == [topics.topic_of(each) for each in channels]
    assert f"`{topics.topic_of(Channel.roll_call())}`" in PAGE
    assert f"`{topics.topic_of(Channel.config(keys()['node'].address))}`" in PAGE


def test_its_brief_heartbeats_are_brief() -> None:
    brief = opened("signed brief heartbeat", "client")
    will = opened("signed last will", "client")

    for name in ("signed brief heartbeat", "signed last will"):
        assert len(json.dumps(shown(name), separators=(",", ":"))) < 1024
    assert (brief.is_brief, brief.presence, brief.pipelines) == (True, Presence.ONLINE, None)
    assert (will.is_brief, will.presence, will.life) == (True, Presence.LOST, brief.life)


# --- its lists and limits -------------------------------------------------------------------------


def section(number: str) -> str:
    """A section with its parts."""
    level = "#" * (number.count(".") + 2)
    found = re.search(
        rf"^{level} {re.escape(number)} .*?(?=^#{{2,{len(level)}}} )",
        PAGE,
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, number
    return found[0]


def test_it_lists_all_actions() -> None:
    for action in ACTIONS:
        assert f"`{action}`" in section("6"), action


def test_it_lists_all_codes() -> None:
    text = section("10")

    for code in NotificationCode:
        name = code.name
        is_derived = name.endswith(("_FAILED", "_FATAL", "_END"))
        assert is_derived or f"{code.value}".replace("-", MINUS) in text, name
        assert is_derived or f"`{name}`" in text, name


def test_it_lists_all_capabilities() -> None:
    from pye2_wire.capabilities import capability_fields

    (names,) = capability_fields(frozenset(Capability)).values()

    assert names == shown("status")["PYE2_CAPABILITIES"]
    for name in names:
        assert f"| `{name}` |" in section("17.1"), name


def access_of(user: str) -> tuple[str, str]:
    """What a user must be allowed to publish, and to subscribe to."""
    ((publish, subscribe),) = re.findall(
        rf"^\| {re.escape(user)} \| (.*) \| (.*) \|$", section("1.3"), re.MULTILINE
    )
    return publish, subscribe


def test_a_listener_must_be_allowed_what_it_listens_to() -> None:
    topics = [Topics("naeural").filter_of(channel) for channel in (*_SHARED, *_OF_ALL)]
    user, *rules = NAMED["mosquitto listener"].splitlines()

    publish, subscribe = access_of("listener (`pye2 wire listen`)")

    assert publish == "nothing"
    assert re.findall(r"`<root>/([^`]*)`", subscribe) == [
        topic.removeprefix("naeural/") for topic in topics
    ]
    assert user == "user watcher"
    assert rules == [f"topic read {topic}" for topic in topics]


def test_a_client_must_be_allowed_to_publish_its_proof() -> None:
    publish, _ = access_of("client")

    assert "`<root>/<own address>/payloads`" in publish


def test_a_proof_is_what_it_says() -> None:
    proofs = Proofs(
        lambda message, receiver: Pye2Serializer("my session").seal(
            message, keys()["client"], encrypt_for=receiver
        )
    )
    own = Channel.inbox(keys()["client"].address)
    proofs.want(own)
    ((channel, data),) = proofs.made()
    proof = json.loads(data)
    readers = {each.address for each in keys().values()}

    assert channel == own
    assert proof["EE_EVENT_TYPE"] == "PAYLOAD"
    assert proof["EE_PAYLOAD_PATH"] == ["my session", None, None, None]
    assert proof["EE_IS_ENCRYPTED"]
    assert proof["INITIATOR_ADDR"] not in {None, *readers}
    told = " ".join(section("17.3").split())
    assert "the first element of its path are the session's name, the other three are null" in told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (shown("code")["CODE"], shown("code")["CODE"]),
        ({"b": [1, "ü"], "a": None}, '{"a": null, "b": [1, "\\u00fc"]}'),
    ],
)
def test_a_digest_covers_what_section_7_says(value: object, text: str) -> None:
    config = PipelineConfig("p", instances=(InstanceConfig("S", "i", {"CODE": value}),))

    (instance,) = published(config, lambda signature, key: True).instances

    digest = hashlib.sha256(text.encode()).hexdigest()
    assert instance.settings == {"CODE": f"sha256:{digest}"}


def test_any_text_of_a_digests_form_means_unchanged() -> None:
    def keep(key: str) -> dict[str, Any]:
        there = PipelineConfig("p", instances=(InstanceConfig("S", "i", {key: "there"}),))
        sent = PipelineConfig("p", instances=(InstanceConfig("S", "i", {key: f"sha256:{0:064x}"}),))
        (instance,) = updated(there, sent, lambda signature, name: name == "CODE").instances
        return instance.settings

    assert keep("CODE") == {"CODE": "there"}
    assert keep("TAGS") == {"TAGS": f"sha256:{0:064x}"}


@pytest.mark.parametrize(
    ("there", "sent", "becomes"),
    [
        ({"A": {"b": {"c": 1, "d": 2}}}, {"a.b.c": 3}, {"A": {"b": {"c": 3, "d": 2}}}),
        ({}, {"a.b": 3}, {"A": {"B": 3}}),
        ({}, {".a": 3, "a..b": 4}, {".A": 3, "A..B": 4}),
        ({}, {"a": {"b.c": 3}}, {"A": {"b.c": 3}}),
        ({}, {".".join("a" * 18): 3}, None),
    ],
)
def test_a_key_with_dots_does_what_section_7_says(
    there: Message, sent: Message, becomes: Message | None
) -> None:
    before = PipelineConfig("p", settings=there)
    update = PipelineConfig("p", settings={key.upper(): value for key, value in sent.items()})

    settings = updated(before, update, lambda signature, key: False).settings

    if becomes is None:
        for _ in range(16):
            settings = settings["A"]
        becomes = {"A.A": 3}
    assert settings == becomes


def test_a_key_with_dots_means_nothing_in_plugins() -> None:
    sent = PipelineConfig("p", instances=(InstanceConfig("S", "i", {"A.B": 1}),))

    (instance,) = updated(None, sent, lambda signature, key: False).instances

    assert instance.settings == {"A.B": 1}


def test_it_lists_what_custom_code_may_not_use() -> None:
    refused = [*NAMES_REFUSED_BY_PYE2, *BUILTINS_REFUSED, *ATTRIBUTES_REFUSED, *HARMLESS_DUNDERS]

    for name in refused:
        assert f"`{name}`" in section("12"), name


def settings_of_signatures() -> dict[str, list[str]]:
    """What the signatures of this repository can be told."""
    registry = installed_plugins()
    return {
        name: [each.name.upper() for each in attrs.fields(registry.load(one, one.settings))]
        for name, one in registry.signatures().items()
        if one.settings is not None
    }


def test_it_lists_all_signatures_with_all_their_settings() -> None:
    known = settings_of_signatures()

    assert "CUSTOM_EXEC_01" in known
    for signature, settings in known.items():
        found = re.search(rf"^### {signature}\n(.*?)^##", PAGE, re.DOTALL | re.MULTILINE)
        assert found is not None, signature
        assert {each for each in settings if f"`{each}`" not in found[1]} <= EVERY_INSTANCES


def test_the_options_that_it_names_are_those_of_a_node() -> None:
    named = set(re.findall(r"`(--[a-z-]+)`", PAGE))

    assert "--results-to-everyone" in named
    assert named <= {
        option for each in node.params for option in (*each.opts, *each.secondary_opts)
    }


def limit(what: str) -> str:
    """The row of a limit."""
    (row,) = re.findall(rf"^\| {re.escape(what)} \| (.*) \|$", section("16"), re.MULTILINE)
    return str(row)


def test_its_limits_are_those_of_the_code() -> None:
    mebibyte = 1024 * 1024
    assert limit("one message, encoded").startswith(f"{MAX_MESSAGE // mebibyte} MiB")
    assert limit("`ENCODED_DATA`, decompressed") == f"{MAX_MESSAGE // mebibyte} MiB"
    levels = limit("levels of arrays and objects")
    assert levels.startswith(f"{NESTING_LIMIT} in a message")
    assert f"{NESTING_LIMIT + 4} in `ENCODED_DATA`" in levels
    assert limit("`NOTIFICATION`") == f"{LONGEST_TEXT} characters"
    assert limit("source of custom code") == f"{MAX_SOURCE_BYTES // mebibyte} MiB"
    assert limit("payloads of one instance that the broker has not confirmed").startswith(
        f"{UNDER_WAY};"
    )
    assert limit("nodes, and names, that are remembered") == (
        f"{peers.MOST_NODES:,} and {peers.MOST_NAMES:,}"
    )
    assert f"{DIGESTS_KEPT.days} days" in limit("digests of commands")
    assert f"{REMEMBERED:,}" in limit("digests of commands")
    assert str(peers.LONGEST_NAME) in limit("node name")
    assert NAME_PATTERN == "[A-Za-z0-9_-]{1,64}"
    assert f"`{NAME_PATTERN}`" in section("1.1")
    assert limit("a brief heartbeat") == f"{LARGEST_BRIEF:,} bytes"
    assert limit("a last will") == f"{MAX_LAST_WILL:,} bytes"


def test_its_rates_are_those_of_the_code() -> None:
    answers = f"{ANSWER_EVERY:g} a second each, {ANSWERS_A_SECOND} a second in all"
    assert limit("answers to who is not allowed") == answers
    assert limit("full heartbeats for who asks").startswith(f"every {AT_LEAST_BETWEEN:g} s")
    every = f"every {HEARTBEAT_SECONDS:g} s, every {FULL_EVERY:g} s"
    assert limit("heartbeats: usual, full at least") == every
    assert f"{AT_LEAST_BETWEEN:g} s" in limit("heartbeats on `ctrl`")
    assert limit("asking one node for a full heartbeat") == (
        f"at most every {peers.ASK_AGAIN_SECONDS:g} s; {peers.ASKED_A_SECOND} nodes a second"
    )
    assert limit("online after the last heartbeat") == f"{peers.ONLINE_SECONDS:g} s"
    assert (CLIENT_SECONDS, STRANGER_SECONDS) == (3600, 300)
    assert limit("PyE2 company after it was last heard") == "1 hour (a), 5 minutes (b)"
    assert limit("waiting for a confirmation; for a node").endswith(f"{NODE_SECONDS:g} s")
    full = section("17.4")
    assert (
        f"{AFTER_CHANGE:g} s after something changed, {WHEN_ASKED:g} s after somebody asked" in full
    )
    assert f"gives a lost worker {LOST_SECONDS:g} s" in section("17.6")
