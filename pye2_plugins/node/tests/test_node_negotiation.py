"""What a node makes of what others say they understand, row by row of its table.

PyE2 wire protocol, section 17.7: "who says what → what the other does", where a node of ours hears.
"""

import queue

import pytest
from attrs import evolve
from node_support import FRIEND, SECONDS, STRANGER, pipeline, puppet

from pye2core.abc import Channel
from pye2core.messages import EVERY_NODE, Action, Capability, Heartbeat

NOT_SAID = None
"""No ``PYE2_CAPABILITIES``: a peer of PyE2's."""

NOTHING = frozenset()
INBOX = frozenset({Capability.INBOX})


@pytest.fixture
def node(start):
    return start()


@pytest.fixture
def speaks(connect):
    """Connects somebody who says that, and hears its own inbox, too."""

    def speaker(identity, said):
        client = connect(identity)
        client.requester = evolve(client.requester, capabilities=said)
        client.inbox = queue.Queue()
        client._listen(Channel.inbox(identity.address), client.inbox)
        return client

    return speaker


def company(node):
    """Whether heartbeats are full, and results for everybody, because of PyE2's peers."""
    audience = node.node._audience
    return audience.has_pye2_peers, audience._has_pye2_clients


@pytest.mark.parametrize(
    ("said", "expected", "has_inbox"),
    [
        (NOT_SAID, (True, True), False),
        (INBOX, (False, False), True),
        (NOTHING, (False, False), False),
    ],
    ids=["a PyE2 client", "inbox", "nothing"],
)
def test_a_command_of_who_is_allowed(node, speaks, said, expected, has_inbox):
    friend = speaks(FRIEND, said)

    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)

    result = (friend.inbox if has_inbox else friend.payloads).get(timeout=SECONDS)
    assert result.path.pipeline == "p"
    assert company(node) == expected
    assert (friend.payloads if has_inbox else friend.inbox).empty()


def test_a_pye2_client_has_the_results_of_all_pipelines_sent_to_everybody(node, speaks):
    friend = speaks(FRIEND, INBOX)
    friend.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)
    friend.inbox.get(timeout=SECONDS)

    friend.requester = evolve(friend.requester, capabilities=NOT_SAID)
    friend.send(Action.ARCHIVE_PIPELINE, "not there", node.address)
    friend.notification(-4, "not there")
    friend.requester = evolve(friend.requester, capabilities=INBOX)
    friend.send(Action.UPDATE_PIPELINE, pipeline("q", puppet()), node.address)

    assert friend.payload("q").requester.address == FRIEND.address
    assert friend.inbox.empty()


def test_a_command_of_who_is_not_allowed_is_refused_and_no_company(node, speaks):
    stranger = speaks(STRANGER, NOT_SAID)

    stranger.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)

    stranger.notification(-5000)
    assert company(node) == (False, False)


@pytest.mark.parametrize("is_roll_call", [False, True], ids=["question", "roll call"])
@pytest.mark.parametrize(
    ("said", "expected", "has_inbox"),
    [
        (NOT_SAID, (True, False), False),
        (INBOX, (False, False), True),
        (NOTHING, (False, False), False),
    ],
    ids=["a PyE2 peer", "inbox", "nothing"],
)
def test_a_question_for_a_heartbeat(node, speaks, said, expected, has_inbox, is_roll_call):
    stranger = speaks(STRANGER, said)
    target = EVERY_NODE if is_roll_call else node.address
    channel = Channel.roll_call() if is_roll_call else Channel.config(node.address)
    question = stranger.command(Action.FULL_HEARTBEAT, None, target)

    stranger.connection.send(question, channel).result(SECONDS)

    heard = (stranger.inbox if has_inbox else stranger.heartbeats).get(timeout=SECONDS)
    assert (heard.name, heard.is_brief) == ("n1", False)
    assert company(node) == expected


@pytest.mark.parametrize(
    ("said", "is_brief", "expected"),
    [
        (NOT_SAID, False, (True, False)),
        (NOT_SAID, True, (False, False)),
        (INBOX, False, (False, False)),
        (NOTHING, False, (False, False)),
    ],
    ids=["a PyE2 node", "a brief one", "with the key", "with nothing"],
)
def test_a_heartbeat_of_another_node(node, speaks, said, is_brief, expected):
    other = speaks(STRANGER, said)
    told = Heartbeat("other", STRANGER.address, capabilities=said, is_brief=is_brief, pipelines=())

    other.connection.send(told, Channel.ctrl()).result(SECONDS)

    # What is refused after it shows that it was taken in.
    other.send(Action.UPDATE_PIPELINE, pipeline("p", puppet()), node.address)
    other.notification(-5000)
    assert company(node) == expected
