"""Vectors: every recorded fact is checked, and a wrong one never passes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import wire_slow_model as model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pye2_wire.vectors import FileReport, VectorsError, check_folder
from pye2core.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = Path(__file__).parents[3] / "tests/data/vectors"
FILES = sorted({path.name for path in VECTORS.glob("*.json")} - {"native_wire.json"})
"""Those of PyE2: the other is for pye2-native-wire to check."""
CASE_LISTS = ("vectors", "keys", "decrypt_cases")
ALICE = Identity.from_private_value(b"\x11" * 32)


def report_on(name: str, content: object, folder: Path) -> FileReport:
    (folder / name).write_text(json.dumps(content))
    (report,) = check_folder(folder)
    return report


def content_of(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((VECTORS / name).read_text("utf-8"))
    return content


def with_vectors(name: str, *vectors: Any) -> dict[str, Any]:
    return {**content_of(name), "vectors": list(vectors)}


# --- right ones pass ------------------------------------------------------------------------------


def test_all_of_the_projects_vectors_pass_and_nothing_in_them_is_left_out() -> None:
    reports = list(check_folder(VECTORS))

    reports = [report for report in reports if report.is_known]
    assert [report.name for report in reports] == FILES
    assert [report.failures for report in reports] == [()] * len(FILES)
    assert [report.unchecked for report in reports] == [()] * len(FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_case_of_a_file_is_checked_also_without_the_other_files(
    name: str, tmp_path: Path
) -> None:
    content = content_of(name)
    single = "encrypt_to_non_address_raises" in content

    report = report_on(name, content, tmp_path)

    assert report.checked == sum(len(content.get(key, ())) for key in CASE_LISTS) + single
    assert not report.failures


# --- wrong ones never pass ------------------------------------------------------------------------

QUESTIONS = {
    *("meta", "name", "note", "input", "kwargs", "python_expr", "sender", "receiver", "source"),
    *("words", "message"),
}
"""What is asked; all else in a vector is an answer."""

ANSWERED_ALL_THE_SAME = {
    ("formatters.json", "formatter"): "no answer depends on which name is unknown",
    ("heartbeat_v2.json", "ENCODED_DATA"): "what cannot be decompressed can be spoilt no further",
    ("verify_edge_cases.json", "verifier"): "whose node it is does not count, only that it has one",
}


def spoilt(value: Any) -> Any:
    """Another value of the same shape."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        # A changed first letter of hex or base64 is another value; a changed last one may not be.
        return ("B" if value[:1] == "A" else "A") + value[1:] if value else "A"
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, list):
        return [*value, "spoilt"]
    return {**value, "MORE": 1} if isinstance(value, dict) else "spoilt"


