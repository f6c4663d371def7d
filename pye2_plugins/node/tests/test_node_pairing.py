"""A node that is paired with a client, on a broker within this process."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import tomllib

import pytest
from attrs import evolve
from node_support import FRIEND, SECONDS, STRANGER, Client, pipeline, puppet

from pye2_node import allow_file, pairing_door
from pye2_node.allow_file import read_allow_file
from pye2_node.doorbell import ring
from pye2_node.pairing import Opening
from pye2_node.pairing_control import answered, asking
from pye2core import Session, pair
from pye2core.abc import Channel
from pye2core.errors import NodeError, PairingFailed
from pye2core.identity import load_or_create_key
from pye2core.messages import Action, OfferState, PairingRequest
from pye2core.pairing import PairingKey, Transcript, answer_in, new_code, read_code

KEY = PairingKey(b"k" * 32)
NONCE = "b2" * 16


class Owner:
    """Hears what the node tells its owner."""

    def __init__(self):
        self.events = queue.Queue()

    def __call__(self, event):
        self.events.put(event)

    def heard(self, name):
        event = self.events.get(timeout=SECONDS)
        assert event["event"] == name, event
        return event


@pytest.fixture
def owner():
    return Owner()


@pytest.fixture
def stranger(broker):
    client = Client(broker.url, STRANGER)
    yield client
    client.close()


def opened(node, owner, key=KEY, alias=None, seconds=600.0):
    """The node's offer, once it is made."""
    opening = Opening(key, alias, seconds)
    node.on_loop(lambda: node.node.pairing.open(opening, owner))
    owner.heard("open")
    return node.on_loop(node.node.pairing.offer)


def request_of(client, node, offer, key=KEY):
    transcript = Transcript(
        node.address, client.identity.address, "n1", client.requester.name, offer.nonce, NONCE
    )
    return PairingRequest(offer.tag, NONCE, key.client_proof(transcript))


def ask(client, node, offer, **more):
    request = request_of(client, node, offer, **more)
    sent = client.connection.send(
        evolve(client.command(Action.PAIR, None, node.address), pairing=request),
        Channel.config(node.address),
    )
    sent.result(SECONDS)


def allowed_by(node):
    return {each.address: each.alias for each in read_allow_file(file_of(node)).guests}


def pinned_in(file):
    nodes = tomllib.loads(file.read_text())["nodes"]
    return {name: each["address"] for name, each in nodes.items()}


def file_of(node):
    return node.settings.home / "allow.toml"


def answer_to(client):
    while True:
        found = client.notifications.get(timeout=SECONDS)
        if answer_in(found.fields) is not None:
            return found


def rejected(node, reason):
    return node.node._main.rejections.counts[reason]


# --- as it is meant -------------------------------------------------------------------------------


def test_a_client_with_the_code_is_allowed_at_once_and_the_node_is_pinned(
    start, broker, owner, tmp_path
):
    node = start(guests=())
    code = new_code()
    opened(node, owner, PairingKey.of_code(read_code(code)))
    key_file = tmp_path / "client" / "key.pem"

    done = pair(code.lower(), broker=broker.url, key_file=key_file, name="laptop")

    assert (done.node.name, done.node.address) == ("n1", node.address)
    assert done.address == load_or_create_key(key_file).address
    assert owner.heard("paired") == {
        "event": "paired",
        "address": done.address,
        "alias": "laptop",
    }
    assert allowed_by(node) == {done.address: "laptop"}
    assert pinned_in(done.known_nodes) == {"n1": node.address}
    client = Client(broker.url, load_or_create_key(key_file))
    client.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)
    client.confirmed("p")
    client.close()


def test_a_node_that_hears_no_roll_call_is_found_by_its_brief_heartbeats(
    start, broker, owner, stranger, tmp_path, monkeypatch
):
    monkeypatch.setattr("pye2core.client.pairing._Talk._call_roll", lambda *_: None)
    node = start(guests=(), interval=0.2)
    code = new_code()
    opened(node, owner, PairingKey.of_code(read_code(code)))
    stranger.heartbeat("n1", lambda each: each.pairing is not None)  # all that it says unasked

    done = pair(code, broker=broker.url, key_file=tmp_path / "key.pem")

    assert done.node.address == node.address


