"""A runner at work, and settings that come meanwhile (no tests)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pye2core.abc import Runner


@asynccontextmanager
async def at_work(runner: Runner) -> AsyncIterator[Any]:
    """Have a runner work, from its start to its stop."""
    await runner.start()
    work = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await runner.stop()


async def reconfigure(runner: Runner, context: Any, **changes: Any) -> None:
    """Have other settings come, as a node does it."""
    context.settings = {**context.settings, **changes}
    await runner.reconfigure(changes)