def places_in(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of everything within a value, itself apart."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*place, key)
        if isinstance(item, dict | list):
            yield from places_in(item, (*place, key))


def spoilt_at(value: Any, place: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(value)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = spoilt(inner[place[-1]])
    return changed


def answers_of(vector: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for place in places_in(vector):
        if place[0] not in QUESTIONS:
            yield place


@pytest.mark.parametrize("name", FILES)
def test_each_answer_of_each_case_is_noticed_when_it_is_wrong(name: str, tmp_path: Path) -> None:
    content = content_of(name)
    lists = {key: content[key] for key in CASE_LISTS if key in content}
    empty = {**content, **{key: [] for key in lists}}

    missed = [
        (key, number, place)
        for key, vectors in lists.items()
        for number, vector in enumerate(vectors)
        for place in answers_of(vector)
        if (name, place[0]) not in ANSWERED_ALL_THE_SAME
        and not report_on(name, {**empty, key: [spoilt_at(vector, place)]}, tmp_path).failures
    ]

    assert missed == []


@pytest.mark.parametrize("name", FILES)
def test_each_answer_beside_the_cases_is_noticed_when_it_is_wrong(
    name: str, tmp_path: Path
) -> None:
    content = content_of(name)
    beside = content.keys() - {*CASE_LISTS, *QUESTIONS}

    for key in beside:
        assert report_on(name, spoilt_at(content, (key,)), tmp_path).failures, key


def test_a_wrong_answer_fails_its_case_and_no_other(tmp_path: Path) -> None:
    content = content_of("seed_words.json")
    content["vectors"][2]["address"] = "0xai_x"

    (failure,) = report_on("seed_words.json", content, tmp_path).failures

    assert failure.startswith("vectors[2]")
    assert "should be '0xai_x'" in failure


@pytest.mark.parametrize(
    ("name", "number", "question"),
    [
        ("code_transfer.json", 0, {"source": "def simple(plugin):\n  return 2\n"}),
        ("code_transfer.json", 12, {"input": "return 2"}),
        ("encrypt_decrypt.json", 0, {"plaintext": "Hello"}),
        ("formatters.json", 2, {"formatter": "aixp1"}),
        ("hash_sign_verify.json", 1, {"python_expr": "{'a': 2}"}),
        ("hash_sign_verify.json", 26, {"python_expr": "{'a': {9: 'x', 11: 'y'}}"}),
        ("hash_sign_verify.json", 32, {"python_expr": "{'a': 1.5}"}),
        ("heartbeat_v2.json", 1, {"ENCODED_DATA": "eNqrrgUAAXUA+Q=="}),
        ("keys_addresses.json", 3, {"input": "0xai_"}),
        ("node_loop_instrumentation.json", 0, {"input": "for i in range(4):\n  x = i\nreturn x"}),
        ("seed_words.json", 0, {"words": ["zoo"]}),
        ("verify_edge_cases.json", 0, {"message": {"a": 1}}),
        ("verify_edge_cases.json", 13, {"kwargs": {}}),
    ],
)
def test_the_answer_to_another_question_is_wrong(
    name: str, number: int, question: dict[str, Any], tmp_path: Path
) -> None:
    vector = {**content_of(name)["vectors"][number], **question}

    assert report_on(name, with_vectors(name, vector), tmp_path).failures


def test_one_and_one_point_zero_are_not_the_same_in_a_body(tmp_path: Path) -> None:
    content = content_of("formatters.json")
    content["vectors"][0]["encode_output"]["EE_MESSAGE_SEQ"] = 1.0

    failures = report_on("formatters.json", content, tmp_path).failures
    assert "EE_MESSAGE_SEQ" in failures[0]


def test_what_pye2_refuses_to_send_must_not_become_sendable(tmp_path: Path) -> None:
    vector = {"name": "n", "python_expr": "{'a': 1}", "error": "TypeError: odd"}

    assert report_on(
        "hash_sign_verify.json", with_vectors("hash_sign_verify.json", vector), tmp_path
    ).failures


# --- vectors that nobody has seen -----------------------------------------------------------------

numbers = st.integers(-(10**30), 10**30) | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab1."\\é'), inner),
    max_leaves=8,
)


def vector_of(value: dict[str, Any]) -> dict[str, Any]:
    """What PyE2 would record of a value, by the slow model."""
    message = model.signed(value, ALICE.address, ALICE.sign)
    text = model.covered_text(value)
    verdict = {"valid": True, "message": "<Signature OK>", "sender": ALICE.address}
    node = json.dumps(message, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {
        "python_expr": repr(value),
        "canonical_json": text.decode(),
        "canonical_utf8_hex": text.hex(),
        "sha256_hex": model.hash_of(value),
        **{key: message[key] for key in model.NOT_SIGNED},
        "verify_same_object": verdict,
        "wire_node_style_utf8_hex": node.encode().hex(),
        "verify_after_node_style_json": verdict,
        "wire_client_style": json.dumps(message).encode().hex(),
        "verify_after_client_style_json": verdict,
    }


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.dictionaries(st.text('ab1."\\é'), values), data=st.data())
def test_new_vectors_of_hashes_pass_unless_an_answer_is_wrong(
    value: dict[str, Any], data: st.DataObject, tmp_path: Path
) -> None:
    vector = vector_of(value)
    place = data.draw(st.sampled_from(list(answers_of(vector))))

    right = report_on("hash_sign_verify.json", {"vectors": [vector]}, tmp_path)
    wrong = report_on("hash_sign_verify.json", {"vectors": [spoilt_at(vector, place)]}, tmp_path)

    assert (right.failures, right.unchecked) == ((), ())
    assert wrong.failures


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("{'a': {1, 2}}", "TypeError: Object of type set is not JSON serializable"),
        ("{'a': 1j}", "TypeError: Object of type complex is not JSON serializable"),
        ("{'a': np.bool_(1)}", "TypeError: Object of type bool_ is not JSON serializable"),
        ("{(1, 2): 3}", "TypeError: keys must be str, int, float, bool or None, not tuple"),
        (
            "{'a': [None], '\\udfff': 1}",
            (
                "UnicodeEncodeError: 'utf-8' codec can't encode character '\\udfff' in position 13:"
                " surrogates not allowed"
            ),
        ),
        (
            "{'a': {None: 1, 'b': 2}}",
            "TypeError: '<' not supported between instances of 'str' and 'NoneType'",
        ),
    ],
)
def test_what_cannot_be_hashed_is_known_by_what_pye2_raises(
    expression: str, error: str, tmp_path: Path
) -> None:
    vector = {"python_expr": expression, "error": error}
    of_another = {"python_expr": expression, "error": error.replace("type", "kind") + "!"}

    assert not report_on("hash_sign_verify.json", {"vectors": [vector]}, tmp_path).failures
    assert report_on("hash_sign_verify.json", {"vectors": [of_another]}, tmp_path).failures


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("def f(plugin):\n    # why\n    x = 1\n\n    return x  # so\n", None),
        ("def f(plugin):\n  plugin.P('no return')\n", None),
        ("def f(plugin) -> int:\n\n\n  return 1\n", None),
        ('def f(plugin):\n  """One\n    two\n  """\n  return 1\n', None),
        ("def f(plugin):\n  def g():\n    return 1\n  return g()\n", None),
        ("def f(plugin):\n    x = 1\n  # odd\n    return x\n", "x = 1\nodd\nreturn x"),
        ("def f(plugin):\n  x = '''a\n b'''\n  return x\n", "x = '''a\n'''\nreturn x"),
    ],
)
def test_a_new_function_passes_where_pye2_cuts_it_rightly_and_where_wrongly(
    source: str, body: str | None, tmp_path: Path
) -> None:
    from pye2core.code import encode

    indentation = 4 if source.splitlines()[1].startswith("    ") else 2
    lines = source.rstrip("\n").split("\n")[1:]
    sent = "\n".join(line[indentation:] for line in lines) if body is None else body
    vector = {"name": "f", "source": source, "body_sent": sent, "base64": encode(sent)}

    right = report_on("code_transfer.json", {"vectors": [vector]}, tmp_path)
    wrong = report_on(
        "code_transfer.json", {"vectors": [{**vector, "body_sent": sent + "\n1"}]}, tmp_path
    )

    assert right.failures == ()
    assert wrong.failures


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("while x: pass", "while x: plugin.sleep(0.001); pass"),
        ("for i in a[1:2]:\n  i", "for i in a[1: plugin.sleep(0.001);2]\n  i"),
        (
            "try:\n  for i in a:\n    b\nexcept E:\n  c",
            "try:\n  for i in a:\n    plugin.sleep(0.001)\n    b\nexcept E:\n  c",
        ),
        ("forever = 1", "EXC IndexError: list index out of range"),
    ],
)
def test_a_new_loop_passes_as_pye2_rewrites_it_and_no_other_way(
    before: str, after: str, tmp_path: Path
) -> None:
    name = "node_loop_instrumentation.json"

    right = report_on(name, {"vectors": [{"input": before, "output": after}]}, tmp_path)
    wrong = report_on(name, {"vectors": [{"input": before, "output": after + "\n"}]}, tmp_path)

    assert right.failures == ()
    assert wrong.failures


