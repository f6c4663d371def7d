"""A socket with buffers gives and takes the same bytes as one without."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_mqtt.buffered_socket import BufferedSocket

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, BufferedSocket]]:
    """The other side's socket, and ours with buffers, which does not wait."""
    theirs, ours = socket.socketpair()
    ours.settimeout(0)
    with theirs, ours:
        yield theirs, BufferedSocket(ours)


@given(data=st.binary(min_size=1), sizes=st.lists(st.integers(1, 100_000), min_size=1))
def test_the_bytes_come_in_order_whatever_pieces_are_asked_for(
    data: bytes, sizes: list[int]
) -> None:
    theirs, ours = socket.socketpair()
    with theirs, ours:
        theirs.sendall(data)
        reading, received = BufferedSocket(ours), b""
        while len(received) < len(data):
            received += reading.recv(sizes[len(received) % len(sizes)])
    assert received == data


def test_what_was_read_ahead_is_announced_because_no_selector_sees_it(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    theirs, ours = ends
    theirs.sendall(b"ab")
    assert not ours.has_more
    ours.recv(1)
    assert ours.has_more
    ours.recv(1)
    assert not ours.has_more


def test_however_much_is_asked_for_no_more_room_is_made_than_is_worth_it() -> None:
    asked = []

    class Connected:
        def recv(self, size: int) -> bytes:
            asked.append(size)
            return b"x"

    reading = BufferedSocket(cast("socket.socket", Connected()))

    assert reading.recv(2**28) == b"x"
    assert asked == [256 * 1024]


def test_nothing_to_read_is_told_as_the_socket_tells_it(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    _theirs, ours = ends
    with pytest.raises(BlockingIOError):
        ours.recv(1)


def test_the_end_is_told_after_all_that_was_sent_before(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    theirs, ours = ends
    theirs.sendall(b"ab")
    theirs.close()
    assert [ours.recv(1), ours.recv(1), ours.recv(1)] == [b"a", b"b", b""]


def take_all(theirs: socket.socket) -> bytes:
    """What has arrived there."""
    received = b""
    theirs.settimeout(0)
    with suppress(BlockingIOError):
        while data := theirs.recv(1 << 20):
            received += data
    return received


@given(pieces=st.lists(st.one_of(st.binary(max_size=99), st.just(bytes(70_000))), max_size=9))
def test_what_is_sent_arrives_in_order_however_slowly_it_is_taken(pieces: list[bytes]) -> None:
    theirs, ours = socket.socketpair()
    ours.settimeout(0)
    with theirs, ours:
        writing, received = BufferedSocket(ours), b""
        for piece in pieces:
            sent = 0
            while sent < len(piece):
                try:
                    sent += writing.send(piece[sent:])
                except BlockingIOError:
                    received += take_all(theirs)
        while writing.has_unsent:
            writing.flush()
            received += take_all(theirs)
        received += take_all(theirs)
    assert received == b"".join(pieces)


def test_small_pieces_are_sent_together(ends: tuple[socket.socket, BufferedSocket]) -> None:
    theirs, ours = ends
    assert [ours.send(b"a"), ours.send(b"b")] == [1, 1]
    assert take_all(theirs) == b""
    ours.flush()
    assert not ours.has_unsent
    assert take_all(theirs) == b"ab"


def test_without_gathering_a_piece_is_sent_at_once_and_after_all_others(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    theirs, ours = ends
    ours.send(b"a")
    ours.gathers = False
    ours.send(b"b")
    assert take_all(theirs) == b"ab"


def test_a_piece_is_refused_while_earlier_ones_cannot_be_sent(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    theirs, ours = ends
    ours.gathers = False
    with suppress(BlockingIOError):
        while ours.send(bytes(40_000)):
            pass
    ours.gathers = True
    ours.send(bytes(40_000))
    with pytest.raises(BlockingIOError):
        ours.send(bytes(40_000))
    ours.flush()
    assert ours.has_unsent
    assert len(take_all(theirs)) > 0


def test_a_lost_connection_is_told_where_it_is_written(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    theirs, ours = ends
    theirs.close()
    ours.send(b"a")
    with pytest.raises(BrokenPipeError):
        ours.flush()
