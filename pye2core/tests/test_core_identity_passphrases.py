"""Where the passphrase of a key comes from, and that a wrong one touches nothing."""

import logging
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pye2core.errors import KeyFileError, SettingsError
from pye2core.identity import Identity, Passphrases, load_key, load_or_create_key, open_key_file

PASSPHRASE = "six random words of mine ü"

LOAD = """
import sys
from pathlib import Path
from pye2core.errors import Pye2Error
from pye2core.identity import Passphrases, load_key
try:
    print(load_key(Path(sys.argv[1]), Passphrases({})).address)
except Pye2Error as error:
    print("refused", error)
"""


def nobody(prompt: str) -> None:
    """There is no terminal."""


def variables(given: Mapping[str, str], *names: str) -> Passphrases:
    return Passphrases(given, names or ("PYE2_KEY_PASSPHRASE",), ask=nobody)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A protected key."""
    file = tmp_path / "key.pem"
    load_or_create_key(file, PASSPHRASE)
    return file


def test_a_variable_unlocks_a_protected_key(path: Path) -> None:
    found = open_key_file(path, variables({"PYE2_KEY_PASSPHRASE": PASSPHRASE}))

    assert found.identity == load_key(path, PASSPHRASE)
    assert found.is_protected


def test_a_new_key_is_protected_by_what_a_variable_gives(tmp_path: Path) -> None:
    path = tmp_path / "new.pem"

    identity = load_or_create_key(path, variables({"PYE2_KEY_PASSPHRASE": PASSPHRASE}))

    assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert load_key(path, PASSPHRASE) == identity


def test_nobody_is_asked_for_the_passphrase_of_a_new_key(tmp_path: Path) -> None:
    def fail(prompt: str) -> str:
        raise AssertionError(prompt)

    load_or_create_key(tmp_path / "new.pem", Passphrases({}, ask=fail))

    assert (tmp_path / "new.pem").read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file_that_a_variable_names_unlocks_it_whatever_its_line_end(
    path: Path, tmp_path: Path, end: str
) -> None:
    file = tmp_path / "credential"
    file.write_bytes((PASSPHRASE + end).encode())

    assert load_key(path, variables({"PYE2_KEY_PASSPHRASE_FILE": str(file)}))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        (b"", "first line is empty"),
        (b"\nword", "more than one line"),
        (b"one\ntwo\n", "more than one line"),
        (b"\xff\xfe", "no text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_its_variable(
    path: Path, tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "credential"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SettingsError, match=why) as caught:
        load_key(path, variables({"PYE2_KEY_PASSPHRASE_FILE": str(file)}))

    assert caught.value.setting == "PYE2_KEY_PASSPHRASE_FILE"


def test_a_folder_where_the_file_should_be_is_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be used"):
        load_key(path, variables({"PYE2_KEY_PASSPHRASE_FILE": str(tmp_path)}))


def test_a_variable_and_its_file_form_together_are_an_error(path: Path) -> None:
    both = {"PYE2_KEY_PASSPHRASE": PASSPHRASE, "PYE2_KEY_PASSPHRASE_FILE": "/x"}

    with pytest.raises(SettingsError, match="both set"):
        load_key(path, variables(both))


def test_the_stronger_variable_counts() -> None:
    found = variables({"WEAK": "one", "STRONG": "two"}, "STRONG", "WEAK").given()

    assert found is not None
    assert (found.text, found.where) == ("two", "STRONG")


def test_an_empty_variable_gives_nothing() -> None:
    assert variables({"PYE2_KEY_PASSPHRASE": "", "PYE2_KEY_PASSPHRASE_FILE": ""}).given() is None


def test_a_passphrase_is_shown_nowhere() -> None:
    source = variables({"PYE2_KEY_PASSPHRASE": PASSPHRASE})

    assert PASSPHRASE not in repr(source) + repr(source.given())


@pytest.mark.parametrize("create", [True, False])
def test_a_wrong_passphrase_leaves_every_byte_of_the_file(path: Path, *, create: bool) -> None:
    before, beside = path.read_bytes(), sorted(path.parent.iterdir())
    load = load_or_create_key if create else load_key

    with pytest.raises(KeyFileError, match=r"password is wrong.*from PYE2_KEY_PASSPHRASE") as told:
        load(path, variables({"PYE2_KEY_PASSPHRASE": "wrong"}))

    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == beside
    assert "wrong.pem" not in str(told.value)


def test_without_a_passphrase_and_a_terminal_it_says_what_to_set(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(KeyFileError, match=r"no terminal.*PYE2_KEY_PASSPHRASE.*_FILE"):
        load_or_create_key(path, variables({}))

    assert path.read_bytes() == before


def test_a_key_that_is_not_protected_although_a_passphrase_is_set_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "open.pem"
    identity = load_or_create_key(path)

    with caplog.at_level(logging.WARNING, logger="pye2core.identity"):
        assert load_key(path, variables({"PYE2_KEY_PASSPHRASE": PASSPHRASE})) == identity

    assert "is not protected" in caplog.text
    assert PASSPHRASE not in caplog.text


def test_a_key_that_openssl_protected_in_its_older_way_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.pem"
    key = ec.derive_private_key(7, ec.SECP256K1())
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.BestAvailableEncryption(b"word"),
        )
    )
    path.chmod(0o600)

    found = open_key_file(path, variables({"PYE2_KEY_PASSPHRASE": "word"}))

    assert found.is_protected
    assert found.identity == Identity.from_private_value(7)


def test_at_a_terminal_it_is_asked_for_and_not_shown(path: Path) -> None:
    said = _at_terminal(path, PASSPHRASE)

    assert f"Passphrase of the key {path}:" in said
    assert load_key(path, PASSPHRASE).address in said
    assert PASSPHRASE not in said


def test_a_wrong_answer_at_the_terminal_touches_nothing(path: Path) -> None:
    before = path.read_bytes()

    assert "refused" in _at_terminal(path, "wrong one")
    assert path.read_bytes() == before


def _at_terminal(path: Path, answer: str) -> str:
    """What a process on a terminal of its own says, when it is given this answer."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", LOAD, str(path)],
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    said = b""
    while b": " not in said:
        said += os.read(ours, 1000)
    os.write(ours, answer.encode() + b"\n")
    while True:
        try:
            said += os.read(ours, 1000)
        except OSError:  # how Linux says that the other end is closed
            break
    process.wait()
    os.close(ours)
    return said.decode()
