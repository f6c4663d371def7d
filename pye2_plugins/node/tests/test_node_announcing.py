"""Who is told what an instance, or its code, has said."""

import pytest
from attrs import evolve

from pye2_node.announcing import Announcements
from pye2_node.audience import Audience
from pye2_node.limit_notices import LIMIT
from pye2core.abc import Channel
from pye2core.errors import DialectUnusable
from pye2core.identity import Identity
from pye2core.messages import (
    DETAILS_SENT_TO,
    Capability,
    InstancePath,
    Notification,
    NotificationCode,
    NotificationKind,
    Requester,
    Speaker,
)

ASKER = Requester(Identity.from_words(["asker"]).address, "a", "s", frozenset({Capability.INBOX}))
OTHER = Requester(Identity.from_words(["other"]).address, "b", "t", frozenset({Capability.INBOX}))
ALONE = (Channel.inbox(ASKER.address), ASKER.address)
ALL = (Channel.notif(), None)
PATH = InstancePath("p", "S", "i")
FAILURE = Notification(
    NotificationKind.EXCEPTION,
    "Exception in custom code: 1 / secret",
    path=PATH,
    info="Traceback: 1 / secret",
    requester=ASKER,
    fields={"EXEC_FAILURE": {"SOURCE_LINE": "1 / secret"}},
    speaker=Speaker("1.0"),
)
CONFIRMATION = Notification(
    NotificationKind.NORMAL,
    "runs",
    code=NotificationCode.PLUGIN_CONFIG_OK,
    path=PATH,
    info="paused",
    requester=ASKER,
)


class Wire:
    """A connection that only remembers what it is to send."""

    def __init__(self):
        self.sent = []
        self.error = None

    def send(self, message, channel, *, encrypt_for=None):
        if encrypt_for is not None and self.error is not None:
            raise self.error
        self.sent.append(((channel, encrypt_for), message))


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def node(wire, clock):
    """Makes the way of notifications from a node that knows this of who listens."""

    def made(*, speaks_stronger=True, results_to_everyone=False, has_pye2_clients=False):
        audience = Audience(
            clock,
            results_to_everyone=results_to_everyone,
            speaks_stronger=lambda _: speaks_stronger,
        )
        if has_pye2_clients:
            audience.heard_client(None)
        return Announcements(audience, wire, clock)

    return made


def test_what_code_said_is_told_to_who_asked_alone_and_before_all_others_hear_of_it(node, wire):
    node().send(FAILURE)

    (alone, told), (everybody, left) = wire.sent
    assert (alone, told) == (ALONE, FAILURE)
    assert everybody == ALL
    assert "secret" not in str(left)


def test_all_others_are_told_everything_else(node, wire):
    denial = evolve(FAILURE, code=NotificationCode.PLUGIN_CONFIG_FAILED)

    node().send(denial)

    _, (_, left) = wire.sent
    assert left.details_sent_to == ASKER.address
    assert "details were sent to who asked" in left.text
    assert evolve(left, text=denial.text, info=denial.info, fields=denial.fields) == denial


@pytest.mark.parametrize(
    "said",
    [
        evolve(FAILURE, code=NotificationCode.PLUGIN_INSTANCE_COMMAND_FAILED),
        evolve(FAILURE, kind=NotificationKind.ABNORMAL),
        evolve(FAILURE, kind=NotificationKind.NORMAL),
    ],
    ids=["a command failed", "a job lost a worker", "a job tells of an error"],
)
def test_instances_speak_of_code_in_other_ways_too(node, wire, said):
    node().send(said)

    assert [where for where, _ in wire.sent] == [ALONE, ALL]
    assert "secret" not in str(wire.sent[1])


@pytest.mark.parametrize(
    "said",
    [
        CONFIRMATION,
        evolve(
            CONFIRMATION,
            kind=NotificationKind.ABNORMAL,
            code=NotificationCode.PLUGIN_DELAYED,
            fields={"DELAY_SECONDS": 1},
        ),
        evolve(FAILURE, kind=NotificationKind.ABNORMAL, fields={LIMIT: {"NAME": "output"}}),
        evolve(FAILURE, path=InstancePath("p"), code=NotificationCode.PIPELINE_FAILED),
        evolve(FAILURE, path=InstancePath()),
    ],
    ids=["confirmation", "delay", "limit", "refused pipeline", "unreadable command"],
)
def test_what_the_node_says_of_itself_is_for_everybody_as_it_is(node, wire, said):
    node().send(said)

    assert wire.sent == [(ALL, said)]


@pytest.mark.parametrize(
    ("parties", "known"),
    [
        (None, {"speaks_stronger": False}),
        (None, {"results_to_everyone": True}),
        ((ASKER, OTHER), {}),
        ((Requester(), Requester()), {}),
        ((evolve(ASKER, capabilities=frozenset()),) * 2, {}),
        ((evolve(ASKER, capabilities=None),) * 2, {}),
    ],
    ids=[
        "speaks PyE2's only",
        "owner's choice",
        "changed by another",
        "no address",
        "no inbox",
        "a PyE2 client's",
    ],
)
def test_where_others_may_need_it_all_are_told_everything(node, wire, parties, known):
    node(**known).send(FAILURE, parties)

    assert wire.sent == [(ALL, FAILURE)]


def test_clients_of_pye2_hear_no_more_of_it_than_others(node, wire):
    node(has_pye2_clients=True).send(FAILURE)

    assert [where for where, _ in wire.sent] == [ALONE, ALL]


def test_it_is_for_who_asked_for_the_instance_whomever_it_names(node, wire):
    node().send(evolve(FAILURE, requester=OTHER), (ASKER, ASKER))

    assert [where for where, _ in wire.sent] == [ALONE, ALL]
    assert wire.sent[1][1].fields == {DETAILS_SENT_TO: ASKER.address}


def test_what_cannot_be_encrypted_at_present_is_kept_back_and_that_is_told_once(node, wire, caplog):
    wire.error = DialectUnusable("its key expired", address=ASKER.address, dialect="native")
    way = node()

    way.send(FAILURE)
    way.send(FAILURE)

    assert {where for where, _ in wire.sent} == {ALL}
    assert "secret" not in str(wire.sent)
    # Its asker is to take this one, or would wait in vain for what does not come.
    assert {left.details_sent_to for _, left in wire.sent} == {None}
    assert all("could not be sent" in left.text for _, left in wire.sent)
    assert caplog.text.count("not told in full") == 1
