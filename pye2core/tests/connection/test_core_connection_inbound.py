"""Opening what arrives: the order of the checks, and that nothing hostile or broken does harm."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from pye2core.abc import MAX_MESSAGE, Channel, Delivery, SealedMessage, Serializer
from pye2core.connection.dialects import Dialects
from pye2core.connection.inbound import Inbound, Listener
from pye2core.connection.rejections import MOST_WARNINGS
from pye2core.errors import InvalidAddress, MessageRejected
from pye2core.messages import InstancePath, PayloadMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.identity import Identity
    from pye2core.messages import Message
    from pye2core.plugins import PluginRegistry

PAYLOADS = Channel.payloads()
SENDER = "0xai_sender"
ME = cast("Identity", object())


class Sealed(SealedMessage):
    sender = SENDER
    recipient = None
    path = InstancePath("p")
    digest = "digest"

    def __init__(self, script: Script, *, is_command: bool) -> None:
        self.script = script
        self.is_command = is_command

    def verify(self) -> None:
        self.script.step("verify")

    def open(self, identity: Identity) -> Message:
        assert identity is ME
        self.script.step("open")
        return self.script.message


class Script(Serializer):
    """A dialect that writes down each step, and raises in one of them if it is told to."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.message = PayloadMessage(InstancePath(), {"X": 1})

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name in self.failures:
            raise self.failures[name]

    def recognises(self, data: bytes) -> bool:
        self.step("recognises")
        return not data.startswith(b"noise")

    def parse(self, data: bytes) -> SealedMessage:
        self.step("parse")
        return Sealed(self, is_command=data == b"command")

    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        raise NotImplementedError


