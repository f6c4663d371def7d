"""Vectors of custom code (PyE2 wire protocol, section 12). None of it is run.

PyE2 cuts some functions wrongly (decorated ones, signatures of several lines, functions of one
line) and rewrites loops by their text, which spoils some. There, ours has to be right instead.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from pye2_cli.wire.vectors.cases import Mismatch, cases_in, expect, require_fact
from pye2core.code import capture, check_source, decode, encode
from pye2core.errors import CodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2_cli.wire.vectors.cases import Case
    from pye2_cli.wire.vectors.keys import KeyRing

_PARAMETERS = ("plugin",)

_CUT_WRONGLY = "Unable to parse"
"""What PyE2's check says of a body that PyE2 itself has cut out wrongly."""

_ANY_LOG = "Logger object"
"""PyE2 takes every attribute called ``log`` for its logger, numpy's too."""


# --- code_transfer.json ---------------------------------------------------------------------------


def transfer_cases(content: dict[str, Any], ring: KeyRing) -> Iterator[Case]:
    """Functions and texts, and what is sent of them."""
    del ring
    yield from cases_in(content, "vectors", _check_transfer)


def _check_transfer(vector: dict[str, Any]) -> None:
    require_fact(vector, "base64", "source", "input")
    if vector.get("base64") is not None:
        _check_packed(vector)
    if "source" in vector:
        _check_cut(vector)
    elif vector.get("base64") is None and not check_source(vector["input"], parameters=_PARAMETERS):
        raise Mismatch("it can be sent and should not be")


def _check_packed(vector: dict[str, Any]) -> None:
    recorded = vector["round_trip"] if "round_trip" in vector else vector["decoded"]
    expect("the unpacked code", decode(vector["base64"]), recorded)
    expect("the code after packing", decode(encode(recorded)), recorded)


def _check_cut(vector: dict[str, Any]) -> None:
    body = _body_of(vector["source"], vector.get("name"))
    if vector.get("base64") is None:
        _check_refused(body, str(vector.get("errors", _CUT_WRONGLY)))
    elif body is None:
        raise Mismatch("the function's body cannot be cut out")
    else:
        expect("the function's body", body, _without_own_header(vector["body_sent"], vector))


def _check_refused(body: str | None, why: str) -> None:
    """Where it was PyE2 that was wrong, it may be sent."""
    if body is None or check_source(body, parameters=_PARAMETERS):
        return
    if _CUT_WRONGLY not in why and _ANY_LOG not in why:
        raise Mismatch("it can be sent and should not be")


def _without_own_header(body: str, vector: dict[str, Any]) -> str:
    """The body as it should be: of a decorated function, PyE2 sends the ``def`` line as well."""
    header, _, rest = body.partition("\n")
    if not header.startswith(f"def {vector['name']}("):
        return body
    lines = rest.split("\n")
    first = next(line for line in lines if line.strip())
    indentation = len(first) - len(first.lstrip())
    return "\n".join(line[indentation:] for line in lines)


def _body_of(source: str, name: str | None) -> str | None:
    """What we cut out of a function; None where it cannot be sent.

    The function is compiled, for that is what is cut, and never called.
    """
    with tempfile.TemporaryDirectory(prefix="pye2-vectors-") as folder:
        path = Path(folder) / "source.py"
        path.write_text(source, "utf-8")
        function = FunctionType(_compiled(source, str(path), name), {})
        try:
            captured = capture(function, parameters=_PARAMETERS)
        except CodeError:
            return None
    return captured.source if captured is not None else None


def _compiled(source: str, path: str, name: str | None) -> CodeType:
    module = compile(source, path, "exec", dont_inherit=True)
    found = [each for each in module.co_consts if isinstance(each, CodeType)]
    named = [each for each in found if each.co_name == name] or found
    if not named:
        raise Mismatch("its source has no function")
    return named[0]


# --- node_loop_instrumentation.json ---------------------------------------------------------------


def loop_cases(content: dict[str, Any], ring: KeyRing) -> Iterator[Case]:
    """Code with loops, which PyE2's nodes rewrite and ours leave as it is."""
    del ring
    yield from cases_in(content, "vectors", _check_left_alone)


def _check_left_alone(vector: dict[str, Any]) -> None:
    expect("the code that arrives", decode(encode(vector["input"])), vector["input"])
