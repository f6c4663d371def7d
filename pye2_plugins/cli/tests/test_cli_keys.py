"""``pye2 key``: keys are made, shown and replaced, and never shown, overwritten or lost."""

from __future__ import annotations

import json
import os
import pty
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import frozen
from click.testing import CliRunner

from pye2_cli.keys import commands
from pye2_node.home import Home
from pye2core.errors import Pye2Error
from pye2core.identity import Identity, load_key, public_key_of

PASSPHRASE = "six random words of mine"
WORDS = " ".join(["abandon"] * 12)
ADDRESS = "0xai_Ay7vYmDzXs_s4R6CEx9LS3b1lu5RwTB1CgLQwSlDElmE"
OWN = "_local_cache/_data/_pk_sdk.pem"


@frozen
class Done:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs `pye2 key …` in an empty folder which is the user's home as well."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("PYE2_", "EE_", "AIXP_")):
            monkeypatch.delenv(name)

    def run(*arguments: str, says: str | bytes = "", **environment: str) -> Done:
        variables = {"HOME": str(tmp_path), **environment}
        done = CliRunner().invoke(commands.key, arguments, input=says, env=variables)
        if isinstance(done.exception, Pye2Error):  # which `pye2` itself tells in a line
            return Done(1, done.stdout, f"{done.stderr}{done.exception}")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return Done(done.exit_code, done.stdout, done.stderr)

    return run


def told(done: Done) -> dict[str, object]:
    assert done.code == 0, done.err
    found: dict[str, object] = json.loads(done.out)
    return found


def refusal(done: Done) -> str:
    assert done.code == 1, done.out
    return done.err


# --- new ------------------------------------------------------------------------------------------


