"""Writes the text that is sent: gives each thing a name, puts all in order, and writes it down.

All of it stands in one function, the maker, which declares what it defines ``global``: so it is
what it was to the user's functions. Where one name means two things, a definition is put in a
function of its own, in which the name is a parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2_calls.shipping.reads import identifiers
from pye2_calls.shipping.things import Definition, Known, Line, Thing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Assembly:
    """The names of things and the order in which they are made.

    Attributes:
        parameters: the names of the maker's parameters.
    """

    def __init__(self, root: Thing, things: Sequence[Thing], parameters: Sequence[Thing]) -> None:
        self._root = root
        self._things = things
        self._main: dict[str, Thing] = {}
        """What each name means in the maker."""
        self._names: dict[Thing, list[str]] = {}
        """All names of a thing; the first is the one that it is made under."""
        self._taken = {
            name
            for thing in things
            if isinstance(thing, Definition)
            for name in identifiers(thing.written)
        }
        self.parameters = tuple(self._parameter(each) for each in parameters)
        self._give_names()

    def name_of(self, thing: Thing) -> str:
        """The name under which a thing is made."""
        return self._names[thing][0]

    def lines(self) -> list[Line]:
        """The text."""
        made = [line for thing in self.ordered() for line in self._made(thing)]
        names = [name for thing in self.ordered() for name in self._made_names(thing)]
        declared = [Line(f"global {', '.join(names)}")] if names else []
        return [*declared, *made, Line(f"return {self.name_of(self._root)}")]

    def _made_names(self, thing: Thing) -> list[str]:
        names = self._names.get(thing, [])
        return names[1:] if thing.is_fixed else names

    def entangled(self) -> tuple[Thing, Thing] | None:
        """Two things of which each has to be made before the other, if there are such."""
        made: set[Thing] = set()
        for thing in self.ordered():
            for needed in thing.before():
                if needed is not thing and not needed.is_fixed and needed not in made:
                    return thing, needed
            made.add(thing)
        return None

    def _made(self, thing: Thing) -> Iterator[Line]:
        name, *others = self._names.get(thing, [""])
        if not thing.is_fixed:
            yield from thing.lines(name, self.name_of)
        for other in others:
            yield Line(f"{other} = {name}")

    # --- names ------------------------------------------------------------------------------------

    def _parameter(self, thing: Thing) -> str:
        needed = {
            name
            for each in self._things
            if isinstance(each, Definition)
            for name in (*each.needs, each.written.own)
        }
        name = thing.preferred
        while name in needed:
            name += "_"
        self._name(thing, name)
        return name

    def _give_names(self) -> None:
        for thing in self._things:
            if thing.is_fixed and thing not in self._names:
                self._name(thing, thing.preferred)
        for thing in self._things:
            if isinstance(thing, Definition):
                self._place(thing)
        for thing in self._things:
            if thing not in self._names and not isinstance(thing, Known):
                self._name(thing, self._free(thing.preferred))

    def _name(self, thing: Thing, name: str) -> None:
        self._main[name] = thing
        self._names.setdefault(thing, []).append(name)

    def _place(self, made: Definition) -> None:
        """Give a definition its name, and the names that it needs their meaning."""
        own = made.written.own or made.preferred
        made.is_renamed = made.needs.get(own, made) is not made
        is_free = self._main.get(own, made) is made and not made.is_renamed
        name = own if is_free else self._free(f"{own}_inner" if made.is_renamed else own)
        if name not in self._names.get(made, []):
            self._name(made, name)
        self._names[made].sort(key=lambda each: each != name)
        for needed, thing in made.needs.items():
            meant = self._main.get(needed)
            if meant is None:
                self._name(thing, needed)
            elif meant is not thing:
                made.enclosed.append(needed)

    def _free(self, name: str) -> str:
        found, count = name, 1
        while found in self._main or (count > 1 and found in self._taken):
            count += 1
            found = f"{name}_{count}"
        return found

    # --- order ------------------------------------------------------------------------------------

    def ordered(self) -> list[Thing]:
        """All things, each after what it needs."""
        ordered = _Order()
        ordered.add(self._root)
        for thing in self._things:
            if isinstance(thing, Known):
                ordered.add(thing)
        return ordered.things


class _Order:
    """Puts what is needed first; what is needed later may come later."""

    def __init__(self) -> None:
        self.things: list[Thing] = []
        self._met: set[Thing] = set()
        self._settled: set[Thing] = set()
        self._later: list[Thing] = []

    def add(self, thing: Thing) -> None:
        """Add a thing, and all that it needs."""
        self._later.append(thing)
        while self._later:
            self._make(self._later.pop(0))

    def _make(self, thing: Thing) -> None:
        if thing in self._met:
            return
        self._met.add(thing)
        for each in thing.before():
            self._make(each)
            self._settle(each)
        self.things.append(thing)
        self._later.extend(thing.after())

    def _settle(self, thing: Thing) -> None:
        """Make all that is needed by something that may be called at once."""
        if thing in self._settled:
            return
        self._settled.add(thing)
        for each in (*thing.before(), *thing.after()):
            self._make(each)
            self._settle(each)
