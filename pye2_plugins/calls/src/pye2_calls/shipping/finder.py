"""Finds, from a function on, all that it uses: looks into each definition for what it reads."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, Any

from pye2_calls.shipping import origins, refusals
from pye2_calls.shipping.choosing import Choices
from pye2_calls.shipping.reads import (
    Read,
    changed_outside,
    eager_names,
    imports_inside,
    reads_of,
)
from pye2_calls.shipping.refusals import Complaint, Place
from pye2_calls.shipping.surroundings import MISSING, Surroundings, is_just
from pye2_calls.shipping.things import Definition, Module, Space, Thing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from pye2_calls.shipping.written import Written


class Finder(Choices):
    """One search, with what was chosen for all that it found."""

    def find(self, found: object, name: str) -> Thing:
        """What a thing is sent as; all that it needs is found as well."""
        made = self.thing(found, name, Place(None, 0, name))
        self._explore()
        return made

    def know(self, kind: type) -> None:
        """Send a class along, so that both sides know it."""
        self.kind(kind, Place(None, 0, kind.__name__))
        self._explore()

    def _explore(self) -> None:
        while self.unexplored:
            self._look_into(*self.unexplored.pop(0))

    def _look_into(self, made: Definition, around: Surroundings) -> None:
        written = made.written
        asker = written.own or "lambda"
        self._look_at_changes(written, around, asker)
        self._look_at_imports(written, asker)
        made.eager |= eager_names(written) if made.is_class else set(written.defaults)
        for name, reads in reads_of(written).items():
            place = Place(written.file, written.first_line + reads[0].line - 1, asker)
            if name in written.defaults:
                made.needs[name] = self.thing(written.defaults[name], name, place)
            else:
                made.needs[name] = self._named(name, reads, place, around)
        self.watched += around.watched

    def _named(self, name: str, reads: Sequence[Read], place: Place, around: Surroundings) -> Thing:
        if name == "__file__":
            return self.refuse(place, refusals.is_path_of_file(), name)
        found = around.find(name)
        if found is not MISSING:
            made = self.thing(found, name, place, around)
            self._use(made, found, reads, place)
            return made
        if around.is_lost:
            return self.refuse(place, refusals.is_of_function(name, place.asker), name)
        return self.refuse(place, refusals.is_missing(name, _readable(around)), name)

    def _look_at_changes(self, written: Written, around: Surroundings, asker: str) -> None:
        for statement, name in changed_outside(written, around.cells):
            place = Place(written.file, written.first_line + statement.lineno - 1, asker)
            message = refusals.changes_outside(name, is_global=isinstance(statement, ast.Global))
            self.complaints.append(Complaint(place, message, name))

    def _look_at_imports(self, written: Written, asker: str) -> None:
        for found in imports_inside(written):
            if found.level or origins.is_users(found.module):
                place = Place(written.file, written.first_line + found.line - 1, asker)
                message = refusals.is_imported_inside("." * found.level + found.module)
                self.complaints.append(Complaint(place, message, found.module or "."))
                continue
            self.import_(found.module)
            for name in found.names:
                if origins.is_module_in(found.module, name):
                    self.import_(f"{found.module}.{name}")

    # --- modules and what is read of them ---------------------------------------------------------

    def _use(self, thing: Thing, found: Any, reads: Sequence[Read], place: Place) -> None:
        for read in reads:
            if isinstance(thing, Module):
                self._use_part(thing, read.path)
            elif isinstance(thing, Space):
                self._use_member(thing, found, read, place)
            elif isinstance(thing, Definition) and read.path:
                self._use_attribute(thing, found, read.path[0], place)

    def _use_attribute(self, made: Definition, found: Any, name: str, place: Place) -> None:
        """Set on a function what was set on it here, as far as it is used."""
        if made.is_class or name.startswith("__") or name not in vars(found):
            return
        value = vars(found)[name]
        is_value = is_just(value)
        self.watched.append(lambda: is_value(vars(found).get(name, MISSING)))
        if name not in made.later:
            made.later[name] = self._part(value, f"{made.preferred}_{name}", place)

    def _use_part(self, thing: Module, path: tuple[str, ...]) -> None:
        """Import what is below a module and not imported with it."""
        deepest = thing.module
        for attribute in path:
            if f"{deepest}.{attribute}" not in sys.modules:
                break
            deepest = f"{deepest}.{attribute}"
        if deepest != thing.module and not origins.is_given(deepest):
            self.import_(deepest)
            if deepest not in thing.parts:
                thing.parts[deepest] = self.add(Module(deepest.replace(".", "_"), deepest))

    def _use_member(self, space: Space, module: ModuleType, read: Read, place: Place) -> None:
        if not read.path or (read.is_changed and len(read.path) == 1):
            message = refusals.is_used_whole(read.name, space.module)
            self.complaints.append(Complaint(place, message, read.name))
            return
        name, *rest = read.path
        around = Surroundings(vars(module), {}, space.module, module.__file__ or "")
        found = around.find(name)
        self.watched += around.watched
        if found is MISSING:
            message = refusals.is_missing(name, f"the module {space.module}")
            self.complaints.append(Complaint(place, message, name))
            return
        member = space.members.setdefault(name, self.thing(found, name, place, around))
        further = Read(f"{read.name}.{name}", read.line, tuple(rest), read.is_changed)
        self._use(member, found, [further], place)


def _readable(around: Surroundings) -> str:
    return around.file if around.module == "__main__" else f"the module {around.module}"
