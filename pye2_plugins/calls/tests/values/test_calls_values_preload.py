"""After ``preload``, values are packed and read in a process that can open and import nothing."""

from __future__ import annotations

import subprocess
import sys

LOCKED = """
from pye2_calls.values import pack, preload, unpack
{imports}
preload()

def refuse(event, arguments):
    if event in {{"open", "import", "os.listdir", "os.scandir", "subprocess.Popen"}}:
        raise PermissionError(event, arguments)

sys.addaudithook(refuse)
{body}
print("it came back")
"""

PLAIN = """
for value in (
    np.arange(9000), np.array(["x"]), np.float32(1), (1, {2}), 2**99, Decimal("1.5"), UUID(int=1),
    Fraction(1, 2), Path("a"), Counter("aab"), ValueError("x"), datetime.now(UTC), date.max,
    np.zeros(2, "M8[s]"), np.zeros(2, [("a", "i4")]), np.asfortranarray([[1]]), complex(1),
):
    assert repr(unpack(pack(value))) == repr(value)
"""

ZONE = r"""
zone = unpack(b"\x92\xd4\x00\x19\xacEurope/Paris")  # as another process has packed it
summer = datetime(2026, 7, 1, tzinfo=zone)
assert (zone.key, summer.utcoffset().seconds) == ("Europe/Paris", 7200)
assert unpack(pack(summer)) == summer
"""

FRAME = """
when = pd.date_range("2026", periods=3, freq="h", tz="UTC")
columns = {
    "a": [1, 2, 3], "b": ["x", "y", None], "c": when, "d": pd.Categorical(list("aba")),
    "e": pd.array([1, None, 3], dtype="Int64"), "f": when.tz_localize(None).to_period("D"),
}
frame = pd.DataFrame(columns, index=when)
assert unpack(pack(frame)).equals(frame)
"""


def run_locked(imports, body):
    """Run a body after ``preload`` where every import and every opened file is an error."""
    program = "import sys\n" + LOCKED.format(imports=imports, body=body)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout) == ("", "it came back\n")


def test_plain_values_and_arrays():
    imports = """
from collections import Counter; from datetime import *; from decimal import Decimal
from fractions import Fraction; from pathlib import Path; from uuid import UUID
import numpy as np
"""
    run_locked(imports, PLAIN)


def test_a_zone_that_was_not_used_before():
    run_locked("from datetime import datetime", ZONE)


def test_frames_where_pandas_was_imported():
    run_locked("import pandas as pd", FRAME)


def test_without_pandas_its_values_are_refused_with_the_reason():
    import pandas as pd

    from pye2_calls.values import pack

    data = pack(pd.Series([1]))
    program = (
        "import sys; sys.modules['pandas'] = None\n"
        "from pye2_calls.values import ValueNotReadable, unpack\n"
        f"try:\n    unpack({data!r})\n"
        "except ValueNotReadable as error:\n    print(error)"
    )

    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "something of pandas, which cannot be imported here: have it installed" in out.stdout
    assert 'grants={"modules": ["pandas"]}' in out.stdout


def test_importing_the_package_imports_neither_numpy_nor_pandas():
    program = "import sys, pye2_calls.values; print(sorted({'numpy', 'pandas'} & set(sys.modules)))"

    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert out.stdout == "[]\n"
