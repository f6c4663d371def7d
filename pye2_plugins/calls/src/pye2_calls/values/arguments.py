"""The arguments of a call, as one value; errors name them as the caller does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2_calls.values.errors import ValueNotCarried, ValueNotReadable
from pye2_calls.values.packing import NO_CLASSES, pack
from pye2_calls.values.reading import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping


def pack_arguments(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], classes: Mapping[str, type] = NO_CLASSES
) -> bytes:
    """The bytes of what a function is called with; ``classes`` as for :func:`pack`.

    Raises:
        ValueNotCarried: its path begins with ``args[2]`` or the name of a keyword.
    """
    try:
        return pack([args, dict(kwargs)], classes, name="the arguments")
    except ValueNotCarried:
        pack(args, classes, name="args")
        for name, value in kwargs.items():
            pack(value, classes, name=name)
        raise  # it is none of them by itself: all of them together


def unpack_arguments(
    data: bytes | bytearray | memoryview, classes: Mapping[str, type] = NO_CLASSES
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What :func:`pack_arguments` made bytes of.

    Raises:
        ValueNotReadable: the bytes are something else.
    """
    value = unpack(data, classes)
    match value:
        case [tuple() as args, dict() as kwargs] if type(value) is list:
            if all(type(name) is str for name in kwargs):
                return args, kwargs
    raise ValueNotReadable(
        "the bytes are a value, but no arguments; they must be what pack_arguments() made"
    )
