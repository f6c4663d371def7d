"""Where in a value something is that cannot be carried: a slow walk, after a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2_calls.values.errors import Refused
from pye2_calls.values.kinds import ATOMS, entries_inside, items_inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    PartsOf = Callable[[Any], Iterable[tuple[str, Any]]]


_LONGEST_PLACE = 300


def place_of_refusal(
    value: object, name: str, parts_of: PartsOf, levels: int, refusal: Refused
) -> tuple[str, Refused]:
    """The first thing that is refused: its place, as ``args[3].owner``, and why.

    Args:
        value: where to look.
        name: what it is called.
        parts_of: what a value holds that is neither list nor dictionary, with places; raises
            ``Refused``.
        levels: how deep a value may be nested.
        refusal: why the whole was refused, should the walk find nothing.
    """
    try:
        place, why = _Walk(parts_of, levels).found_in(value, name, {}) or (name, refusal)
    except RecursionError:  # whoever called us is deep in a recursion already
        place, why = name, refusal
    return _cut(place), why


def _cut(place: str) -> str:
    half = _LONGEST_PLACE // 2
    return place if len(place) <= _LONGEST_PLACE else f"{place[:half]} … {place[-half:]}"


class _Walk:
    def __init__(self, parts_of: PartsOf, levels: int) -> None:
        self._parts_of = parts_of
        self._levels = levels
        self._well: dict[int, Any] = {}
        """What was walked through, by identity; kept, so that no other gets the same."""

    def found_in(
        self, value: Any, place: str, around: dict[int, str]
    ) -> tuple[str, Refused] | None:
        """Look into a value.

        Args:
            value: the value.
            place: where it is.
            around: what it is within, and where that is.
        """
        if type(value) in ATOMS or id(value) in self._well:
            return None
        try:
            self._require_tree(value, around)
            parts = self._inside(value)
        except Refused as refusal:
            return place, refusal
        within = {**around, id(value): place}
        for step, part in parts:
            found = self.found_in(part, place + step, within)
            if found is not None:
                return found
        self._well[id(value)] = value
        return None

    def _require_tree(self, value: Any, around: dict[int, str]) -> None:
        if id(value) in around:
            raise Refused(
                f"is {_cut(around[id(value)])} again, which contains it",
                "pass what does not contain itself: records that name each other by number",
            )
        if len(around) >= self._levels:
            raise Refused(
                f"is nested more than {self._levels} levels deep",
                "pass it flatter: a list of records that name each other by number",
            )

    def _inside(self, value: Any) -> Iterable[tuple[str, Any]]:
        if type(value) is list:
            return items_inside(value)
        if type(value) is dict:
            return entries_inside(value)
        return list(self._parts_of(value))