def test_a_client_that_has_spoken_our_own_dialect_can_be_paired_again(
    start, broker, owner, tmp_path
):
    """Though what asks for that is in the one that everybody speaks."""
    node = start(guests=())
    key_file = tmp_path / "key.pem"
    for _ in range(2):
        code = new_code()
        opened(node, owner, PairingKey.of_code(read_code(code)))
        pair(code, broker=broker.url, key_file=key_file)
        owner.heard("paired")
        with Session(broker.url, key_file=key_file, silent=True) as session:
            assert session.wait_for_node("n1", SECONDS, verbose=False)
            session.create_pipeline(node="n1", name="p").deploy()
            session.close(close_pipelines=True, wait_close=True)

    address = load_or_create_key(key_file).address
    assert node.node._dialects.speaks_stronger(address)
    assert list(allowed_by(node)) == [address]


def test_heartbeats_tell_of_the_offer_and_of_its_end(start, owner, stranger):
    node = start(guests=())
    offer = opened(node, owner)

    shown = stranger.heartbeat("n1", lambda each: each.pairing is not None)
    assert shown.pairing == offer
    ask(stranger, node, offer)

    used = stranger.heartbeat(
        "n1", lambda each: each.pairing is not None and each.pairing.state is OfferState.USED
    )
    assert used.pairing.tag == offer.tag
    assert STRANGER.address in used.allowed


def test_the_answer_proves_that_the_node_has_the_code(start, owner, stranger):
    node = start(guests=())
    offer = opened(node, owner)

    ask(stranger, node, offer)

    said = answer_to(stranger)
    transcript = Transcript(node.address, STRANGER.address, "n1", "tests", offer.nonce, NONCE)
    assert answer_in(said.fields).proof == KEY.node_proof(transcript)
    assert said.requester.address == STRANGER.address


def test_what_the_owner_calls_the_client_counts_more_than_its_own_name(start, owner, stranger):
    node = start(guests=())

    ask(stranger, node, opened(node, owner, alias="my laptop"))

    assert owner.heard("paired")["alias"] == "my laptop"
    assert allowed_by(node) == {STRANGER.address: "my laptop"}


def test_a_client_that_was_allowed_before_keeps_the_name_that_its_owner_gave_it(
    start, owner, broker
):
    node = start(guests=())
    allow_file.allow(
        file_of(node), [allow_file.Guest(FRIEND.address, "a friend")], node.node._clock.now()
    )
    friend = Client(broker.url, FRIEND)

    ask(friend, node, opened(node, owner))

    owner.heard("paired")
    assert allowed_by(node) == {FRIEND.address: "a friend"}
    friend.close()


def test_a_node_that_takes_encrypted_commands_only_can_be_paired_with(start, owner, stranger):
    node = start(guests=(), accept_unencrypted_commands=False)

    ask(stranger, node, opened(node, owner))

    owner.heard("paired")


def test_a_client_that_asks_again_is_answered_again_and_allowed_once(start, owner, stranger):
    node = start(guests=())
    offer = opened(node, owner)
    ask(stranger, node, offer)
    first = answer_to(stranger)
    allow_file.deny(file_of(node), STRANGER.address)

    ask(stranger, node, offer)

    assert answer_in(answer_to(stranger).fields) == answer_in(first.fields)
    assert allowed_by(node) == {}  # what was taken back stays taken back


# --- those who have no code -----------------------------------------------------------------------


def test_a_node_that_offers_nothing_treats_a_request_like_any_command_of_a_stranger(
    start, owner, stranger
):
    node = start(guests=())
    ended = opened(node, owner)
    node.on_loop(node.node.pairing.close)
    owner.heard("closed")

    ask(stranger, node, ended)

    stranger.notification(-5000)
    assert allowed_by(node) == {}


