"""A signature's part in a sandbox for tests: what it is given is code, which it runs.

You are in a worker. Import this module in no test; name ``CODE_IN_SANDBOX`` to a ``SandboxPool``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pye2core.abc import SandboxHost


_PARAMETERS: Final = ("plugin", "send_item", "rest")


class CodeInSandbox:
    """Runs the body of ``(plugin, send_item, rest)`` that each exchange brings, as text.

    What comes after a zero byte is ``rest``. The answer is the bytes that it returns, or what can
    be said of its exception as JSON.
    """

    def __init__(self, host: SandboxHost) -> None:
        self._host = host

    def exchange(self, data: memoryview) -> Sequence[bytes]:
        """Run code."""
        try:
            source, _, rest = bytes(data).partition(b"\0")
            code = self._host.make_function("code", source.decode(), _PARAMETERS)
            answer = code(self._host.plugin, self._host.send_item, rest)
        except Exception as error:  # noqa: BLE001 - whatever the test's code raises
            return [json.dumps(self._host.describe(error)).encode()]
        assert isinstance(answer, bytes)
        return [answer]
