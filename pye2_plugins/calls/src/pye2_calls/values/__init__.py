"""Python values to bytes and back, with their types, and never by pickle.

You are at the bottom of the package: nothing here knows of functions, nodes or messages. Bytes are
MessagePack; what it lacks is an array that begins with a mark, the number of its kind.

=============================== ==================================================================
Carried                         Python's own: None, bool, int of any size, float, complex, Decimal,
                                Fraction, str (lone surrogates too), bytes, bytearray, list, tuple,
                                dict, set, frozenset, deque, OrderedDict, Counter, defaultdict (of
                                nothing, or of a builtin type), range, slice, the datetime family,
                                UUID, paths, exceptions of builtin types and of modules that each
                                node has (``json.JSONDecodeError``)
With ``classes``                instances of dataclasses and attrs classes, named tuples, members of
                                enumerations, exceptions
With numpy                      arrays, scalars and dtypes: shape, byte order, memory order,
                                structured ones, dates and texts
With pandas                     DataFrame, Series, every Index, their arrays, Timestamp, Timedelta,
                                Period, Interval, NA and NaT
=============================== ==================================================================

What does not survive, on purpose:

- **Sharing.** What is in a value twice arrives as two equal objects. What contains itself is
  refused.
- **Subclasses** of these types are refused, rather than arriving as something else; a memoryview is
  refused as well.
- An instance is its fields: they are set without running anything of its class.
- A path of the other operating system arrives as a pure path.
- A ``defaultdict`` with a factory of one's own, a zone that is neither ``timezone`` nor a
  ``ZoneInfo`` with a key, numpy's objects, ``longdouble`` and ``StringDType``, pandas' sparse and
  Arrow columns are refused.
- An exception comes without traceback, cause and context.
- A pandas index keeps its frequency if the frequency's name says all there is to it; a zone of
  pytz's arrives as a ``ZoneInfo``.

In a process that can open no files, call :func:`preload` before it is locked. Zones are then made
of what was read at that time.
"""

from pye2_calls.values.arguments import pack_arguments, unpack_arguments
from pye2_calls.values.errors import ValueNotCarried, ValueNotReadable
from pye2_calls.values.exceptions import in_words
from pye2_calls.values.packing import NESTING_LIMIT, buffers_of, pack
from pye2_calls.values.preloading import preload
from pye2_calls.values.reading import MOST_CONTAINERS, unpack

__all__ = [
    "MOST_CONTAINERS",
    "NESTING_LIMIT",
    "ValueNotCarried",
    "ValueNotReadable",
    "buffers_of",
    "in_words",
    "pack",
    "pack_arguments",
    "preload",
    "unpack",
    "unpack_arguments",
]
