"""What PyE2 refuses to ship is refused here too (PyE2 wire protocol, section 12)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pye2core.code import capture, check_function
from pye2core.errors import CodeRefused

VECTORS_FILE = Path(__file__).parents[2] / "tests/data/vectors/code_transfer.json"
VECTORS = json.loads(VECTORS_FILE.read_text("utf-8"))["vectors"]
NOT_SHIPPED = [each for each in VECTORS if each.get("base64", "") is None]


@pytest.mark.parametrize("vector", NOT_SHIPPED, ids=lambda vector: vector["name"])
def test_code_that_pye2s_check_refuses_is_not_sent(vector):
    text = vector["body_sent"] if "body_sent" in vector else vector["input"]
    captured = capture(text, parameters=("plugin",))
    assert captured is not None

    with pytest.raises(CodeRefused):
        check_function(captured)
