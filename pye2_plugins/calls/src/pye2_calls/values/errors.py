"""What goes wrong with values: one that cannot leave, and bytes that are none."""

from __future__ import annotations

from pye2core.errors import Pye2Error


class ValueNotCarried(Pye2Error, TypeError):
    """A value holds something that cannot be sent.

    Attributes:
        path: where it is, as in ``args[2]['rows'][7].owner``.
        way_out: what to do instead.
    """

    def __init__(self, path: str, problem: str, way_out: str) -> None:
        super().__init__(f"{path} {problem}; {way_out}")
        self.path = path
        self.way_out = way_out


class ValueNotReadable(Pye2Error, ValueError):
    """These bytes are no value, or one that cannot be made here; the message says which."""


class Refused(Exception):  # not for users: on its way up to where the path is known
    """A value cannot be taken apart.

    Attributes:
        problem: what it is, as in "is an array of Python objects".
        way_out: what to do instead.
    """

    def __init__(self, problem: str, way_out: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.way_out = way_out
