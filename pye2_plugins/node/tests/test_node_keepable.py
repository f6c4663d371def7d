"""Settings that a node could neither keep nor show are refused before anything is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from node_support import pipeline, puppet, refuses_nothing

from pye2_node.changes import instance_after, updated
from pye2core.errors import InvalidConfiguration

UNKEEPABLE = [b"bytes", datetime(2026, 1, 1, tzinfo=UTC), Decimal(1), {1}]


@pytest.mark.parametrize("value", UNKEEPABLE, ids=lambda each: type(each).__name__)
def test_what_json_has_not_is_refused_with_its_place(value: Any) -> None:
    deep = {"list": [0, {"x": value}]}

    with pytest.raises(InvalidConfiguration, match=r"VALUE\.list\[1\]\.x of the pipeline 'p'"):
        updated(None, pipeline("p", puppet(VALUE=deep)), refuses_nothing)
    with pytest.raises(InvalidConfiguration, match=r"URL\.list\[1\]\.x"):
        updated(None, pipeline("p", URL=deep), refuses_nothing)
    with pytest.raises(InvalidConfiguration, match=r"VALUE\.list\[1\]\.x"):
        instance_after(pipeline("p", puppet()), puppet(), {"VALUE": deep}, refuses_nothing)


def test_what_json_has_is_kept() -> None:
    value = {"a": [1, 2.5, None, True, "x", float("nan")], "b": ({},)}

    kept = updated(None, pipeline("p", puppet(VALUE=value)), refuses_nothing)

    assert kept.instances[0].settings["VALUE"] == value
