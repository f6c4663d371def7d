"""How two configurations differ, and what becomes of a change when another was made meanwhile.

You are in the part of the client room that knows configurations and nothing else. Values in, values
out.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pye2core.messages.digests import is_digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pye2core.messages import InstanceConfig, PipelineConfig

InstanceKey = tuple[str, str]
"""An instance within its pipeline: the upper-case signature and the id."""


def key_of(instance: InstanceConfig) -> InstanceKey:
    """The key of an instance's configuration."""
    return instance.signature.upper(), instance.instance_id


def by_key(config: PipelineConfig) -> dict[InstanceKey, InstanceConfig]:
    """The instances of a pipeline."""
    return {key_of(each): each for each in config.instances}


def copied(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings, of which nothing is shared with who gave them."""
    try:
        return copy.deepcopy(dict(settings))
    except (TypeError, ValueError, RecursionError):
        return dict(
            settings
        )  # what cannot be copied cannot be sent either, and sending it says why


def changes_between(before: InstanceConfig, after: InstanceConfig) -> dict[str, Any]:
    """The settings of ``after`` that ``before`` does not have like this."""
    return _changed(before.settings, after.settings)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in after.items()
        if name not in before or not _same(before[name], value)
    }


def surroundings_differ(before: PipelineConfig, after: PipelineConfig) -> bool:
    """Whether they are different in anything but their instances."""
    return before.data_source != after.data_source or not _same(before.settings, after.settings)


def _same(first: Any, second: Any) -> bool:
    """Whether two values are the same on the wire, where 1 and True, or 1 and 1.0, are not."""
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_same(first[k], second[k]) for k in first)
    try:
        return bool(first == second)
    except ValueError:  # numpy's arrays have no one truth value; sending them again does no harm
        return False


# --- two who change the same pipeline -------------------------------------------------------------


def rebased(before: PipelineConfig, ours: PipelineConfig, theirs: PipelineConfig) -> PipelineConfig:
    """What others made of a pipeline, with what we changed of it laid over that.

    Where both changed the same setting, ours counts. An instance that they took away is back if we
    changed it.

    Args:
        before: what both began with.
        ours: what we made of it.
        theirs: what others made of it.
    """
    kept_source = ours.data_source == before.data_source
    return evolve(
        theirs,
        data_source=theirs.data_source if kept_source else ours.data_source,
        settings=_laid_over(before.settings, ours.settings, theirs.settings),
        instances=tuple(_rebased_instances(before, ours, theirs)),
    )


def _rebased_instances(
    before: PipelineConfig, ours: PipelineConfig, theirs: PipelineConfig
) -> Iterator[InstanceConfig]:
    old, own, there = by_key(before), by_key(ours), by_key(theirs)
    for key, instance in there.items():
        mine = own.get(key)
        if mine is not None:
            begun = old[key].settings if key in old else {}
            yield evolve(instance, settings=_laid_over(begun, mine.settings, instance.settings))
        elif key not in old:
            yield instance
    for key, mine in own.items():
        if key not in there and (key not in old or not _same(old[key].settings, mine.settings)):
            yield mine


def _laid_over(
    before: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> dict[str, Any]:
    kept = {name: theirs[name] for name in theirs if name in ours or name not in before}
    return {**kept, **_changed(before, ours)}


# --- what a node shows of what we said ------------------------------------------------------------


def in_own_words(shown: PipelineConfig, *own: PipelineConfig) -> PipelineConfig:
    """A pipeline as a node shows it, with our own values where it shows the digests of these.

    Args:
        shown: what a heartbeat says.
        own: what we know of the same pipeline.
    """
    known = [by_key(each) for each in own]
    return evolve(
        shown,
        settings=_in_own_words(shown.settings, *(each.settings for each in own)),
        instances=tuple(
            evolve(
                each,
                settings=_in_own_words(
                    each.settings,
                    *(there[key_of(each)].settings for there in known if key_of(each) in there),
                ),
            )
            for each in shown.instances
        ),
    )


def _in_own_words(shown: Mapping[str, Any], *own: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _in_own_word(name, value, *own) for name, value in shown.items()}


def _in_own_word(name: str, value: Any, *own: Mapping[str, Any]) -> Any:
    candidates = (settings[name] for settings in own if name in settings)
    return next(
        (each for each in candidates if _same(value, each) or is_digest_of(value, each)), value
    )


def shows(shown: PipelineConfig, wanted: PipelineConfig) -> bool:
    """Whether a pipeline, in our own words, has all of what was wanted; settings may be more."""
    there, asked = by_key(shown), by_key(wanted)
    return (
        shown.data_source.upper() == wanted.data_source.upper()
        and there.keys() == asked.keys()
        and not _changed(shown.settings, wanted.settings)
        and not any(changes_between(there[key], asked[key]) for key in asked)
    )
