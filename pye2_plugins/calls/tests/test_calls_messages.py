"""What client and node say to each other survives the way, and nothing else gets through."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import msgpack
import pytest
from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st

from pye2_calls import messages
from pye2_calls.messages import checks, packing
from pye2_calls.messages.parts import MOST_BEGUN
from pye2_calls.serving.answers import NoAnswer, answer_from

_ids = st.integers(1, checks.LARGEST_NUMBER)
_names = st.text(min_size=1, max_size=checks.LONGEST_NAME)
_identifiers = st.from_regex(r"[a-zA-Zé_]\w{0,20}_", fullmatch=True).filter(str.isidentifier)
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
        parameters=st.lists(_identifiers).map(tuple),
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
    st.builds(messages.Withdraw, id=_ids),
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


@pytest.mark.parametrize("size", [0, 2**16 - 1, 2**16, 2**20])
@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_large_bytes_are_packed_as_messagepack_has_them(size: int, kind: type) -> None:
    data = kind(b"x" * size)
    value = messages.Value(1, data, "said", 0.5)
    item = messages.Item(2, 3, data)
    call = messages.Call(4, "d", bytes(data), None, 0, live_output=False)
    records = [messages.Cancel(7), value, item, call, messages.Part(5, 0, 1, data)]

    packed = messages.pack(records, "life")

    plain = [
        *[["cancel", 7], ["value", 1, data, "said", 0.5], ["item", 2, 3, data]],
        *[["call", 4, "d", data, None, 0, False], ["part", 5, 0, 1, data]],
    ]
    assert packed == msgpack.packb([1, "life", plain])


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


@pytest.mark.parametrize("name", ["x=1", "x): pass\ndef g(y", "*, y=1", "None", "lambda", ""])
def test_parameters_of_code_have_names_that_python_takes(name: str) -> None:
    with pytest.raises(ValueError, match="parameters"):
        messages.Code("digest", "f", "return 1", ("plugin", name))


def test_what_of_many_messages_never_ends_takes_no_room_for_ever() -> None:
    assembly = messages.Assembly(largest=10_000)
    for number in range(1, MOST_BEGUN + 1):
        assembly.take(messages.Part(number, 0, 2, b""))
    before = assembly.size

    with pytest.raises(messages.MessageNotReadable, match="have begun and not ended"):
        assembly.take(messages.Part(10**6, 0, 2, b""))

    assert assembly.size == before > 0
    assert assembly.take(messages.Part(1, 1, 2, b"x")) == b"x"


@given(
    st.lists(
        st.builds(
            messages.Part,
            message=st.integers(1, 4),
            index=st.integers(0, 2),
            count=st.integers(3, 4),
            data=st.binary(max_size=30),
        )
    )
)
def test_whatever_pieces_come_no_more_is_kept_than_may_be(parts: list[messages.Part]) -> None:
    assembly = messages.Assembly(largest=60)

    for part in parts:
        try:
            whole = assembly.take(part)
        except messages.MessageNotReadable:
            continue
        assert whole is None or len(whole) <= 60
        assert 0 <= assembly.size <= 60 + 16 * 200
    for number in range(1, 5):
        assembly.forget(number)

    assert assembly.size == 0


# --- what a process answers -----------------------------------------------------------------------


def _with_length(head: bytes) -> memoryview:
    """A list as a process says it, with nothing behind it."""
    return memoryview(len(head).to_bytes(4, "big") + head)


def _answered_or_refused(head: bytes) -> None:
    with suppress(NoAnswer):
        answer_from(_with_length(head))


@given(st.binary())
def test_any_bytes_of_a_process_are_an_answer_or_none(data: bytes) -> None:
    _answered_or_refused(data)


@given(
    st.lists(
        st.sampled_from(["value", "raised", "refused", "paused", "end"]) | _RUBBISH | _data,
        max_size=7,
    )
)
def test_any_value_of_a_process_is_an_answer_or_none(said: list[object]) -> None:
    _answered_or_refused(msgpack.packb(said))


@pytest.mark.parametrize(
    "said",
    [
        ("value", 0.0, [[[None]] * 250] * 250),
        ("refused", 0.0, "x" * 10**7),
        ("raised", 0.0, "KeyError", "\U0001f600" + "x" * 10**7, "", []),
        ("raised", 0.0, "KeyError", "x", "", [(1, "f")] * 257),
        ("raised", 0.0, "KeyError", "x", "", [(1, "f", 2)]),
    ],
    ids=["lists", "a long text", "a long text of wide letters", "frames", "no frame"],
)
def test_what_is_small_and_would_be_large_in_memory_is_no_answer(said: object) -> None:
    with pytest.raises(NoAnswer):
        answer_from(_with_length(msgpack.packb(said)))


def test_half_a_character_is_no_answer() -> None:
    half = msgpack.packb("\ud800", unicode_errors="surrogatepass")

    with pytest.raises(NoAnswer, match="Unicode"):
        answer_from(_with_length(b"\x93" + msgpack.packb("refused") + b"\x00" + half))


def _many_lists() -> bytes:
    """A list of lists of lists, each of one nil."""
    row = b"\xdc\x00\xff" + b"\x91\xc0" * 255
    return b"\x92\xa5value" + b"\xdc\x00\x10" + (b"\xdc\x00\xff" + row * 255) * 16


def _wide_text() -> bytes:
    """A text of narrow letters that a single one makes wide, all of them."""
    packed: bytes = msgpack.packb(["refused", 0.0, "\U0001f600" + "x" * 5_000_000])
    return packed


@pytest.mark.parametrize("data", [_many_lists(), _wide_text()], ids=["lists", "a wide text"])
def test_a_small_answer_that_would_be_large_in_memory_is_read_no_further(data: bytes) -> None:
    tracemalloc.start()
    try:
        _answered_or_refused(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 3 * len(data)
