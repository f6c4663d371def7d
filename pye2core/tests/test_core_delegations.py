"""What a client signs so that a main node may have others do its job (PyE2 wire protocol, 20)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2core.clock import EARLIEST, ManualClock
from pye2core.code import Grants, encode
from pye2core.delegations import (
    LONGEST,
    MOST_CHARACTERS,
    DelegatedWork,
    code_digest,
    delegation_for,
    read_delegation,
    require_in_time,
    require_signed,
)
from pye2core.errors import DelegationRefused
from pye2core.identity import Identity

if TYPE_CHECKING:
    from pye2core.messages import Delegation

CLIENT = Identity.from_words(["client"])
MALLORY = Identity.from_words(["mallory"])
MAIN = Identity.from_words(["main node"]).address
NOW = ManualClock(EARLIEST + timedelta(days=100)).now()
WORK = DelegatedWork(
    ("custom_exec_01",), (code_digest("return 1"),), Grants(network=True, modules=("pandas",))
)
DOMAIN = b"pye2 delegation 1\0"


def signed(work: DelegatedWork = WORK, **more: Any) -> Delegation:
    given = {"job": "primes", "main_node": MAIN, "client": CLIENT, "now": NOW, **more}
    return delegation_for(work, **given)


GOOD = signed()


def base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def said_in(delegation: Delegation) -> dict[str, Any]:
    part = delegation.text.partition(".")[0]
    said: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return said


def text_of(said: Any, signer: Identity = CLIENT, domain: bytes = DOMAIN) -> str:
    """Text as another program might write it."""
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    return f"{base64(data)}.{base64(signer.sign(domain + data))}"


def accepted(text: str) -> Delegation:
    delegation = read_delegation(text)
    require_signed(delegation)
    require_in_time(delegation, ManualClock(NOW))
    return delegation


def test_what_was_signed_is_read_as_it_was() -> None:
    delegation = accepted(GOOD.text)

    assert delegation == GOOD
    assert (delegation.job, delegation.main_node, delegation.client) == (
        "primes",
        MAIN,
        CLIENT.address,
    )
    assert delegation.signatures == ("CUSTOM_EXEC_01",)
    assert delegation.grants == {"network": True, "modules": ["pandas"]}
    assert delegation.not_after - delegation.not_before == timedelta(days=7)


def test_another_program_may_order_and_space_it_as_it_likes() -> None:
    said = said_in(GOOD)

    assert accepted(text_of(dict(reversed(said.items())))) == GOOD


@given(st.integers(0, len(GOOD.text) - 1), st.integers(1, 127))
def test_whatever_character_is_changed_it_is_refused(place: int, change: int) -> None:
    text = GOOD.text
    changed = text[:place] + chr(ord(text[place]) ^ change) + text[place + 1 :]

    with pytest.raises(DelegationRefused):
        accepted(changed)


@pytest.mark.parametrize("key", sorted(said_in(GOOD)))
def test_no_field_can_be_changed_missing_or_signed_by_somebody_else(key: str) -> None:
    said = said_in(GOOD)
    other = {
        "job": "another",
        "main_node": MALLORY.address,
        "client": MALLORY.address,
        "signatures": ["OTHER_01"],
        "code": [code_digest("return 2")],
        "grants": {"network": True},
        "not_before": said["not_before"] - 1,
        "not_after": said["not_after"] + 1,
    }
    changed = {**said, key: other[key]}
    signature = GOOD.text.partition(".")[2]

    with pytest.raises(DelegationRefused):
        accepted(f"{base64(json.dumps(changed, separators=(',', ':')).encode())}.{signature}")
    if key != "client":
        with pytest.raises(DelegationRefused):
            accepted(text_of(changed, MALLORY))
    with pytest.raises(DelegationRefused):
        accepted(text_of({name: value for name, value in said.items() if name != key}))


@pytest.mark.parametrize(
    "more",
    [
        {"only_on_sundays": True},
        {"job": ""},
        {"job": 1},
        {"main_node": MAIN.removeprefix("0xai_")},
        {"main_node": "attic"},
        {"signatures": ["custom_exec_01"]},
        {"signatures": "CUSTOM_EXEC_01"},
        {"code": ["return 1"]},
        {"code": [code_digest("x")] * 65},
        {"grants": {"root": True}},
        {"grants": ["network"]},
        {"grants": {"folders": ["../etc"]}},
        {"not_before": -1},
        {"not_before": 1.5},
        {"not_before": True},
        {"not_after": 0},
        {"not_after": 10**30},
        {"not_after": int((NOW + LONGEST + timedelta(seconds=1)).timestamp())},
    ],
    ids=str,
)
def test_what_is_not_as_it_is_defined_is_refused_though_its_client_signed_it(
    more: dict[str, Any],
) -> None:
    with pytest.raises(DelegationRefused):
        accepted(text_of({**said_in(GOOD), **more}))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"job":1,"job":2}', b"1" * 10_000], ids=range(6)
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(DelegationRefused):
        accepted(text_of(data[:11_000]))


@given(st.text())
def test_whatever_text_comes_it_is_read_or_refused(text: str) -> None:
    with pytest.raises(DelegationRefused):
        accepted(text)


def test_a_key_that_is_there_twice_is_refused() -> None:
    data = json.dumps(said_in(GOOD)).encode()
    twice = data[:-1] + b', "job": "another"}'

    with pytest.raises(DelegationRefused, match="twice"):
        accepted(text_of(twice))


def test_a_signature_for_another_purpose_is_none() -> None:
    with pytest.raises(DelegationRefused, match="not signed"):
        accepted(text_of(said_in(GOOD), domain=b""))


def test_text_without_end_is_refused_unread() -> None:
    with pytest.raises(DelegationRefused, match="characters"):
        read_delegation("A" * (MOST_CHARACTERS + 1))


def test_it_expires() -> None:
    require_in_time(GOOD, ManualClock(GOOD.not_after - timedelta(seconds=1)))

    with pytest.raises(DelegationRefused, match="deployed again"):
        require_in_time(GOOD, ManualClock(GOOD.not_after))


def test_clocks_may_be_a_day_apart_at_its_beginning() -> None:
    require_in_time(GOOD, ManualClock(GOOD.not_before - timedelta(days=1)))

    with pytest.raises(DelegationRefused, match="clocks"):
        require_in_time(GOOD, ManualClock(GOOD.not_before - timedelta(days=1, seconds=1)))


def test_who_does_not_know_the_time_does_not_look_at_it() -> None:
    require_in_time(GOOD, ManualClock(EARLIEST - timedelta(days=1)))


def test_one_that_would_be_good_for_too_long_is_not_even_signed() -> None:
    with pytest.raises(DelegationRefused, match="31 days"):
        signed(DelegatedWork(WORK.signatures, WORK.code, days=32))


def test_the_digest_of_code_does_not_depend_on_how_it_is_packed() -> None:
    assert code_digest(encode("return 1")) == code_digest(encode("return 1")) != ""
    assert code_digest(encode("return 1")) != code_digest(encode("return 2"))
    assert code_digest({"a": 1}) != code_digest({"a": 2})


@pytest.mark.parametrize(
    ("name", "is_covered"),
    [
        ("primes_w_0", True),
        ("primes_w_17", True),
        ("primes", False),
        ("primes_w_", False),
        ("primes_w_x", False),
        ("primes_w_1 ", False),
        ("primes_w_-1", False),
        ("primes_w_²", False),
        ("other_w_1", False),
        ("primes_w_primes_w_1", False),
    ],
)
def test_its_pipelines_are_those_of_its_workers(name: str, *, is_covered: bool) -> None:
    assert GOOD.covers_pipeline(name) is is_covered
