"""Vectors of custom code (PyE2 wire protocol, section 12). None of it is run.

PyE2 cuts some functions wrongly (decorated ones, signatures of several lines, functions of one
line) and rewrites loops by their text, which spoils some. There, ours has to be right instead, and
what is recorded has to be what PyE2's own rule gives (``pye2_code``).
"""

from __future__ import annotations

import ast
import tempfile
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from pye2_wire.vectors import pye2_code
from pye2_wire.vectors.cases import Mismatch, cases_in, expect
from pye2_wire.vectors.expressions import UnknownExpression
from pye2core.code import capture, check_source, decode, encode
from pye2core.errors import CodeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pye2_wire.vectors.cases import Case, Facts
    from pye2_wire.vectors.keys import KeyRing

_PARAMETERS = ("plugin",)

_ADDED = "return None"
"""Our last line of a body that never returns: no node shall take it for a script."""


# --- code_transfer.json ---------------------------------------------------------------------------


def transfer_cases(content: Facts, ring: KeyRing) -> Iterator[Case]:
    """Functions and texts, and what is sent of them."""
    del ring
    yield from cases_in(content, "vectors", _check_transfer)


def _check_transfer(vector: Facts) -> None:
    vector.require_any("source", "input")
    if "source" in vector:
        _check_function(vector, vector["source"])
    else:
        _check_given_text(vector, vector["input"])


def _check_function(vector: Facts, source: str) -> None:
    cut = pye2_code.cut_body(source)
    body = _body_of(source, vector.get("name"))
    for key in ("source_error", "encode_error"):
        if cut is None:
            expect(f"its {key}", pye2_code.NO_BODY, vector[key])
        else:
            vector.expect(key, None)
    if cut is None:
        return
    expect("what PyE2 cuts out", cut, vector["body_sent"])
    _check_sent(vector, cut)
    if body is not None and not _means_the_same(body, source):
        raise Mismatch(f"the body {body!r} is not the function's")
    if _means_the_same(cut, source):
        expect("the function's body", _without_what_we_add(body, cut), cut)
    elif body is None and vector["base64"] is not None:
        raise Mismatch("the function's body cannot be cut out")


def _check_given_text(vector: Facts, text: Any) -> None:
    sent = vector["decoded"]
    if not isinstance(text, str):
        _check_no_code(vector, text)
        return
    if sent is None:
        expect("what is sent of it", None, vector["base64"])
        _check_refused(vector, text)
        return
    if sent != text:
        _check_preset(text, sent)
    if vector["base64"] is None:
        raise Mismatch("its code is stated, and not what is sent of it")
    _check_sent(vector, sent)


def _check_no_code(vector: Facts, given: Any) -> None:
    """None stands for no code; what is neither that nor a text is refused by PyE2 and by us."""
    expect("what is sent of it", None, vector["base64"])
    expect("what is unpacked of it", None, vector["decoded"])
    with suppress(CodeError):
        expect("what we send of it", capture(given, parameters=_PARAMETERS), None)


def _check_preset(name: str, sent: str) -> None:
    """Some names stand for code. Ours says the same in its own words, so both can only be."""
    from pye2core import installed_plugins

    preset = installed_plugins().preset(name)
    expect("the name of the preset", preset.name, name.upper())
    problems = check_source(sent, parameters=("plugin", "job_id", "collected_data", "data"))
    if problems:
        raise Mismatch(f"PyE2's code of {preset.name} cannot be sent: {problems[0].message}")


# --- what is sent ---------------------------------------------------------------------------------


def _check_sent(vector: Facts, text: str) -> None:
    """What PyE2 sends of ``text``, or why it sends nothing."""
    packed = vector["base64"]
    if packed is None:
        _check_refused(vector, text)
        return
    vector.expect("errors", None)
    expect("the unpacked code", decode(packed), text)
    expect("the packed code's base64", b64encode(b64decode(packed)).decode(), packed)
    expect("the code after packing", decode(encode(text)), text)
    vector.expect("round_trip", text, "the code after PyE2's packing")
    if "node_exec_code" in vector:
        _check_result(vector, text)


def _check_refused(vector: Facts, text: str) -> None:
    """Where PyE2 is right to refuse it, so do we."""
    vector.expect("round_trip", None)
    vector.expect("node_exec_code", None)
    complaints: dict[str, list[int]] = {}
    if "source" in vector or "errors" in vector:
        complaints = pye2_code.refusals(vector["errors"])
    for complaint, lines in complaints.items():
        pye2_code.check_complaint(complaint, lines, text)
    are_about_logs = complaints and all(map(pye2_code.is_about_logs, complaints))
    if not are_about_logs and not check_source(text, parameters=_PARAMETERS):
        raise Mismatch("it can be sent and should not be")


def _check_result(vector: Facts, body: str) -> None:
    try:
        result = pye2_code.result_of(body)
    except UnknownExpression:
        return
    outcome = {"result": result, "errors": None, "warnings": []}
    vector.expect("node_exec_code", outcome, "what a node gives for it")


# --- our own cutting ------------------------------------------------------------------------------


def _body_of(source: str, name: str | None) -> str | None:
    """What we cut out of a function; None where it cannot be sent.

    The function is compiled, for that is what is cut, and never called.
    """
    source = dedent(source)
    with tempfile.TemporaryDirectory(prefix="pye2-vectors-") as folder:
        path = Path(folder) / "source.py"
        path.write_text(source, "utf-8")
        code = _compiled(source, str(path), name)
        own = code.co_varnames[: code.co_argcount]
        try:
            captured = capture(FunctionType(code, {}), parameters=own)
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


def _without_what_we_add(body: str | None, cut: str) -> str | None:
    return cut if body == f"{cut}\n{_ADDED}" else body


def _means_the_same(body: str, source: str) -> bool:
    """Whether a body is that of the function in ``source``, which was compiled before."""
    with suppress(SyntaxError):
        statements = ast.parse(body).body
        definition = next(iter(ast.parse(dedent(source)).body))
        if not isinstance(definition, ast.FunctionDef):
            return True
        own = _meaning(definition.body)
        return own in (_meaning(statements), _meaning(statements[:-1]))
    return False


def _meaning(statements: Sequence[ast.stmt]) -> list[Any]:
    """The statements, whatever their text looks like; a text that begins them apart."""
    return [ast.dump(each) for each in statements if not _is_text(each)]


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


# --- node_loop_instrumentation.json ---------------------------------------------------------------


def loop_cases(content: Facts, ring: KeyRing) -> Iterator[Case]:
    """Code with loops, which PyE2's nodes rewrite and ours leave as it is."""
    del ring
    yield from cases_in(content, "vectors", _check_loops)


def _check_loops(vector: Facts) -> None:
    expect("the code that arrives", decode(encode(vector["input"])), vector["input"])
    pye2_code.check_loops(vector["input"], vector["output"])
