"""What PyE2 itself does with custom code, with its mistakes (PyE2 wire protocol, section 12).

Only vectors are checked with it, and nothing is run: PyE2 cuts functions by their first line and
rewrites loops by their text, which we do not; so what is recorded of it is checked against its own
rule.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from pye2_wire.vectors.cases import Mismatch, cut_repr, expect
from pye2_wire.vectors.expressions import UnknownExpression, value_of
from pye2core.code import RESULT_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NO_BODY = "IndexError: list index out of range"
"""What PyE2 raises for a function that has no line after its first."""

UNPARSABLE = "Unable to parse code "
"""What PyE2's check says of a text that is no Python, such as a body that was cut out wrongly."""

_LOG = "Logger object cannot be used directly in plugin code - please use API "

_FORBIDDEN = "Usage of `{}()` is not allowed in plugin code "


# --- functions ------------------------------------------------------------------------------------


def cut_body(source: str) -> str | None:
    r"""What PyE2 cuts out of a function; None where it raises :data:`NO_BODY`.

    Example:
        >>> cut_body("def f(plugin):\n  x = 1\n  return x\n")
        'x = 1\nreturn x'
    """
    lines = [line.rstrip() for line in source.splitlines()[1:]]
    first = next((line for line in lines if line), None)
    if first is None:
        return None
    width = len(first) - len(first.lstrip())
    return "\n".join(line[width:] for line in lines)


# --- PyE2's check ---------------------------------------------------------------------------------


def refusals(told: str) -> dict[str, list[int]]:
    """What PyE2's check told of a text: each complaint, with the lines that it is about.

    Raises:
        Mismatch: it tells nothing of that shape.
    """
    try:
        found = ast.literal_eval(told)
    except (ValueError, SyntaxError, TypeError) as error:
        raise Mismatch(f"its errors are {cut_repr(told)}, which cannot be read") from error
    if not isinstance(found, dict) or not found:
        raise Mismatch(f"its errors are {cut_repr(told)}, which are no complaints")
    for complaint, lines in found.items():
        is_list = isinstance(lines, list) and all(type(line) is int for line in lines)
        if not isinstance(complaint, str) or not is_list or not lines:
            raise Mismatch(f"its errors are {cut_repr(told)}, which tell no lines")
    return found


def is_about_logs(complaint: str) -> bool:
    """Whether it is about an attribute ``log``: PyE2 refuses numpy's, too, which we do not."""
    return complaint == _LOG


def check_complaint(complaint: str, lines: Sequence[int], text: str) -> None:
    """Fail if PyE2 cannot have complained of ``text`` so.

    Raises:
        Mismatch: it cannot; other words than those that are known are believed.
    """
    tree, problem = _parsed(text)
    if complaint.startswith(UNPARSABLE) or tree is None:
        expect("PyE2's complaint", f"{UNPARSABLE}{problem}", complaint)
        expect("its line", [0], lines)
        return
    for words, places in _known_complaints(tree).items():
        if complaint == words:
            expect("its lines", places, lines)
            return
    if _looks_known(complaint):
        raise Mismatch(f"PyE2 has no reason to say {complaint!r}")
    last = len(text.splitlines())
    if not all(1 <= line <= last for line in lines):
        raise Mismatch(f"PyE2 complains of the lines {lines}, of which there are {last}")


def _parsed(text: str) -> tuple[ast.Module | None, SyntaxError | None]:
    try:
        return ast.parse(text), None
    except SyntaxError as error:
        return None, error


def _known_complaints(tree: ast.Module) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.setdefault(_FORBIDDEN.format(node.id), []).append(node.lineno)
        elif isinstance(node, ast.Attribute) and node.attr == "log":
            found.setdefault(_LOG, []).append(node.lineno)
    return found


def _looks_known(complaint: str) -> bool:
    before, _, after = _FORBIDDEN.partition("{}")
    return complaint.startswith(before) or complaint.endswith((after, _LOG[-10:]))


# --- loops ----------------------------------------------------------------------------------------

_SLEEP = "plugin.sleep(0.001)"

_RAISED = "EXC "


def check_loops(before: str, after: str) -> None:
    """Fail if PyE2's nodes cannot have rewritten ``before`` to ``after``.

    After each line that begins with ``for`` or ``while``, they sleep: where something follows the
    colon, in that line itself, of which what follows a second colon is lost.

    Raises:
        Mismatch: they cannot have.
    """
    lines = before.split("\n")
    if any(_is_head(line) and ":" not in line for line in lines):
        expect("what is rewritten", f"{_RAISED}{NO_BODY}", after)
        return
    rest = iter(after.split("\n"))
    # Where a loop begins with a loop, the protocol does not tell; the outer one may go without.
    may_sleep = must_sleep = False
    for line in lines:
        found = next(rest, None)
        if may_sleep and found == f"{_indentation(line)}{_SLEEP}" != line:
            may_sleep = must_sleep = False
            found = next(rest, None)
        if must_sleep and not _is_head(line):
            raise Mismatch(f"no line sleeps before {line!r}")
        expect("the rewritten line", found, _rewritten(line))
        must_sleep = _is_head(line) and not _body_on_line(line)
        may_sleep = may_sleep or must_sleep
    expect("what follows the last line", list(rest), [])


def _is_head(line: str) -> bool:
    return line.lstrip().startswith(("for", "while"))


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _body_on_line(head: str) -> str:
    return head.split(":")[1].strip()


def _rewritten(line: str) -> str:
    if not _is_head(line) or not _body_on_line(line):
        return line
    start, body, *_ = line.split(":")
    return f"{start}: {_SLEEP};{body}"


# --- what code gives ------------------------------------------------------------------------------


def result_of(body: str) -> Any:
    """What a node gives for a body that is so simple that it can be told from its text.

    Raises:
        UnknownExpression: it is not.
    """
    names: dict[str, Any] = {}
    for statement in ast.parse(body).body:
        match statement:
            case ast.Return(value):
                return None if value is None else value_of(value, names)
            case ast.Assign([ast.Name(name)], value):
                names[name] = value_of(value, names)
            case ast.Expr(ast.Constant()) | ast.FunctionDef() | ast.Pass():
                pass
            case _:
                raise UnknownExpression("it has a statement that is not known here")
    return None if "return" in body else _result_among(names)


def _result_among(names: Mapping[str, Any]) -> Any:
    return next((names[name] for name in RESULT_NAMES if name in names), None)
