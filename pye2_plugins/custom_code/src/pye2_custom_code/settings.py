"""What an instance of custom code can be told, and how such settings are checked.

``checked`` reads any attrs class whose fields say in their metadata how a value is read; the
settings of the distributed job are read with it too.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import NOTHING, Attribute, field, fields, frozen

from pye2core.code import decode
from pye2core.errors import CodeError, InvalidConfiguration
from pye2core.messages import upper_keys

if TYPE_CHECKING:
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


@frozen
class CodeRequest:
    """The wish to have code run once.

    Attributes:
        code: what was sent as the code, whatever that is.
        timestamp: what the payload is to echo.
        digest: by which this request is told from all others.
    """

    code: object
    timestamp: object
    digest: str

    @property
    def source(self) -> str:
        """The source that was sent.

        Raises:
            CodeError: it is no code, or cannot be unpacked.
        """
        try:
            return packed_code(self.code)
        except ValueError as error:
            raise CodeError(f"there is nothing to run: DATA.CODE of the request {error}") from error


def code_request(value: object) -> CodeRequest | None:
    """A request, or None for an empty one.

    What is in it is looked at when it is run, so that whoever asked is answered.
    """
    fields = upper_keys(value) if isinstance(value, Mapping) else None
    if fields is None:
        raise ValueError(
            'must be {"DATA": {"CODE": <packed code>}, "TIMESTAMP": "YYYY-MM-DD HH:MM:SS"}'
        )
    if not fields:
        return None
    data = fields.get("DATA")
    text = json.dumps(value, sort_keys=True)
    return CodeRequest(
        code=upper_keys(data).get("CODE") if isinstance(data, Mapping) else None,
        timestamp=fields.get("TIMESTAMP"),
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


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


@frozen(kw_only=True)
class CodeSettings:
    """What all instances of custom code can be told.

    Attributes:
        result_key: the payload's field for what the code returned.
        error_key: the payload's field for the text of an exception.
        warning_key: the payload's field for warnings.
        exec_timeout: seconds that one run may take before its process is killed.
    """

    result_key: str = field(default=RESULT_KEY, metadata={READ: key_name})
    error_key: str = field(default=ERROR_KEY, metadata={READ: key_name})
    warning_key: str = field(default=WARNING_KEY, metadata={READ: key_name})
    exec_timeout: float = field(default=60.0, metadata={READ: some_seconds})

    def outcome(self, value: Any, error: str | None) -> dict[str, Any]:
        """The payload's fields that say what came of a run."""
        return {self.result_key: value, self.error_key: error, self.warning_key: []}


@frozen(kw_only=True)
class CustomExecSettings(CodeSettings):
    """The settings of one instance of CUSTOM_EXEC_01 (PyE2 wire protocol, section 13).

    Attributes:
        code: the source that is run, without its ``def`` line.
        process_delay: at least this many seconds between the starts of two runs.
        error_delay: seconds without a run after an exception.
        send_manifest_each: seconds without a payload after which one says that there was none.
    """

    code: str = field(metadata={READ: packed_code})
    process_delay: float = field(default=0.05, metadata={READ: seconds})
    error_delay: float = field(default=10.0, metadata={READ: seconds})
    send_manifest_each: float = field(default=300.0, metadata={READ: some_seconds})


@frozen(kw_only=True)
class RestCustomExecSettings(CodeSettings):
    """The settings of one instance of REST_CUSTOM_EXEC_01 (PyE2 wire protocol, section 13).

    Attributes:
        request: the code that is to be run once; None while there is none.
        process_delay: taken for PyE2's sake: a request is run when it comes.
    """

    request: CodeRequest | None = field(default=None, metadata={READ: code_request})
    process_delay: float = field(default=1.0, metadata={READ: seconds})


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
