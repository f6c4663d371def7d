"""What all contracts have in common: whoever departs from one says why.

You are among the contracts' foundations. Nothing here knows what is under test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Callable

_Test = TypeVar("_Test", bound="Callable[..., Any]")

_REASON = "departs_because"


class ContractOverridden(Pye2Error):
    """A test of a contract was replaced without a reason.

    Attributes:
        test: its name.
    """

    def __init__(self, message: str, *, test: str) -> None:
        super().__init__(message)
        self.test = test


class Contract:
    """Tests that subclasses inherit; one that they replace has a reason, or the class cannot be.

    Raises:
        ContractOverridden: as a subclass is made.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in _promised_by(cls.__mro__[1:]):
            having = [each for each in cls.__mro__ if name in vars(each)]
            promised_by = [each for each in having if issubclass(each, Contract)][-1]
            if having[0] is promised_by or getattr(vars(having[0])[name], _REASON, None):
                continue
            where = "" if having[0] is cls else f" by that of {having[0].__name__}"
            raise ContractOverridden(
                f"{cls.__name__} replaces {name}, a test of its contract,{where} and does not say"
                " why. Decorate it with @departs('the reason'), or assign"
                " not_promised('the reason').",
                test=name,
            )


def _promised_by(bases: tuple[type, ...]) -> list[str]:
    """The names of the tests of all contracts among these classes."""
    contracts = [base for base in bases if issubclass(base, Contract)]
    named = {name: None for base in contracts for name in vars(base) if name.startswith("test")}
    return list(named)


def departs(because: str) -> Callable[[_Test], _Test]:
    """Mark a test that replaces one of the contract's.

    Args:
        because: why what is under test cannot keep that part of the contract.

    Raises:
        ValueError: the reason is empty.

    Example:
        ::

            @departs("pigeons sort themselves by size")
            def test_messages_of_one_publisher_keep_their_order_on_a_channel(self, bench): ...
    """
    if not because.strip():
        raise ValueError("a reason must be given for departing from a contract")

    def mark(test: _Test) -> _Test:
        setattr(test, _REASON, because)
        return test

    return mark


def not_promised(because: str) -> Callable[..., None]:
    """Stand in for a test of the contract that cannot be kept: it is skipped, with the reason.

    Raises:
        ValueError: the reason is empty.

    Example:
        ::

            test_bad_credentials_are_refused = not_promised("everybody may feed the pigeons")
    """

    @departs(because)
    def skipped(_self: object) -> None:
        pytest.skip(because)

    return skipped
