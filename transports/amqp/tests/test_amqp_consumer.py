"""Which acknowledgements can be given in one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pye2_amqp.consumer import Acknowledged


def test_what_is_in_order_is_acknowledged_at_once():
    assert Acknowledged().add([1, 2, 3]) == (3, [])


def test_what_is_beyond_a_gap_is_acknowledged_for_itself():
    acknowledged = Acknowledged()

    assert acknowledged.add([2, 3]) == (None, [2, 3])
    assert acknowledged.add([1]) == (1, [])
    assert acknowledged.add([5, 4]) == (5, [])


@st.composite
def orders(draw: st.DrawFn) -> list[list[int]]:
    """The numbers from 1 in any order, in any pieces."""
    numbers = draw(st.permutations(range(1, draw(st.integers(1, 40)) + 1)))
    pieces = []
    while numbers:
        size = draw(st.integers(1, len(numbers)))
        pieces.append(numbers[:size])
        numbers = numbers[size:]
    return pieces


@given(orders())
def test_a_broker_is_told_each_number_once_and_only_what_was_acknowledged(pieces):
    """The model: what a broker keeps unacknowledged, as RabbitMQ does."""
    acknowledged = Acknowledged()
    open_at_broker = set(range(1, sum(map(len, pieces)) + 1))
    handled: set[int] = set()
    for piece in pieces:
        handled.update(piece)

        together, single = acknowledged.add(list(piece))

        if together is not None:
            assert together in open_at_broker  # or RabbitMQ closes the channel
            open_at_broker -= {one for one in open_at_broker if one <= together}
        for one in single:
            open_at_broker.remove(one)
        assert not handled & open_at_broker
        assert handled | open_at_broker == handled ^ open_at_broker
    assert not open_at_broker
