"""Who is spoken to in which dialect: the strongest that is known, and never a weaker one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from pye2core.abc import SealedMessage, Serializer
from pye2core.connection import Dialects, VolatileMemory
from pye2core.connection.rejections import MOST_WARNINGS
from pye2core.connection.speakers import Speakers, forget_speaker
from pye2core.errors import DialectUnusable, MessageRejected
from pye2core.identity import Identity
from pye2core.messages import (
    EVERY_NODE,
    Action,
    Command,
    Heartbeat,
    InstancePath,
    Introduction,
    Message,
    Origin,
    PayloadMessage,
    Presence,
    Requester,
)

ME = Identity.from_private_value(bytes.fromhex("11" * 32))
PEER = Identity.from_private_value(bytes.fromhex("22" * 32)).address
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

STOP = Command(Action.STOP, None, PEER, Requester(ME.address, "desk", "1"))
QUESTION = evolve(STOP, action=Action.FULL_HEARTBEAT)
RESULT = PayloadMessage(InstancePath("p"), {})


class Weak(Serializer):
    """A dialect that needs no introduction; what it seals is its name."""

    name = b"weak"

    def recognises(self, data: bytes) -> bool:
        return data.startswith(self.name)

    def parse(self, data: bytes) -> SealedMessage:
        return Sealed()

    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        return self.name


class Strong(Weak):
    """One that needs one: what is known of a peer is the number of its key."""

    name = b"strong"

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.refuses = False
        self.sent: list[Message] = []

    def introduction(self, identity: Identity) -> str:
        return "my key"

    def learn(self, address: str, introduction: str) -> None:
        if self.refuses:
            raise MessageRejected("no", reason="introduction")
        self.known[address] = introduction

    def forget(self, address: str) -> None:
        self.known.pop(address, None)

    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        if encrypt_for is not None and encrypt_for not in self.known:
            raise DialectUnusable("no key", address=encrypt_for, dialect="strong")
        self.sent.append(message)
        return self.name


class Sealed(SealedMessage):
    """What the peer sent."""

    sender = PEER
    recipient = None
    path = InstancePath()
    digest = "digest"

    def __init__(
        self,
        *,
        is_command: bool = True,
        asks: bool = False,
        pairs: bool = False,
        encrypted: bool = False,
    ) -> None:
        self.is_command = is_command
        self.asks_to_pair = pairs
        self.asks_for_sign_of_life = asks
        self.is_encrypted = encrypted

    def verify(self) -> None: ...

    def open(self, identity: Identity) -> Message:
        raise NotImplementedError


class Side:
    """We, with two dialects."""

    def __init__(self, memory: VolatileMemory | None = None) -> None:
        self.memory = memory or VolatileMemory()
        self.weak, self.strong = Weak(), Strong()
        self.dialects = Dialects(
            [self.weak, self.strong], names=["weak", "strong"], memory=self.memory
        )

    def sent(self, message: Message, encrypt_for: str | None = PEER) -> bytes:
        return self.dialects.seal(message, ME, encrypt_for)

    def hear(
        self, message: Any, place: int = 0, *, at: datetime | None = NOON, **origin: Any
    ) -> None:
        said = evolve(message, origin=Origin(PEER, sent_at=at, **origin))
        self.dialects.heard(PEER, place)
        self.dialects.take_in(said, place)

    def meet(self) -> None:
        """The peer introduces itself."""
        self.hear(heartbeat(Introduction("strong", "key 1")))

    def be_confided_in(self) -> None:
        """The peer says something encrypted in the strong dialect."""
        self.hear(STOP, 1, encrypted=True)

    def restarted(self) -> Side:
        self.dialects._speakers.settle()
        return Side(self.memory)

    def refuses(self, sealed: Sealed, place: int = 0) -> bool:
        try:
            self.dialects.require_strength(sealed, place)
        except MessageRejected as rejected:
            return rejected.reason == "downgrade"
        return False


def heartbeat(*introductions: Introduction, **other: Any) -> Heartbeat:
    return Heartbeat("attic", PEER, introductions=introductions, **other)


@pytest.fixture
def side() -> Side:
    return Side()


# --- introducing ----------------------------------------------------------------------------------


def test_commands_and_full_heartbeats_introduce_us_in_whatever_dialect(side: Side) -> None:
    side.meet()

    side.sent(STOP)

    (command,) = side.strong.sent
    assert isinstance(command, Command)
    assert command.introductions == (Introduction("strong", "my key"),)


@pytest.mark.parametrize(
    ("message", "introduces"),
    [
        (STOP, True),
        (heartbeat(), True),
        (heartbeat(is_brief=True), False),
        (heartbeat(presence=Presence.LOST), False),
        (RESULT, False),
    ],
)
def test_what_introduces(side: Side, message: Message, introduces: bool) -> None:  # noqa: FBT001 - a parameter
    told = side.dialects._introducing(message, ME)

    assert bool(getattr(told, "introductions", ())) is introduces


# --- speaking -------------------------------------------------------------------------------------


def test_a_peer_of_whom_nothing_is_known_is_spoken_to_in_the_weakest_dialect(side: Side) -> None:
    assert side.sent(STOP) == b"weak"


def test_a_peer_that_introduced_itself_is_spoken_to_in_the_strongest_that_it_told_of(
    side: Side,
) -> None:
    side.meet()

    assert side.sent(STOP) == side.sent(RESULT) == b"strong"
    assert side.strong.known == {PEER: "key 1"}


def test_what_is_for_everybody_stays_in_the_weakest(side: Side) -> None:
    side.meet()

    assert side.sent(RESULT, None) == side.sent(heartbeat(), None) == b"weak"
    assert side.sent(evolve(QUESTION, target=EVERY_NODE), None) == b"weak"
    assert side.sent(QUESTION, None) == b"weak"
    assert side.sent(evolve(STOP, action=Action.PAIR), None) == b"weak"


def test_a_command_in_clear_is_in_the_dialect_of_its_target_too(side: Side) -> None:
    side.meet()

    assert side.sent(STOP, None) == b"strong"


def test_an_introduction_that_is_not_believed_changes_nothing(side: Side) -> None:
    side.strong.refuses = True

    side.meet()

    assert side.sent(STOP) == b"weak"


def test_introductions_in_vain_do_not_fill_the_log(
    side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    side.strong.refuses = True
    told = heartbeat(Introduction("strong", "key 1"))

    for number in (*range(2 * MOST_WARNINGS), 0):
        said = evolve(told, origin=Origin(f"0xai_{number}", sent_at=NOON))
        side.dialects.take_in(said, 0)

    warnings = [each for each in caplog.records if each.levelname == "WARNING"]
    assert len(warnings) == MOST_WARNINGS


def test_a_dialect_that_is_not_installed_here_changes_nothing(side: Side) -> None:
    side.hear(heartbeat(Introduction("stronger", "key")))

    assert side.sent(STOP) == b"weak"


def test_a_peer_that_cannot_be_spoken_to_any_more_is_not_spoken_to_in_a_weaker_one(
    side: Side,
) -> None:
    side.meet()
    side.strong.known.clear()

    with pytest.raises(DialectUnusable):
        side.sent(STOP)


def test_a_peer_that_no_longer_introduces_itself_is_not_spoken_to_and_the_error_says_why(
    side: Side,
) -> None:
    side.meet()

    side.hear(heartbeat(), at=NOON + timedelta(seconds=1))

    with pytest.raises(DialectUnusable, match=r"newest heartbeat no longer says so.*wire forget"):
        side.sent(STOP)


@pytest.mark.parametrize("action", [Action.FULL_HEARTBEAT, Action.PAIR])
def test_a_question_without_an_introduction_takes_nothing_back(side: Side, action: Action) -> None:
    side.meet()

    side.hear(evolve(STOP, action=action), at=NOON + timedelta(seconds=1))

    assert side.sent(STOP) == b"strong"


def test_an_older_heartbeat_that_is_played_again_takes_nothing_back(side: Side) -> None:
    side.meet()

    side.hear(heartbeat(), at=NOON - timedelta(days=30))

    assert side.sent(STOP) == b"strong"


def test_an_older_introduction_that_is_played_again_brings_no_old_key_back(side: Side) -> None:
    side.meet()
    side.hear(heartbeat(Introduction("strong", "key 2")), at=NOON + timedelta(seconds=1))

    side.meet()

    assert side.strong.known == {PEER: "key 2"}
    assert side.sent(STOP) == b"strong"
    assert side.restarted().strong.known == {PEER: "key 2"}


def test_a_question_that_does_not_say_when_it_was_asked_brings_a_new_key(side: Side) -> None:
    side.meet()

    side.hear(evolve(QUESTION, introductions=(Introduction("strong", "key 2"),)), at=None)

    assert side.strong.known == {PEER: "key 2"}


def test_an_introduction_that_is_not_believed_dates_nothing(side: Side) -> None:
    side.strong.refuses = True
    side.hear(heartbeat(Introduction("strong", "key 9")), at=NOON + timedelta(days=900))
    side.strong.refuses = False

    side.meet()

    assert side.sent(STOP) == b"strong"


def test_who_introduces_itself_again_is_spoken_to_again(side: Side) -> None:
    side.meet()
    side.hear(heartbeat(), at=NOON + timedelta(seconds=1))

    side.hear(heartbeat(Introduction("strong", "key 2")), at=NOON + timedelta(seconds=2))

    assert side.sent(STOP) == b"strong"
    assert side.strong.known == {PEER: "key 2"}


def test_brief_heartbeats_and_farewells_take_nothing_back(side: Side) -> None:
    side.meet()

    later = NOON + timedelta(seconds=1)
    side.hear(heartbeat(is_brief=True), at=later)
    side.hear(heartbeat(presence=Presence.LEAVING), at=later)

    assert side.sent(STOP) == b"strong"


# --- listening ------------------------------------------------------------------------------------

COMMANDS = Sealed()
QUESTIONS = Sealed(asks=True)
OPEN_RESULT = Sealed(is_command=False)
SECRET_RESULT = Sealed(is_command=False, encrypted=True)


def test_before_a_peer_has_used_the_stronger_one_for_us_everything_is_taken(side: Side) -> None:
    side.meet()  # it may not have heard yet how we are spoken to

    assert not any(map(side.refuses, (COMMANDS, QUESTIONS, OPEN_RESULT, SECRET_RESULT)))


def test_what_is_for_us_alone_is_not_taken_in_a_weaker_one_afterwards(side: Side) -> None:
    side.be_confided_in()

    assert [*map(side.refuses, (COMMANDS, SECRET_RESULT))] == [True, True]
    assert not any(map(side.refuses, (QUESTIONS, Sealed(pairs=True), OPEN_RESULT)))
    assert not side.refuses(COMMANDS, 1)


def test_something_in_clear_does_not_show_that_a_peer_knows_us(side: Side) -> None:
    side.hear(STOP, 1, encrypted=False)

    assert not side.refuses(COMMANDS)


def test_the_refusal_says_what_to_do(side: Side) -> None:
    side.be_confided_in()

    with pytest.raises(MessageRejected, match=f"wire forget {PEER}") as rejected:
        side.dialects.require_strength(COMMANDS, 0)
    assert rejected.value.sender == PEER


# --- remembering ----------------------------------------------------------------------------------


def test_with_whom_we_spoke_is_remembered_for_good(side: Side) -> None:
    side.meet()
    side.sent(STOP)
    side.be_confided_in()

    again = side.restarted()

    assert again.sent(STOP) == b"strong"
    assert again.refuses(COMMANDS)


def test_what_a_node_confides_is_remembered_of_those_whom_we_have_spoken_with(side: Side) -> None:
    side.meet()
    side.hear(RESULT, 1, encrypted=True)
    assert not side.restarted().refuses(SECRET_RESULT)

    side.sent(STOP)

    assert side.restarted().refuses(SECRET_RESULT)


def test_strangers_who_encrypt_something_for_us_are_not_remembered(side: Side) -> None:
    side.hear(heartbeat(Introduction("strong", "key 1")), 1, encrypted=True)

    assert side.refuses(SECRET_RESULT)
    assert not list(side.restarted().dialects._speakers)


def test_one_thread_writes_all(side: Side) -> None:
    speakers, writers = side.dialects._speakers, set()
    write, before, started = side.memory.write, set(threading.enumerate()), set()

    def noted(kind: str, name: str, value: bytes) -> None:
        writers.add(threading.current_thread())
        started.update(set(threading.enumerate()) - before)
        write(kind, name, value)

    side.memory.write = noted  # type: ignore[method-assign]  # watched
    with speakers._lock:
        for number in range(100):
            speakers.of(f"0xai_{number}")
            speakers.keep(f"0xai_{number}")
    speakers.settle()

    assert len(writers) == 1
    assert started == writers
    assert len(side.memory.read("speaker")) == 100


def test_who_only_introduced_itself_is_not(side: Side) -> None:
    side.meet()

    assert side.restarted().sent(STOP) == b"weak"


def test_who_is_remembered_and_cannot_be_spoken_to_is_not_spoken_to(side: Side) -> None:
    side.meet()
    side.sent(STOP)
    again = side.restarted()
    again.strong.known.clear()  # its key expired meanwhile

    with pytest.raises(DialectUnusable):
        again.sent(STOP)


def test_a_dialect_that_is_broken_here_is_no_reason_for_a_weaker_one(side: Side) -> None:
    side.meet()
    side.sent(STOP)
    side.be_confided_in()
    side.dialects._speakers.settle()

    again = Side(side.memory)
    again.dialects = Dialects(
        [again.weak], {"strong": "pye2-strong"}, names=["weak"], memory=side.memory
    )

    with pytest.raises(DialectUnusable, match=r"'strong'.*plugins doctor"):
        again.sent(STOP)
    assert again.refuses(COMMANDS)
    assert again.sent(QUESTION, None) == b"weak"
    forget_speaker(side.memory, PEER)
    assert again.sent(STOP) == b"weak"


def test_who_is_forgotten_is_met_anew_even_by_a_process_that_runs(side: Side) -> None:
    side.meet()
    side.sent(STOP)
    side.be_confided_in()
    side.hear(heartbeat(), at=NOON + timedelta(days=1))
    side.dialects._speakers.settle()

    assert forget_speaker(side.memory, PEER)

    assert side.sent(STOP) == b"weak"
    assert not side.refuses(COMMANDS)
    assert not forget_speaker(side.memory, PEER)


def test_one_peer_alone_is_looked_up_to_see_whether_it_was_forgotten(side: Side) -> None:
    side.be_confided_in()

    def read_all(kind: str) -> dict[str, bytes]:
        raise AssertionError(f"all of {kind} was read")

    side.memory.read = read_all  # type: ignore[method-assign]  # there may be thousands of rows

    assert side.refuses(COMMANDS)
    assert forget_speaker(side.memory, PEER)
    assert not side.refuses(COMMANDS)


def test_a_process_that_runs_takes_again_what_it_refused(side: Side) -> None:
    side.be_confided_in()
    side.dialects._speakers.settle()
    forget_speaker(side.memory, PEER)

    assert not side.refuses(COMMANDS)


def test_nobody_is_forgotten_because_the_memory_cannot_be_read_just_now(side: Side) -> None:
    side.meet()
    side.sent(STOP)
    side.be_confided_in()
    side.dialects._speakers.settle()
    side.hear(heartbeat(), at=NOON + timedelta(days=1))

    side.memory.get = lambda kind, name: None  # type: ignore[method-assign]  # as of a file without a descriptor

    assert side.refuses(COMMANDS)
    with pytest.raises(DialectUnusable):
        side.sent(STOP)


def test_who_was_forgotten_is_not_known_after_a_restart_until_it_is_met_again(side: Side) -> None:
    side.meet()
    side.sent(STOP)
    side.dialects._speakers.settle()
    forget_speaker(side.memory, PEER)

    again = side.restarted()
    assert again.sent(STOP) == b"weak"
    again.meet()
    again.sent(STOP)
    assert again.restarted().sent(STOP) == b"strong"


def test_what_is_only_just_being_written_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    speakers = Speakers(VolatileMemory())
    speakers.of(PEER)
    begin, waiting = threading.Thread.start, threading.Thread(target=speakers.settle)

    def begun_late(thread: threading.Thread) -> None:
        begin(waiting)
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", begun_late)

    speakers.keep(PEER)
    waiting.join()  # an exception there is a warning, and fails this test


# --- crowds ---------------------------------------------------------------------------------------


def crowd(side: Side) -> None:
    """Four who make up their keys introduce themselves, where there is room for two."""
    for number in range(4):
        told = heartbeat(Introduction("strong", "made up"))
        said = evolve(told, origin=Origin(f"0xai_{number}", sent_at=NOON))
        side.dialects.take_in(said, 0)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pye2core.connection.speakers.MOST_STRANGERS", 2)


@pytest.mark.usefixtures("_small")
def test_a_newcomer_is_spoken_to_as_it_asks_for_however_many_came_before(side: Side) -> None:
    crowd(side)

    side.meet()

    assert side.sent(STOP) == b"strong"


@pytest.mark.usefixtures("_small")
def test_nobody_whom_we_have_spoken_with_is_forgotten_to_make_room(side: Side) -> None:
    side.be_confided_in()
    side.meet()
    side.sent(STOP)

    crowd(side)

    assert side.sent(STOP) == b"strong"
    assert side.refuses(COMMANDS)
    again = side.restarted()
    crowd(again)
    assert again.sent(STOP) == b"strong"


@pytest.mark.usefixtures("_small")
def test_whoever_was_heard_last_stays(side: Side) -> None:
    side.meet()
    for number in range(4):
        side.dialects.heard(f"0xai_{number}", 1)
        side.hear(heartbeat(Introduction("strong", f"key {number}")))

    assert side.sent(STOP) == b"strong"


@pytest.mark.usefixtures("_small")
def test_of_whom_makes_room_nothing_is_kept_by_any_dialect_and_that_is_told_once(
    side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    crowd(side)

    assert side.strong.known == {"0xai_2": "made up", "0xai_3": "made up"}
    assert [name for name, _ in side.dialects._speakers] == ["0xai_2", "0xai_3"]
    (warning,) = (each for each in caplog.records if each.levelname == "WARNING")
    assert "makes up keys" in warning.getMessage()


@pytest.mark.usefixtures("_small")
def test_who_makes_room_while_we_speak_to_it_is_not_kept(side: Side) -> None:
    side.meet()
    crowd(side)

    side.dialects._speakers.keep(PEER)

    assert not side.dialects._speakers.is_kept(PEER)