# --- what is not known ----------------------------------------------------------------------------


def test_an_expression_that_is_not_understood_is_told_and_all_else_is_checked(
    tmp_path: Path,
) -> None:
    name = "hash_sign_verify.json"
    vector = {**content_of(name)["vectors"][1], "python_expr": "{'a': open('x').read()}"}

    told = report_on(name, with_vectors(name, vector), tmp_path)
    wrong = report_on(name, with_vectors(name, {**vector, "canonical_json": '{"a":2}'}), tmp_path)

    assert (told.failures, told.unchecked) == ((), ("vectors[0] 'int': python_expr",))
    assert wrong.failures


def test_facts_that_are_not_known_are_told(tmp_path: Path) -> None:
    content = content_of("seed_words.json")
    content["vectors"][1]["checksum"] = "00"
    content["more"] = []

    report = report_on("seed_words.json", content, tmp_path)

    assert report.failures == ()
    assert report.unchecked == ("vectors[1] ['zoo', 'Zoo', 'zebra']: checksum", "more")


@pytest.mark.parametrize("name", FILES)
def test_another_shape_under_a_known_name_is_a_failure(name: str, tmp_path: Path) -> None:
    others: list[object] = [
        [],
        {},
        {"cases": content_of(name)["vectors"]},
        {"vectors": {}},
        {"vectors": [{"question": 1, "answer": 2}]},
        content_of("seed_words.json" if name == "code_transfer.json" else "code_transfer.json"),
    ]

    for content in others:
        assert report_on(name, content, tmp_path).failures, content


