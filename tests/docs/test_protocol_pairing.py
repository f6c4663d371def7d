"""What ``docs/protocol.md`` says of pairing is true: it is done here from the page alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pye2_wire.pairing import offer_from, offer_object, request_from, request_object
from pye2core.messages import OfferState, PairingOffer, PairingRequest
from pye2core.pairing.client_side import (
    ASK_AGAIN_SECONDS,
    MOST_CANDIDATES,
)
from pye2core.pairing.code import new_code, read_code
from pye2core.pairing.node_side import LONGEST_NAME, OFFER_SECONDS
from pye2core.pairing.proofs import PairingKey, Transcript

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("### 17.8 Pairing") : PAGE.index("## 18 ")]
EXAMPLES: dict[str, Any] = {
    name: json.loads(text)
    for name, text in re.findall(r"^```json ([^\n]+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    if name.startswith("pairing") or name == "keys"
}
OFFER, REQUEST, ANSWER = (EXAMPLES[f"pairing {what}"] for what in ("offer", "request", "answer"))
NODE, CLIENT = (EXAMPLES["keys"][who]["address"] for who in ("node", "client"))


# --- from the page alone --------------------------------------------------------------------------


def by_the_page(code: str) -> bytes:
    """The key of a code."""
    characters = code.replace("-", "")[:15]
    return hashlib.scrypt(
        characters.encode(), salt=b"pye2 pairing 1", n=32768, r=8, p=1, maxmem=2**26, dklen=32
    )


def mac(key: bytes, *texts: str) -> bytes:
    words = [each.encode() for each in ("pye2 pairing 1", *texts)]
    data = b"".join(len(each).to_bytes(4, "big") + each for each in words)
    return hmac.new(key, data, hashlib.sha256).digest()


def check_character(code: str) -> str:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    total = 0
    for character in code.replace("-", "")[:15]:
        total ^= alphabet.index(character)
        total *= 2
        if total >= 32:
            total ^= 37
    return alphabet[total]


def test_its_example_is_worked_out_rightly() -> None:
    code = re.search(r"for the code `([^`]+)`", SECTION)[1]  # type: ignore[index]  # it is there
    key = by_the_page(code)
    facts = (NODE, CLIENT, "attic", "third", OFFER["NONCE"], REQUEST["NONCE"])

    assert f"`{key.hex()}`" in SECTION
    assert OFFER["TAG"] == REQUEST["TAG"] == mac(key, "tag")[:8].hex()
    assert REQUEST["PROOF"] == mac(key, "client", *facts).hex()
    assert {"NONCE": REQUEST["NONCE"], "PROOF": mac(key, "node", *facts).hex()} == ANSWER


@given(st.binary(min_size=10, max_size=10))
def test_its_check_character_is_ours(chosen: bytes) -> None:
    code = new_code(lambda count: chosen)

    assert code[-1] == check_character(code)


def test_we_make_of_its_example_what_it_says() -> None:
    key = PairingKey.of_code(read_code("oog4 or40 m3oe 209j"))
    transcript = Transcript(NODE, CLIENT, "attic", "third", OFFER["NONCE"], REQUEST["NONCE"])

    assert request_from(REQUEST) == PairingRequest(
        key.tag, REQUEST["NONCE"], key.client_proof(transcript)
    )
    assert ANSWER["PROOF"] == key.node_proof(transcript)


def test_its_objects_are_those_on_the_wire() -> None:
    offer = offer_from(OFFER)

    assert offer == PairingOffer(OfferState.OPEN, OFFER["TAG"], OFFER["NONCE"])
    assert offer_object(offer) == OFFER
    assert request_object(request_from(REQUEST)) == REQUEST


def test_its_words_and_numbers_are_those_of_the_code() -> None:
    words = " ".join(SECTION.split())

    assert all(f"`{state.value}`" in words for state in OfferState)
    assert f"expires after {OFFER_SECONDS / 60:g} minutes" in words
    assert f"at most {LONGEST_NAME} characters" in words
    assert f"again every {ASK_AGAIN_SECONDS:g} s" in words
    assert f"{MOST_CANDIDATES} at most" in words
