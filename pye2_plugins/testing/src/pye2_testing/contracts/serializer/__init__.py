"""What every wire dialect promises the kernel: meaning arrives, and nothing else gets through.

You are at the entrance and in the room of tests of meaning, signatures and encryption; ``facts``
beside it tests what is told of senders, ``pairing`` what strangers say to each other, ``messages``
makes what is said, ``others`` has what other dialects say.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pye2_testing.contracts.offers import implementation, modules_imported_with
from pye2_testing.contracts.serializer import messages
from pye2_testing.contracts.serializer.facts import TellsWhatItIsTold
from pye2_testing.contracts.serializer.messages import RECEIVER, SENDER, STRANGER
from pye2_testing.contracts.serializer.others import FOREIGN, installed_dialects_but
from pye2_testing.contracts.serializer.pairing import CarriesPairing
from pye2core.errors import DialectUnusable, InvalidAddress, MessageRejected
from pye2core.messages import Action, Command, InstancePath, PayloadMessage, Requester

if TYPE_CHECKING:
    from pye2core.messages import Heartbeat, Message, Notification

_SECRET = "the stone under the third step"  # noqa: S105 - what must not be seen, in a test

_RECEIVERS = st.sampled_from([None, RECEIVER.address])
_PLACES = st.floats(0, 1, exclude_max=True)
"""Where in a message, as a share of its length: signatures differ in theirs."""

_EXAMPLES = settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors])
"""Each subclass runs the tests on an object of its own, which hypothesis asks about."""
_MANY_EXAMPLES = settings(_EXAMPLES, max_examples=300)

_LONGEST_INTRODUCTION = 512

_MIB = 1024 * 1024

_SAMPLES = 1024

_PAYLOAD = PayloadMessage(
    InstancePath("cellar", "METER_01", "north"), {"X_TEXT": _SECRET}, Requester(RECEIVER.address)
)
_COMMAND = Command(
    Action.ARCHIVE_PIPELINE,
    _SECRET,
    target=RECEIVER.address,
    requester=Requester(SENDER.address, "desk", "1"),
)


class SerializerContract(TellsWhatItIsTold, CarriesPairing):
    """The tests of a wire dialect; a subclass names the class and its plugin.

    A subclass is called ``Test…``. A test that it replaces has a reason: ``@departs("…")``, or
    ``test_… = not_promised("…")``.

    Attributes:
        plugin: the module that the entry point names.
        serializer: the class under test, to be made with ``node_name=``, or with nothing.

    Example:
        ::

            class TestCborDialect(SerializerContract):
                plugin = my_cbor.plugin
                serializer = CborSerializer
    """

    # --- the descriptor ---

    def test_its_settings_are_an_attrs_class(self) -> None:
        settings = self.descriptor().settings

        assert settings is None or attrs.has(implementation(settings))

    def test_the_plugins_module_imports_no_implementation(self) -> None:
        descriptor = self.descriptor()
        named = filter(None, (descriptor.implementation, descriptor.settings))

        assert (
            modules_imported_with(self.plugin, {each.partition(":")[0] for each in named}) == set()
        )

    # --- meaning arrives ---

    @_EXAMPLES
    @given(command=messages.commands, encrypt_for=_RECEIVERS)
    def test_a_command_arrives_with_all_that_it_says(
        self, command: Command, encrypt_for: str | None
    ) -> None:
        assert evolve(self.arrived(command, encrypt_for), origin=None) == command

    @_EXAMPLES
    @given(payload=messages.payloads, encrypt_for=_RECEIVERS)
    def test_a_payload_arrives_with_all_that_it_says(
        self, payload: PayloadMessage, encrypt_for: str | None
    ) -> None:
        opened = self.arrived(payload, encrypt_for)

        # What is encrypted may name the one whom it is for.
        asker = evolve(payload.requester, address=encrypt_for or payload.requester.address)
        assert opened.path == payload.path
        assert opened.requester in (payload.requester, asker)
        assert opened.modified_by == payload.modified_by
        assert {key: opened.fields[key] for key in payload.fields} == payload.fields

    def test_what_an_instance_says_is_shown_as_its_own(self) -> None:
        sealed = self.parsed(self.seal(_PAYLOAD))
        opened = sealed.open(RECEIVER)
        assert isinstance(opened, PayloadMessage)

        own = sealed.own_fields(opened)

        assert own["X_TEXT"] == _SECRET
        assert {key: opened.fields[key] for key in own} == own

    @_EXAMPLES
    @given(notification=messages.notifications)
    def test_a_notification_arrives_with_all_that_it_says(self, notification: Notification) -> None:
        opened = self.arrived(notification)

        said = notification.fields
        assert {key: opened.fields[key] for key in said} == said
        assert evolve(opened, fields=said, origin=None) == notification

    @_EXAMPLES
    @given(heartbeat=messages.heartbeats)
    def test_a_heartbeat_arrives_with_all_that_it_says(self, heartbeat: Heartbeat) -> None:
        opened = self.arrived(heartbeat)

        said = heartbeat.status
        assert {key: opened.status[key] for key in said} == said
        assert evolve(opened, status=said, origin=None) == heartbeat

    @_EXAMPLES
    @given(heartbeat=messages.brief_heartbeats)
    def test_a_brief_heartbeat_arrives_with_all_that_it_says(self, heartbeat: Heartbeat) -> None:
        assert evolve(self.arrived(heartbeat), status={}, origin=None) == heartbeat

    @_EXAMPLES
    @given(payload=messages.payloads)
    def test_what_arrived_can_be_sent_on(self, payload: PayloadMessage) -> None:
        once = self.arrived(payload)

        twice = self.arrived(once)

        said = payload.fields
        assert evolve(twice, fields=said, origin=None) == evolve(once, fields=said, origin=None)

    def test_a_payload_of_a_mebibyte_arrives(self) -> None:
        payload = evolve(_PAYLOAD, fields={"X_DATA": "ab" * (_MIB // 2)})

        assert self.arrived(payload).fields["X_DATA"] == "ab" * (_MIB // 2)

    # --- what is known before anybody vouches for it ---

    def test_it_recognises_what_it_sealed(self) -> None:
        for message in (_COMMAND, _PAYLOAD):
            assert self.serializer().recognises(self.seal(message))
            assert self.serializer().recognises(self.seal(message, RECEIVER.address))

    def test_it_does_not_recognise_noise(self) -> None:
        noise = random.Random(1)  # noqa: S311 - the same in every run
        samples = [noise.randbytes(64) for _ in range(_SAMPLES)]

        recognised = sum(map(self.serializer().recognises, samples))

        # One of 256 is what a dialect with a first byte of its own takes for its own.
        assert recognised < _SAMPLES / 64
        assert not self.serializer().recognises(b"")

    @pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN.keys())
    def test_it_does_not_recognise_what_may_be_another_dialects(self, data: bytes) -> None:
        assert not self.serializer().recognises(data)

    def test_it_does_not_recognise_what_the_other_installed_dialects_seal(self) -> None:
        for dialect in installed_dialects_but(self.serializer):
            for message in (_COMMAND, _PAYLOAD):
                for receiver in (None, RECEIVER.address):
                    sealed = dialect.seal(message, SENDER, encrypt_for=receiver)
                    assert not self.serializer().recognises(sealed), dialect

    def test_a_command_can_be_told_from_what_nodes_say(self) -> None:
        assert self.parsed(self.seal(_COMMAND)).is_command
        assert not self.parsed(self.seal(_PAYLOAD)).is_command

    def test_who_speaks_of_what_is_known_before_it_is_checked(self) -> None:
        sealed = self.parsed(self.seal(_PAYLOAD, RECEIVER.address))

        assert (sealed.sender, sealed.path) == (SENDER.address, _PAYLOAD.path)
        assert sealed.is_encrypted

    def test_whom_a_command_is_for_and_from_is_known_before_it_is_opened(self) -> None:
        sealed = self.parsed(self.seal(_COMMAND, RECEIVER.address))

        assert (sealed.recipient, sealed.requester.address) == (RECEIVER.address, SENDER.address)

    @pytest.mark.parametrize("action", [Action.FULL_HEARTBEAT, Action.ARCHIVE_ALL])
    def test_only_a_question_in_clear_for_a_sign_of_life_is_told_as_one(
        self, action: Action
    ) -> None:
        asked = evolve(_COMMAND, action=action, body=None)

        in_clear, encrypted = self.seal(asked), self.seal(asked, RECEIVER.address)

        assert self.parsed(in_clear).asks_for_sign_of_life is (action is Action.FULL_HEARTBEAT)
        assert not self.parsed(encrypted).asks_for_sign_of_life

    # --- signatures ---

    def test_the_same_bytes_have_the_same_digest_and_others_another(self) -> None:
        data, other = self.seal(_PAYLOAD), self.seal(_COMMAND)

        assert self.parsed(data).digest == self.parsed(data).digest
        assert self.parsed(data).digest != self.parsed(other).digest

    def test_a_message_that_is_sent_twice_can_be_told_from_one_that_is_replayed(self) -> None:
        assert self.parsed(self.seal(_PAYLOAD)).digest != self.parsed(self.seal(_PAYLOAD)).digest

    @_EXAMPLES
    @given(
        where=_PLACES,
        bit=st.integers(0, 7),
        encrypt_for=_RECEIVERS,
        message=st.sampled_from([_COMMAND, _PAYLOAD]),
    )
    def test_a_changed_bit_is_noticed_or_changes_nothing(
        self, where: float, bit: int, encrypt_for: str | None, message: Message
    ) -> None:
        sealed = bytearray(self.seal(message, encrypt_for))
        before = self.understood(bytes(sealed))
        sealed[int(where * len(sealed))] ^= 1 << bit

        after = self.understood(bytes(sealed))

        assert isinstance(after, MessageRejected) or after == before

    def test_nobody_can_sign_for_somebody_else(self) -> None:
        honest, forged = self.seal(_COMMAND), self.seal(_COMMAND, by=STRANGER)

        disguised = forged.replace(STRANGER.address.encode(), SENDER.address.encode())

        if disguised != forged:  # an address may be written in another way
            assert isinstance(self.understood(disguised), MessageRejected)
        assert self.parsed(forged).sender == STRANGER.address
        assert self.parsed(honest).sender == SENDER.address

    # --- encryption ---

    @pytest.mark.parametrize("message", [_COMMAND, _PAYLOAD], ids=["command", "payload"])
    def test_what_is_encrypted_is_not_to_be_seen(self, message: Message) -> None:
        in_clear, encrypted = self.seal(message), self.seal(message, RECEIVER.address)

        assert _SECRET.encode() not in encrypted
        assert len(encrypted) != len(in_clear)

    @pytest.mark.parametrize("message", [_COMMAND, _PAYLOAD], ids=["command", "payload"])
    def test_only_the_one_it_is_for_can_open_it(self, message: Message) -> None:
        sealed = self.parsed(self.seal(message, RECEIVER.address))
        sealed.verify()

        assert sealed.open(RECEIVER).origin is not None
        with pytest.raises(MessageRejected) as rejected:
            sealed.open(STRANGER)
        assert rejected.value.reason == "decryption"

    def test_an_address_that_is_none_cannot_be_encrypted_for(self) -> None:
        with pytest.raises(InvalidAddress):
            self.seal(_COMMAND, "0xai_nobody")

    # --- introductions ---

    def test_what_it_tells_of_itself_is_a_text_that_any_dialect_can_carry(self) -> None:
        introduction = self.receiver.introduction(RECEIVER)

        if introduction is not None:  # most need no introduction
            assert 0 < len(introduction.encode()) <= _LONGEST_INTRODUCTION
            assert introduction.isascii()
            assert introduction.isprintable()

    @_EXAMPLES
    @given(noise=st.text(max_size=200))
    def test_an_introduction_that_is_none_is_refused_or_ignored(self, noise: str) -> None:
        with suppress(MessageRejected):
            self.node().learn(STRANGER.address, noise)

    def test_nobody_can_be_introduced_by_somebody_else(self) -> None:
        introduction = self.receiver.introduction(RECEIVER)

        if introduction is not None:
            with pytest.raises(MessageRejected) as rejected:
                self.node().learn(STRANGER.address, introduction)
            assert rejected.value.reason == "introduction"

    def test_who_did_not_introduce_itself_is_sent_nothing_that_it_cannot_open(self) -> None:
        if self.receiver.introduction(RECEIVER) is not None:
            with pytest.raises(DialectUnusable) as refused:
                self.seal(_COMMAND, STRANGER.address)
            assert refused.value.address == STRANGER.address

    # --- what cannot be carried, and what comes from anybody ---

    @pytest.mark.parametrize(
        "value", [object(), {1, 2}, lambda: None], ids=["object", "set", "function"]
    )
    def test_what_cannot_be_carried_is_refused_with_its_place(self, value: object) -> None:
        with pytest.raises(TypeError, match="X_DEEP"):
            self.seal(evolve(_PAYLOAD, fields={"X_DEEP": [{"inner": value}]}))

    @_MANY_EXAMPLES
    @given(noise=st.binary() | st.text().map(str.encode))
    def test_whatever_the_bytes_they_are_read_or_rejected(self, noise: bytes) -> None:
        self.serializer().recognises(noise)

        understood = self.understood(noise)

        assert isinstance(understood, MessageRejected)
        assert understood.reason
        assert str(understood)

    @_MANY_EXAMPLES
    @given(where=_PLACES, encrypt_for=_RECEIVERS)
    def test_a_message_that_was_cut_is_rejected(
        self, where: float, encrypt_for: str | None
    ) -> None:
        sealed = self.seal(_COMMAND, encrypt_for)

        cut = sealed[: int(where * len(sealed))]

        assert isinstance(self.understood(cut), MessageRejected)