def test_a_file_of_another_name_is_named_and_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{")

    known = content_of("seed_words.json")
    (tmp_path / "seed_words.json").write_text(json.dumps(known))
    first, second = check_folder(tmp_path)

    assert (first.name, first.is_known, first.failures) == ("mine.json", False, ())
    assert second.is_known


@pytest.mark.parametrize("name", FILES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_broken_content_is_a_failure_and_never_a_traceback(
    name: str, data: st.DataObject, tmp_path: Path
) -> None:
    odd = st.none() | st.integers() | st.text() | st.lists(st.integers())
    content: Any = content_of(name)
    if data.draw(st.booleans()):
        content["vectors"] = data.draw(st.lists(odd | st.dictionaries(st.text(), odd), min_size=1))
    else:
        content = data.draw(odd | st.just({}) | st.just({"vectors": []}))

    assert report_on(name, content, tmp_path).failures


@pytest.mark.parametrize("text", [b"", b"not json", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_not_json_is_a_failure(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "seed_words.json").write_bytes(text)

    (report,) = check_folder(tmp_path)
    assert "cannot be read as JSON" in report.failures[0]


@pytest.mark.parametrize("folder", ["missing", "."])
def test_a_folder_without_vectors_says_what_to_do(folder: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")

    with pytest.raises(VectorsError, match="name "):
        list(check_folder(tmp_path / folder))


@pytest.mark.parametrize(
    ("name", "vector"),
    [
        ("code_transfer.json", {"input": None, "base64": None, "decoded": None}),
        ("code_transfer.json", {"input": 42, "base64": None, "decoded": None}),
        (
            "heartbeat_v2.json",
            {"ENCODED_DATA": "eNr7/w8AAv4B/g==", "decompressed": None},
        ),
        ("verify_edge_cases.json", {"message": "no object", "result": "EXC AttributeError: 'str'"}),
        ("verify_edge_cases.json", {"message": {"a": 1}, "result": False}),
        (
            "verify_edge_cases.json",
            {
                "message": {"a": 1, "EE_SIGN": "x", "EE_SENDER": "zz"},
                "result": {"valid": False, "message": "Incorrect padding", "sender": "zz"},
            },
        ),
    ],
)
def test_what_is_no_code_no_state_and_no_message_is_refused_as_pye2_does(
    name: str, vector: dict[str, Any], tmp_path: Path
) -> None:
    assert report_on(name, {"vectors": [vector]}, tmp_path).failures == ()
