"""What a worker does while nothing has been asked of it yet: all that a first request needs.

A forked process shares its memory with the zygote until it writes there, and each first write costs
a copy of that page. Compiling a function writes to hundreds of them: several milliseconds that
nobody waits for when a worker that was forked in advance spends them here. One that was forked on
demand may begin with this, too, where its first request is not there yet.
"""

from __future__ import annotations

import json
from typing import Final

from pye2_node.sandbox.functions import Functions
from pye2_node.sandbox.values import to_json

_SOURCE: Final = """
def is_kept(number, *, rest=0):
    while number > 9 and number % 2 == rest:
        number //= 2
    return number not in (0, 1)

low, high = 0, 20
found = {}
for number in range(low, high):
    if is_kept(number):
        found[str(number)] = [number * 0.5, f"{number:>3}", None]
    else:
        continue
kept = [value for value in found.values() if value[0] >= 1.5 or value[-1] is None]
try:
    plugin["calls"] = plugin.get("calls", 0) + 1
except KeyError as error:
    raise ValueError("no calls") from error
return {"kept": kept, "largest": max(kept), "count": len(found)}
"""
"""Uses most of what people write, so that most of the compiler is used."""


def rehearse() -> None:
    """Check, compile and call a function, and carry its arguments and its result as JSON."""
    functions = Functions(print)
    functions.define({"rehearsal": (_SOURCE, ("plugin",))})
    to_json(functions.by_name["rehearsal"](json.loads('{"calls": 1}')))
