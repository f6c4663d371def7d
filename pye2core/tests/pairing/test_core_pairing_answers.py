"""An answer in the fields of a notification."""

from __future__ import annotations

from typing import Any

import pytest

from pye2core.messages import PairingAnswer, Requester
from pye2core.pairing.answers import answer_in, answer_notification


def test_an_answer_is_found_where_it_was_put() -> None:
    answer = PairingAnswer("b2" * 16, "c3" * 32)

    said = answer_notification(answer, Requester("0xai_client", "laptop", "laptop"))

    assert answer_in(said.fields) == answer
    assert said.requester.address == "0xai_client"


@pytest.mark.parametrize(
    "said",
    [None, 1, "x", [], {}, {"NONCE": "n"}, {"NONCE": 1, "PROOF": "p"}, {"NONCE": "n", "PROOF": []}],
)
def test_what_is_no_answer_is_none(said: Any) -> None:
    assert answer_in({"PYE2_PAIRING": said}) is None
    assert answer_in({}) is None
