"""What is said of a name that no plugin offers here: who may be to blame, and what to do.

You are behind ``registry`` and ``offers``. Everything is read off the records of the loading; what
plugins offer that are not installed is in ``known``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.errors import (
    NotProvided,
    PluginBroken,
    Pye2Error,
    UnknownPreset,
    UnknownSignature,
    UnknownTransport,
)
from pye2core.plugins.discovery import canonical
from pye2core.plugins.known import distribution_for
from pye2core.plugins.loader import against_a_defect
from pye2core.plugins.records import PluginState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pye2core.plugins.records import PluginRecord

_ERRORS: Mapping[str, type[NotProvided]] = {
    "transport": UnknownTransport,
    "signature": UnknownSignature,
    "role": UnknownSignature,
    "preset": UnknownPreset,
}
_SUSPICIOUS = (
    (PluginState.BROKEN, "a plugin that is broken", "`pye2 plugins doctor`"),
    (PluginState.DISABLED, "one that is switched off", "PYE2_DISABLE_PLUGINS"),
)


def nobody_offers(
    records: Iterable[PluginRecord], what: str, name: str, known: Iterable[str]
) -> Pye2Error:
    """The error that says that nobody offers a name.

    Args:
        records: what became of all plugins.
        what: what was asked for, in a word: "transport", "role", …
        name: its name.
        known: the names that there are, of which one may have been meant.

    Returns:
        ``PluginBroken`` where the plugin is known that offers it, and is broken; otherwise a
        ``NotProvided``.
    """
    distribution = distribution_for(what, name)
    states = {
        record.state: record for record in records if canonical(record.distribution) == distribution
    }
    if PluginState.BROKEN in states:
        return broken_at_loading(states[PluginState.BROKEN], f"the {what} {name!r} is not there: ")
    message = f"no installed plugin offers the {what} {name!r}"
    if PluginState.DISABLED in states:
        message += f": {distribution} does, but PYE2_DISABLE_PLUGINS switches it off"
    elif PluginState.LOADED in states:
        message += f"; `pip install --upgrade {distribution}` may bring it"
    elif distribution is not None:
        message += f"; `pip install {distribution}` brings it"
    else:
        message += _nearest(name, list(known)) + suspects(records, name)
    return _ERRORS.get(what, NotProvided)(message, kind=what, name=name)


def broken_at_loading(record: PluginRecord, why_it_matters: str) -> PluginBroken:
    """The error that says why a plugin could not be loaded.

    Args:
        record: the plugin's.
        why_it_matters: how the text begins.
    """
    return PluginBroken(
        f"{why_it_matters}the plugin {record.name!r} of {record.distribution} is broken"
        f" (phase {record.phase.value}): {record.error}",
        advice=record.advice or against_a_defect(record),
        plugin=record.name,
        phase=record.phase.value,
    )


def suspects(records: Iterable[PluginRecord], name: str) -> str:
    """Whose a name may be that nobody offers: see ``PluginRegistry.suspects``."""
    found = [
        f"{where} ({names}): see {see}"
        for state, where, see in _SUSPICIOUS
        if (names := ", ".join(_namesake_first(name, names_in(records, state))))
    ]
    return f"; it may be in {', or in '.join(found)}" if found else ""


def names_in(records: Iterable[PluginRecord], state: PluginState) -> list[str]:
    """The names of the plugins whose loading ended so."""
    # Two distributions may have a plugin of one name.
    return list(dict.fromkeys(each.name for each in records if each.state is state))


def _namesake_first(asked: str, names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda each: canonical(each) != canonical(asked))


def _nearest(name: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; installed are: {', '.join(sorted(known)) or 'none'}"
