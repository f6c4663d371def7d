"""The records of FUNCTION_CALLS: what its client says, and what its node's side says.

You are in ``messages``, above the checks of fields. Each record says one thing; how they become
bytes is in ``packing``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from attrs import field, frozen

from pye2_calls.messages import checks

# --- from client to node --------------------------------------------------------------------------


@frozen
class Code:
    """A function with all that it needs, sent once for any number of calls.

    Attributes:
        digest: by which calls name it; whatever the client likes that is different for different
            code.
        name: what the function is called, for tracebacks.
        source: the body of a function that makes it: Python text.
        parameters: the names of the maker's parameters; the first is ``plugin``.
        values: pairs of a name that the maker asks for and ``pye2_calls.values.pack`` of what it
            is to get.
        classes: the names under which the classes travel that the maker tells of.
        modules: modules that it imports and that must be granted.
        takes_plugin: whether the function's first parameter is the node's ``plugin`` object, so
            that it stands before what a call gives.
        is_generator: whether calls give items one after the other.
    """

    KIND: ClassVar[str] = "code"

    digest: str = field(validator=checks.NAME)
    name: str = field(validator=checks.NAME)
    source: str = field(validator=checks.text(checks.LONGEST_SOURCE))
    parameters: tuple[str, ...] = field(validator=checks.tuple_of(checks.identifier))
    values: tuple[tuple[str, bytes], ...] = field(
        default=(), validator=checks.tuple_of(checks.pair_of(checks.NAME, checks.data))
    )
    classes: tuple[str, ...] = field(default=(), validator=checks.tuple_of(checks.NAME))
    modules: tuple[str, ...] = field(default=(), validator=checks.tuple_of(checks.NAME))
    takes_plugin: bool = field(default=False, validator=checks.truth)
    is_generator: bool = field(default=False, validator=checks.truth)


@frozen
class Call:
    """Call a function once.

    Attributes:
        id: the client's number for it, never used for another call of the same instance.
        digest: of the function's ``Code``, which need not have come before.
        arguments: what ``pye2_calls.values.pack_arguments`` makes of args and kwargs.
        timeout: seconds after which it is killed; None for no limit but the node's own.
        credit: how many items of a generator may be sent before the first ``Pull``.
        live_output: whether what it prints is to be sent as ``Output`` while it runs.
    """

    KIND: ClassVar[str] = "call"

    id: int = field(validator=checks.ID)
    digest: str = field(validator=checks.NAME)
    arguments: bytes = field(validator=checks.data)
    timeout: float | None = field(default=None, validator=checks.maybe(checks.seconds))
    credit: int = field(default=0, validator=checks.whole(0))
    live_output: bool = field(default=False, validator=checks.truth)


@frozen
class Cancel:
    """Stop a call, whether it waits or runs; answered by ``Cancelled`` unless it is over."""

    KIND: ClassVar[str] = "cancel"

    id: int = field(validator=checks.ID)


@frozen
class Withdraw:
    """Drop a call unless it has begun; answered by ``Cancelled`` if it was dropped."""

    KIND: ClassVar[str] = "withdraw"

    id: int = field(validator=checks.ID)


@frozen
class Pull:
    """Let a generator's call send ``count`` items more."""

    KIND: ClassVar[str] = "pull"

    id: int = field(validator=checks.ID)
    count: int = field(validator=checks.whole(1))


@frozen
class KeepAlive:
    """The client's session lives; answered by ``Holds``."""

    KIND: ClassVar[str] = "keep_alive"


# --- in both directions ---------------------------------------------------------------------------


@frozen
class Part:
    """A piece of a message that is too large for one.

    Attributes:
        message: the sender's number for it.
        index: which piece it is, from 0.
        count: how many there are.
        data: the piece's bytes.
    """

    KIND: ClassVar[str] = "part"

    message: int = field(validator=checks.ID)
    index: int = field(validator=checks.whole(0, checks.MOST_RECORDS - 1))
    count: int = field(validator=checks.whole(1, checks.MOST_RECORDS))
    data: bytes | memoryview = field(validator=checks.bytes_anywhere)

    def __attrs_post_init__(self) -> None:
        if self.index >= self.count:
            raise ValueError(f"there is no piece {self.index} of {self.count}")


# --- from node to client --------------------------------------------------------------------------


@frozen
class Frame:
    """Where in the source an exception passed: the line, from 1, and the function's name."""

    line: int = field(validator=checks.whole(0))
    function: str = field(validator=checks.text(checks.LONGEST_NAME))


@frozen
class Failure:
    """An exception of the function's own, as far as it can be told without its class.

    Attributes:
        type: its class's name.
        message: its text.
        traceback: as Python prints it, with the lines of the source that was sent.
        frames: the same places for programs, the innermost last.
        exception: ``pye2_calls.values.pack`` of it; empty where that cannot carry it.
    """

    type: str = field(validator=checks.text(checks.LONGEST_NAME))
    message: str = field(validator=checks.WORDS)
    traceback: str = field(default="", validator=checks.WORDS)
    frames: tuple[Frame, ...] = field(default=(), validator=checks.tuple_of(checks.one_of(Frame)))
    exception: bytes = field(default=b"", validator=checks.data)


