"""What is made of a code."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pairing_support import KEY, OTHER_KEY

from pye2core.pairing.code import read_code
from pye2core.pairing.proofs import PairingKey, Transcript, is_same

TRANSCRIPT = Transcript("node", "client", "attic", "laptop", "n", "c")
FIELDS = [each.name for each in attrs.fields(Transcript)]

transcripts = st.builds(Transcript, *[st.text(max_size=3)] * len(FIELDS))


def test_a_code_gives_the_same_key_on_both_sides() -> None:
    """By scrypt: the values are those of the protocol's document."""
    key = PairingKey.of_code(read_code("00G4-0R40-M30E-209J"))

    assert key.secret.hex() == "c1b16e558c1609f802e18ba8b80f5865b940ab67f344234d5ac47ef23edc5705"
    assert key.tag == "27e1f8efbc93311b"


def test_the_key_is_not_shown() -> None:
    assert KEY.secret.hex() not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)


@pytest.mark.parametrize("name", FIELDS)
def test_a_proof_holds_for_no_other_facts(name: str) -> None:
    other = attrs.evolve(TRANSCRIPT, **{name: "other"})

    assert KEY.client_proof(other) != KEY.client_proof(TRANSCRIPT)
    assert KEY.node_proof(other) != KEY.node_proof(TRANSCRIPT)


@given(transcripts, transcripts)
def test_two_lists_of_facts_that_differ_are_never_taken_for_each_other(
    one: Transcript, other: Transcript
) -> None:
    """Not even where what one fact ends with is what the next one begins with."""
    assert (KEY.client_proof(one) == KEY.client_proof(other)) is (one == other)


def test_a_proof_is_of_one_role_and_one_code_only() -> None:
    proofs = {
        KEY.client_proof(TRANSCRIPT),
        KEY.node_proof(TRANSCRIPT),
        OTHER_KEY.client_proof(TRANSCRIPT),
        OTHER_KEY.node_proof(TRANSCRIPT),
    }

    assert len(proofs) == 4
    assert not any(KEY.tag in proof for proof in proofs)


@given(st.text(), st.text())
def test_proofs_are_compared_whatever_they_are(one: str, other: str) -> None:
    try:
        one.encode(), other.encode()
    except UnicodeEncodeError:
        return  # no dialect reads such a text
    assert is_same(one, other) is (one == other)