def test_new_makes_a_key_for_its_owner_alone(key, tmp_path):
    made = told(key("new", "--json"))

    file = tmp_path / OWN
    assert load_key(file).address == made["address"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (made["new"], made["encrypted"], made["mode"]) == (True, False, "600")


@pytest.mark.parametrize("command", ["new", "import-words"])
def test_a_key_that_is_there_is_not_written_over(key, tmp_path, command):
    key("new")
    before = (tmp_path / OWN).read_bytes()

    said = refusal(key(command, says=WORDS))

    assert "already" in said
    assert "pye2 key rotate" in said
    assert (tmp_path / OWN).read_bytes() == before


def test_a_passphrase_in_the_environment_protects_a_new_key(key, tmp_path):
    made = told(key("new", "--json", PYE2_KEY_PASSPHRASE=PASSPHRASE))

    assert made["encrypted"]
    assert load_key(tmp_path / OWN, PASSPHRASE).address == made["address"]
    assert told(key("show", "--json", PYE2_KEY_PASSPHRASE=PASSPHRASE)) == {**made, "new": False}


def test_a_passphrase_can_stand_in_a_dotenv_file_or_in_a_file_of_its_own(key, tmp_path):
    (tmp_path / "credential").write_text(PASSPHRASE + "\n")
    (tmp_path / ".env").write_text("PYE2_KEY_PASSPHRASE_FILE=credential\n")

    assert told(key("new", "--json"))["encrypted"]
    assert load_key(tmp_path / OWN, PASSPHRASE)


def test_a_passphrase_is_no_argument(key):
    for command in ("new", "show", "import-words", "rotate", "passphrase"):
        helped = key(command, "--help").out

        assert not re.search(r"--[a-z-]*(passphrase|password|words) [A-Z]+ ", helped)


# --- which key ------------------------------------------------------------------------------------


def test_a_node_s_key_is_named_as_the_node_is(key, tmp_path):
    made = told(key("new", "--node", "attic", "--json"))

    home = tmp_path / ".pye2" / "attic"
    assert made["file"] == str(home / "node.pem")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert told(key("show", "--home", str(home), "--json"))["address"] == made["address"]
    assert told(key("show", "--file", str(home / "node.pem"), "--json"))["mode"] == "600"
    assert not (tmp_path / OWN).exists()


def test_a_node_s_passphrase_can_have_a_variable_of_its_own(key):
    made = told(key("new", "--node", "attic", "--json", PYE2_NODE_KEY_PASSPHRASE=PASSPHRASE))
    both = {"PYE2_NODE_KEY_PASSPHRASE": PASSPHRASE, "PYE2_KEY_PASSPHRASE": "the client's"}

    assert made["encrypted"]
    assert told(key("show", "--node", "attic", "--json", **both))["address"] == made["address"]


@pytest.mark.parametrize("command", ["show", "rotate", "passphrase"])
def test_where_there_is_no_key_none_is_made_for_a_node(key, tmp_path, command):
    said = refusal(key(command, "--node", "attic"))

    assert "There is no key file" in said
    assert "pye2 key new" in said
    assert not (tmp_path / ".pye2").exists()


@pytest.mark.parametrize(
    "arguments", [("--node", "a", "--file", "b"), ("--node", "../x"), ("--node", "")]
)
def test_what_names_no_key_is_a_mistake_of_usage(key, arguments):
    assert key("show", *arguments).code == 2


# --- show -----------------------------------------------------------------------------------------


def test_show_tells_all_but_the_private_key(key, tmp_path):
    done = key("show")

    identity = load_key(tmp_path / OWN)
    address = done.out.strip()
    said = done.err
    assert address == identity.address
    assert address.replace("0xai_", "aixp_") in said
    assert public_key_of(address).hex() in said
    assert OWN in said
    assert "mode      600" in said
    assert "encrypted no" in said
    secret = (tmp_path / OWN).read_text().splitlines()[1]
    assert secret not in said + done.out


def test_a_file_that_others_can_read_is_refused_with_what_to_run(key, tmp_path):
    key("new")
    (tmp_path / OWN).chmod(0o644)

    said = refusal(key("show"))

    assert "mode is 644" in said
    assert f"`chmod 600 {OWN}`" in said


@pytest.mark.parametrize("content", [b"", b"not a key", b"\x00" * 100])
@pytest.mark.parametrize("command", ["show", "rotate", "passphrase"])
def test_what_is_no_key_is_told_and_left_as_it_is(key, tmp_path, command, content):
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    file.chmod(0o600)

    said = refusal(key(command, "--file", "key.pem", PYE2_NEW_KEY_PASSPHRASE="new"))

    assert "key.pem" in said
    assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_is_told(key, tmp_path):
    (tmp_path / "folder").mkdir()

    assert "Is a directory" in refusal(key("show", "--file", "folder"))


@pytest.mark.parametrize("command", ["show", "rotate", "passphrase"])
@pytest.mark.parametrize("given", [{}, {"PYE2_KEY_PASSPHRASE": "wrong"}])
def test_without_the_right_passphrase_every_byte_stays(key, tmp_path, command, given):
    key("new", PYE2_KEY_PASSPHRASE=PASSPHRASE)
    file = tmp_path / OWN
    before = file.read_bytes()

    said = refusal(key(command, **given, PYE2_NEW_KEY_PASSPHRASE="new"))

    assert "PYE2_KEY_PASSPHRASE" in said
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


# --- import-words ---------------------------------------------------------------------------------


def test_the_words_of_a_key_of_pye2_s_make_that_key(key, tmp_path):
    assert told(key("import-words", "--json", says=WORDS))["address"] == ADDRESS
    assert load_key(tmp_path / OWN).address == ADDRESS


def test_words_can_be_in_a_file_on_several_lines(key, tmp_path):
    (tmp_path / "words").write_bytes(b"\xef\xbb\xbf" + WORDS.replace(" ", "\r\n\t").encode())

    made = told(key("import-words", "--from", "words", "--json", PYE2_KEY_PASSPHRASE=PASSPHRASE))

    assert made["address"] == ADDRESS
    assert made["encrypted"]


def test_words_that_do_not_give_the_expected_address_write_nothing(key, tmp_path):
    slip = WORDS.replace("abandon", "Abandon", 1)

    said = refusal(key("import-words", "--address", ADDRESS, says=slip))

    assert f"not of {ADDRESS}" in said
    assert "Abandon" not in said
    assert list(tmp_path.iterdir()) == []


def test_the_expected_address_may_have_either_prefix(key):
    legacy = ADDRESS.replace("0xai_", "aixp_")

    assert told(key("import-words", "--address", legacy, "--json", says=WORDS))["new"]


def test_few_words_are_taken_only_for_an_address_that_is_known(key):
    address = Identity.from_words(["zoo", "Zoo", "zebra"]).address

    assert "These are 3 words" in refusal(key("import-words", says="zoo Zoo zebra"))
    assert told(key("import-words", "--json", "--address", address, says="zoo Zoo zebra"))


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (b"", "There are no words"),
        (b" \n\t ", "There are no words"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (WORDS.encode() + b" a\x00b", "Word 13 has characters"),
    ],
)
def test_what_are_no_words_is_told(key, tmp_path, says, why):
    assert why in refusal(key("import-words", says=says))
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_words_that_is_not_there_is_told(key):
    assert "cannot be read" in refusal(key("import-words", "--from", "gone"))


def test_an_expected_address_that_is_none_is_told(key):
    assert "is not an address" in refusal(key("import-words", "--address", "me", says=WORDS))


# --- rotate ---------------------------------------------------------------------------------------


