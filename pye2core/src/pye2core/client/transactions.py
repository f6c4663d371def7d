"""What was asked of a node and is not confirmed yet.

Sans-I/O: you are in the part of the client room that sends nothing and waits for nothing by itself.
Commands open a transaction, notifications settle it (PyE2 wire protocol, sections 10 and 14). A
deadline is looked at when somebody looks: whoever waits, or the next message that arrives.
"""

from __future__ import annotations

import math
import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from enum import Enum
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from pye2core.identity import same_address, with_prefix
from pye2core.messages import InstancePath, NotificationCode, NotificationKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from pye2core.clock import Clock
    from pye2core.messages import Notification

_WORDS = {
    NotificationCode.PIPELINE_OK: "the pipeline's configuration",
    NotificationCode.PIPELINE_ARCHIVE_OK: "the end of the pipeline",
    NotificationCode.PLUGIN_CONFIG_OK: "the first run with its configuration",
    NotificationCode.PLUGIN_INSTANCE_COMMAND_OK: "the command",
}


@frozen
class Expectation:
    """One confirmation that is waited for.

    Attributes:
        code: the notification's code; its negative is the refusal.
        path: what it is about.
    """

    code: NotificationCode
    path: InstancePath

    def __str__(self) -> str:
        """In words: ``the command of CUSTOM_EXEC_01/first``."""
        what = _WORDS.get(self.code, f"code {int(self.code)}")
        if self.path.instance_id is None:
            return f"{what} ({self.path.pipeline})"
        return f"{what} of {self.path.signature}/{self.path.instance_id}"

    def concerns(self, notification: Notification) -> bool:
        """Whether the notification confirms or refuses exactly this."""
        code = notification.code
        return code is not None and abs(code) == self.code and _covers(self.path, notification.path)


class State(Enum):
    """How a transaction ended."""

    OK = "ok"
    FAILED = "failed"
    TIMEOUT = "timeout"


