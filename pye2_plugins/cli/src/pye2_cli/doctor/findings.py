"""What the doctor finds out about each plugin."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import define, field, frozen

from pye2core.plugins import PluginState


@frozen
class Problem:
    """Something that is wrong with a plugin that was loaded.

    Attributes:
        phase: where it shows: "conflict", "requirements", "use", "settings".
        subject: what of the plugin it is about: "transport mqtt", "the plugin".
        error: what is wrong.
        advice: what to do.
    """

    phase: str
    subject: str
    error: str
    advice: str


@define
class Finding:
    """One plugin.

    Attributes:
        name: its entry point's name.
        distribution: the distribution that it came with.
        version: that distribution's version.
        state: how loading it ended, as the value of ``pye2core.plugins.PluginState``.
        phase: the phase that failed, or the last one.
        error: why it could not be loaded; None if it could.
        advice: what to do about that.
        offers: what it offers, in words.
        problems: what is wrong although it was loaded.
    """

    name: str
    distribution: str
    version: str
    state: str
    phase: str
    error: str | None = None
    advice: str | None = None
    offers: list[str] = field(factory=list)
    problems: list[Problem] = field(factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing has to be done: it works, or was switched off on purpose."""
        return self.state != PluginState.BROKEN.value and not self.problems

    def as_object(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {**attrs.asdict(self), "ok": self.ok}
