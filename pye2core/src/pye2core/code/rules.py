"""What custom code may use on a node, and what to use instead of what it may not.

Facts only, read by ``check``: the names that exist on every node, those that PyE2 refuses (PyE2
wire protocol, section 12) and those that we refuse besides, each with its way out. These rules tell
a sender early what would not work; what keeps a node safe is its sandbox, not they.

Standard library only: the node's sandbox imports this module.
"""

from __future__ import annotations

import sys
from typing import Final, NamedTuple

MAX_SOURCE_BYTES: Final = 1024 * 1024
"""The longest source that is checked or sent, as UTF-8."""

MAX_NESTING: Final = 500
"""How deep expressions and statements may lie in each other."""

MAX_SCOPES: Final = 2000
"""How many functions, lambdas, classes and comprehensions a source may have: the time that Python
takes to compile them grows with their square."""

MAX_NODES: Final = 100_000
"""How many names, numbers, operations and other parts a source may have: some thousand lines."""

MAX_PROBLEMS: Final = 200
"""How many problems are told; whoever has more is told that there are more."""

RESULT_NAMES: Final = ("__result", "_result", "result")
"""The variables that code without a ``return`` of its own leaves its result in: the first that
there is (PyE2 wire protocol, section 12)."""

_BUILTIN_NAMES: Final = """
    abs aiter all anext any ascii bin bool bytearray bytes callable chr classmethod complex delattr
    dict divmod enumerate filter float format frozenset hasattr hash hex id int isinstance
    issubclass iter len list map max min next object oct ord pow print property range repr reversed
    round set setattr slice sorted staticmethod str sum super tuple type zip

    Ellipsis False None NotImplemented True __debug__

    ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError
    BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError
    ConnectionError ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError
    EncodingWarning EnvironmentError Exception ExceptionGroup FileExistsError FileNotFoundError
    FloatingPointError FutureWarning GeneratorExit IOError ImportError ImportWarning
    IndentationError IndexError InterruptedError IsADirectoryError KeyError KeyboardInterrupt
    LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError NotImplementedError
    OSError OverflowError PendingDeprecationWarning PermissionError ProcessLookupError
    RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration
    StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError TypeError
    UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError
    UnicodeWarning UserWarning ValueError Warning ZeroDivisionError
    """

ALLOWED_BUILTINS: Final = frozenset(_BUILTIN_NAMES.split())
"""The built-in names that exist on every node: Python 3.11's, without those that are refused."""

NETWORK_MODULES: Final = frozenset(
    {"http.client", "socket", "ssl", "urllib.error", "urllib.parse", "urllib.request"}
)
"""What code may import to which the network is granted, and nothing more."""


_GIVEN: Final = """
    abc array attr attrs base64 binascii bisect calendar cmath collections collections.abc colorsys
    contextlib copy csv dataclasses datetime decimal difflib enum fractions functools graphlib
    hashlib heapq hmac io itertools json math numbers numpy numpy.fft numpy.linalg numpy.polynomial
    numpy.random operator pathlib queue random re secrets statistics string struct textwrap time
    typing unicodedata uuid warnings zlib zoneinfo
    """

GIVEN_MODULES: Final = frozenset(_GIVEN.split())
"""What a called function may import on every node, each by itself: it computes and no more, and a
node has it in memory all the same, or at next to no cost. Other code uses ``plugin``'s instead."""


class Permitted(NamedTuple):
    """What a piece of code may do that others may not.

    Attributes:
        modules: which modules it may import, each with all that is in it.
        opens: whether it may use ``open``.
        given: which modules it may import besides, without modules that are in them.
    """

    modules: frozenset[str] = frozenset()
    opens: bool = False
    given: frozenset[str] = frozenset()

    def imports(self, module: str) -> bool:
        """Whether it may import a module, by its full name."""
        parts = module.split(".")
        names = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
        return module in self.given or not self.modules.isdisjoint(names)

    def imports_from(self, module: str, name: str) -> bool:
        """Whether it may import a name from a module; the name may be a module itself."""
        return module in self.given or self.imports(f"{module}.{name}")

    def with_given(self) -> Permitted:
        """The same for a called function, to which ``GIVEN_MODULES`` are open as well."""
        return self._replace(given=GIVEN_MODULES)

    @property
    def builtins(self) -> frozenset[str]:
        """The built-in names that it may use."""
        return ALLOWED_BUILTINS | {"open"} if self.opens else ALLOWED_BUILTINS


NOTHING_MORE: Final = Permitted()
"""What every piece of code may do."""

AS_SETTINGS: Final = "as settings (plugin.cfg_*)"
"""How to send data, in messages; to a called function it goes as arguments."""

_EXECUTES_TEXT: Final = "write the code out in the function"
_LOOKS_AROUND: Final = "name what you need"

NAMES_REFUSED_BY_PYE2: Final = {
    "__builtins__": _LOOKS_AROUND,
    "dir": _LOOKS_AROUND,
    "eval": _EXECUTES_TEXT,
    "exec": _EXECUTES_TEXT,
    "getattr": "write the attribute with a dot, or use hasattr",
    "globals": _LOOKS_AROUND,
    "locals": _LOOKS_AROUND,
    "memoryview": "use bytes or plugin.np arrays",
    "open": (
        f"code on a node cannot open files: send what it needs {AS_SETTINGS}, or ask "
        'for a folder: grants={"folders": ["/…"]}'
    ),
    "vars": _LOOKS_AROUND,
}
"""PyE2's nodes refuse these wherever they stand, as the names of variables too."""