def test_rotate_makes_a_new_key_and_keeps_the_old_file(key, tmp_path):
    old = told(key("new", "--json"))
    before = (tmp_path / OWN).read_bytes()

    rotated = told(key("rotate", "--json"))

    kept = Path(str(rotated["old_file"]))
    assert rotated["old_address"] == old["address"] != rotated["address"]
    assert re.fullmatch(r"_pk_sdk\.until-\d{4}-\d\d-\d\dT\d{6}Z\.pem", kept.name)
    assert kept.read_bytes() == before
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert load_key(tmp_path / OWN).address == rotated["address"]


def test_rotate_says_what_to_do_elsewhere(key):
    old = told(key("new", "--json"))["address"]

    done = key("rotate")

    new, said = done.out.strip(), done.err
    assert f"pye2 node allow {new}" in said
    assert f"pye2 node deny {old}" in said


def test_a_protected_key_is_followed_by_one_with_the_same_passphrase(key, tmp_path):
    key("new", PYE2_KEY_PASSPHRASE=PASSPHRASE)

    rotated = told(key("rotate", "--json", PYE2_KEY_PASSPHRASE=PASSPHRASE))

    assert rotated["encrypted"]
    assert load_key(tmp_path / OWN, PASSPHRASE).address == rotated["address"]
    assert load_key(Path(str(rotated["old_file"])), PASSPHRASE)


def test_a_node_that_runs_is_to_be_restarted(key, tmp_path):
    key("new", "--node", "attic")

    with Home.open(tmp_path / ".pye2" / "attic"):
        running = told(key("rotate", "--node", "attic", "--json"))["to_do"]

    assert "restart the node" in str(running)
    assert "pinned_nodes" in str(running)
    assert "known_nodes.toml" in str(running)


# --- passphrase -----------------------------------------------------------------------------------


def test_a_passphrase_is_given_changed_and_taken_away(key, tmp_path):
    address = told(key("new", "--json"))["address"]
    file = tmp_path / OWN

    first = told(key("passphrase", "--json", PYE2_NEW_KEY_PASSPHRASE="one"))
    assert load_key(file, "one").address == address
    second = {"PYE2_KEY_PASSPHRASE": "one", "PYE2_NEW_KEY_PASSPHRASE": "two"}
    told(key("passphrase", "--json", **second))
    assert load_key(file, "two").address == address
    last = told(key("passphrase", "--remove", "--json", PYE2_KEY_PASSPHRASE="two"))

    assert load_key(file).address == address
    assert (first["encrypted"], last["encrypted"]) == (True, False)
    assert list(file.parent.iterdir()) == [file]


def test_no_new_passphrase_is_a_mistake_of_usage(key, tmp_path):
    key("new")
    before = (tmp_path / OWN).read_bytes()

    assert key("passphrase").code == 2
    assert (tmp_path / OWN).read_bytes() == before


# --- at a terminal --------------------------------------------------------------------------------


@pytest.fixture
def at_terminal(tmp_path: Path):
    """Runs `pye2 key …` on a terminal of its own, with what is typed at each prompt."""

    def run(*arguments: str, typed: list[str]) -> str:
        ours, its = pty.openpty()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYE2_", "EE_", "AIXP_"))}
        process = subprocess.Popen(
            [sys.executable, "-m", "pye2_cli", "key", *arguments],
            cwd=tmp_path,
            env=kept,
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        said, answered = "", 0
        while True:
            try:
                said += os.read(ours, 1000).decode()
            except OSError:  # how Linux says that the other end is closed
                break
            prompts = len(re.findall(r"(?::|\]) (?=$|\r?\n)", said))
            if prompts > answered and answered < len(typed):
                os.write(ours, typed[answered].encode() + b"\n")
                answered += 1
        process.wait()
        os.close(ours)
        assert answered == len(typed), said
        return said

    return run


def test_at_a_terminal_a_new_key_s_passphrase_is_asked_for_twice(at_terminal, tmp_path):
    said = at_terminal("new", typed=[PASSPHRASE, PASSPHRASE])

    assert load_key(tmp_path / OWN, PASSPHRASE).address in said
    assert PASSPHRASE not in said


def test_two_passphrases_that_differ_make_no_key(at_terminal, tmp_path):
    assert "not the same" in at_terminal("new", typed=[PASSPHRASE, "another"])
    assert not (tmp_path / OWN).exists()


def test_no_passphrase_at_a_terminal_is_a_choice(at_terminal, tmp_path):
    at_terminal("new", typed=[""])

    assert load_key(tmp_path / OWN)


def test_words_at_a_terminal_are_not_shown_and_their_address_is_confirmed(at_terminal, tmp_path):
    said = at_terminal("import-words", "--no-passphrase", typed=[WORDS, "y"])

    assert load_key(tmp_path / OWN).address == ADDRESS
    assert ADDRESS in said
    assert "abandon" not in said


def test_an_address_that_is_not_confirmed_writes_nothing(at_terminal, tmp_path):
    assert "No key was written" in at_terminal("import-words", typed=[WORDS, "n"])
    assert not (tmp_path / OWN).exists()
