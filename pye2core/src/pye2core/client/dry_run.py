"""Runs custom code in this very process: what ``exec_code`` does, to try out what is to be sent.

You are in the client room. The code is the user's own, passes the check that it would pass before
it is sent, and is not confined: nothing that came from elsewhere may get here.
"""

from __future__ import annotations

import ast
import builtins
import threading
import traceback
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pye2core.abc import CodeFailure
from pye2core.code import as_function, check_source, has_own_return, rules
from pye2core.code.check import FILE_NAME, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pye2core.code import Permitted


@frozen
class Trial:
    """What came of a run.

    Attributes:
        result: what the code returned.
        error: what went wrong, in words; None if nothing did.
        printed: what it printed.
    """

    result: Any = None
    error: str | None = None
    printed: str = ""


def try_out(
    source: str,
    plugin: object,
    *,
    parameter: str,
    results: Sequence[str],
    timeout: float | None,
    permitted: Permitted = rules.NOTHING_MORE,
) -> Trial:
    """Run code here and now.

    Args:
        source: the code as it is sent, unpacked.
        plugin: what it is given.
        parameter: under which name.
        results: the variables that a script may leave its result in.
        timeout: seconds after which it is no longer waited for; it cannot be ended.
        permitted: what it may do that other code may not.
    """
    problems = check_source(source, parameters=(parameter,), permitted=permitted)
    if problems:
        return Trial(error="\n".join(f"line {each.line}: {each.message}" for each in problems))
    printed: list[str] = []
    names = _visible_builtins(permitted, printed)
    function = _compiled(source, parameter, results, names)
    done: Future[Any] = Future()
    threading.Thread(target=_run, args=(function, plugin, done), daemon=True).start()
    wait([done], timeout)
    text = "".join(printed)
    if not done.done():
        return Trial(error=f"the code took longer than {timeout:g} s", printed=text)
    error = done.exception()
    if error is not None:
        return Trial(error=str(_failure(error, source)), printed=text)
    return Trial(done.result(), printed=text)


def _run(function: Callable[[object], Any], plugin: object, done: Future[Any]) -> None:
    try:
        done.set_result(function(plugin))
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is its outcome
        done.set_exception(error)


def _compiled(
    source: str, parameter: str, results: Sequence[str], visible: dict[str, Any]
) -> Callable[[object], Any]:
    tree = ast.parse(source, FILE_NAME)
    names: dict[str, Any] = {"__builtins__": visible, "__name__": "custom_code"}
    if has_own_return(tree):
        whole = as_function(tree, parameters=(parameter,))
        _execute(compile(whole, FILE_NAME, "exec", dont_inherit=True), names)
        function: Callable[[object], Any] = names["custom_code"]
        return function
    script = compile(tree, FILE_NAME, "exec", dont_inherit=True)

    def run(plugin: object) -> object:
        namespace = {**names, parameter: plugin}
        _execute(script, namespace)
        return next((namespace[name] for name in results if name in namespace), None)

    return run


def _execute(code: Any, namespace: dict[str, Any]) -> None:
    exec(code, namespace)  # noqa: S102 - the user asks for it, and the code is the user's own


def _visible_builtins(permitted: Permitted, printed: list[str]) -> dict[str, Any]:
    """What the code would find on a node, and a ``print`` that keeps what it is given."""

    def keep(*values: object, sep: str = " ", end: str = "\n", **_: object) -> None:
        printed.append(sep.join(map(str, values)) + end)

    visible = {name: getattr(builtins, name) for name in permitted.builtins}
    # The check has refused all other imports; C functions of numpy need this one.
    visible |= {"__import__": builtins.__import__, "__build_class__": builtins.__build_class__}
    return {**visible, "print": keep}


def _failure(error: BaseException, source: str) -> CodeFailure:
    """The exception with the last line of the code that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    line = next((each.lineno for each in reversed(frames) if each.filename == FILE_NAME), None)
    text = lines_of(source)[line - 1].strip() if line is not None else None
    return CodeFailure(type(error).__name__, str(error), line, text)
