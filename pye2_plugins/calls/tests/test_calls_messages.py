"""What client and node say to each other survives the way, and nothing else gets through."""

from __future__ import annotations

import msgpack
import pytest
from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st

from pye2_calls import messages
from pye2_calls.messages import checks, packing

_ids = st.integers(1, checks.LARGEST_NUMBER)
_names = st.text(min_size=1, max_size=checks.LONGEST_NAME)
_maybe_names = st.text(max_size=checks.LONGEST_NAME)
_texts = st.text()
_data = st.binary()
_seconds = st.floats(0, allow_infinity=False, allow_nan=False)
_printed = {"printed": _texts, "seconds": _seconds}
_frames = st.builds(messages.Frame, line=st.integers(0, 2**40), function=_maybe_names)
_failures = st.builds(
    messages.Failure,
    type=_maybe_names,
    message=_texts,
    traceback=_texts,
    frames=st.lists(_frames).map(tuple),
    exception=_data,
)
_parts = st.builds(
    messages.Part, message=_ids, index=st.integers(0, 5), count=st.integers(6, 4096), data=_data
)
_from_client = st.one_of(
    st.builds(
        messages.Code,
        digest=_names,
        name=_names,
        source=_texts,
        parameters=st.lists(_names).map(tuple),
        values=st.lists(st.tuples(_names, _data)).map(tuple),
        classes=st.lists(_names).map(tuple),
        modules=st.lists(_names).map(tuple),
        takes_plugin=st.booleans(),
        is_generator=st.booleans(),
    ),
    st.builds(
        messages.Call,
        id=_ids,
        digest=_names,
        arguments=_data,
        timeout=st.none() | _seconds,
        credit=st.integers(0, 2**40),
        live_output=st.booleans(),
    ),
    st.builds(messages.Cancel, id=_ids),
    st.builds(messages.Pull, id=_ids, count=_ids),
    st.just(messages.KeepAlive()),
    _parts,
)
_from_node = st.one_of(
    st.builds(messages.Value, id=_ids, data=_data, **_printed),
    st.builds(messages.Raised, id=_ids, failure=_failures, **_printed),
    st.builds(
        messages.Died,
        id=_ids,
        code=st.none() | st.integers(-500, 500),
        signal=st.none() | st.integers(0, 99),
        reason=_texts,
        printed=_texts,
    ),
    st.builds(messages.TimedOut, id=_ids, **_printed),
    st.builds(messages.Cancelled, id=_ids),
    st.builds(messages.Refused, id=_ids, reason=_names, message=_texts),
    st.builds(messages.Item, id=_ids, number=st.integers(0, 2**40), data=_data),
    st.builds(messages.End, id=_ids, **_printed),
    st.builds(messages.Output, id=_ids, text=_texts),
    st.builds(messages.CodeWanted, digest=_names, ids=st.lists(_ids).map(tuple)),
    st.builds(messages.Began, slots=_ids, largest=_ids, timeout=st.none() | _seconds),
    st.builds(messages.Holds, *[st.lists(_ids).map(tuple)] * 2),
    _parts,
)
_RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | _texts | _data,
    lambda inner: st.lists(inner) | st.dictionaries(_texts, inner),
)


@given(st.lists(_from_client))
def test_what_a_client_says_arrives_as_it_was_said(said: list[messages.ClientRecord]) -> None:
    message = messages.unpack(messages.pack(said), messages.FROM_CLIENT)

    assert message == messages.Message("", tuple(said))


@given(st.lists(_from_node), _maybe_names)
def test_what_a_node_says_arrives_as_it_was_said(said: list[messages.NodeRecord], run: str) -> None:
    message = messages.unpack(messages.pack(said, run), messages.FROM_NODE)

    assert message == messages.Message(run, tuple(said))


@given(st.binary())
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    _read_or_refused(data)


@given(_RUBBISH)
def test_any_value_is_a_message_or_refused(value: object) -> None:
    _read_or_refused(msgpack.packb(value))


@given(st.lists(_from_client | _from_node, min_size=1), st.data())
def test_a_message_that_was_tampered_with_is_read_or_refused(
    said: list[messages.Record], draw: st.DataObject
) -> None:
    data = bytearray(messages.pack(said, "run"))
    place = draw.draw(st.integers(0, len(data) - 1))
    data[place] = draw.draw(st.integers(0, 255))

    _read_or_refused(bytes(data))


