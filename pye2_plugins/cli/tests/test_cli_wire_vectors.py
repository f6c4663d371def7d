"""``pye2 wire vectors check``: every recorded fact is checked, and a wrong one never passes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pye2_cli.wire.vectors import FileReport, VectorsError, check_folder
from pye2_cli.wire.vectors.expressions import UnknownExpression, value_of

VECTORS = Path(__file__).parents[3] / "tests/data/vectors"
FILES = sorted(path.name for path in VECTORS.glob("*.json"))
CASE_LISTS = ("vectors", "keys", "decrypt_cases")


def report_on(name: str, content: object, folder: Path) -> FileReport:
    (folder / name).write_text(json.dumps(content))
    (report,) = check_folder(folder)
    return report


def content_of(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((VECTORS / name).read_text("utf-8"))
    return content


def test_all_of_the_projects_vectors_pass() -> None:
    reports = list(check_folder(VECTORS))

    assert [report.name for report in reports] == FILES
    assert [report.failures for report in reports] == [()] * len(FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_case_of_a_file_is_checked_also_without_the_other_files(
    name: str, tmp_path: Path
) -> None:
    content = content_of(name)
    single = "encrypt_to_non_address_raises" in content

    report = report_on(name, content, tmp_path)

    assert report.checked == sum(len(content.get(key, ())) for key in CASE_LISTS) + single
    assert not report.failures


def spoilt(value: Any) -> Any:
    """Another value of the same shape."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        # A changed first letter of hex or base64 is another value; a changed last one may not be.
        return ("B" if value[:1] == "A" else "A") + value[1:] if value else "A"
    if isinstance(value, int):
        return value + 1
    return "spoilt"


ANSWERS = [
    ("code_transfer.json", 0, "round_trip"),
    ("code_transfer.json", 0, "body_sent"),
    ("code_transfer.json", 0, "base64"),
    ("encrypt_decrypt.json", 0, "aes_key_hex"),
    ("encrypt_decrypt.json", 0, "ciphertext_b64"),
    ("encrypt_decrypt.json", 4, "ciphertext_b64_sha256"),
    ("hash_sign_verify.json", 1, "canonical_json"),
    ("hash_sign_verify.json", 1, "canonical_utf8_hex"),
    ("hash_sign_verify.json", 1, "sha256_hex"),
    ("hash_sign_verify.json", 1, "EE_SENDER"),
    ("heartbeat_v2.json", 1, "decompressed"),
    ("heartbeat_v2.json", 1, "ENCODED_DATA"),
    ("heartbeat_v2.json", 2, "canonical_json"),
    ("keys_addresses.json", 0, "canonical"),
    ("keys_addresses.json", 0, "maybe_remove_prefix"),
    ("keys_addresses.json", 0, "ok"),
    ("keys_addresses.json", 3, "ok"),
    ("seed_words.json", 0, "address"),
    ("seed_words.json", 0, "pkcs8_der_base64"),
]


@pytest.mark.parametrize(("name", "number", "key"), ANSWERS)
def test_a_wrong_answer_fails_its_case_and_no_other(
    name: str, number: int, key: str, tmp_path: Path
) -> None:
    content = content_of(name)
    vector = content["vectors"][number]
    vector[key] = spoilt(vector[key])

    report = report_on(name, content, tmp_path)

    (failure,) = report.failures
    assert failure.startswith(f"vectors[{number}]")


def test_a_value_that_is_not_the_recorded_text_fails(tmp_path: Path) -> None:
    content = content_of("hash_sign_verify.json")
    content["vectors"][1]["python_expr"] = "{'a': 2}"

    (failure,) = report_on("hash_sign_verify.json", content, tmp_path).failures
    assert failure.startswith("vectors[1] 'int': the text that is hashed")


@pytest.mark.parametrize("key", ["verify_after_node_style_json", "verify_same_object"])
def test_a_wrong_verdict_fails(key: str, tmp_path: Path) -> None:
    content = content_of("hash_sign_verify.json")
    content["vectors"][1][key]["valid"] = False

    assert report_on("hash_sign_verify.json", content, tmp_path).failures


