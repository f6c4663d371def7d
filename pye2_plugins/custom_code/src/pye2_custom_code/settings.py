"""What an instance of custom code can be told, and how such settings are checked.

``checked`` reads any attrs class whose fields say in their metadata how a value is read; the
settings of the distributed job are read with it too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import NOTHING, Attribute, field, fields, frozen

from pye2core.code import decode
from pye2core.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.messages import InstancePath

Settings = TypeVar("Settings")

READ: Final = "read"
"""The metadata key under which a field says how its value is read: a function that raises
``ValueError`` with what the value must be, or ``CodeError``."""

RESULT_KEY: Final = "EXEC_RESULT"
ERROR_KEY: Final = "EXEC_ERRORS"
WARNING_KEY: Final = "EXEC_WARNING"
"""The fields of payloads, unless an instance is told other ones (section 13)."""

_NO_OTHER_NAMES: Final[Mapping[str, str]] = {}
_LONGEST_SHOWN: Final = 60


def seconds(value: object) -> float:
    """A number of seconds, zero or more."""
    number = _number(value)
    if number is None or number < 0:
        raise ValueError("must be a number of seconds, zero or more")
    return number


def some_seconds(value: object) -> float:
    """A number of seconds above zero."""
    number = _number(value)
    if number is None or number <= 0:
        raise ValueError("must be a number of seconds above zero")
    return number


def key_name(value: object) -> str:
    """The name of a payload's field, in upper case as payloads have them."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be the name of a field of the payload, for example 'DATA'")
    return value.strip().upper()


def packed_code(value: object) -> str:
    """The source in what was sent (PyE2 wire protocol, section 12)."""
    text = value if isinstance(value, str) else ""
    if not text:
        raise ValueError("must be packed custom code (base64 of its source, compressed)")
    return decode(text)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


@frozen
class CustomExecSettings:
    """The settings of one instance of CUSTOM_EXEC_01 (PyE2 wire protocol, section 13).

    Attributes:
        code: the source that is run, without its ``def`` line.
        process_delay: at least this many seconds between the starts of two runs.
        result_key: the payload's field for what the code returned.
        error_key: the payload's field for the text of an exception.
        warning_key: the payload's field for warnings.
        exec_timeout: seconds that one run may take before its process is killed.
        error_delay: seconds without a run after an exception.
        send_manifest_each: seconds without a payload after which one says that there was none.
    """

    code: str = field(metadata={READ: packed_code})
    process_delay: float = field(default=0.05, metadata={READ: seconds})
    result_key: str = field(default=RESULT_KEY, metadata={READ: key_name})
    error_key: str = field(default=ERROR_KEY, metadata={READ: key_name})
    warning_key: str = field(default=WARNING_KEY, metadata={READ: key_name})
    exec_timeout: float = field(default=60.0, metadata={READ: some_seconds})
    error_delay: float = field(default=10.0, metadata={READ: seconds})
    send_manifest_each: float = field(default=300.0, metadata={READ: some_seconds})


def checked(
    kind: type[Settings],
    settings: Mapping[str, Any],
    path: InstancePath,
    other_names: Mapping[str, str] = _NO_OTHER_NAMES,
) -> Settings:
    """Read the settings of an instance; a key that is missing or None leaves the default.

    Args:
        kind: an attrs class; its field ``process_delay`` is read from ``PROCESS_DELAY``.
        settings: the instance's configuration, by upper-case key.
        path: the instance, for messages.
        other_names: keys that stand for another one that is missing, and which.

    Raises:
        InvalidConfiguration: with everything that is wrong at once.
        CodeError: a setting that holds code cannot be unpacked.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    for other, key in other_names.items():
        if other in given:
            given.setdefault(key, given[other])
    values: dict[str, Any] = {}
    problems: list[str] = []
    for attribute in _fields_of(kind):
        key = attribute.name.upper()
        if key in given:
            try:
                values[attribute.name] = attribute.metadata[READ](given[key])
            except ValueError as error:
                problems.append(f"{key} {error}, not {_shown(given[key])}")
        elif attribute.default is NOTHING:
            problems.append(f"{key} is missing")
    if problems:
        raise InvalidConfiguration(_told(path, problems), pipeline=path.pipeline)
    return kind(**values)


def _fields_of(kind: type[Any]) -> tuple[Attribute[Any], ...]:
    found: tuple[Attribute[Any], ...] = fields(kind)
    return found


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"


def _told(path: InstancePath, problems: list[str]) -> str:
    return (
        f"the instance {path.instance_id!r} ({path.signature}) of pipeline {path.pipeline!r} cannot"
        f" run with its settings: {'; '.join(problems)}"
    )
