"""A function as it travels: text, values, and what the sender has to know of both."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

_FRAME: Final = re.compile(r'File "<[^"\n]*>", line (\d+)')
_PROBLEM: Final = re.compile(r"(?:^|(?<=[:;] ))line (\d+)(?=: )")


@frozen
class Place:
    """Where some lines of what is sent stand in the user's file.

    Attributes:
        line: the first of them, in what is sent.
        count: how many there are.
        file: the user's file.
        file_line: where the first of them stands there.
    """

    line: int
    count: int
    file: str
    file_line: int


@frozen
class Shipped:
    """A function with all that it needs, to be made where it arrives.

    There, ``source`` is the body of a function with ``parameters``; it is called with the node's
    API, with what takes a class and its name, and with what gives a value by its name (see
    ``pye2_calls.shipping.define``), and returns the function.

    Attributes:
        name: the function's name.
        source: the text.
        parameters: the names that the text is called with.
        values: what is no text, packed, by name.
        classes: the classes that both sides know, by the names under which they travel.
        modules: modules that have to be granted where it runs.
        takes_plugin: whether the function's first parameter is called ``plugin``.
        is_generator: whether calling it gives an iterator of many results.
        places: where its lines stand in the user's files, in order.
        contents: what is sent, for people.
        digest: what stands for text, parameters and values: ``sha256:`` and 64 hex digits.
    """

    name: str
    source: str
    parameters: tuple[str, ...]
    values: Mapping[str, bytes]
    classes: Mapping[str, type]
    modules: tuple[str, ...]
    takes_plugin: bool
    is_generator: bool
    places: tuple[Place, ...]
    contents: tuple[str, ...]
    digest: str

    def place_of(self, line: int) -> tuple[str, int] | None:
        """File and line of the user's for a line of ``source``; None for a line of ours."""
        for place in self.places:
            if place.line <= line < place.line + place.count:
                return place.file, place.file_line + line - place.line
        return None

    def in_users_lines(self, traceback: str) -> str:
        """A traceback from where it ran, with the user's files and lines.

        Example:
            >>> shipped.in_users_lines('File "<score>", line 3, in score')
            'File "/home/ann/score.py", line 17, in score'
        """
        return _FRAME.sub(self._retold, traceback)

    def problems_in_users_lines(self, message: str) -> str:
        """Why a node does not run it, with the user's files and lines.

        Example:
            >>> shipped.problems_in_users_lines("line 3: syntax error: invalid syntax")
            '/home/ann/score.py:17: syntax error: invalid syntax'
        """
        return _PROBLEM.sub(self._placed, message)

    def listing(self) -> str:
        """What is sent, for people, a line for each thing."""
        head = f"{self.name}: {len(self.source)} characters, {len(self.values)} packed values"
        return "\n".join([head, *(f"  {line}" for line in self.contents)])

    def _retold(self, frame: re.Match[str]) -> str:
        place = self._place_told(frame[1])
        return f'File "{place[0]}", line {place[1]}' if place is not None else frame[0]

    def _placed(self, problem: re.Match[str]) -> str:
        place = self._place_told(problem[1])
        return f"{place[0]}:{place[1]}" if place is not None else problem[0]

    def _place_told(self, line: str) -> tuple[str, int] | None:
        return self.place_of(int(line)) if len(line) < _LONGEST_NUMBER else None


_LONGEST_NUMBER: Final = 10
"""Digits: what comes from elsewhere may have any number."""
