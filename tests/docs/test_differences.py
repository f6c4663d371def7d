"""``docs/differences.md`` has an entry for each place where PyE2 is known to be wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.*?) \| (.*?) \|(.*)\|$", PAGE, re.MULTILINE)

WRONG = {
    "2 keys": "unreadable key file",
    "2 white list": "authorized_addrs",
    "1.1 commands while disconnected": "while disconnected are lost",
    "1.1 names in topics": "put into topics",
    "1.2 AMQP": "AMQP wrapper",
    "3.1 exponents": "zeros are cut from exponents",
    "3.1 number keys": "numbers as keys",
    "3.1 numpy.float64": "numpy.float64",
    "3.1 NumPy 2 payloads": "sign wrongly on NumPy 2",
    "3.2 nothing is verified": "verifies nothing",
    "5.1 no receiver": "No receiver address found",
    "5.2 large messages": "2 Mi characters",
    "5.3 bad messages": "ends the receiving thread",
    "5.3 forged confirmations": "matched by path alone",
    "7 update_instance_config": "update_instance_config",
    "7 SESSION_ID and VALIDATED": "`SESSION_ID` and `VALIDATED`",
    "8 tolerated signatures": "whose signature is wrong",
    "8 silence": "ignored in silence",
    "8 lists": "NON-VALIDATED",
    "8 replay": "last 1000",
    "9 code for everybody": "show the code of all instances",
    "9 vanished pipelines": "pipelines that vanished",
    "10 late confirmations": "after the next run",
    "10 no denial": "a failed start is never denied",
    "11 decoding": "formatter cannot decode",
    "12 cutting": "multi-line signatures",
    "12 CODE: null": "CODE: null",
    "12 np.log": "`np.log` too",
    "12 loops": "text of loops",
    "13 shift started": "shift STARTED",
    "13 RESULT_KEY": "another `RESULT_KEY`",
    "13 wait_exec's instances": "leaves its instances behind",
    "13 (None, None)": "(None, None)",
    "13 EACH_NODE": "EACH_NODE_COLLECTED_DATA",
    "13 callbacks": "retried for ever",
    "13 workers": "replaced for ever",
    "13 NODE_TIMEOUT": "150 s",
    "13 last payload": "repeated every 10 s",
    "13 first payload": "PROGRESS: null",
    "14 deploy": "even after a time-out",
    "14 online": "stays online forever",
    "15 .env": "`%` raises",
    "16 supervisors": "get_active_supervisors",
    "16 spinning": "wait_for_all_sets_of_transactions",
    "16 node_addr": "node_addr=",
    "18.15 mutated default": "mutated default",
    "18.20 instances not yet deployed": "own picture of its pipelines",
}
"""Words of PyE2's column, by the section of the PyE2 wire protocol where it is wrong."""


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG.keys())
def test_each_defect_has_its_entry(words: str) -> None:
    entries = [row for row in ROWS if words in row[0]]

    assert entries, words
    assert all(ours.strip() for _, ours, _ in entries)