@pytest.mark.parametrize("number", range(14))
def test_a_wrong_verdict_on_an_edge_case_fails(number: int, tmp_path: Path) -> None:
    content = content_of("verify_edge_cases.json")
    result = content["vectors"][number]["result"]
    content["vectors"] = [content["vectors"][number]]
    result.update(valid=not result["valid"], message="<Signature OK>")
    if number == 13:  # only whom it allows differs, and that is not the signature's matter
        result.update(valid=True, message="InvalidSignature")

    assert report_on("verify_edge_cases.json", content, tmp_path).failures


SHAPED = [
    (number, key)
    for number, vector in enumerate(content_of("formatters.json")["vectors"])
    for key in ("encode_output", "decode_output", "result")
    if key in vector
]


@pytest.mark.parametrize(("number", "key"), SHAPED)
def test_a_wrong_field_of_a_shaped_body_fails(number: int, key: str, tmp_path: Path) -> None:
    content = content_of("formatters.json")
    vector = content["vectors"][number]
    if key == "result":
        vector[key] = None if vector[key] != "None" else "'Some'"
    else:
        vector[key]["MORE"] = 1

    assert len(report_on("formatters.json", content, tmp_path).failures) == 1


def test_one_and_one_point_zero_are_not_the_same_in_a_body(tmp_path: Path) -> None:
    content = content_of("formatters.json")
    content["vectors"][0]["encode_output"]["EE_MESSAGE_SEQ"] = 1.0

    (failure,) = report_on("formatters.json", content, tmp_path).failures
    assert "EE_MESSAGE_SEQ" in failure


def test_what_pye2_refuses_to_send_must_not_become_sendable(tmp_path: Path) -> None:
    content = content_of("hash_sign_verify.json")
    content["vectors"] = [{"name": "n", "python_expr": "{'a': 1}", "error": "TypeError: odd"}]

    (failure,) = report_on("hash_sign_verify.json", content, tmp_path).failures
    assert "can be sent and should not be" in failure


def test_an_expression_that_is_not_understood_is_checked_by_what_was_sent_of_it(
    tmp_path: Path,
) -> None:
    content = content_of("hash_sign_verify.json")
    content["vectors"] = [content["vectors"][1]]
    content["vectors"][0]["python_expr"] = "{'a': open('x').read()}"
    assert not report_on("hash_sign_verify.json", content, tmp_path).failures

    content["vectors"][0]["canonical_json"] = '{"a":2}'
    assert report_on("hash_sign_verify.json", content, tmp_path).failures


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


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pye2_cli", "wire", "vectors", "check", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_a_line_a_file_and_ends_with_0() -> None:
    done = check(VECTORS)

    assert done.returncode == 0, done.stdout
    assert "hash_sign_verify.json: 44 checked, 0 failed" in done.stdout.splitlines()
    assert len(done.stdout.splitlines()) == len(FILES)


def test_the_command_names_the_first_failures_and_ends_with_1(tmp_path: Path) -> None:
    content = content_of("seed_words.json")
    for vector in content["vectors"]:
        vector["address"] = "0xai_x"
    (tmp_path / "seed_words.json").write_text(json.dumps(content))
    (tmp_path / "mine.json").write_text("{}")

    done = check(tmp_path)

    first, second, *shown, last = done.stdout.splitlines()
    assert done.returncode == 1
    assert first == "mine.json: skipped, no vectors of this name are known"
    assert second == "seed_words.json: 6 checked, 6 failed"
    assert "the address is" in shown[0]
    assert last == "  … and 1 more"


def test_the_command_tells_an_empty_folder_in_one_line(tmp_path: Path) -> None:
    done = check(tmp_path)

    assert done.returncode == 1
    assert "no vector file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "expression",
    [
        "open('x')",
        "__import__('os')",
        "(1).__class__",
        "2 ** 10 ** 9",
        "'x' * (1 << 40)",
        "f(",
        "x",
    ],
)
def test_an_expression_runs_nothing(expression: str) -> None:
    with pytest.raises(UnknownExpression):
        value_of(expression)