@given(_from_client | _from_node, st.data())
def test_a_field_of_a_wrong_kind_is_refused(said: messages.Record, draw: st.DataObject) -> None:
    plain = list(packing._plain(said))
    if len(plain) == 1:
        return
    place = draw.draw(st.integers(1, len(plain) - 1))
    plain[place] = msgpack.Timestamp(1)
    data = msgpack.packb((packing.VERSION, "", [plain]), default=packing._plain)

    with pytest.raises(messages.MessageNotReadable):
        messages.unpack(data, messages.FROM_CLIENT | messages.FROM_NODE)


def _read_or_refused(data: bytes) -> None:
    try:
        message = messages.unpack(data, messages.FROM_CLIENT)
    except messages.MessageNotReadable:
        return
    assert messages.unpack(messages.pack(message.records, message.run), messages.FROM_CLIENT) == (
        message
    )


def test_a_client_cannot_say_what_only_a_node_says() -> None:
    with pytest.raises(messages.MessageNotReadable, match="no record 'value' in this direction"):
        messages.unpack(messages.pack([messages.Value(1, b"")]), messages.FROM_CLIENT)


def test_another_version_is_refused_by_its_number() -> None:
    with pytest.raises(messages.MessageNotReadable, match="version 2"):
        messages.unpack(msgpack.packb((2, "", [])), messages.FROM_NODE)


def test_a_small_message_of_a_great_many_lists_is_refused() -> None:
    many = msgpack.packb((1, "", [["holds", [[]] * 4000, [[]] * 4000]] * 5))

    with pytest.raises(messages.MessageNotReadable, match="lists"):
        messages.unpack(many, messages.FROM_NODE)


def test_more_records_than_a_receiver_takes_are_not_packed() -> None:
    with pytest.raises(ValueError, match="4097 records"):
        messages.pack([messages.KeepAlive()] * 4097)


def test_every_field_of_every_record_is_checked() -> None:
    kinds = messages.FROM_CLIENT | messages.FROM_NODE | {messages.Failure, messages.Frame}

    unchecked = [
        f"{kind.__name__}.{each.name}"
        for kind in kinds
        for each in fields(kind)
        if each.validator is None
    ]

    assert unchecked == []


def test_a_number_of_seconds_may_be_whole() -> None:
    call = messages.Call(1, "digest", b"", timeout=5)

    (read,) = messages.unpack(messages.pack([call]), messages.FROM_CLIENT).records

    assert read == call


@pytest.mark.parametrize(
    "change",
    [{"id": True}, {"id": 0}, {"timeout": float("nan")}, {"timeout": -1}, {"live_output": 1}],
    ids=str,
)
def test_a_record_is_not_made_with_what_could_not_be_sent(change: dict[str, object]) -> None:
    call = messages.Call(1, "digest", b"")

    with pytest.raises(ValueError, match=next(iter(change))):
        evolve(call, **change)


@given(st.binary())
def test_a_message_travels_as_text_where_bytes_cannot(message: bytes) -> None:
    assert messages.from_field(messages.as_text(message)) == message
    assert messages.from_field(message) == message


@pytest.mark.parametrize("value", [None, 7, ["x"], "no base64!", "YQ", "ä"])
def test_a_field_that_holds_no_message_is_refused(value: object) -> None:
    with pytest.raises(messages.MessageNotReadable):
        messages.from_field(value)


# --- parts ----------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=50), max_size=4), st.integers(1, 7), st.randoms())
def test_parts_are_put_together_in_whatever_order_they_come(
    whole: list[bytes], size: int, order: object
) -> None:
    parts = [
        part for number, each in enumerate(whole, 1) for part in messages.cut(each, number, size)
    ]
    order.shuffle(parts)  # type: ignore[attr-defined] # hypothesis' Random
    assembly = messages.Assembly(largest=1000)

    together = {
        part.message: message for part in parts if (message := assembly.take(part)) is not None
    }

    assert together == dict(enumerate(whole, 1))


def test_parts_that_would_be_too_large_together_are_refused_and_forgotten() -> None:
    assembly = messages.Assembly(largest=10)
    first, second, _ = messages.cut(bytes(20), 1, size=8)
    assembly.take(first)

    with pytest.raises(messages.MessageNotReadable, match="more than 10 bytes"):
        assembly.take(second)

    (small,) = messages.cut(bytes(9), 2, size=9)
    assert assembly.take(small) == bytes(9)


def test_parts_that_contradict_each_other_are_refused() -> None:
    assembly = messages.Assembly(largest=100)
    assembly.take(messages.Part(1, 0, 3, b"x"))

    with pytest.raises(messages.MessageNotReadable, match="contradict"):
        assembly.take(messages.Part(1, 1, 2, b"x"))


def test_a_part_that_its_message_cannot_have_is_refused() -> None:
    with pytest.raises(ValueError, match="no piece 3 of 3"):
        messages.Part(1, 3, 3, b"")
