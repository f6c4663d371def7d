"""Who may give a node commands: a file that its owner edits, taken over while the node runs."""

import logging
import os
import threading
import tomllib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_node.allow_file import Guest, allow, deny, guests_of_pye2, read_allow_file
from pye2_node.allow_list import AllowList
from pye2core.errors import InvalidAddress, NodeError
from pye2core.identity import Identity

NODE = Identity.from_words(["the node"]).address
LAPTOP = Identity.from_words(["the laptop"]).address
PHONE = Identity.from_words(["the phone"]).address
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "allow.toml"


def addresses_in(file):
    return [guest.address for guest in read_allow_file(file).guests]


# --- the file -------------------------------------------------------------------------------------


def test_without_a_file_nobody_is_allowed(file):
    assert read_allow_file(file).guests == ()


def test_who_is_allowed_is_in_the_file_with_an_alias(file):
    new = allow(file, [Guest(LAPTOP, "laptop")], NOW)

    assert new == [LAPTOP]
    assert read_allow_file(file).guests == (Guest(LAPTOP, "laptop"),)
    assert tomllib.loads(file.read_text())["addresses"][LAPTOP]["added"] == NOW


def test_allowing_twice_changes_nothing(file):
    allow(file, [Guest(LAPTOP, "laptop")], NOW)
    before = file.read_bytes()

    assert allow(file, [Guest(LAPTOP)], NOW) == []
    assert file.read_bytes() == before


def test_another_alias_replaces_the_first(file):
    allow(file, [Guest(LAPTOP, "laptop")], NOW)
    allow(file, [Guest(LAPTOP, "old laptop")], NOW)

    assert read_allow_file(file).guests == (Guest(LAPTOP, "old laptop"),)


@pytest.mark.parametrize("form", [LAPTOP.removeprefix("0xai_"), LAPTOP.replace("0xai_", "aixp_")])
def test_all_forms_of_an_address_are_the_same_guest(file, form):
    allow(file, [Guest(form)], NOW)

    assert allow(file, [Guest(LAPTOP)], NOW) == []
    assert addresses_in(file) == [LAPTOP]
    assert deny(file, form)
    assert addresses_in(file) == []


def test_what_else_the_owner_wrote_is_kept(file):
    file.write_text(
        f'note = "mine"\n[addresses."{PHONE}"]\nalias = "phone"\n[addresses."{PHONE}".grants]\n'
        "network = true\n"
    )

    allow(file, [Guest(LAPTOP)], NOW)
    deny(file, LAPTOP)

    content = tomllib.loads(file.read_text())
    assert content["note"] == "mine"
    assert content["addresses"][PHONE]["grants"] == {"network": True}


def test_denying_who_is_not_allowed_says_so(file):
    assert not deny(file, LAPTOP)
    assert not file.exists()


def test_what_is_no_address_is_refused_and_nothing_is_added(file):
    with pytest.raises(InvalidAddress):
        allow(file, [Guest(LAPTOP), Guest("laptop")], NOW)

    assert not file.exists()


@pytest.mark.parametrize("content", ["[addresses", "addresses = 5", b"\xff\xfe"])
def test_a_file_that_cannot_be_understood_is_left_as_it_is(file, content):
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = file.read_bytes()

    with pytest.raises(NodeError, match=r"allow\.toml"):
        allow(file, [Guest(LAPTOP)], NOW)
    assert file.read_bytes() == before


def test_one_bad_address_costs_only_itself(file):
    file.write_text(f'[addresses."nonsense"]\n[addresses."{LAPTOP}"]\n')

    content = read_allow_file(file)

    assert [guest.address for guest in content.guests] == [LAPTOP]
    assert "nonsense" in content.problems[0]


def test_allowing_at_the_same_time_loses_nobody(file):
    guests = [Identity.from_words([str(number)]).address for number in range(16)]
    threads = [threading.Thread(target=allow, args=(file, [Guest(guest)], NOW)) for guest in guests]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(addresses_in(file)) == sorted(guests)


@given(st.text(max_size=40))
def test_any_alias_comes_back(tmp_path_factory, alias):
    file = tmp_path_factory.mktemp("alias") / "allow.toml"

    allow(file, [Guest(LAPTOP, alias)], NOW)

    assert read_allow_file(file).guests == (Guest(LAPTOP, alias),)


def test_pye2s_list_can_be_read():
    text = f"{LAPTOP.removeprefix('0xai_')} my laptop\n\n   \n{PHONE}\n"

    assert guests_of_pye2(text) == [Guest(LAPTOP, "my laptop"), Guest(PHONE)]


def test_pye2s_list_with_nonsense_is_refused():
    with pytest.raises(InvalidAddress):
        guests_of_pye2("somebody\n")


# --- the list of a running node -------------------------------------------------------------------


def test_the_node_itself_is_always_allowed(file):
    allow_list = AllowList(file, NODE)

    assert allow_list.allows(NODE)
    assert allow_list.addresses() == (NODE,)


def test_changes_take_effect_at_once(file):
    allow_list = AllowList(file, NODE)
    assert not allow_list.allows(LAPTOP)

    allow(file, [Guest(LAPTOP)], NOW)
    assert allow_list.allows(LAPTOP)

    deny(file, LAPTOP)
    assert not allow_list.allows(LAPTOP)


def test_a_change_of_the_same_size_in_the_same_instant_is_seen(file):
    allow(file, [Guest(LAPTOP)], NOW)
    allow_list = AllowList(file, NODE)
    assert allow_list.allows(LAPTOP)
    status = file.stat()

    deny(file, LAPTOP)
    allow(file, [Guest(PHONE)], NOW)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert not allow_list.allows(LAPTOP)


def test_removing_the_file_allows_nobody(file):
    allow(file, [Guest(LAPTOP)], NOW)
    allow_list = AllowList(file, NODE)
    assert allow_list.allows(LAPTOP)

    file.unlink()

    assert allow_list.addresses() == (NODE,)


def test_a_file_that_cannot_be_understood_keeps_the_last_good_list_and_is_told_once(file, caplog):
    allow(file, [Guest(LAPTOP)], NOW)
    allow_list = AllowList(file, NODE)
    assert allow_list.allows(LAPTOP)
    file.write_text("[addresses")

    with caplog.at_level(logging.ERROR):
        assert allow_list.allows(LAPTOP)
        assert not allow_list.allows(PHONE)

    assert len(caplog.records) == 1
    assert "not valid TOML" in caplog.text
