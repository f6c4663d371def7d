"""Payloads of PyE2 nodes on NumPy 2: refused, unless the session was told to accept them.

And payloads that are for somebody else, which are nobody's failure.
"""

from __future__ import annotations

import hashlib
import json
import logging
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest
from client_support import PATIENCE, Calls, FakeNode

from pye2core.abc import Channel
from pye2core.messages import InstancePath, PayloadMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_testing import MemoryBroker
    from pye2core import Session

SOMEWHERE = InstancePath("p", "SIG_01", "i")


@pytest.fixture
def say_spoilt(broker: MemoryBroker, node: FakeNode) -> Callable[..., None]:
    """Has the node say a rate of 0.5 that it signs as PyE2 does on NumPy 2."""
    publisher = broker.connect("engine", lambda reason: None, persistent=False, root="naeural")

    def say(number: int, **changes: Any) -> None:
        message = {
            "EE_EVENT_TYPE": "PAYLOAD",
            "EE_PAYLOAD_PATH": [node.name, "p", "SIG_01", "i"],
            "NUMBER": number,
            "RATE": 0.5,
        }
        text = json.dumps(message, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.replace("0.5", "np.float64(0.5)").encode()).digest()
        signature = {
            "EE_SIGN": urlsafe_b64encode(node.identity.sign(digest)).decode(),
            "EE_SENDER": node.address,
            "EE_HASH": digest.hex(),
        }
        data = json.dumps({**message, **signature, **changes}).encode()
        broker.publish(publisher, Channel.payloads(), data).result(PATIENCE)

    return say


def counts(session: Session) -> dict[str, int]:
    return dict(session._connection.rejections.counts)


def test_they_are_refused_and_it_is_said_why(
    open_session: Callable[..., Session],
    node: FakeNode,
    say_spoilt: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    on_payload = Calls()
    session = open_session(on_payload=on_payload)

    say_spoilt(1)
    node.say(SOMEWHERE, NUMBER=2)

    payload = on_payload.next()[-1]
    assert (payload["NUMBER"], payload.verified) == (2, True)
    assert counts(session) == {"numpy2-signature": 1}
    (warning,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    for word in (node.address, "NumPy 2", "numpy<2", "accept_numpy2_payloads=True"):
        assert word in warning.getMessage()


def test_they_are_accepted_as_not_verified_if_the_session_is_told_to(
    open_session: Callable[..., Session], node: FakeNode, say_spoilt: Callable[..., None]
) -> None:
    everything, own = Calls(), Calls()
    session = open_session(on_payload=everything, accept_numpy2_payloads=True)
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    session.create_pipeline(node=node.address, name="p", on_data=own)

    say_spoilt(1)
    node.say(SOMEWHERE, NUMBER=2)

    for calls in (everything, own):
        first, second = calls.next()[-1], calls.next()[-1]
        assert (first["NUMBER"], first["RATE"], first.verified) == (1, 0.5, False)
        assert first.sender == node.address
        assert (second["NUMBER"], second.verified) == (2, True)
    assert counts(session) == {}


def test_one_that_was_changed_on_its_way_is_refused_all_the_same(
    open_session: Callable[..., Session], node: FakeNode, say_spoilt: Callable[..., None]
) -> None:
    on_payload = Calls()
    session = open_session(on_payload=on_payload, accept_numpy2_payloads=True)

    say_spoilt(1, RATE=0.25)
    node.say(SOMEWHERE, NUMBER=2)

    assert on_payload.next()[-1]["NUMBER"] == 2
    assert counts(session) == {"signature": 1}


def test_one_that_comes_again_is_not_heard_again(
    open_session: Callable[..., Session], node: FakeNode, say_spoilt: Callable[..., None]
) -> None:
    on_payload = Calls()
    session = open_session(on_payload=on_payload, accept_numpy2_payloads=True)

    say_spoilt(1)
    say_spoilt(1)
    node.say(SOMEWHERE, NUMBER=2)

    assert [on_payload.next()[-1]["NUMBER"] for _ in range(2)] == [1, 2]
    assert counts(session) == {"replay": 1}


def test_what_is_encrypted_for_another_client_is_no_failure(
    open_session: Callable[..., Session],
    add_node: Callable[..., FakeNode],
    node: FakeNode,
) -> None:
    on_payload = Calls()
    session = open_session(on_payload=on_payload)
    other = add_node("another").address

    for_another = PayloadMessage(SOMEWHERE, {"NUMBER": 1})
    node._connection.send(for_another, Channel.payloads(), encrypt_for=other)
    node.say(SOMEWHERE, NUMBER=2)

    assert on_payload.next()[-1]["NUMBER"] == 2
    assert counts(session) == {}