def test_it_is_no_command_either_for_those_who_are_allowed(start, owner, broker):
    node = start()
    friend = Client(broker.url, FRIEND)
    offer = opened(node, owner)
    node.on_loop(node.node.pairing.close)

    ask(friend, node, offer)
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)

    friend.confirmed("p")
    assert rejected(node, "pairing") == 1
    friend.close()


def test_only_a_request_to_be_paired_gets_past_the_white_list(start, owner, stranger):
    node = start(guests=())
    opened(node, owner)

    stranger.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)

    stranger.notification(-5000)
    assert node.on_loop(lambda: dict(node.node._ledger.pipelines)) == {}


def test_a_flood_of_wrong_proofs_is_not_answered_and_does_not_keep_the_right_one_out(
    start, owner, stranger, broker, caplog
):
    node = start(guests=())
    offer = opened(node, owner)
    for _ in range(50):
        ask(stranger, node, evolve(offer, tag="00" * 8))
        ask(stranger, node, offer, key=PairingKey(b"x" * 32))
    friend = Client(broker.url, FRIEND)
    ask(friend, node, offer)

    assert owner.heard("paired")["address"] == FRIEND.address
    assert list(allowed_by(node)) == [FRIEND.address]
    assert rejected(node, "pairing") == 100
    said = list(stranger.notifications.queue)
    assert all(each.requester.address != STRANGER.address for each in said)
    assert caplog.text.count(f"{STRANGER.address} tries to be paired without knowing") == 1
    friend.close()


def test_a_code_that_nobody_used_expires(start, owner, stranger):
    node = start(guests=())

    opened(node, owner, seconds=0.05)

    owner.heard("expired")
    stranger.heartbeat("n1", lambda each: each.pairing and each.pairing.state is OfferState.EXPIRED)


def test_a_white_list_that_cannot_be_changed_is_told_and_nobody_is_answered(start, owner, stranger):
    node = start(guests=())
    offer = opened(node, owner)
    file_of(node).write_text("addresses = 1\n")

    ask(stranger, node, offer)

    assert "addresses" in owner.heard("closed")["why"]
    stranger.heartbeat("n1", lambda each: each.pairing and each.pairing.state is OfferState.CLOSED)
    assert all(answer_in(each.fields) is None for each in list(stranger.notifications.queue))


def test_a_new_offer_ends_the_one_before(start, owner):
    node = start(guests=())
    before, other = opened(node, owner), Owner()

    after = opened(node, other)

    assert "another" in owner.heard("closed")["why"]
    assert after.nonce != before.nonce


def test_how_it_ended_is_told_for_a_while_only(start, owner, stranger, monkeypatch):
    monkeypatch.setattr("pye2_node.pairing._TOLD_SECONDS", 0.05)
    node = start(guests=())
    opened(node, owner, seconds=0.05)
    owner.heard("expired")

    stranger.heartbeat("n1", lambda each: each.pairing is None)


# --- what the client is told ----------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch):
    """Clients that do not wait for a better offer than one that is of no use."""
    monkeypatch.setattr("pye2core.pairing.client_side.SETTLING_SECONDS", 0.1)


@pytest.mark.usefixtures("impatient")
def test_a_code_that_was_used_is_told_to_be(start, broker, owner, tmp_path):
    node = start(guests=())
    code = new_code()
    opened(node, owner, PairingKey.of_code(read_code(code)))
    pair(code, broker=broker.url, key_file=tmp_path / "one" / "key.pem")

    with pytest.raises(PairingFailed) as failed:
        pair(code, broker=broker.url, key_file=tmp_path / "other" / "key.pem")

    assert failed.value.reason == "used"
    assert len(allowed_by(node)) == 1


@pytest.mark.usefixtures("impatient")
def test_a_node_with_a_name_that_belongs_to_another_is_paired_with_on_request_only(
    start, broker, owner, tmp_path
):
    node = start(guests=())
    code = new_code()
    opened(node, owner, PairingKey.of_code(read_code(code)))
    key_file = tmp_path / "key.pem"
    load_or_create_key(key_file)
    known = tmp_path / "known_nodes.toml"
    known.write_text(f'[nodes.n1]\naddress = "{FRIEND.address}"\n')

    with pytest.raises(PairingFailed, match="--replace") as failed:
        pair(code, broker=broker.url, key_file=key_file)
    assert failed.value.reason == "name-pinned"
    assert allowed_by(node) == {}
    pair(code, broker=broker.url, key_file=key_file, replace=True)

    assert pinned_in(known) == {"n1": node.address}


