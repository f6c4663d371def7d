"""How little a node keeps of what only its start needed."""

import json
import subprocess
import sys

LETS_GO = """
import json, sqlite3, ssl
import numpy
from pye2_node.memory import let_go_of_code

def mapped():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssFile"))

before = mapped()
let_go_of_code()
after = mapped()
inverse = numpy.linalg.inv(numpy.eye(3) * 2).tolist()
row = sqlite3.connect(":memory:").execute("select 7").fetchone()
print(json.dumps([before, after, inverse[0], row]))
"""


def test_code_that_was_let_go_of_is_no_longer_in_memory_and_runs_when_it_is_called():
    done = subprocess.run(
        [sys.executable, "-c", LETS_GO], capture_output=True, text=True, check=True
    )

    before, after, inverse, row = json.loads(done.stdout)
    assert after < before * 0.8
    assert (inverse, row) == ([0.5, 0.0, 0.0], [7])
