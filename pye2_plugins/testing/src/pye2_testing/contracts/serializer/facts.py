"""What clients and nodes read besides what a message is about: its origin, and how its sender is.

You are among the tests of dialects. How a node, an instance or a machine is doing is for people: a
dialect may give it as it was, or in the words that its users know. What it may not do is lose it,
so that here two messages that differ when they leave have to differ when they arrive.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from attrs import evolve

from pye2_testing.contracts.serializer.messages import RECEIVER, SENDER
from pye2_testing.contracts.serializer.subject import NODE_NAME, DialectContract
from pye2core.clock import SYSTEM_CLOCK
from pye2core.messages import (
    Action,
    Circumstances,
    Command,
    Heartbeat,
    InstanceConfig,
    InstancePath,
    InstanceReport,
    MachineFigures,
    NodeReport,
    Notification,
    NotificationKind,
    PayloadMessage,
    PipelineConfig,
    Provenance,
    Requester,
    Speaker,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2core.messages import Message

_THREADS = 4
_EACH = 25

_PATH = InstancePath("cellar", "METER_01", "north")
_MOMENT = datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=UTC)
_ELSEWHERE = timezone(timedelta(hours=5, minutes=30))
_ASKER = Requester(RECEIVER.address, "desk", "7")

_COMMAND = Command(
    Action.ARCHIVE_PIPELINE,
    "cellar",
    target=RECEIVER.address,
    requester=Requester(SENDER.address, "desk", "1"),
)
_PAYLOAD = PayloadMessage(_PATH, {"X_TEXT": "hello"}, _ASKER)
_NOTIFICATION = Notification(NotificationKind.NORMAL, "hello", path=_PATH, requester=_ASKER)
_HEARTBEAT = Heartbeat(NODE_NAME, SENDER.address)

_CIRCUMSTANCES = Circumstances(
    number=7,
    sent_at=_MOMENT,
    alive_seconds=3600.0,
    frequency=0.5,
    version="1.2.3",
    settings={"TEXT": "hello"},
)
_MACHINE = MachineFigures(
    python="3.11.7",
    processor="abacus",
    memory=16.0,
    process_memory=0.5,
    is_short_of_memory=False,
    disk=512.0,
    free_disk=128.0,
    temperatures={"core": 40.5},
    uptime=3600.0,
)
_INSTANCE = InstanceReport(
    path=_PATH,
    process_delay=2,
    doing="runs",
    is_outside_working_hours=False,
    payloads=7,
    runs=9,
    started_at=_MOMENT,
    configured_at=_MOMENT,
    last_payload_at=_MOMENT,
    first_failed_at=_MOMENT,
    last_failed_at=_MOMENT,
)
_REPORT = NodeReport(at=_MOMENT, interval=10.0, machine=_MACHINE, instances=(_INSTANCE,))


def _changed(value: Any) -> Any:
    """Another value of the same kind."""
    match value:
        case bool():
            return not value
        case datetime():
            return value + timedelta(hours=3)
        case int() | float():
            return value * 2
        case str():
            return f"{value}, or not"
        case InstancePath():
            return evolve(value, instance_id="south")
        case dict():
            return {key: _changed(each) for key, each in value.items()}
    raise AssertionError(f"the contract does not know how to change {value!r}")


def _variants(said: Any, *, without: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The same with one attribute changed, and the name of that."""
    for each in attrs.fields(type(said)):
        if each.name not in without:
            yield each.name, evolve(said, **{each.name: _changed(getattr(said, each.name))})


def _kind_of(message: Message) -> str:
    return type(message).__name__


