"""Those whom the attacks would hurt: a tenant's instance that goes on, and one that comes later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from escape_witnesses import TENANTS_SECRET

from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from escape_arena import Arena
    from escape_tenants import Heard

NEIGHBOUR: Final = "neighbour"
NEWCOMER: Final = "newcomer"
PLANTED: Final = ("PWNED", "PLANTED-BY-A")

_SECONDS: Final = 15.0
_CODE: Final = f"""
secret = {TENANTS_SECRET!r}
plugin.obj_cache["secret"] = secret
if plugin.exec_iter == 0:
    plugin.cacheapi_save_json({{"secret": secret}})
places = [plugin.np, plugin.json, type(plugin)]
plugin.P("at work")
return {{
    "sum": int(plugin.np.arange(1000).sum()),
    "builtin": sum([1, 2, 3]),
    "sorted": sorted([3, 1, 2]),
    "text": "{{:.2f}}".format(1.5),
    "kept": plugin.cacheapi_load_json() == {{"secret": secret}},
    "planted": [hasattr(each, "box") or hasattr(each, "leak_box") for each in places],
}}
"""
_RIGHT: Final = {
    "sum": 499500,
    "builtin": 6,
    "sorted": [1, 2, 3],
    "text": "1.50",
    "kept": True,
    "planted": [False, False, False],
}


class Neighbours:
    """The tenant's instances on the arena's node."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._run = ""

    def move_in(self) -> None:
        """Start the one that stays."""
        self._deploy(NEIGHBOUR, 0.1)
        first = self._result(NEIGHBOUR, since=0.0)
        assert first is not None, "the neighbour gives no results"
        self._run = first.fields["EXEC_RUN"]

    def complaints(self) -> list[str]:
        """What is wrong with them now: none if both give their right results."""
        since = SYSTEM_CLOCK.monotonic()
        found = self._wrong_with(self._result(NEIGHBOUR, since=since), "the neighbour")
        try:
            self._deploy(NEWCOMER, 3600)
        except Pye2Error as error:
            found.append(f"nobody can move in: {str(error)[:200]}")
        else:
            found += self._wrong_with(self._result(NEWCOMER, since=since), "the newcomer")
        self._arena.tenant.close(NEWCOMER)
        found += [
            f"planted at the {name}'s: {each.text[:200]}"
            for name in (NEIGHBOUR, NEWCOMER)
            for somebody in (self._arena.tenant, self._arena.attacker)
            for each in somebody.ears.of(name)
            if any(word in each.text for word in PLANTED)
        ]
        return found

    def _wrong_with(self, heard: Heard | None, who: str) -> list[str]:
        if heard is None:
            return [f"{who} does not answer"]
        found = []
        if heard.fields.get("EXEC_RESULT") != _RIGHT:
            found.append(f"{who} is wrong: {heard.text[:300]}")
        if who == "the neighbour" and heard.fields.get("EXEC_RUN") != self._run:
            found.append("the neighbour's process was ended and begun anew")
        return found

    def _result(self, pipeline: str, *, since: float) -> Heard | None:
        return self._arena.tenant.ears.wait(
            lambda each: each.pipeline == pipeline and each.tells_the_end and each.at > since,
            _SECONDS,
        )

    def _deploy(self, name: str, delay: float) -> None:
        arena = self._arena
        arena.tenant.deploy(arena.node, name, _CODE, _SECONDS, PROCESS_DELAY=delay)
