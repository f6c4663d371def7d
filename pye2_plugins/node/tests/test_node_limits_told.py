"""Limits of one instance: what it may send, and how it is told that it came to one."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from pye2_node.budget import Budget
from pye2_node.limit_notices import _CONSEQUENCES, TOLD_EVERY, LimitNotices
from pye2_node.payload_sizes import size_of, units_of
from pye2_node.sandbox import SandboxLimits
from pye2core.messages import NotificationKind


def notices():
    now = SimpleNamespace(seconds=100.0)
    told = []

    def notify(kind, text, *, fields):
        told.append((kind, text, fields))

    return LimitNotices(SimpleNamespace(monotonic=lambda: now.seconds), notify), now, told


def test_a_limit_is_told_with_its_name_and_value():
    limits, _, told = notices()

    limits.tell("disk", 67108864)

    ((kind, text, fields),) = told
    assert kind is NotificationKind.ABNORMAL
    assert "disk" in text
    assert "67108864" in text
    assert fields == {"LIMIT": {"NAME": "disk", "VALUE": 67108864}}


def test_each_limit_is_told_again_only_after_a_while():
    limits, now, told = notices()

    for name in ("disk", "output", "disk"):
        limits.tell(name, 1)
    now.seconds += TOLD_EVERY
    limits.tell("disk", 1)

    assert [fields["LIMIT"]["NAME"] for _, _, fields in told] == ["disk", "output", "disk"]


def test_whatever_a_worker_may_say_it_has_hit_can_be_told():
    assert all(
        SandboxLimits().value_of(name)
        for name in _CONSEQUENCES.keys()
        & {
            "kept_text",
            "memory",
            "open_files",
            "output",
            "payload_bytes",
            "payload_values",
            "payloads",
            "processes",
        }
    )


def test_so_much_can_be_spent_at_once_and_then_so_much_a_second():
    budget = Budget(10, at_once=50, now=0.0)

    for _ in range(50):
        assert budget.seconds_to_wait(0.0) == 0
        budget.spend(1, 0.0)
    assert budget.seconds_to_wait(0.0) == 0
    budget.spend(1, 0.0)

    assert budget.seconds_to_wait(0.0) == 0.1
    assert budget.seconds_to_wait(0.1) == 0


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 100)), max_size=50))
def test_nobody_spends_more_than_the_budget_whatever_the_times(steps):
    budget = Budget(10, at_once=50, now=0.0)
    now = sent = most = 0.0
    for passed, units in steps:
        now += passed + budget.seconds_to_wait(now + passed) + 1e-6
        budget.spend(units, now)
        sent += units
        most = max(most, units)

    assert sent <= 50 + 10 * now + most + 1e-3


def test_a_payload_counts_more_than_once_by_its_size():
    assert units_of({"A": 1}) == 0
    assert units_of({"A": ["x" * 512 * 1024, {"b": "x" * 512 * 1024}]}) == 32
    assert size_of({"ab": [1.5, "xyz", None]}) == 2 + 8 + 3 + 8
