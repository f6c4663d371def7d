"""A peer that has not yet heard or said anything in our own dialect pays next to nothing for it."""

from __future__ import annotations

import subprocess
import sys


def test_who_only_introduces_itself_loads_nothing_that_reads_messages() -> None:
    script = """
import sys
from pye2_native_wire.serializer import NativeSerializer
from pye2core import Identity
ours, theirs = Identity.generate(), Identity.generate()
dialect = NativeSerializer()
dialect.learn(theirs.address, NativeSerializer().introduction(theirs))
dialect.introduction(ours)
dialect.recognises(b"{}")
heavy = {"msgpack", "decimal", "pye2_native_wire.speech", "cryptography.hazmat.primitives.hpke"}
print(sorted(heavy & set(sys.modules)))
"""

    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