BUILTINS_REFUSED: Final = {
    "__import__": "imports are not available on nodes",
    "breakpoint": "nobody can answer a debugger on a node",
    "compile": _EXECUTES_TEXT,
    "exit": "use return",
    "help": "nobody can answer on a node",
    "input": f"nobody can answer on a node: send what it needs {AS_SETTINGS}",
    "quit": "use return",
}
"""Built-in names that we refuse besides; a variable of the same name is the code's own affair."""

ATTRIBUTES_REFUSED: Final = {
    "__traceback__": "keep str(error) instead",
    "_default_config": "read settings as plugin.cfg_<name>",
    "_upstream_config": "read settings as plugin.cfg_<name>",
    "config_data": "read settings as plugin.cfg_<name>",
    "global_shmem": "instances share no memory; plugin.obj_cache is this instance's own",
    "plugins_shmem": "instances share no memory; plugin.obj_cache is this instance's own",
}
"""PyE2's refused attributes, on whatever object, except ``log``."""

_INSPECTS: Final = "it leads from a value to the program around it; pass what you need by name"

_INSPECTING: Final = """
    ag_await ag_code ag_frame cr_await cr_code cr_frame cr_origin f_back f_builtins f_code f_globals
    f_locals f_trace gi_code gi_frame gi_yieldfrom tb_frame tb_next
    """

ATTRIBUTES_THAT_INSPECT: Final = dict.fromkeys(_INSPECTING.split(), _INSPECTS)
"""What leads from generators, coroutines and tracebacks to frames, and on to everything."""

HARMLESS_DUNDERS: Final = frozenset({"__doc__", "__init__", "__name__", "__version__"})
"""The attributes with double underscores that ordinary code uses and that lead nowhere."""

_NUMPY: Final = "use plugin.np"
_TIME: Final = "use plugin.time() and plugin.sleep(seconds)"
_THREADS: Final = "use plugin.threadapi_map or plugin.threadapi_run"

WAYS_OUT: Final = {
    "np": _NUMPY,
    "numpy": _NUMPY,
    "collections": "use plugin.collections",
    "itertools": "use plugin.itertools",
    "json": "use plugin.json",
    "math": "use plugin.math",
    "random": "use plugin.random",
    "statistics": "use plugin.statistics",
    "re": "use plugin.re",
    "time": _TIME,
    "sleep": "use plugin.sleep(seconds)",
    "uuid": "use plugin.uuid()",
    "concurrent": _THREADS,
    "threading": _THREADS,
    "multiprocessing": _THREADS,
    "ThreadPoolExecutor": _THREADS,
    "Thread": _THREADS,
    "session": "only the node that runs the code is there: use the plugin object",
    "logging": "use plugin.P(text)",
}
"""What to use instead of a module or a name that many programs have at hand."""

_OTHER_MODULES: Final = frozenset(
    {
        "PIL",
        "cupy",
        "cv2",
        "jax",
        "pandas",
        "pd",
        "plt",
        "requests",
        "scipy",
        "sklearn",
        "tf",
        "torch",
    }
)


def way_out_of_import(module: str) -> str:
    """What to do instead of importing this module."""
    if module in NETWORK_MODULES:
        return 'use what plugin has, or ask for the network: grants={"network": True}'
    top = module.partition(".")[0]
    return (
        WAYS_OUT.get(top) or f'use what plugin has, or ask for it: grants={{"modules": ["{top}"]}}'
    )


def is_dunder(name: str) -> bool:
    """Whether it is a name like ``__this__``."""
    return len(name) > len("____") and name.startswith("__") and name.endswith("__")


def why_refused_attribute(name: str) -> str:
    """Why an attribute of this name cannot be used on whatever object, or the empty text."""
    if name in ATTRIBUTES_REFUSED:
        return ATTRIBUTES_REFUSED[name]
    if name in ATTRIBUTES_THAT_INSPECT:
        return ATTRIBUTES_THAT_INSPECT[name]
    return "Python's inner parts" if is_dunder(name) and name not in HARMLESS_DUNDERS else ""


def why_unknown(name: str) -> str:
    """What to say of a name that nothing in the code defines.

    Example:
        >>> why_unknown("np")
        '`np` does not exist on a node: use plugin.np'
    """
    if name in BUILTINS_REFUSED:
        return f"`{name}` cannot be used on a node: {BUILTINS_REFUSED[name]}"
    if name in WAYS_OUT:
        return f"`{name}` does not exist on a node: {WAYS_OUT[name]}"
    if name in sys.stdlib_module_names or name in _OTHER_MODULES:
        return (
            f"`{name}` is a module, and imports are not available on nodes: use what plugin has, or"
            " import it in the function and ask for it (grants=…)"
        )
    return (
        f"`{name}` is not part of what is sent: only the function's own text is; "
        f"move the definition of `{name}` into the function"
    )