@frozen
class Value:
    """What a call returned.

    Attributes:
        id: the call's number.
        data: ``pye2_calls.values.pack`` of it.
        printed: all that it printed, cut at a limit.
        seconds: how long it ran.
    """

    KIND: ClassVar[str] = "value"

    id: int = field(validator=checks.ID)
    data: bytes | memoryview = field(validator=checks.bytes_anywhere)
    printed: str = field(default="", validator=checks.WORDS)
    seconds: float = field(default=0.0, validator=checks.seconds)


@frozen
class Raised:
    """The exception that ended a call."""

    KIND: ClassVar[str] = "raised"

    id: int = field(validator=checks.ID)
    failure: Failure = field(validator=checks.one_of(Failure))
    printed: str = field(default="", validator=checks.WORDS)
    seconds: float = field(default=0.0, validator=checks.seconds)


@frozen
class Died:
    """The process that ran a call ended before the call did.

    Attributes:
        id: the call's number.
        code: its exit code, or None.
        signal: the number of the signal that ended it, or None.
        reason: why, in words.
        printed: what the call had printed by then.
    """

    KIND: ClassVar[str] = "died"

    id: int = field(validator=checks.ID)
    code: int | None = field(validator=checks.maybe(checks.whole(-checks.LARGEST_NUMBER)))
    signal: int | None = field(validator=checks.maybe(checks.whole(0)))
    reason: str = field(validator=checks.WORDS)
    printed: str = field(default="", validator=checks.WORDS)


@frozen
class TimedOut:
    """A call took longer than it may, and was killed; ``seconds`` is what it had."""

    KIND: ClassVar[str] = "timed_out"

    id: int = field(validator=checks.ID)
    seconds: float = field(validator=checks.seconds)
    printed: str = field(default="", validator=checks.WORDS)


@frozen
class Cancelled:
    """A call was stopped as the client wished."""

    KIND: ClassVar[str] = "cancelled"

    id: int = field(validator=checks.ID)


@frozen
class Refused:
    """A call does not run here: it was not begun, or cannot go on.

    Attributes:
        id: the call's number.
        reason: ``code`` (the function may not run here), ``grant`` (it needs what is not granted),
            ``sandbox`` (no process can be started now), ``full`` (too much waits already) or
            ``large`` (it, or what it returned, is larger than this node takes).
        message: why, and what to do.
    """

    KIND: ClassVar[str] = "refused"

    id: int = field(validator=checks.ID)
    reason: str = field(validator=checks.NAME)
    message: str = field(validator=checks.WORDS)


@frozen
class Item:
    """What a generator yielded: ``data`` as in ``Value``; ``number`` counts from 0."""

    KIND: ClassVar[str] = "item"

    id: int = field(validator=checks.ID)
    number: int = field(validator=checks.whole(0))
    data: bytes | memoryview = field(validator=checks.bytes_anywhere)


@frozen
class End:
    """A generator's call is over, after all its items."""

    KIND: ClassVar[str] = "end"

    id: int = field(validator=checks.ID)
    printed: str = field(default="", validator=checks.WORDS)
    seconds: float = field(default=0.0, validator=checks.seconds)


@frozen
class Output:
    """What a call printed just now; sent where ``live_output`` was asked for."""

    KIND: ClassVar[str] = "output"

    id: int = field(validator=checks.ID)
    text: str = field(validator=checks.WORDS)


@frozen
class CodeWanted:
    """The node has calls of a function, ``ids``, whose ``Code`` it does not have (any more).

    They wait there until the client sends it.
    """

    KIND: ClassVar[str] = "code_wanted"

    digest: str = field(validator=checks.NAME)
    ids: tuple[int, ...] = field(validator=checks.tuple_of(checks.ID))


@frozen
class Began:
    """The node's side has begun a life of its own: it knows nothing of calls and code before.

    Attributes:
        slots: how many calls the node runs at once, those of others included.
        largest: bytes that a message to it may have, in all its parts together.
        timeout: seconds after which the node itself kills a call; None for no such limit.
    """

    KIND: ClassVar[str] = "began"

    slots: int = field(validator=checks.whole(1))
    largest: int = field(validator=checks.whole(1))
    timeout: float | None = field(default=None, validator=checks.maybe(checks.seconds))


@frozen
class Holds:
    """The calls that wait on the node, and those that run there; all others it has answered.

    Calls that were sent after the question may be missing.
    """

    KIND: ClassVar[str] = "holds"

    waiting: tuple[int, ...] = field(default=(), validator=checks.tuple_of(checks.ID))
    running: tuple[int, ...] = field(default=(), validator=checks.tuple_of(checks.ID))


ClientRecord = Code | Call | Cancel | Withdraw | Pull | KeepAlive | Part
"""What a client says."""

NodeRecord = (
    Value
    | Raised
    | Died
    | TimedOut
    | Cancelled
    | Refused
    | Item
    | End
    | Output
    | CodeWanted
    | Began
    | Holds
    | Part
)
"""What the node's side says."""

Record = ClientRecord | NodeRecord

FROM_CLIENT: Final[frozenset[type[Any]]] = frozenset(
    {Code, Call, Cancel, Withdraw, Pull, KeepAlive, Part}
)
FROM_NODE: Final[frozenset[type[Any]]] = frozenset(
    {
        Value,
        Raised,
        Died,
        TimedOut,
        Cancelled,
        Refused,
        Item,
        End,
        Output,
        CodeWanted,
        Began,
        Holds,
        Part,
    }
)
