"""What became of each plugin."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Phase(Enum):
    """The steps of loading a plugin, in their order."""

    METADATA = "metadata"
    ENABLED = "enabled"
    COMPATIBLE = "compatible"
    UNIQUE = "unique"
    IMPORT = "import"
    REGISTER = "register"
    VALIDATE = "validate"
    LOADED = "loaded"


class PluginState(Enum):
    """How loading a plugin ended."""

    LOADED = "loaded"
    DISABLED = "disabled"
    BROKEN = "broken"


@frozen
class PluginRecord:
    """The outcome of loading one plugin.

    Attributes:
        name: its entry point's name.
        distribution: the distribution that it came with.
        version: that distribution's version.
        target: the module or object that its entry point names.
        state: how loading ended.
        phase: the phase that failed, or the last one.
        error: what went wrong; None if nothing did.
        advice: what to do about it; None where nothing has to be done.
    """

    name: str
    distribution: str
    version: str
    target: str
    state: PluginState
    phase: Phase
    error: str | None = None
    advice: str | None = None

    @property
    def trouble(self) -> str:
        """What went wrong and what to do, in one sentence; empty if nothing did."""
        return "; ".join(each for each in (self.error, self.advice) if each)