class Observers:
    """Stands for the registry: writes down what observers are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def observe(self, hook: str, **arguments: Any) -> None:
        self.told.append((hook, arguments))


class Bench:
    """An inbound side with a scripted dialect, a gate and one listener."""

    def __init__(self) -> None:
        self.script = Script()
        self.observers = Observers()
        self.acknowledged = 0
        self.handled: list[Message] = []
        self.handler: Callable[[Message, Callable[[], None]], None] = self.handle
        self.inbound = Inbound(
            ME,
            Dialects([self.script]),
            cast("PluginRegistry", self.observers),
            lambda sealed: self.script.step("gate"),
        )
        for channel in (PAYLOADS, Channel.config("me"), Channel.roll_call()):
            self.listen(channel)

    def listen(
        self, channel: Channel, wanted: Callable[[SealedMessage], bool] | None = None
    ) -> None:
        self.inbound.listeners[channel] = Listener(self.hand_over, wanted)

    def hand_over(self, message: Message, acknowledge: Callable[[], None]) -> None:
        self.handler(message, acknowledge)

    def handle(self, message: Message, acknowledge: Callable[[], None]) -> None:
        self.script.step("handle")
        self.handled.append(message)

    def ack(self) -> None:
        self.acknowledged += 1

    def receive(self, data: bytes = b"payload", channel: Channel = PAYLOADS) -> None:
        self.inbound.receive(Delivery(channel, data, self.ack))

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.inbound.rejections.counts)


@pytest.fixture
def bench() -> Bench:
    return Bench()


# --- the way of a good message --------------------------------------------------------------------


def test_a_message_is_verified_before_the_gate_and_opened_behind_it(bench: Bench) -> None:
    bench.receive()

    assert bench.script.steps == ["recognises", "parse", "verify", "gate", "open", "handle"]
    assert bench.handled == [bench.script.message]


def test_observers_hear_of_a_message_that_was_opened(bench: Bench) -> None:
    bench.receive(b"payload")

    expected = {"message": bench.script.message, "channel": PAYLOADS, "size": 7}
    assert bench.observers.told == [("pye2_message_received", expected)]


def test_the_handler_decides_when_a_message_is_acknowledged(bench: Bench) -> None:
    kept: list[Callable[[], None]] = []
    bench.handler = lambda message, acknowledge: kept.append(acknowledge)
    bench.receive()
    assert bench.acknowledged == 0

    in_another_thread = threading.Thread(target=kept[0])
    in_another_thread.start()
    in_another_thread.join()

    assert bench.acknowledged == 1


def test_a_message_is_acknowledged_once_however_often_it_is_asked_for(bench: Bench) -> None:
    def eager(message: Message, acknowledge: Callable[[], None]) -> None:
        acknowledge()
        acknowledge()
        raise ValueError

    bench.handler = eager
    bench.receive()

    assert bench.acknowledged == 1


def test_of_each_message_that_comes_alone_it_is_told_that_all_is_handed_over(bench: Bench) -> None:
    bench.inbound.on_settled = lambda: bench.script.step("settled")

    bench.receive()
    bench.receive(b"noise")

    assert bench.script.steps[-4:] == ["handle", "settled", "recognises", "settled"]


def test_of_a_batch_the_transport_tells_that_all_is_handed_over(bench: Bench) -> None:
    bench.inbound.on_settled = lambda: bench.script.step("settled")

    bench.inbound.receive(Delivery(PAYLOADS, b"payload", bench.ack, is_in_batch=True))

    assert bench.script.steps[-1] == "handle"


def test_an_acknowledgement_that_fails_harms_nobody(bench: Bench) -> None:
    def gone() -> None:
        raise OSError("connection lost")

    bench.handler = lambda message, acknowledge: acknowledge()

    bench.inbound.receive(Delivery(PAYLOADS, b"payload", gone))
    bench.receive()

    assert bench.acknowledged == 1


def test_what_nobody_listens_to_is_acknowledged_and_not_read(bench: Bench) -> None:
    bench.receive(channel=Channel.notif())

    assert bench.acknowledged == 1
    assert bench.script.steps == []


# --- what is turned down --------------------------------------------------------------------------


def test_a_message_that_is_too_large_is_not_read(bench: Bench) -> None:
    bench.receive(bytes(MAX_MESSAGE + 1))

    assert bench.counts == {"size": 1}
    assert bench.script.steps == []


def test_a_message_of_the_largest_size_is_read(bench: Bench) -> None:
    bench.receive(bytes(MAX_MESSAGE))

    assert bench.counts == {}
    assert len(bench.handled) == 1


def test_what_no_dialect_recognises_is_rejected_for_its_shape(bench: Bench) -> None:
    bench.receive(b"noise")

    assert bench.counts == {"shape": 1}
    assert bench.script.steps == ["recognises"]


@pytest.mark.parametrize(
    ("data", "channel"),
    [
        (b"command", PAYLOADS),
        (b"payload", Channel.config("me")),
        (b"payload", Channel.roll_call()),
    ],
)
def test_commands_and_other_messages_have_channels_of_their_own(
    bench: Bench, data: bytes, channel: Channel
) -> None:
    bench.receive(data, channel)

    assert bench.counts == {"shape": 1}
    assert "verify" not in bench.script.steps


@pytest.mark.parametrize("channel", [Channel.config("me"), Channel.roll_call()])
def test_a_command_is_taken_where_commands_belong(bench: Bench, channel: Channel) -> None:
    bench.receive(b"command", channel)

    assert len(bench.handled) == 1


STEPS = ["recognises", "parse", "verify", "gate", "open"]


@pytest.mark.parametrize("step", STEPS)
def test_a_message_that_is_rejected_goes_no_further_and_is_acknowledged_counted_and_announced(
    bench: Bench, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = MessageRejected("bad luck", reason="replay", sender=SENDER)
    bench.script.failures[step] = error

    bench.receive(b"payload")

    assert bench.script.steps == STEPS[: STEPS.index(step) + 1]
    assert bench.acknowledged == 1
    assert bench.counts == {"replay": 1}
    expected = {"error": error, "channel": PAYLOADS, "size": 7}
    assert bench.observers.told == [("pye2_message_rejected", expected)]
    assert f"rejected a message from {SENDER} on payloads (replay): bad luck" in caplog.text
    assert all(not each.exc_info for each in caplog.records)


def test_who_wants_to_is_told_of_what_was_let_in_and_cannot_be_opened(bench: Bench) -> None:
    told: list[tuple[str, MessageRejected]] = []
    bench.inbound.on_unreadable = lambda sealed, error: told.append((sealed.sender, error))
    error = MessageRejected("it is garbled", reason="shape")
    bench.script.failures["open"] = error

    bench.receive()

    assert told == [(SENDER, error)]
    assert bench.counts == {"shape": 1}
    assert bench.acknowledged == 1


@pytest.mark.parametrize("step", ["parse", "verify", "gate"])
def test_nobody_is_told_so_of_what_was_not_let_in(bench: Bench, step: str) -> None:
    told: list[SealedMessage] = []
    bench.inbound.on_unreadable = lambda sealed, error: told.append(sealed)
    bench.script.failures[step] = MessageRejected("no", reason="shape")

    bench.receive()

    assert told == []
    assert bench.counts == {"shape": 1}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "error",
    [ValueError("odd"), RecursionError("deep"), InvalidAddress("no address", address="x")],
    ids=lambda each: type(each).__name__,
)
def test_an_error_that_nobody_foresaw_rejects_the_message_and_is_logged_with_its_traceback(
    bench: Bench, step: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    bench.script.failures[step] = error

    bench.receive()
    bench.script.failures.clear()
    bench.receive()

    assert bench.counts == {"shape": 1}
    assert bench.acknowledged == 1
    assert len(bench.handled) == 1
    (line,) = [each for each in caplog.records if each.exc_info]
    assert line.exc_info
    assert line.exc_info[1] is error
    assert type(error).__name__ in line.message


def test_an_unforeseen_error_is_not_told_at_any_length(bench: Bench) -> None:
    bench.script.failures["parse"] = ValueError("x" * 1_000_000)

    bench.receive()

    ((_, told),) = bench.observers.told
    assert len(str(told["error"])) < 1000


def test_a_flood_of_the_same_rejection_is_one_warning(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bench.script.failures["parse"] = ValueError("odd")

    for _ in range(100):
        bench.receive()

    warnings = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert bench.counts == {"shape": 100}


def test_a_traceback_is_shown_even_if_ordinary_messages_were_rejected_before(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.receive(b"noise")
    bench.script.failures["parse"] = ValueError("odd")

    bench.receive()

    assert [bool(each.exc_info) for each in caplog.records] == [False, True]


def test_a_flood_from_senders_that_are_made_up_does_not_fill_the_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3000):
        error = MessageRejected("no", reason="signature", sender=f"0xai_{number}")
        bench.inbound.reject(error, PAYLOADS, 1)
    bench.inbound.reject(MessageRejected("no", reason="name-taken", sender="0xai_1"), PAYLOADS, 1)

    warnings = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert bench.counts == {"signature": 3000, "name-taken": 1}
    assert len(warnings) == MOST_WARNINGS + 1
    assert "name-taken" in warnings[-1].getMessage()


# --- all owners at once ---------------------------------------------------------------------------


def test_who_listens_to_all_owners_hears_what_nobody_listens_to_on_the_owners_channel(
    bench: Bench,
) -> None:
    bench.listen(Channel.every_inbox())

    bench.receive(channel=Channel.inbox("0xai_somebody"))

    assert len(bench.handled) == 1
    (told,) = bench.observers.told
    assert told[1]["channel"] == Channel.inbox("0xai_somebody")


def test_who_listens_on_the_owners_channel_comes_before_who_listens_to_all_owners(
    bench: Bench,
) -> None:
    heard: list[Message] = []
    bench.listen(Channel.every_inbox())
    bench.inbound.listeners[Channel.inbox("me")] = Listener(
        lambda message, acknowledge: heard.append(message)
    )

    bench.receive(channel=Channel.inbox("me"))

    assert heard == [bench.script.message]
    assert bench.handled == []


def test_who_listens_to_all_inboxes_does_not_hear_what_is_no_inbox(bench: Bench) -> None:
    bench.listen(Channel.every_inbox())

    bench.receive(channel=Channel.notif())
    bench.receive(b"command", Channel.config("0xai_other"))

    assert bench.handled == []
    assert bench.acknowledged == 2


def test_commands_to_every_node_can_be_listened_to(bench: Bench) -> None:
    bench.listen(Channel.every_config())

    bench.receive(b"command", Channel.config("0xai_other"))
    bench.receive(b"payload", Channel.config("0xai_other"))

    assert len(bench.handled) == 1
    assert bench.counts == {"shape": 1}


# --- interest -------------------------------------------------------------------------------------


def test_what_is_of_no_use_is_acknowledged_and_neither_checked_nor_counted(bench: Bench) -> None:
    bench.listen(PAYLOADS, wanted=lambda sealed: sealed.path.pipeline != "p")

    bench.receive()

    assert bench.script.steps == ["recognises", "parse"]
    assert bench.acknowledged == 1
    assert bench.counts == {}


def test_what_is_of_use_is_checked_as_ever(bench: Bench) -> None:
    bench.listen(PAYLOADS, wanted=lambda sealed: sealed.path.pipeline == "p")

    bench.receive()

    assert bench.script.steps[2:] == ["verify", "gate", "open", "handle"]


# --- handlers -------------------------------------------------------------------------------------


def test_a_handler_that_raises_has_its_message_acknowledged_or_it_would_come_for_ever(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.script.failures["handle"] = ZeroDivisionError("oops")

    bench.receive()

    assert bench.acknowledged == 1
    assert bench.counts == {}
    (line,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert line.exc_info


def test_a_handler_may_reject_a_message(bench: Bench) -> None:
    error = MessageRejected("two of that name", reason="name-taken", sender=SENDER)
    bench.script.failures["handle"] = error

    bench.receive()

    assert bench.acknowledged == 1
    assert bench.counts == {"name-taken": 1}
    assert bench.observers.told[-1][0] == "pye2_message_rejected"


# --- dialects -------------------------------------------------------------------------------------


class Dialect(Script):
    def __init__(self, mark: bytes) -> None:
        super().__init__()
        self.mark = mark

    def recognises(self, data: bytes) -> bool:
        return data.startswith(self.mark)


def test_a_peer_is_answered_in_the_strongest_dialect_that_it_was_heard_to_speak() -> None:
    weak, strong = Dialect(b"weak"), Dialect(b"strong")
    dialects = Dialects([weak, strong])
    inbound = Inbound(ME, dialects, cast("PluginRegistry", Observers()), lambda sealed: None)
    inbound.listeners[PAYLOADS] = Listener(lambda message, acknowledge: None)
    assert dialects.for_peer(SENDER) is weak

    for data in (b"strong", b"weak"):
        inbound.receive(Delivery(PAYLOADS, data, lambda: None))

    assert dialects.for_peer(SENDER) is strong
    assert dialects.for_peer("0xai_other") is weak
    assert dialects.for_peer(None) is weak


@pytest.mark.parametrize("step", ["verify", "gate", "open"])
def test_a_message_that_is_rejected_says_nothing_about_the_dialects_of_its_sender(
    step: str,
) -> None:
    weak, strong = Dialect(b"weak"), Dialect(b"strong")
    strong.failures[step] = MessageRejected("no", reason="signature")
    dialects = Dialects([weak, strong])
    inbound = Inbound(
        ME,
        dialects,
        cast("PluginRegistry", Observers()),
        lambda sealed: strong.step("gate"),
    )
    inbound.listeners[PAYLOADS] = Listener(lambda message, acknowledge: None)

    inbound.receive(Delivery(PAYLOADS, b"strong", lambda: None))

    assert dialects.for_peer(SENDER) is weak
