"""What the runners of custom code have in common: teaching a process, and telling of failures.

You are on the node's loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pye2_custom_code.failures import FAILURE_KEY, failure_fields
from pye2core.abc import CodeFailure, FunctionSource
from pye2core.messages import NotificationKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.abc import InstanceContext, Sandbox
    from pye2core.errors import Pye2Error

FUNCTION: Final = "code"
"""The name by which the sandbox knows the code."""


async def teach(sandbox: Sandbox, settings: Mapping[str, Any], source: str) -> None:
    """Have a process ready to run some code.

    Raises:
        CodeRefused: the code is not allowed; what the process knew before it still knows.
        SandboxDied: the process is gone.
    """
    await sandbox.configure(settings)
    await sandbox.define({FUNCTION: FunctionSource(source)})


def failure_of(error: Pye2Error) -> CodeFailure:
    """A run that did not come to its end, as a failure of the code."""
    return CodeFailure(type(error).__name__, str(error), function=FUNCTION)


def told_in_fields(failure: CodeFailure) -> dict[str, Any]:
    """The field of messages that tells a failure so that programs can read it."""
    return {FAILURE_KEY: failure_fields(failure)}


def notify_of(failure: CodeFailure, context: InstanceContext) -> None:
    """Notify of a failure."""
    context.notify(
        NotificationKind.EXCEPTION,
        f"Exception in custom code: {failure}",
        info=failure.traceback or str(failure),
        fields=told_in_fields(failure),
    )
