"""Refuses variables that look like a plugin's settings and are none.

You are in the settings room. A misspelt variable would be ignored in silence, and what it was to
protect would stay unprotected.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pye2core.errors import SettingsError
from pye2core.settings.plugin import prefix_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pye2core.settings.plugin import PluginSetting

_KERNELS = frozenset(
    {
        "PYE2_CERT_PATH",
        "PYE2_CRYPTO_BACKEND",
        "PYE2_DISABLE_PLUGINS",
        "PYE2_ROOT_TOPIC",
        "PYE2_STRICT_PLUGINS",
        "PYE2_TRACE_PLUGINS",
    }
)
"""What the kernel reads itself and a plugin's name could be the beginning of."""


def refuse_unknown_variables(
    plugin_name: str,
    settings: Iterable[PluginSetting],
    variables: Mapping[str, str],
    *,
    plugins: Iterable[str] = (),
    elsewhere: Collection[str] = (),
) -> None:
    """See that all variables with a plugin's prefix are settings of it.

    A variable that may be another plugin's is passed over.

    Args:
        plugin_name: gives the variables their prefix: ``PYE2_<PLUGIN>_``.
        settings: all that the plugin has.
        variables: what is given, those of ``.env`` included.
        plugins: the names of all plugins.
        elsewhere: variables with this prefix that somebody else reads or refuses.

    Raises:
        SettingsError: one means nothing; names it and what may have been meant.

    Example:
        >>> refuse_unknown_variables("mqtt", [], {"PYE2_MQTT_QSO": "1"})
        Traceback (most recent call last):
        pye2core.errors.SettingsError: PYE2_MQTT_QSO is set and means nothing: ...
    """
    own = prefix_of(plugin_name)
    others = tuple(each for each in map(prefix_of, plugins) if each != own and each.startswith(own))
    known = [name for each in settings for name in each.variables]
    meaningful = _KERNELS.union(known, elsewhere)
    for name in sorted(set(variables) - meaningful):
        if name.startswith(own) and not name.startswith(others):
            raise _unknown(plugin_name, name, known)


def _unknown(plugin_name: str, variable: str, known: list[str]) -> SettingsError:
    near = difflib.get_close_matches(variable, known, n=1, cutoff=0.8)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}."
    return SettingsError(
        f"{variable} is set and means nothing: the plugin {plugin_name!r} has no such setting;"
        f" {hint} Correct it, or take it out of the environment or the .env file",
        setting=variable,
    )
