"""The worker's end of its channel: what the node sends is read whole, whatever else it sends."""

import contextlib
import os
import threading

import pytest

from pye2_node.sandbox import frames, node_link
from pye2_node.sandbox.channel_ends import open_channel
from pye2_node.sandbox.node_link import LinkBroken, NodeLink

LARGE = "x" * (3 * 1024 * 1024)


@contextlib.contextmanager
def a_link():
    """A worker's link, and the node's end of it, which blocks here."""
    theirs, ours = open_channel()
    for each in (theirs.reading, theirs.writing):
        os.set_blocking(each, True)
    with contextlib.closing(theirs), contextlib.closing(ours):
        yield NodeLink(ours), theirs


def send(theirs, data):
    while data:
        data = data[os.write(theirs.writing, data) :]


def read_frame(theirs):
    def read(size):
        data = b""
        while len(data) < size:
            data += os.read(theirs.reading, size - len(data))
        return data

    return frames.decode(read(frames.body_size(read(frames.HEADER.size))))


def test_requests_that_arrive_together_are_read_one_by_one():
    with a_link() as (link, theirs):
        send(theirs, frames.encode({"do": "a"}) + frames.encode({"do": "b"}))

        first = link.next_request()

        assert link.has_request()
        assert (first, link.next_request()) == ({"do": "a"}, {"do": "b"})
        assert not link.has_request()


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 10])
def test_requests_that_arrive_in_pieces_are_read_whole(cut, monkeypatch):
    monkeypatch.setattr(node_link, "_AT_ONCE", cut)
    with a_link() as (link, theirs):
        send(theirs, frames.encode({"do": "call"}) + frames.encode({"do": "b"}))

        assert (link.next_request(), link.next_request()) == ({"do": "call"}, {"do": "b"})


def test_large_frames_go_both_ways_whole():
    with a_link() as (link, theirs):
        sender = threading.Thread(target=send, args=[theirs, frames.encode({"do": LARGE})])
        sender.start()
        request = link.next_request()
        sender.join()

        teller = threading.Thread(target=link.tell, args=["log"], kwargs={"text": LARGE})
        teller.start()
        told = read_frame(theirs)
        teller.join()

    assert request == {"do": LARGE}
    assert told == {"did": "log", "text": LARGE}


def test_frames_in_several_pieces_arrive_whole_whoever_else_sends():
    with a_link() as (link, theirs):
        data = memoryview(b"y" * len(LARGE))
        begun = frames.begin_binary({"did": "item"}, len(data))
        senders = [
            threading.Thread(target=link.send, args=[begun, data]),
            threading.Thread(target=link.tell, args=["log"], kwargs={"text": LARGE}),
        ]
        for each in senders:
            each.start()
        told = [read_frame(theirs), read_frame(theirs)]
        for each in senders:
            each.join()

    assert {"did": "item", "data": data} in told
    assert {"did": "log", "text": LARGE} in told


def test_a_request_that_comes_before_an_answer_is_kept_for_later():
    with a_link() as (link, theirs):
        send(theirs, frames.encode({"do": "stop"}) + frames.encode({"do": "answer", "text": "x"}))

        answer = link.ask(frames.encode({"did": "load", "name": "x"}))

        assert answer == {"do": "answer", "text": "x"}
        assert read_frame(theirs) == {"did": "load", "name": "x"}
        assert link.next_request() is None


@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\0\0\x09{", b"\0\0\0\x02[]", b"\xff" * 4])
def test_a_node_that_ends_or_sends_nonsense_is_a_broken_link(sent):
    with a_link() as (link, theirs):
        send(theirs, sent)
        theirs.close()

        with pytest.raises(LinkBroken):
            link.next_request()


def test_a_link_whose_channel_was_closed_writes_to_no_other_file_that_got_its_number():
    theirs, ours = open_channel()
    number = ours.writing
    link = NodeLink(ours)
    ours.close()
    others = open_channel()

    with pytest.raises(LinkBroken):
        link.tell("log", text="x")

    assert number in {each for end in others for each in (end.reading, end.writing)}
    for each in (*others, theirs):
        each.close()
