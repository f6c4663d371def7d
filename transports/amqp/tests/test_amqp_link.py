"""What goes to a broker together, and how."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pye2_amqp.link import _AT_ONCE, _joined

SIZES = st.one_of(st.integers(0, 2000), st.integers(_AT_ONCE - 2, _AT_ONCE + 2))


@given(st.lists(SIZES, max_size=60))
def test_frames_are_joined_in_order_and_none_of_them_is_cut(sizes: list[int]) -> None:
    frames = [bytes([number % 256]) * size for number, size in enumerate(sizes)]

    pieces = list(_joined(frames))

    assert b"".join(pieces) == b"".join(frames)
    assert len(pieces) <= len(frames)
    assert all(len(piece) <= _AT_ONCE or piece in frames for piece in pieces)


def test_a_large_frame_is_handed_on_as_it_is() -> None:
    large = bytes(_AT_ONCE + 1)

    pieces = list(_joined([b"small", b"too", large, b"small"]))

    assert pieces == [b"smalltoo", large, b"small"]
    assert sum(piece is large for piece in pieces) == 1
