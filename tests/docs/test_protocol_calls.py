"""What ``docs/protocol.md`` says of calls is true: its tables and its example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attrs import fields

from pye2_calls import messages, runner
from pye2_calls.serving.outgoing import PART_SIZE
from pye2_node import slots

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## 21 Calls of functions") :]
FROM_CLIENT = SECTION[SECTION.index("### 21.2") : SECTION.index("### 21.3")]
FROM_NODE = SECTION[SECTION.index("### 21.3") : SECTION.index("### 21.4")]


@pytest.mark.parametrize(
    ("text", "kinds"), [(FROM_CLIENT, messages.FROM_CLIENT), (FROM_NODE, messages.FROM_NODE)]
)
def test_the_tables_have_all_records_with_their_fields_in_order(
    text: str, kinds: frozenset[type]
) -> None:
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|$", text, re.MULTILINE)

    told = {
        kind: [name for name in map(str.strip, names.split(",")) if name] for kind, names in rows
    }

    assert told == {each.KIND: [one.name for one in fields(each)] for each in kinds}


def test_the_example_is_what_is_sent() -> None:
    (example,) = re.findall(r"^```text calls\n(.*?)\n```$", SECTION, re.MULTILINE)

    assert bytes.fromhex(example) == messages.pack([messages.Cancel(7)])


def test_the_limits_are_those_of_the_code() -> None:
    assert f"at most {messages.MOST_RECORDS:,} records" in SECTION
    waiting = f"{runner.MOST_WAITING:,} calls of the instance wait already"
    assert waiting in " ".join(SECTION.split())
    assert f"left of {slots.MOST_SET_ASIDE} (" in SECTION
    assert f"of {slots.LEAST_ROOM // 2**20} MiB, or of four times" in SECTION
    assert f"at most {PART_SIZE // 2**20} MiB" in SECTION
    assert runner.QUIET_SECONDS == 600