@frozen
class Outcome:
    """The end of a transaction.

    Attributes:
        state: ok, failed or timeout.
        reason: what the node said, if it failed; what it said last, if it did not answer in time.
        confirmed: what was confirmed.
        missing: what was not.
        session_id: under which the command was sent.
        said_at: when the node said the last of it, by its own clock; None if it did not say.
    """

    state: State
    reason: str = ""
    confirmed: tuple[Expectation, ...] = ()
    missing: tuple[Expectation, ...] = ()
    session_id: str = ""
    said_at: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether everything was confirmed."""
        return self.state is State.OK


@define(eq=False)
class Transaction:
    """A command that was sent, and the confirmations that are expected.

    Attributes:
        node: the node's address.
        pipeline: the pipeline's name.
        session_id: under which the command was sent.
        missing: what has not been confirmed yet.
        deadline: on the monotonic clock, in seconds; infinite for never.
        grace: seconds more once the node has begun to confirm: an engine of PyE2's confirms a
            changed instance only after its next run, up to its ``PROCESS_DELAY`` later.
        future: done when it has ended; always with an outcome, never with an exception.
        on_end: called with the outcome just before the future is done, on whatever thread that is.
        delivered_at: when the broker had the command, on the monotonic clock; None before.
        life: which connection of the node's was known when it was asked; None for none.
    """

    node: str
    pipeline: str
    session_id: str
    missing: list[Expectation]
    deadline: float = math.inf
    grace: float = 0.0
    future: Future[Outcome] = field(factory=Future)
    on_end: Callable[[Outcome], None] | None = None
    confirmed: list[Expectation] = field(factory=list)
    hint: str = ""
    said_at: datetime | None = None
    delivered_at: float | None = None
    life: str | None = None

    @property
    def finished(self) -> bool:
        """Whether it has ended, as far as anybody has looked."""
        return self.future.done()


def _covers(expected: InstancePath, said: InstancePath) -> bool:
    if expected.pipeline != said.pipeline or expected.instance_id != said.instance_id:
        return False
    return (expected.signature or "").upper() == (said.signature or "").upper()


class Transactions:
    """The open transactions of a session.

    A notification counts only if its verified sender is the node that was asked. Its session id is
    the one of the command that it answers. Where it states none, or that of another open command
    of this session, it counts for whatever it fits: engines of PyE2's do not always echo the right
    one. That an address is not allowed at all is said without having read the command, and ends
    everything that this address has asked of the node.

    Args:
        clock: what the deadlines are measured by.
        own_address: who asks.
    """

    def __init__(self, clock: Clock, own_address: str) -> None:
        self._clock = clock
        self._own_address = own_address
        self._open: dict[str, list[Transaction]] = {}
        self._first_deadline = math.inf
        self._lock = threading.Lock()

    # --- beginning and end ------------------------------------------------------------------------

    def open(
        self,
        node: str,
        pipeline: str,
        session_id: str,
        expected: Iterable[Expectation],
        *,
        timeout: float,
        grace: float = 0.0,
        on_end: Callable[[Outcome], None] | None = None,
    ) -> Transaction:
        """Begin to wait for confirmations.

        Args:
            node: the node's address.
            pipeline: the pipeline's name.
            session_id: under which the command is sent.
            expected: what is to be confirmed.
            timeout: seconds; 0 for as long as it takes.
            grace: see :class:`Transaction`.
            on_end: see :class:`Transaction`.
        """
        deadline = self._clock.monotonic() + timeout if timeout > 0 else math.inf
        transaction = Transaction(
            node=with_prefix(node),
            pipeline=pipeline,
            session_id=session_id,
            missing=list(expected),
            deadline=deadline,
            grace=grace,
            on_end=on_end,
        )
        # What is running cannot be cancelled: only the node or the clock ends a transaction.
        transaction.future.set_running_or_notify_cancel()
        with self._lock:
            self._open.setdefault(session_id, []).append(transaction)
            self._first_deadline = min(self._first_deadline, deadline)
        return transaction

    def delivered(self, transaction: Transaction) -> None:
        """Note that the broker has its command."""
        transaction.delivered_at = self._clock.monotonic()

    def sent(self, transaction: Transaction) -> None:
        """Note that its command was sent: one that expects nothing has thereby ended."""
        if not transaction.missing:
            self._end([(transaction, _outcome(transaction, State.OK, ""))])

    def fail(self, transaction: Transaction, reason: str) -> None:
        """End a transaction whose command did not reach the node."""
        self._end([(transaction, _outcome(transaction, State.FAILED, reason))])

    def fail_all(self, reason: str) -> None:
        """End all transactions: there will be no answers any more."""
        with self._lock:
            everything = [each for siblings in self._open.values() for each in siblings]
        self._end((each, _outcome(each, State.FAILED, reason)) for each in everything)

    def _end(self, ended: Iterable[tuple[Transaction, Outcome]]) -> None:
        for transaction, outcome in ended:
            if self._remove(transaction):
                if transaction.on_end is not None:
                    transaction.on_end(outcome)
                transaction.future.set_result(outcome)

    def _remove(self, transaction: Transaction) -> bool:
        with self._lock:
            siblings = self._open.get(transaction.session_id, [])
            if transaction not in siblings:
                return False
            siblings.remove(transaction)
            if not siblings:
                del self._open[transaction.session_id]
            return True

    # --- what arrives -----------------------------------------------------------------------------

    def hear(self, notification: Notification) -> None:
        """Take in a notification; one that is not verified counts for nothing."""
        origin = notification.origin
        if origin is None or not origin.verified:
            return
        ended = []
        with self._lock:
            for transaction in self._addressed(notification, with_prefix(origin.sender)):
                outcome = _progress(transaction, notification)
                if outcome is not None:
                    ended.append((transaction, outcome))
        self._end(ended)
        self.expire()

    def _addressed(self, notification: Notification, sender: str) -> list[Transaction]:
        if self._is_banished(notification):
            return self._asked_of(sender)
        session_id = notification.requester.session_id
        if not session_id:
            return self._fitting(notification, sender)
        exact = [each for each in self._open.get(session_id, ()) if each.node == sender]
        meant = [each for each in exact if _concerns(each, notification)]
        if meant or not exact:
            return meant
        return self._fitting(notification, sender) or exact

    def _is_banished(self, notification: Notification) -> bool:
        address = notification.requester.address
        return (
            notification.code == NotificationCode.COMM_RECEIVED_BAD_COMMAND
            and address is not None
            and same_address(address, self._own_address)
        )

    def awaits(self, node: str) -> bool:
        """Whether a node was asked for something that it has not confirmed yet."""
        with self._lock:
            return bool(self._asked_of(with_prefix(node)))

    def _asked_of(self, node: str) -> list[Transaction]:
        everything = (each for siblings in self._open.values() for each in siblings)
        return [transaction for transaction in everything if transaction.node == node]

    def _fitting(self, notification: Notification, sender: str) -> list[Transaction]:
        return [each for each in self._asked_of(sender) if _fits(each, notification)]

    # --- time -------------------------------------------------------------------------------------

    def expire(self) -> None:
        """End the transactions whose time is over."""
        now = self._clock.monotonic()
        with self._lock:
            if now < self._first_deadline:
                return
            everything = [each for siblings in self._open.values() for each in siblings]
            late = [each for each in everything if not _has_time(each, now)]
            deadlines = (each.deadline for each in everything if each not in late)
            self._first_deadline = min(deadlines, default=math.inf)
        self._end((each, _outcome(each, State.TIMEOUT, each.hint)) for each in late)

    def wait_for_all(self, transactions: Iterable[Transaction]) -> None:
        """Wait until all of these have ended."""
        self.wait_until(transactions, lambda: False)

    def wait_for_any_set(self, sets: Sequence[Sequence[Transaction]]) -> None:
        """Wait until all of one of these sets have ended."""
        everything = [transaction for one in sets for transaction in one]
        self.wait_until(everything, lambda: any(map(all_finished, sets)))

    def wait_until(self, transactions: Iterable[Transaction], enough: Callable[[], bool]) -> None:
        """Wait until ``enough`` is true, looking again whenever one of the transactions ends.

        Returns as well when all of them have ended.
        """
        everything = list(transactions)
        self.expire()
        while not enough():
            left = [each for each in everything if not each.finished]
            if not left:
                return
            wait([each.future for each in left], self._until(left), return_when=FIRST_COMPLETED)
            self.expire()

    def _until(self, transactions: Iterable[Transaction]) -> float | None:
        """Seconds until the first deadline of these; None if none has one."""
        first = min(each.deadline for each in transactions)
        return None if first == math.inf else max(0.0, first - self._clock.monotonic())

    def result(self, transaction: Transaction) -> Outcome:
        """Wait for the end of one transaction."""
        self.wait_for_all([transaction])
        return transaction.future.result()


def all_finished(transactions: Iterable[Transaction]) -> bool:
    """Whether all of these have ended."""
    return all(transaction.finished for transaction in transactions)


def _has_time(transaction: Transaction, now: float) -> bool:
    """Whether its time is not over; the grace is used up where that is what gives it more."""
    if now >= transaction.deadline and transaction.confirmed:
        transaction.deadline += transaction.grace
        transaction.grace = 0.0
    return now < transaction.deadline


def _concerns(transaction: Transaction, notification: Notification) -> bool:
    return _refuses(transaction, notification) or _fits(transaction, notification)


def _fits(transaction: Transaction, notification: Notification) -> bool:
    return any(expected.concerns(notification) for expected in transaction.missing)


def _refuses(transaction: Transaction, notification: Notification) -> bool:
    """Whether it says, under the command's own session id, that the command is not carried out."""
    if not notification.failed or notification.code == NotificationCode.PLUGIN_DELAYED:
        return False
    return notification.path.pipeline in {None, transaction.pipeline}


def _progress(transaction: Transaction, notification: Notification) -> Outcome | None:
    """Note what a notification says to a transaction; its outcome, if that ends it."""
    transaction.said_at = notification.origin.sent_at if notification.origin is not None else None
    if notification.failed and _concerns(transaction, notification):
        return _outcome(transaction, State.FAILED, _reason(notification))
    if notification.kind is NotificationKind.EXCEPTION:
        transaction.hint = _reason(notification)
    for expected in transaction.missing:
        if expected.concerns(notification):
            transaction.missing.remove(expected)
            transaction.confirmed.append(expected)
            break
    return None if transaction.missing else _outcome(transaction, State.OK, "")


def _reason(notification: Notification) -> str:
    text, info = notification.text, notification.info or ""
    if text in info:
        return info
    return text if info in text else f"{text} {info}"


def _outcome(transaction: Transaction, state: State, reason: str) -> Outcome:
    return Outcome(
        state,
        reason,
        tuple(transaction.confirmed),
        tuple(transaction.missing),
        transaction.session_id,
        transaction.said_at,
    )
