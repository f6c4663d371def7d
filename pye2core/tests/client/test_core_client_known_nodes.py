"""The list of nodes that a client knows, beside its key."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pye2core.client.known_nodes import (
    KnownNode,
    known_nodes_file,
    read_known_nodes,
    remember_node,
    with_known_nodes,
)
from pye2core.errors import SettingsError
from pye2core.identity import Identity, load_or_create_key

ATTIC = Identity.from_words(["attic"]).address
CELLAR = Identity.from_words(["cellar"]).address
PAIRED = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    return known_nodes_file(tmp_path / "key.pem")


def test_a_list_that_is_not_there_knows_nobody(file):
    assert read_known_nodes(file) == {}


def test_what_is_remembered_is_known_afterwards(file):
    remember_node(file, "attic", KnownNode(ATTIC, PAIRED))
    remember_node(file, "cellar", KnownNode(CELLAR))

    assert read_known_nodes(file) == {
        "attic": KnownNode(ATTIC, PAIRED),
        "cellar": KnownNode(CELLAR),
    }
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_name_that_is_remembered_again_belongs_to_the_newer_address(file):
    remember_node(file, "attic", KnownNode(ATTIC))
    remember_node(file, "attic", KnownNode(CELLAR))

    assert read_known_nodes(file)["attic"].address == CELLAR


def test_addresses_may_be_written_in_any_form(file):
    file.write_text(f'[nodes.attic]\naddress = "{ATTIC.removeprefix("0xai_")}"\n')

    assert read_known_nodes(file) == {"attic": KnownNode(ATTIC)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nodes", "no valid TOML"),
        ("[node.attic]", "something else in it"),
        ("nodes = 1", "something else in it"),
        ("nodes.attic = 1", "no table"),
        (f'[nodes."a b"]\naddress = "{ATTIC}"', "no table with the name of a node"),
        ("[nodes.attic]", "no address"),
        ('[nodes.attic]\naddress = "0xai_nobody"', "no address"),
        (f'[nodes.attic]\naddress = "{ATTIC}"\nadress = "x"', "something else"),
        (f'[nodes.attic]\naddress = "{ATTIC}"\npaired = "yesterday"', "something else"),
    ],
)
def test_a_list_that_cannot_be_understood_is_an_error_and_stays(file, text, problem):
    file.write_text(text)

    with pytest.raises(SettingsError, match=problem) as error:
        read_known_nodes(file)
    with pytest.raises(SettingsError):
        remember_node(file, "cellar", KnownNode(CELLAR))

    assert str(file) in str(error.value)
    assert file.read_text() == text


def test_what_a_session_is_given_counts_more_than_the_list(tmp_path, file):
    remember_node(file, "attic", KnownNode(ATTIC))
    remember_node(file, "cellar", KnownNode(CELLAR))

    known = with_known_nodes(tmp_path / "key.pem", {"attic": CELLAR})

    assert known == {"attic": CELLAR, "cellar": CELLAR}


def test_a_key_that_is_in_no_file_has_no_list():
    assert with_known_nodes(None, None) is None


def test_a_session_takes_no_other_node_for_one_that_its_list_knows(
    open_session, add_node, tmp_path, file
):
    load_or_create_key(tmp_path / "key.pem")
    remember_node(file, "naeural-1", KnownNode(ATTIC))
    impostor, honest = add_node("naeural-1"), add_node("naeural-2")

    session = open_session(bc_engine=None, key_file=tmp_path / "key.pem")

    assert session.wait_for_node(honest.address, 10, verbose=False)
    assert session.peers.address_of("naeural-1") == ATTIC
    assert impostor.address not in session.peers.online()
