"""What a pipeline offers for packing custom code by hand, under PyE2's names.

You are in the client room; the work is done in ``pye2core.code`` and in ``dry_run``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2core.client.arguments import check_list, check_names, check_seconds, check_texts, refuse
from pye2core.errors import CodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PLUGIN = ("plugin",)


class CodeTools:
    """Packs, unpacks and checks custom code (PyE2 wire protocol, section 12)."""

    @staticmethod
    def method_to_base64(method: Callable[..., Any]) -> str:
        """A function of one parameter, ``plugin``, as it is sent.

        Raises:
            CodeError: its source cannot be read back.
        """
        from pye2core.code import capture, encode

        captured = capture(method, parameters=_PLUGIN)
        if captured is None:
            raise CodeError("there is nothing to pack: pass a function, source as text, or a file")
        return encode(captured.source)

    @staticmethod
    def code_to_base64(
        code: str, *, verbose: bool = False, grants: Mapping[str, Any] | None = None
    ) -> str:
        """Code as it is sent, after it was checked.

        Args:
            code: its text.
            verbose: taken for PyE2's sake.
            grants: what the instance will ask for.

        Raises:
            CodeRefused: it could not run on a node; with every problem at once.
            SettingsError: it is no text, or ``grants`` cannot be understood.
        """
        del verbose
        check_texts(code=code)
        from pye2core.code import CapturedCode, check_function, encode, permitted_by

        captured = CapturedCode(code, "custom code", None, 1, _PLUGIN)
        check_function(captured, permitted_by(grants))
        return encode(code)

    @staticmethod
    def str_to_base64(txt: str, *, compress: bool = True) -> str:
        """A text as base64, through zlib first unless told otherwise.

        Raises:
            SettingsError: it is no text.
        """
        check_texts(txt=txt)
        import base64

        from pye2core.code import encode

        return encode(txt) if compress else base64.b64encode(txt.encode()).decode("ascii")

    @staticmethod
    def base64_to_code(b64: str) -> str:
        """The code in what was sent, compressed or not.

        Raises:
            CodeError: it is not packed code.
            SettingsError: it is no text.
        """
        check_texts(b64=b64)
        from pye2core.code import decode

        return decode(b64)

    @staticmethod
    def check_code_text(code: str, grants: Mapping[str, Any] | None = None) -> list[str]:
        """What keeps code from running on a node, each with its line; nothing if it can.

        Args:
            code: its text.
            grants: what the instance will ask for.

        Raises:
            SettingsError: it is no text, or ``grants`` cannot be understood.
        """
        check_texts(code=code)
        from pye2core.code import check_source, permitted_by

        problems = check_source(code, parameters=_PLUGIN, permitted=permitted_by(grants))
        return [f"line {problem.line}: {problem.message}" for problem in problems]

    def exec_code(
        self,
        str_b64code: str,
        *,
        self_var: str = "plugin",
        result_vars: Sequence[str] | None = None,
        timeout: float | None = None,
        return_printed: bool = False,
        debug: bool = False,
        modify: bool = True,
        grants: Mapping[str, Any] | None = None,
    ) -> tuple[Any, ...]:
        """Run packed code here, in this process, to try it out; not confined as on a node.

        Args:
            str_b64code: the code as it is sent.
            self_var: the name by which the code finds this object, as a node's code does
                ``plugin``, of which it has next to nothing.
            result_vars: the variables that code without ``return`` may leave its result in.
            timeout: seconds after which it is no longer waited for; None for as long as it takes.
            return_printed: whether to return what it printed as well.
            debug: taken for PyE2's sake.
            modify: taken for PyE2's sake: nothing is inserted into the code.
            grants: what the code may import and open; here it does so as you.

        Returns:
            The result; what went wrong, in words, or None; a list of warnings, which is empty; and
            what was printed if that was asked for.

        Raises:
            CodeError: the text is not packed code.
            SettingsError: something given cannot be used.
        """
        del debug, modify
        check_texts(str_b64code=str_b64code)
        check_names(self_var=self_var)
        if not self_var.isidentifier():
            refuse("self_var", self_var, "the name of a variable")
        if timeout is not None:
            check_seconds("None for as long as it takes", timeout=timeout)
        if result_vars is not None:
            result_vars = check_list(result_vars, "a list of names", argument="result_vars")
        from pye2core.client.dry_run import try_out
        from pye2core.code import permitted_by
        from pye2core.code.rules import RESULT_NAMES

        trial = try_out(
            self.base64_to_code(str_b64code),
            self,
            parameter=self_var,
            results=result_vars or RESULT_NAMES,
            timeout=timeout,
            permitted=permitted_by(grants),
        )
        warnings: list[str] = []
        if return_printed:
            return trial.result, trial.error, warnings, trial.printed
        return trial.result, trial.error, warnings
