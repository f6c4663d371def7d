"""What an installed plugin lacks, or what no installed plugin offers.

You are in the errors, of which ``pye2core.errors`` draws the tree; import them from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.errors.base import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Sequence


class PluginError(Pye2Error):
    """Something about an installed plugin.

    Attributes:
        plugin: the plugin's entry-point name.
    """

    def __init__(self, message: str, *, plugin: str) -> None:
        super().__init__(message)
        self.plugin = plugin


class PluginBroken(PluginError):
    """A plugin that offers what was asked for could not be loaded, or failed while it was used.

    Attributes:
        what: what is wrong.
        advice: what to do about it.
        phase: the phase of loading that failed; "use" if it failed later.
    """

    def __init__(self, what: str, *, advice: str, plugin: str, phase: str) -> None:
        super().__init__(f"{what}; {advice}", plugin=plugin)
        self.what = what
        self.advice = advice
        self.phase = phase


class PluginConflict(PluginError):
    """Two plugins offer the same name.

    Attributes:
        what: what is wrong.
        advice: what to do about it.
        name: the name that both offer.
        plugins: the plugins that offer it.
    """

    def __init__(self, what: str, *, advice: str, name: str, plugins: Sequence[str]) -> None:
        super().__init__(f"{what}; {advice}", plugin=plugins[0])
        self.what = what
        self.advice = advice
        self.name = name
        self.plugins = tuple(plugins)


class NotProvided(Pye2Error):
    """No installed plugin offers what was asked for.

    Attributes:
        kind: the kind of thing ("transport", "signature", …).
        name: what was asked for.
    """

    def __init__(self, message: str, *, kind: str, name: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name


class UnknownTransport(NotProvided):
    """No installed transport serves this URL scheme."""


class UnknownSignature(NotProvided):
    """No installed plugin offers this signature."""


class UnknownPreset(NotProvided):
    """No installed plugin offers this preset."""


class PresetParameterError(Pye2Error):
    """A preset was given a parameter that it cannot use, or lacks one that it needs.

    Attributes:
        preset: the preset's name.
        parameter: the parameter's name.
    """

    def __init__(self, message: str, *, preset: str, parameter: str) -> None:
        super().__init__(message)
        self.preset = preset
        self.parameter = parameter
