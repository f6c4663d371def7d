"""What to do instead, for values of types that cannot be carried."""

from __future__ import annotations

from typing import Final

from pye2_calls.values.errors import Refused
from pye2_calls.values.table import kind_of

_BY_NAME: Final = {
    "memoryview": "pass bytes(…) of it",
    "module": "import it in the function",
    "type": "name the class in the function: it is sent along",
    "function": "name the function in the function that is called: it is sent along",
    "builtin_function_or_method": "name it in the function that is called",
    "method": "pass the object's data, and call the method where the function runs",
    "generator": "pass list(…) of it",
    "map": "pass list(…) of it",
    "filter": "pass list(…) of it",
    "zip": "pass list(…) of it",
    "dict_keys": "pass list(…) of it",
    "dict_values": "pass list(…) of it",
    "dict_items": "pass list(…) of it",
    "mappingproxy": "pass dict(…) of it",
    "coroutine": "await it first",
    "socket": "connect in the function",
    "lock": "leave it out: calls run in processes of their own",
    "RLock": "leave it out: calls run in processes of their own",
    "Future": "pass its result()",
    "RemoteFuture": "pass its result()",
    "longdouble": "use float64: this one differs between machines",
    "clongdouble": "use complex128: this one differs between machines",
    "MaskedArray": "pass its data and its mask",
    "SparseArray": "use .sparse.to_dense()",
    "ArrowExtensionArray": "use .astype(…) with a dtype of pandas' own",
}
_FILES: Final = ("_io", "tempfile", "io")
_ELSEWHERE: Final = "pass what it holds as Python's own types, numpy arrays or a dataclass"


def refusal_of(cls: type, value: object) -> Refused:
    """Why a value of a type that has no kind cannot be carried."""
    if isinstance(value, type):
        return Refused(f"is the class {value.__qualname__}", _BY_NAME["type"])
    return Refused(f"is {_a_full_name(cls)}, which cannot be carried", _way_out(cls))


def refusal_of_class(cls: type) -> Refused:
    """Why an instance of a class that is of the right sort cannot be carried: it is not known."""
    return Refused(
        f"is {_a_full_name(cls)}, a class that the other side does not know",
        "name the class in the function, so that it is sent along, or pass what it holds",
    )


def _a_full_name(cls: type) -> str:
    name = f"{cls.__module__}.{cls.__qualname__}"
    if cls.__module__ in {"builtins", "_thread", "_io"}:
        name = cls.__qualname__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


def _way_out(cls: type) -> str:
    known = next((each.__name__ for each in cls.__mro__ if each.__name__ in _BY_NAME), None)
    if known is not None:
        return _BY_NAME[known]
    if cls.__module__ in _FILES:
        return "read it first and pass what is in it, or pass its path"
    base = next((each for each in cls.__mro__[1:] if _is_carried(each)), None)
    if base is None:
        return _ELSEWHERE
    if base.__module__ == "numpy":
        return "pass numpy.asarray(…) of it"
    return f"subclasses are other types: pass {base.__name__}(…) of it"


def _is_carried(cls: type) -> bool:
    return cls in {int, float, str, bytes, list, dict} or kind_of(cls) is not None
