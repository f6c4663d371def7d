"""What joblib hands over, made ready to be sent.

Tasks of the user's own functions go as calls of these functions: nothing is asked of the node but
to take calls. Where objects or functions of an installed package are in them, ``there.run`` runs
them.
"""

from __future__ import annotations

import copy
import functools
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pye2_calls.shipping.origins import is_installed_function, is_users
from pye2_calls.values import pack, unpack
from pye2_joblib.forms import FORMS
from pye2_joblib.putting_together import PuttingTogether
from pye2_joblib.references import Returned, is_given, package_of
from pye2_joblib.taking_apart import TakingApart
from pye2_joblib.there import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Task = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

_CACHED: Final = type(functools.cache(len))
_COME_WITH_SKLEARN: Final = {"joblib", "numpy", "scipy", "threadpoolctl"}


@frozen
class Ready:
    """Calls that together are a batch of tasks.

    Attributes:
        calls: what to call, each with its arguments.
        modules: what has to be granted besides what shipping finds.
        read: makes the list of results of what the calls returned.
    """

    calls: Sequence[Task]
    modules: frozenset[str]
    read: Callable[[list[Any]], list[Any]]


def make_ready(tasks: Iterable[Task], packages: frozenset[str]) -> Ready:
    """Make a batch ready to be sent.

    Args:
        tasks: functions with their arguments.
        packages: packages of whose classes objects may come back though none was sent.

    Raises:
        ValueNotCarried: something in them cannot go; says where it is, and what to do.
    """
    given = list(tasks)
    sending = _Sending()
    taking = TakingApart(sending.number_of)
    taken = [_taken_apart(task, taking) for task in given]
    if taking.is_plain and not taking.packages:
        return Ready(given, frozenset(), lambda results: results)
    runner = _runner(*sending.functions)
    returned = Returned(taking.names, packages | _packages(taking.names))
    together = PuttingTogether(returned, sending.functions).together

    def read(results: list[Any]) -> list[Any]:
        values: list[Any] = together(unpack(results[0], FORMS))
        return values

    call = runner, (pack(taken, FORMS, name="the tasks"),), dict[str, Any]()
    return Ready([call], _modules_for(taking.packages), read)


class _Sending:
    """The user's functions and classes that go along."""

    def __init__(self) -> None:
        self.functions: list[Any] = []

    def number_of(self, thing: Any) -> int | None:
        """Its number, if it is the user's."""
        if not _is_of_the_user(thing):
            return None
        for number, each in enumerate(self.functions):
            if each is thing:
                return number
        self.functions.append(thing)
        return len(self.functions) - 1


def _is_of_the_user(thing: Any) -> bool:
    if isinstance(thing, _CACHED):
        return _is_of_the_user(thing.__wrapped__)
    if isinstance(thing, FunctionType):
        return not is_installed_function(thing)  # by its file: what is in a console has no module
    return isinstance(thing, type) and is_users(thing.__module__)


def _taken_apart(task: Task, taking: TakingApart) -> tuple[Any, Any, Any]:
    function, args, kwargs = task
    head = taking.function(_with_own_filters(function), "the function")
    named = {name: taking.apart(value, name) for name, value in kwargs.items()}
    return head, taking.apart(tuple(args), "args"), named


def _with_own_filters(function: Any) -> Any:
    """scikit-learn's wrapper of a function, without filters for warnings of packages not there."""
    if not hasattr(function, "with_config_and_warning_filters"):
        return function
    own = copy.copy(function)
    home = type(function).__module__.partition(".")[0]
    kept = [each for each in getattr(own, "warning_filters", ()) if _is_known(each[2], home)]
    own.warning_filters = kept or [("default", None, Warning, None, 0)]
    return own


def _is_known(category: Any, home: str) -> bool:
    name = f"{category.__module__}:{category.__qualname__}" if isinstance(category, type) else ""
    return is_given(name) or package_of(name) == home


@functools.lru_cache(maxsize=128)
def _runner(*functions: Any) -> Callable[..., Any]:
    """The same for the same functions, so that it is made ready to be sent once."""
    return functools.partial(run, functions)


def _packages(names: Iterable[str]) -> frozenset[str]:
    return frozenset(package_of(name) for name in names if not is_given(name))


def _modules_for(packages: set[str]) -> frozenset[str]:
    if "sklearn" not in packages:
        return frozenset(packages)
    return frozenset(packages - _COME_WITH_SKLEARN | {"pye2_joblib.scikit_learn"})