class TellsWhatItIsTold(DialectContract):
    """Origin, provenance, reports, moments."""

    # --- where a message came from ---

    @pytest.mark.parametrize("message", [_PAYLOAD, _NOTIFICATION, _HEARTBEAT], ids=_kind_of)
    def test_the_name_of_the_node_that_speaks_is_told(self, message: Message) -> None:
        assert self.arrived(message).origin.name == NODE_NAME

    @pytest.mark.parametrize("message", [_COMMAND, _PAYLOAD], ids=_kind_of)
    @pytest.mark.parametrize("encrypt_for", [None, RECEIVER.address], ids=["clear", "encrypted"])
    def test_its_digest_and_whether_it_was_encrypted_are_told(
        self, message: Message, encrypt_for: str | None
    ) -> None:
        data = self.seal(message, encrypt_for)

        origin = self.opened(data).origin

        assert origin.digest == self.parsed(data).digest != ""
        assert origin.encrypted is (encrypt_for is not None)

    def test_when_it_was_sent_is_told_with_it(self) -> None:
        before = SYSTEM_CLOCK.now()
        sent_at = self.arrived(_PAYLOAD).origin.sent_at
        after = SYSTEM_CLOCK.now()

        assert sent_at.tzinfo is not None
        second = timedelta(seconds=1)  # a dialect may write no less
        assert before - second <= sent_at <= after + second

    def test_a_client_which_has_no_name_says_commands(self) -> None:
        data = self.serializer().seal(_COMMAND, SENDER)

        assert evolve(self.opened(data), origin=None) == _COMMAND

    @pytest.mark.parametrize("encrypt_for", [None, RECEIVER.address], ids=["clear", "encrypted"])
    def test_in_whose_name_a_command_comes_is_known_before_it_is_opened(
        self, encrypt_for: str | None
    ) -> None:
        data = self.seal(evolve(_COMMAND, delegation="signed"), encrypt_for)

        assert self.parsed(data).delegation == self.opened(data).delegation == "signed"
        assert self.parsed(self.seal(_COMMAND, encrypt_for)).delegation is None

    # --- who made a pipeline ---

    @pytest.mark.parametrize("zone", [UTC, _ELSEWHERE], ids=["UTC", "+05:30"])
    def test_who_made_and_who_changed_a_pipeline_arrives(self, zone: timezone) -> None:
        said = Provenance(
            requester=_ASKER,
            modified_by=Requester(SENDER.address, "chair", "8"),
            updated_at=_MOMENT.astimezone(zone),
        )
        pipeline = PipelineConfig("cellar", instances=(InstanceConfig("METER_01", "north"),))
        heartbeat = evolve(_HEARTBEAT, pipelines=(evolve(pipeline, provenance=said),))

        (arrived,) = self.arrived(heartbeat).pipelines

        assert arrived == pipeline
        assert arrived.initiator == RECEIVER.address
        assert arrived.provenance.modified_by.address == SENDER.address
        assert arrived.provenance.updated_at in (None, said.updated_at)

    # --- how the sender is ---

    def test_how_an_instance_stands_is_told_with_its_payload(self) -> None:
        payload = evolve(_PAYLOAD, circumstances=_CIRCUMSTANCES)
        before = self._told(payload)

        assert self.arrived(payload).fields["X_TEXT"] == "hello"
        for name, variant in _variants(_CIRCUMSTANCES, without=("settings",)):
            assert self._told(evolve(payload, circumstances=variant)) != before, name

    def test_how_a_node_is_doing_is_told_with_its_heartbeat(self) -> None:
        heartbeat = evolve(_HEARTBEAT, report=_REPORT)
        before = self._told(heartbeat)

        assert (self.arrived(heartbeat).name, self.arrived(heartbeat).pipelines) == (NODE_NAME, ())
        for name, report in _variants(_REPORT, without=("machine", "instances")):
            assert self._told(evolve(heartbeat, report=report)) != before, name
        for name, machine in _variants(_MACHINE):
            report = evolve(_REPORT, machine=machine)
            assert self._told(evolve(heartbeat, report=report)) != before, name
        for name, instance in _variants(_INSTANCE):
            report = evolve(_REPORT, instances=(instance,))
            assert self._told(evolve(heartbeat, report=report)) != before, name

    def test_what_has_not_happened_yet_has_no_moment(self) -> None:
        new = evolve(
            _INSTANCE,
            started_at=None,
            configured_at=None,
            last_payload_at=None,
            first_failed_at=None,
            last_failed_at=None,
        )
        heartbeat = evolve(_HEARTBEAT, report=evolve(_REPORT, instances=(new,)))

        assert self.arrived(heartbeat).name == NODE_NAME

    def test_the_signatures_of_the_instances_that_it_tells_of_are_known(self) -> None:
        other = evolve(_INSTANCE, path=InstancePath("cellar", "VIEW_01", "one"))
        report = evolve(_REPORT, instances=(_INSTANCE, other))

        heartbeat = self.arrived(evolve(_HEARTBEAT, report=report))

        assert heartbeat.active_signatures == {"METER_01", "VIEW_01"}

    def test_what_a_notification_says_of_its_speaker_and_of_showing_it_is_told(self) -> None:
        notification = evolve(
            _NOTIFICATION,
            speaker=Speaker("1.2.3"),
            is_displayed=True,
            instances=(_PATH, evolve(_PATH, instance_id="south")),
        )
        before = self._told(notification)

        assert self.arrived(notification).text == "hello"
        for changed in (
            evolve(notification, speaker=Speaker("2.0")),
            evolve(notification, is_displayed=False),
            evolve(notification, instances=(_PATH, evolve(_PATH, instance_id="east"))),
        ):
            assert self._told(changed) != before, changed

    def _told(self, message: Message) -> Any:
        """All that a message says when it arrives, but what makes each message another one."""
        once, again = (evolve(self.arrived(message), origin=None) for _ in range(2))
        return _common(attrs.asdict(once), attrs.asdict(again))

    # --- whoever asks for it ---

    def test_threads_can_use_one_dialect_at_once(self) -> None:
        node, client = self.node(), self.receiver

        def said(number: int) -> Any:
            payload = evolve(_PAYLOAD, fields={"X_NUMBER": number})
            sealed = client.parse(node.seal(payload, SENDER, encrypt_for=RECEIVER.address))
            sealed.verify()
            opened: Any = sealed.open(RECEIVER)
            return opened.fields["X_NUMBER"]

        numbers = range(_THREADS * _EACH)
        with ThreadPoolExecutor(_THREADS) as threads:
            assert list(threads.map(said, numbers)) == list(numbers)


def _common(one: Any, other: Any) -> Any:
    """What two messages that say the same have in common: no time or number of their own."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _common(each, other.get(key)) for key, each in one.items()}
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return [_common(*pair) for pair in zip(one, other, strict=True)]
    return one if one == other else None
