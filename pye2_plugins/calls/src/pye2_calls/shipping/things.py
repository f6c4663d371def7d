"""What can be sent: one kind of thing for each way in which it gets a name where it arrives.

A thing knows what it needs, and writes the lines that make it, given the names of what it needs.
Which names these are, and in which order things are made, is not known here.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from attrs import Factory, define, frozen

from pye2core.code import indent_definition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pye2_calls.shipping.refusals import Place
    from pye2_calls.shipping.written import Written

    Names = Callable[["Thing"], str]


@frozen
class Line:
    """A line of what is sent.

    Attributes:
        text: the line.
        file: the user's file in which it stands; None for a line of ours.
        number: its line there.
    """

    text: str
    file: str | None = None
    number: int = 0


@define(eq=False)
class Thing:
    """Something that is made where it arrives.

    Attributes:
        preferred: the name that it gets if no other has it.
    """

    preferred: str

    is_fixed = False
    """Whether it has its name already, and nothing has to make it."""

    def before(self) -> Iterator[Thing]:
        """What has to be made before this."""
        yield from ()

    def after(self) -> Iterator[Thing]:
        """What has to be made before this is called."""
        yield from ()

    def lines(self, name: str, names: Names) -> Iterator[Line]:
        """The lines that make it under a name."""
        del name, names
        yield from ()

    def told(self) -> str:
        """What it is, for people; empty if it is not worth a word."""
        return ""


@define(eq=False)
class Fixed(Thing):
    """A built-in name, or a parameter of the text that is sent."""

    is_fixed = True


@define(eq=False)
class Module(Thing):
    """A module that is imported.

    Attributes:
        module: its full name.
        parts: modules in it that are used and have to be imported for that.
    """

    module: str
    parts: dict[str, Thing] = Factory(dict)

    def before(self) -> Iterator[Thing]:
        """The parts of it."""
        yield from self.parts.values()

    def lines(self, name: str, names: Names) -> Iterator[Line]:
        """One ``import``."""
        del names
        yield Line(f"import {self.module}" if name == self.module else _import_as(self, name))

    def told(self) -> str:
        """Its name."""
        return f"module {self.module}"


def _import_as(module: Module, name: str) -> str:
    return f"import {module.module} as {name}"


@define(eq=False)
class Imported(Thing):
    """Something that is imported from a module.

    Attributes:
        module: the module's full name.
        path: its name there, with dots if it is within a class.
    """

    module: str
    path: str

    def lines(self, name: str, names: Names) -> Iterator[Line]:
        """One ``import``, and the way on from there."""
        del names
        first, *rest = self.path.split(".")
        alias = "" if name == first else f" as {name}"
        yield Line(f"from {self.module} import {first}{alias}")
        if rest:
            yield Line(f"{name} = {'.'.join([name, *rest])}")

    def told(self) -> str:
        """Its name, and the module."""
        return f"{self.path} of module {self.module}"


@define(eq=False)
class Expression(Thing):
    """What an expression gives.

    Attributes:
        parts: its text, with the things in it.
        description: what it is.
    """

    parts: tuple[str | Thing, ...]
    description: str = ""

    def before(self) -> Iterator[Thing]:
        """The things in it."""
        yield from (part for part in self.parts if isinstance(part, Thing))

    def lines(self, name: str, names: Names) -> Iterator[Line]:
        """One assignment."""
        yield Line(f"{name} = {self.expression(names)}")

    def expression(self, names: Names) -> str:
        """The text, with the names of the things in it."""
        return "".join(part if isinstance(part, str) else names(part) for part in self.parts)

    def told(self) -> str:
        """What it was described as."""
        return self.description


@define(eq=False)
class Packed(Thing):
    """A value that goes as bytes beside the text.

    Attributes:
        value: the value.
        reader: the parameter that gives it by its name.
        place: where it is asked for.
        kinds: what makes the classes of the instances in it known.
    """

    value: Any
    reader: Thing
    place: Place
    kinds: tuple[Thing, ...] = ()

    def before(self) -> Iterator[Thing]:
        """The classes in it."""
        yield from self.kinds

    def lines(self, name: str, names: Names) -> Iterator[Line]:
        """One assignment."""
        yield Line(f"{name} = {names(self.reader)}({name!r})")

    def told(self) -> str:
        """Its type."""
        return f"value {self.preferred}: {type(self.value).__qualname__}"


@define(eq=False)
class Known(Thing):
    """Tells the receiver of a class, so that instances of it can be read there.

    Attributes:
        wire_name: the name under which they travel.
        kind: the class.
        teller: the parameter that takes both.
        type: the class, as it is here.
    """

    wire_name: str
    kind: Thing
    teller: Thing
    type: type

    def before(self) -> Iterator[Thing]:
        """The class."""
        yield self.kind

    def lines(self, name: str, names: Names) -> Iterator[Line]:
        """One call; it needs no name."""
        del name
        yield Line(f"{names(self.teller)}({self.wire_name!r}, {names(self.kind)})")


@define(eq=False)
class Space(Thing):
    """A module of the user's, with those of its names that are used.

    Attributes:
        module: its full name.
        members: what is used of it, by name.
    """

    module: str
    members: dict[str, Thing] = Factory(dict)

    def before(self) -> Iterator[Thing]:
        """All that is used of it."""
        yield from self.members.values()

    def lines(self, name: str, names: Names) -> Iterator[Line]:
        """A class with nothing but these names."""
        yield Line(f"class {name}: pass")
        for member, thing in self.members.items():
            yield Line(f"{name}.{member} = {names(thing)}")


@define(eq=False)
class Definition(Thing):
    """A function, lambda or class of the user's, as it is written.

    Attributes:
        written: its text.
        needs: what its text reads, by the names that it uses for it.
        eager: those of these names that are read when it is defined.
        wrapper: a text that is called with it to make what is meant; empty if it is meant itself.
        enclosed: names that mean something else to others: it is defined where they mean what
            they mean to it.
        is_renamed: whether its own name means something else within it, so that it gets another.
        later: what is set on it once it is made, by the names of attributes: a literal, or a thing.
    """

    written: Written
    needs: dict[str, Thing] = Factory(dict)
    eager: set[str] = Factory(set)
    wrapper: str = ""
    enclosed: list[str] = Factory(list)
    is_renamed: bool = False
    later: dict[str, str | Thing] = Factory(dict)

    @property
    def is_class(self) -> bool:
        """Whether it is a class, whose body runs when it is defined."""
        return isinstance(self.written.tree.body[0], ast.ClassDef)

    def before(self) -> Iterator[Thing]:
        """What is read when it is defined."""
        for name, thing in self.needs.items():
            if thing is not self and (name in self.eager or name in self.enclosed):
                yield thing
        yield from (each for each in self.later.values() if isinstance(each, Thing))

    def after(self) -> Iterator[Thing]:
        """What is read when what it makes is called."""
        yield from self.needs.values()

    def lines(self, name: str, names: Names) -> Iterator[Line]:
        """Its own lines, where each name means what it means to it."""
        yield from self._defined(name, names)
        for attribute, value in self.later.items():
            said = value if isinstance(value, str) else names(value)
            yield Line(f"{name}.{attribute} = {said}")

    def _defined(self, name: str, names: Names) -> Iterator[Line]:
        if not self.enclosed:
            yield from self._written_as(name, self._text(name).split("\n"))
            return
        inner = name if self.is_renamed or not self.written.own else self.written.own
        taken = [each for each in self.enclosed if self.needs[each] is not self]
        given = ", ".join(names(self.needs[each]) for each in taken)
        yield Line(f"def make_{name}({', '.join(taken)}):")
        yield from self._written_as(inner, indent_definition(self._text(inner)), " ")
        for each in self.enclosed:
            if self.needs[each] is self and each != inner:
                yield Line(f" {each} = {inner}")
        yield Line(f" return {inner}")
        yield Line(f"{name} = make_{name}({given})")

    def told(self) -> str:
        """Its lines."""
        kind = "class" if self.is_class else "function"
        last = self.written.first_line + self.written.text.count("\n")
        own = self.written.own or "lambda"
        return f"{kind} {own}: {self.written.file}:{self.written.first_line}-{last}"

    def _written_as(self, name: str, rows: Sequence[str], blank: str = "") -> Iterator[Line]:
        for number, row in enumerate(rows, self.written.first_line):
            yield Line(row, self.written.file, number)
        if self.wrapper:
            yield Line(f"{blank}{name} = {self.wrapper}({name})")

    def _text(self, name: str) -> str:
        """The text, which defines it under this name."""
        text, own = self.written.text, self.written.own
        if not own:
            return f"{name} = ({text})"
        if own == name:
            return text
        rows = text.split("\n")
        row = self.written.tree.body[0].lineno - 1
        rows[row] = re.sub(rf"^((?:def|class)\s+){re.escape(own)}\b", rf"\g<1>{name}", rows[row])
        return "\n".join(rows)
