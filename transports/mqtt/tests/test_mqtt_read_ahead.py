"""A socket that reads ahead gives the same bytes as one that does not."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_mqtt.read_ahead import ReadAhead

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, ReadAhead]]:
    """The other side's socket, and ours that reads ahead and does not wait."""
    theirs, ours = socket.socketpair()
    ours.settimeout(0)
    with theirs, ours:
        yield theirs, ReadAhead(ours)


@given(data=st.binary(min_size=1), sizes=st.lists(st.integers(1, 100_000), min_size=1))
def test_the_bytes_come_in_order_whatever_pieces_are_asked_for(
    data: bytes, sizes: list[int]
) -> None:
    theirs, ours = socket.socketpair()
    with theirs, ours:
        theirs.sendall(data)
        reading, received = ReadAhead(ours), b""
        while len(received) < len(data):
            received += reading.recv(sizes[len(received) % len(sizes)])
    assert received == data


def test_what_was_read_ahead_is_announced_because_no_selector_sees_it(
    ends: tuple[socket.socket, ReadAhead],
) -> None:
    theirs, ours = ends
    theirs.sendall(b"ab")
    assert not ours.has_more
    ours.recv(1)
    assert ours.has_more
    ours.recv(1)
    assert not ours.has_more


def test_nothing_to_read_is_told_as_the_socket_tells_it(
    ends: tuple[socket.socket, ReadAhead],
) -> None:
    _theirs, ours = ends
    with pytest.raises(BlockingIOError):
        ours.recv(1)


def test_the_end_is_told_after_all_that_was_sent_before(
    ends: tuple[socket.socket, ReadAhead],
) -> None:
    theirs, ours = ends
    theirs.sendall(b"ab")
    theirs.close()
    assert [ours.recv(1), ours.recv(1), ours.recv(1)] == [b"a", b"b", b""]
