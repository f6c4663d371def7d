"""Which commands get in."""

import pytest
from attrs import define

from pye2_node.gate import Gate
from pye2_node.refusals import ANSWER_EVERY, ANSWERS_A_SECOND, MOST_OWED, Refusals
from pye2_node.store import CommandId
from pye2core.errors import MessageRejected
from pye2core.identity import Identity
from pye2core.messages import Requester

NODE = Identity.from_words(["the node"]).address
FRIEND = Identity.from_words(["friend"]).address
STRANGER = Identity.from_words(["stranger"]).address
ASKER = Requester(FRIEND, "tests", "session-1")


@define
class Sealed:
    sender: str = FRIEND
    recipient: str | None = NODE
    digest: str = "d1"
    is_command: bool = True
    asks_for_sign_of_life: bool = False
    asks_to_pair: bool = False
    is_encrypted: bool = False
    requester: Requester = ASKER
    delegation: str | None = None


@pytest.fixture
def told():
    """Whom the gate wants to be told that they are not allowed."""
    return []


class Later:
    """What is to be done after a time."""

    def __init__(self, clock):
        self._clock = clock
        self._waiting = []

    def __call__(self, seconds, call):
        self._waiting.append((self._clock.monotonic() + seconds, call))

    @property
    def is_idle(self):
        return not self._waiting

    def pass_time(self, seconds):
        """Let time pass, and do what is due then."""
        self._clock.advance(seconds)
        now = self._clock.monotonic()
        due = [call for at, call in self._waiting if at <= now]
        self._waiting = [each for each in self._waiting if each[0] > now]
        for call in due:
            call()


@pytest.fixture
def later(clock):
    return Later(clock)


@pytest.fixture
def refusals(clock, later):
    return Refusals(clock, later)


@pytest.fixture
def friends():
    """Who is allowed; tests change it."""
    return {FRIEND, NODE}


@pytest.fixture
def gate(told, refusals, friends):
    seen = {CommandId(FRIEND, "seen")}
    return Gate(
        "n1",
        NODE,
        has_seen=seen.__contains__,
        allows=friends.__contains__,
        on_refused=told.append,
        refusals=refusals,
    )


def reason_for(gate, sealed):
    with pytest.raises(MessageRejected) as rejected:
        gate(sealed)
    return rejected.value.reason


@pytest.mark.parametrize("recipient", [NODE, "n1"])
def test_a_friends_command_gets_in_by_address_and_by_name(gate, recipient):
    gate(Sealed(recipient=recipient))


@pytest.mark.parametrize("prefix", ["0xai_", "aixp_", ""])
def test_the_nodes_address_may_have_either_prefix_or_none_as_section_2_has_it(gate, prefix):
    gate(Sealed(recipient=NODE.replace("0xai_", prefix)))


@pytest.mark.parametrize("recipient", [None, "n2", STRANGER, "", "0xai_", "0xai_n1"])
def test_a_command_for_another_node_does_not(gate, recipient):
    assert reason_for(gate, Sealed(recipient=recipient)) == "recipient"


def test_a_command_that_was_taken_does_not_and_nobody_is_told(gate, told):
    assert reason_for(gate, Sealed(digest="seen")) == "replay"
    assert told == []


@pytest.mark.parametrize("spelling", ["aixp_", ""])
def test_a_command_cannot_be_played_again_under_another_spelling_of_its_sender(gate, spelling):
    sealed = Sealed(sender=FRIEND.replace("0xai_", spelling), digest="seen")

    assert reason_for(gate, sealed) == "replay"


def test_the_same_content_from_another_sender_is_another_command(gate):
    gate(Sealed(sender=NODE, digest="seen"))


@pytest.fixture
def pairing_gate(told, refusals):
    """Of a node that takes encrypted commands only, has seen all and offers to be paired."""
    return Gate(
        "n1",
        NODE,
        has_seen=lambda _: True,
        allows=lambda _: False,
        on_refused=told.append,
        refusals=refusals,
        pairs=lambda: True,
        on_unencrypted=told.append,
    )


def test_who_asks_to_be_paired_gets_in_where_that_is_offered(pairing_gate, told):
    pairing_gate(Sealed(sender=STRANGER, asks_to_pair=True))

    assert told == []


def test_nothing_else_gets_in_because_pairing_is_offered(pairing_gate):
    assert reason_for(pairing_gate, Sealed(sender=STRANGER)) == "replay"


def test_who_asks_another_node_to_be_paired_does_not_get_in(pairing_gate):
    sealed = Sealed(sender=STRANGER, asks_to_pair=True, recipient="n2")

    assert reason_for(pairing_gate, sealed) == "recipient"


def test_who_asks_to_be_paired_where_that_is_not_offered_is_a_stranger(gate, told):
    assert reason_for(gate, Sealed(sender=STRANGER, asks_to_pair=True)) == "not-allowed"
    assert told == [STRANGER]


