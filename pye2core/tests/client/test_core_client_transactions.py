"""Transactions: which notification settles which command, and when time is over."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2core.client.transactions import Expectation, Outcome, State, Transaction, Transactions
from pye2core.clock import ManualClock
from pye2core.messages import (
    InstancePath,
    Notification,
    NotificationCode,
    NotificationKind,
    Origin,
    Requester,
)

NODE = "0xai_node"
OTHER = "0xai_other"
ME = "0xai_me"
PIPELINE = InstancePath("p")
INSTANCE = InstancePath("p", "SIG_01", "i")
STORED = Expectation(NotificationCode.PIPELINE_OK, PIPELINE)
RUNS = Expectation(NotificationCode.PLUGIN_CONFIG_OK, INSTANCE)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def transactions(clock: ManualClock) -> Transactions:
    return Transactions(clock, ME)


def begin(transactions: Transactions, *expected: Expectation, **options: object) -> Transaction:
    given = {"node": NODE, "pipeline": "p", "session_id": "s1", "timeout": 10, **options}
    return transactions.open(expected=expected or (STORED, RUNS), **given)  # type: ignore[arg-type]  # options are whatever open() takes


def said(
    code: int | None,
    path: InstancePath = PIPELINE,
    session_id: str | None = "s1",
    *,
    sender: str = NODE,
    text: str = "said",
    info: str | None = None,
    kind: NotificationKind = NotificationKind.NORMAL,
    verified: bool = True,
    address: str | None = None,
) -> Notification:
    return Notification(
        kind,
        text,
        code=code,
        path=path,
        info=info,
        requester=Requester(address=address, session_id=session_id),
        origin=Origin(sender, verified=verified),
    )


def test_all_confirmations_in_any_order_end_it_well(transactions: Transactions) -> None:
    transaction = begin(transactions)

    transactions.hear(said(100, INSTANCE))
    assert not transaction.finished
    transactions.hear(said(1))

    assert transaction.future.result(0).ok


def test_the_same_confirmation_twice_counts_once(transactions: Transactions) -> None:
    transaction = begin(transactions)

    transactions.hear(said(1))
    transactions.hear(said(1))

    assert not transaction.finished


@pytest.mark.parametrize("code", [-1, -100, -101, -4, -5000])
def test_any_refusal_under_its_session_id_ends_it(transactions: Transactions, code: int) -> None:
    transaction = begin(transactions)

    transactions.hear(said(code, text="no", info="no, because"))

    outcome = transaction.future.result(0)
    assert (outcome.state, outcome.reason) == (State.FAILED, "no, because")
    assert outcome.missing == (STORED, RUNS)


def test_a_delay_is_no_refusal(transactions: Transactions) -> None:
    transaction = begin(transactions)

    transactions.hear(said(NotificationCode.PLUGIN_DELAYED, INSTANCE))

    assert not transaction.finished


@pytest.mark.parametrize(
    "notification",
    [
        said(1, sender=OTHER),
        said(1, verified=False),
        said(1, InstancePath("q")),
        said(1, session_id="somebody else's"),
        said(None),
        said(2),
        said(-1, InstancePath("q")),
        said(-1, sender=OTHER),
        said(-1, session_id="somebody else's"),
    ],
    ids=lambda n: f"{n.code} {n.path.pipeline} {n.requester.session_id} {n.origin}",
)
def test_what_concerns_another_command_changes_nothing(
    transactions: Transactions, notification: Notification
) -> None:
    transaction = begin(transactions, STORED)

    transactions.hear(notification)

    assert not transaction.finished
    transactions.hear(said(1))
    assert transaction.future.result(0).ok


def test_the_prefix_of_an_address_does_not_matter(transactions: Transactions) -> None:
    transaction = begin(transactions, STORED, node="aixp_node")

    transactions.hear(said(1, sender="node"))

    assert transaction.finished


def test_the_case_of_a_signature_does_not_matter(transactions: Transactions) -> None:
    transaction = begin(transactions, RUNS)

    transactions.hear(said(100, InstancePath("p", "sig_01", "i")))

    assert transaction.finished


def test_of_two_commands_to_one_pipeline_each_gets_its_own_answer(
    transactions: Transactions,
) -> None:
    first = begin(transactions, STORED, session_id="s1")
    second = begin(transactions, STORED, session_id="s2")

    transactions.hear(said(1, session_id="s2"))

    assert (first.finished, second.finished) == (False, True)
    transactions.hear(said(-1, session_id="s1", text="no"))
    assert first.future.result(0).reason == "no"


def test_without_a_session_id_all_commands_that_fit_are_answered(
    transactions: Transactions,
) -> None:
    first = begin(transactions, STORED, session_id="s1")
    second = begin(transactions, STORED, session_id="s2")

    transactions.hear(said(1, session_id=None))

    assert first.finished
    assert second.finished


def test_an_engine_that_echoes_the_session_id_of_a_later_command_is_understood(
    transactions: Transactions,
) -> None:
    first = begin(transactions, RUNS, session_id="s1")
    second = begin(transactions, STORED, session_id="s2")

    transactions.hear(said(100, INSTANCE, session_id="s2"))

    assert (first.finished, second.finished) == (True, False)


def test_a_late_answer_to_an_earlier_command_does_not_confirm_the_next(
    transactions: Transactions, clock: ManualClock
) -> None:
    begin(transactions, STORED, session_id="s1")
    clock.advance(10)
    second = begin(transactions, STORED, session_id="s2")

    transactions.hear(said(1, session_id="s2x"))
    transactions.expire()
    transactions.hear(said(1, session_id="s1"))

    assert not second.finished


def test_an_address_that_is_not_allowed_hears_it_for_all_that_it_asked(
    transactions: Transactions,
) -> None:
    here = begin(transactions, session_id="s1")
    there = begin(transactions, session_id="s2", node=OTHER)
    refused = NotificationCode.COMM_RECEIVED_BAD_COMMAND

    transactions.hear(
        said(refused, InstancePath(), None, address="me", text="run: pye2 node allow")
    )

    assert here.future.result(0).reason == "run: pye2 node allow"
    assert not there.finished


def test_that_somebody_else_is_not_allowed_changes_nothing(transactions: Transactions) -> None:
    transaction = begin(transactions)

    transactions.hear(
        said(NotificationCode.COMM_RECEIVED_BAD_COMMAND, InstancePath(), None, address="other")
    )

    assert not transaction.finished


# --- time -----------------------------------------------------------------------------------------


def test_when_its_time_is_over_it_says_what_is_missing(
    transactions: Transactions, clock: ManualClock
) -> None:
    transaction = begin(transactions)
    transactions.hear(said(1))

    clock.advance(9.9)
    transactions.expire()
    assert not transaction.finished
    clock.advance(0.1)
    transactions.expire()

    outcome = transaction.future.result(0)
    assert outcome == Outcome(State.TIMEOUT, "", (STORED,), (RUNS,), "s1")
    assert "SIG_01/i" in str(outcome.missing[0])


def test_any_message_looks_at_the_clock(transactions: Transactions, clock: ManualClock) -> None:
    transaction = begin(transactions)
    clock.advance(10)

    transactions.hear(said(None, InstancePath("q"), "x"))

    assert transaction.finished


def test_what_the_node_said_last_is_the_hint_of_a_time_out(
    transactions: Transactions, clock: ManualClock
) -> None:
    transaction = begin(transactions)
    transactions.hear(
        said(None, kind=NotificationKind.EXCEPTION, text="Error loading business plugin")
    )

    clock.advance(10)
    transactions.expire()

    assert transaction.future.result(0).reason == "Error loading business plugin"


def test_a_timeout_of_zero_is_for_ever(transactions: Transactions, clock: ManualClock) -> None:
    transaction = begin(transactions, timeout=0)

    clock.advance(1e9)
    transactions.expire()

    assert not transaction.finished


def test_a_node_that_has_begun_to_confirm_has_the_grace_besides(
    transactions: Transactions, clock: ManualClock
) -> None:
    begun = begin(transactions, grace=60, session_id="s1")
    silent = begin(transactions, grace=60, session_id="s2")
    transactions.hear(said(1, session_id="s1"))

    clock.advance(69)
    transactions.expire()
    assert (begun.finished, silent.finished) == (False, True)
    clock.advance(1)
    transactions.expire()

    assert begun.future.result(0).state is State.TIMEOUT


def test_a_command_that_was_not_sent_fails_with_the_reason(transactions: Transactions) -> None:
    transaction = begin(transactions)

    transactions.fail(transaction, "no broker")
    transactions.hear(said(1))

    assert transaction.future.result(0).reason == "no broker"


def test_a_command_that_expects_nothing_has_ended_when_it_is_sent(
    transactions: Transactions,
) -> None:
    transaction = transactions.open(NODE, "p", "s", (), timeout=1)

    transactions.sent(transaction)

    assert transaction.future.result(0).ok


def test_nobody_can_cancel_a_transaction_under_the_receiving_thread(
    transactions: Transactions,
) -> None:
    transaction = begin(transactions, STORED)

    assert not transaction.future.cancel()
    transactions.hear(said(1))
    assert transaction.finished


def test_its_owner_knows_of_the_end_before_whoever_waits(transactions: Transactions) -> None:
    order: list[str] = []
    transaction = begin(transactions, STORED, on_end=lambda outcome: order.append("owner"))
    transaction.future.add_done_callback(lambda future: order.append("waiting"))

    transactions.hear(said(1))

    assert order == ["owner", "waiting"]


# --- waiting --------------------------------------------------------------------------------------


def test_waiting_for_any_set_ends_with_the_first_set_that_is_complete(
    transactions: Transactions,
) -> None:
    one = [begin(transactions, STORED, session_id=f"a{n}") for n in range(2)]
    two = [begin(transactions, STORED, session_id=f"b{n}") for n in range(2)]
    waiting = threading.Thread(target=transactions.wait_for_any_set, args=([one, two],))
    waiting.start()

    transactions.hear(said(1, session_id="a0"))
    transactions.hear(said(1, session_id="b0"))
    assert waiting.is_alive()
    transactions.hear(said(1, session_id="b1"))
    waiting.join(20)

    assert not waiting.is_alive()
    assert not one[1].finished


def test_waiting_ends_at_the_deadline() -> None:
    from pye2core.clock import SYSTEM_CLOCK

    transactions = Transactions(SYSTEM_CLOCK, ME)
    transaction = begin(transactions, timeout=0.01)

    assert transactions.result(transaction).state is State.TIMEOUT


PATHS = st.builds(
    InstancePath,
    st.sampled_from([None, "p", "q"]),
    st.sampled_from([None, "SIG_01"]),
    st.sampled_from([None, "i"]),
)
ANYTHING = st.builds(
    said,
    st.one_of(st.none(), st.sampled_from([*NotificationCode]), st.integers(-9999, 9999)),
    PATHS,
    st.sampled_from([None, "", "s1", "s2", "x"]),
    sender=st.sampled_from([NODE, OTHER]),
    kind=st.sampled_from(NotificationKind),
    address=st.sampled_from([None, ME, "other"]),
)


@given(st.lists(st.one_of(ANYTHING, st.floats(0, 6)), max_size=30))
def test_whatever_arrives_each_transaction_ends_once_and_rightly(
    events: list[Notification | float],
) -> None:
    clock = ManualClock()
    transactions = Transactions(clock, ME)
    ends: list[Outcome] = []
    mine = begin(transactions, session_id="s1", on_end=ends.append)
    begin(transactions, STORED, session_id="s2", node=OTHER)

    for event in events:
        if isinstance(event, float):
            clock.advance(event)
            transactions.expire()
        else:
            transactions.hear(event)
    clock.advance(10)
    transactions.expire()

    assert len(ends) == 1
    outcome = mine.future.result(0)
    assert {*outcome.confirmed, *outcome.missing} == {STORED, RUNS}
    assert outcome.ok == (not outcome.missing)
