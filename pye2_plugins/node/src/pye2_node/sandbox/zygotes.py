"""The zygote of one set of grants, most often of none, and its successors: workers come from it.

It is started with the pool and again whenever it dies; its workers die with it and say so to their
owners, who ask for new ones.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pye2_node.sandbox.layers.names import ONE_FOR_FILES, ONE_IS_A_MUST, Layer
from pye2_node.sandbox.zygote_link import ZygoteGone, ZygoteLink
from pye2core.errors import NodeError
from pye2core.messages import SandboxReport

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from pye2_node.sandbox.channel_ends import ChannelEnd
    from pye2_node.sandbox.forks import Forked
    from pye2_node.sandbox.limits import SandboxLimits
    from pye2core.code.grants import Grants


class Zygotes:
    """One zygote at a time; implements ``forks.Forks``.

    Args:
        limits: what the workers may use, and how long a start may take.
        python: the interpreter that runs it.
        log: where to report what nobody asks about.
        grants: what is granted to its workers, if anything.
        modules: what it loads for its workers besides.
    """

    def __init__(
        self,
        limits: SandboxLimits,
        python: str,
        log: logging.Logger,
        grants: Grants | None = None,
        modules: Sequence[str] = (),
    ) -> None:
        self._limits = limits
        self._python = python
        self._log = log
        self._grants = grants
        self._modules = tuple(modules)
        self._current: asyncio.Task[ZygoteLink] | None = None
        self._report: SandboxReport | None = None
        self._stopping = False

    async def start(self) -> None:
        """Start it.

        Raises:
            NodeError: it does not start; says why.
        """
        await self._ready()

    async def fork(self, channel: ChannelEnd) -> Forked:
        """Have the zygote fork; once more with a new one if it has just died.

        Raises:
            NodeError: no process could be started; says why.
        """
        try:
            return await self._fork_once(channel)
        except ZygoteGone:
            return await self._fork_once(channel)

    def report(self) -> SandboxReport | None:
        """What stands around the workers; None until the first zygote has tried it."""
        return self._report

    async def stop(self) -> None:
        """End it, for good."""
        self._stopping = True
        starting, self._current = self._current, None
        if starting is not None:
            starting.cancel()
            await asyncio.wait({starting})
            if not starting.cancelled() and starting.exception() is None:
                await starting.result().stop()

    async def _fork_once(self, channel: ChannelEnd) -> Forked:
        zygote = await self._ready()
        holding = self._limits.layers - zygote.missing.keys()
        if not self._limits.unsafe:
            _refuse_unconfined(holding, zygote.missing)
            if self._grants is not None:
                _refuse_unconfined_grants(self._grants, holding, zygote.missing)
        try:
            async with asyncio.timeout(self._limits.start_seconds):
                return await zygote.fork(channel)
        except TimeoutError:
            zygote.kill()
            raise NodeError(
                f"no process could be started for custom code within "
                f"{self._limits.start_seconds:g} s: the machine is overloaded"
            ) from None

    async def _ready(self) -> ZygoteLink:
        if self._stopping:
            raise NodeError("the sandbox is being stopped and starts no more processes")
        if self._current is None:
            self._begin()
        assert self._current is not None
        return await asyncio.shield(self._current)

    def _begin(self) -> None:
        self._current = asyncio.create_task(
            ZygoteLink.start(self._python, self._limits, self._grants, self._modules)
        )
        self._current.add_done_callback(self._watch)

    def _watch(self, started: asyncio.Task[ZygoteLink]) -> None:
        if started.cancelled():
            return
        error = started.exception()
        if error is not None:
            self._log.error("%s", error)
            self._current = None  # whoever needs one next tries again
            return
        missing = started.result().missing
        for module, why in started.result().not_loaded.items():
            self._log.error("code has to do without %s, which cannot be loaded: %s", module, why)
        held = self._limits.layers - missing.keys() - {Layer.CHECK}
        names = tuple(sorted(layer.value for layer in held))
        self._report = SandboxReport(names, missing, unsafe=self._limits.unsafe)
        started.result().dead.add_done_callback(self._on_death)

    def _on_death(self, dead: asyncio.Future[str]) -> None:
        if self._stopping:
            return
        self._log.warning("the sandbox's zygote %s; starting another", dead.result())
        self._begin()


def _refuse_unconfined(holding: AbstractSet[str], missing: Mapping[str, str]) -> None:
    """Without one of two layers there is nothing between foreign code and this machine."""
    if holding.isdisjoint(ONE_IS_A_MUST):
        raise NodeError(
            f"this node runs no custom code, because its machine can confine it neither with "
            f"Landlock nor with seccomp ({_reasons(ONE_IS_A_MUST, missing)}). Its owner can start "
            f"it with --unsafe: then everybody who is allowed can do whatever the node's own user "
            f"can"
        )


def _refuse_unconfined_grants(
    grants: Grants, holding: AbstractSet[str], missing: Mapping[str, str]
) -> None:
    """Calls on files cannot be told apart by seccomp: one file would be all of them."""
    if not (grants.opens_files or grants.network) or not holding.isdisjoint(ONE_FOR_FILES):
        return
    raise NodeError(
        f"this node gives no code {grants}, because its machine can keep it to that neither with "
        f"namespaces nor with Landlock ({_reasons(ONE_FOR_FILES, missing)}); `pye2 node doctor` "
        f"says what its owner can do about it"
    )


def _reasons(layers: AbstractSet[Layer], missing: Mapping[str, str]) -> str:
    return "; ".join(f"{layer}: {missing.get(layer, 'turned off')}" for layer in sorted(layers))