def test_a_strangers_command_does_not_and_the_stranger_is_told(gate, told):
    assert reason_for(gate, Sealed(sender=STRANGER)) == "not-allowed"
    assert told == [STRANGER]


def test_a_sender_that_is_no_address_does_not_get_in(gate, told):
    assert reason_for(gate, Sealed(sender="me")) == "shape"
    assert told == []


def test_what_is_no_command_is_for_everybody(gate):
    gate(Sealed(sender=STRANGER, recipient=None, is_command=False))


def test_a_stranger_that_insists_is_told_now_and_then(gate, told, clock):
    for _ in range(10):
        reason_for(gate, Sealed(sender=STRANGER))
    assert told == [STRANGER]

    clock.advance(ANSWER_EVERY)
    reason_for(gate, Sealed(sender=STRANGER))
    assert told == [STRANGER, STRANGER]


def test_a_flood_of_strangers_does_not_become_a_flood_of_answers(gate, told, clock):
    strangers = [Identity.from_words([str(number)]).address for number in range(50)]

    for stranger in strangers:
        assert reason_for(gate, Sealed(sender=stranger)) == "not-allowed"
    assert len(told) == ANSWERS_A_SECOND

    clock.advance(1)
    reason_for(gate, Sealed(sender=strangers[-1]))
    assert told[-1] == strangers[-1]


def test_what_a_stranger_asks_too_soon_is_answered_once_when_the_second_is_over(gate, told, later):
    for _ in range(10):
        reason_for(gate, Sealed(sender=STRANGER))

    later.pass_time(ANSWER_EVERY)
    assert told == [STRANGER, STRANGER]

    later.pass_time(ANSWER_EVERY)
    assert told == [STRANGER, STRANGER]
    assert later.is_idle


def test_no_stranger_of_a_flood_is_left_without_an_answer(gate, told, later):
    strangers = [Identity.from_words([str(number)]).address for number in range(50)]
    for stranger in strangers:
        reason_for(gate, Sealed(sender=stranger))

    for round_ in (2, 3):
        later.pass_time(ANSWER_EVERY)
        assert len(told) == min(50, round_ * ANSWERS_A_SECOND)

    assert told == strangers
    assert later.is_idle


def test_so_many_strangers_as_fill_the_memory_are_not_remembered(refusals, later):
    told = []
    for number in range(ANSWERS_A_SECOND + MOST_OWED + 10):
        refusals.tell(f"stranger {number}", lambda: told.append(1))

    while not later.is_idle:
        later.pass_time(ANSWER_EVERY)

    assert len(told) == ANSWERS_A_SECOND + MOST_OWED


def test_who_is_allowed_meanwhile_is_not_refused_after_that(gate, told, later, friends):
    reason_for(gate, Sealed(sender=STRANGER))
    reason_for(gate, Sealed(sender=STRANGER))

    friends.add(STRANGER)
    later.pass_time(ANSWER_EVERY)

    assert told == [STRANGER]


def test_anybody_may_ask_for_a_sign_of_life(gate, told):
    gate(Sealed(sender=STRANGER, asks_for_sign_of_life=True))

    assert told == []


# --- commands in clear ----------------------------------------------------------------------------


def test_commands_in_clear_are_taken_unless_the_owner_says_otherwise_section_8(gate):
    gate(Sealed(is_encrypted=False))
    gate(Sealed(is_encrypted=True))


@pytest.fixture
def strict_gate(told, refusals):
    return Gate(
        "n1",
        NODE,
        has_seen={CommandId(FRIEND, "seen")}.__contains__,
        allows={FRIEND, NODE}.__contains__,
        on_refused=told.append,
        refusals=refusals,
        on_unencrypted=told.append,
    )


def test_where_the_owner_does_they_are_refused_and_their_sender_is_told(strict_gate, told):
    strict_gate(Sealed(is_encrypted=True))

    assert reason_for(strict_gate, Sealed(is_encrypted=False)) == "unencrypted"
    assert told == [ASKER]


def test_signs_of_life_may_be_asked_for_in_clear_all_the_same(strict_gate, told):
    strict_gate(Sealed(sender=STRANGER, asks_for_sign_of_life=True))

    assert told == []


def test_a_stranger_is_told_that_it_is_not_allowed_and_nothing_else(strict_gate, told):
    assert reason_for(strict_gate, Sealed(sender=STRANGER)) == "not-allowed"
    assert told == [STRANGER]


def test_who_insists_on_commands_in_clear_is_told_now_and_then(strict_gate, told, later):
    for number in range(10):
        reason_for(strict_gate, Sealed(requester=Requester(FRIEND, "tests", f"session-{number}")))
    assert [each.session_id for each in told] == ["session-0"]

    later.pass_time(ANSWER_EVERY)
    assert [each.session_id for each in told] == ["session-0", "session-9"]