# --- commands on the same machine -----------------------------------------------------------------


def test_a_command_on_this_machine_has_a_running_node_pair(start, stranger):
    node = start(guests=())
    home = node.settings.home

    with asking(home, Opening(KEY)) as events:
        assert ring(home)
        told = events.next(SECONDS)
        assert (told["event"], told["name"], told["address"]) == ("open", "n1", node.address)
        assert not (home / "pairing.ask").exists()  # its secret is not left lying about
        ask(stranger, node, node.on_loop(node.node.pairing.offer))
        assert events.next(SECONDS)["address"] == STRANGER.address

    assert list(home.glob("*pairing*")) == []


def test_when_the_command_is_interrupted_the_code_is_good_no_more(start, stranger):
    node = start(guests=())
    with asking(node.settings.home, Opening(KEY)) as events:
        ring(node.settings.home)
        events.next(SECONDS)

    stranger.heartbeat("n1", lambda each: each.pairing and each.pairing.state is OfferState.CLOSED)
    assert not node.on_loop(node.node.pairing.hears)


def test_when_the_node_is_stopped_the_command_is_told(start):
    node = start(guests=())
    with asking(node.settings.home, Opening(KEY)) as events:
        ring(node.settings.home)
        events.next(SECONDS)

        node.stop()

        assert events.next(SECONDS) == {"event": "closed", "why": "the node was stopped"}


def test_a_wish_of_a_command_that_has_ended_is_removed_and_nothing_is_offered(start):
    node = start(guests=())
    home = node.settings.home
    wish = {"key": "00" * 32, "alias": None, "seconds": 600, "answers": "pairing.1.answers"}
    (home / "pairing.ask").write_text(json.dumps(wish))

    node.on_loop(node.node.pairing.look)

    assert not (home / "pairing.ask").exists()
    assert node.on_loop(node.node.pairing.offer) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "00"},
        {"key": 7},
        {"alias": 7},
        {"seconds": 0},
        {"seconds": 1e9},
        {"seconds": float("nan")},
        {"answers": "../allow.toml"},
        {"answers": "/etc/passwd"},
        {"answers": None},
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_and_removed(tmp_path, changed):
    good = {"key": "00" * 32, "alias": None, "seconds": 600, "answers": "pairing.1.answers"}
    wish = tmp_path / "pairing.ask"
    wish.write_text(json.dumps(good | changed))

    with pytest.raises(NodeError):
        answered(wish)
    assert not wish.exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"1" * 100_000])
def test_a_wish_that_cannot_be_read_is_refused(tmp_path, content):
    wish = tmp_path / "pairing.ask"
    wish.write_bytes(content)

    with pytest.raises(NodeError):
        answered(wish)


def test_the_node_writes_into_nothing_but_a_fifo(tmp_path):
    wish = tmp_path / "pairing.ask"
    good = {"key": "00" * 32, "alias": None, "seconds": 600, "answers": "pairing.1.answers"}
    wish.write_text(json.dumps(good))
    (tmp_path / "pairing.1.answers").write_text("precious")

    with pytest.raises(NodeError, match="no FIFO"):
        answered(wish)
    assert (tmp_path / "pairing.1.answers").read_text() == "precious"


def test_a_home_that_cannot_be_written_to_is_told(tmp_path):
    with (
        pytest.raises(NodeError, match="run this as the user"),
        asking(tmp_path / "nowhere", Opening(KEY)),
    ):
        pass


def test_a_node_that_is_never_paired_has_nothing_of_it_in_memory():
    code = (
        "import sys, pye2_node.node, pye2_node.cli;"
        "print([m for m in sys.modules if 'pairing' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [f"['{pairing_door.__name__}']"]
