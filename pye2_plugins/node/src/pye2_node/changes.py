"""What a command makes of a pipeline's configuration. Values in, values out.

PyE2 wire protocol, section 7: the keys of an update are laid over those that are there, the list of
plugins replaces the old one as a whole, and a key with dots addresses a place within a value. Ours:
where a client sends back the digest that it found in a heartbeat, what is there stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from pye2_node.keepable import require_keepable
from pye2core.errors import InvalidConfiguration
from pye2core.messages import (
    VOID,
    InstanceConfig,
    PipelineConfig,
    digest_of,
    is_digest,
    settings_in,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    IsConfidential = Callable[[str, str], bool]
    """Whether a signature's setting is published as a digest only."""

ADMIN_PIPELINE: Final = "admin_pipeline"
"""A pipeline of that name belongs to the node itself (PyE2 wire protocol, section 7)."""

_DEEPEST_PLACE: Final = 16
"""Dots in a key that are looked at."""


def published(config: PipelineConfig, is_confidential: IsConfidential) -> PipelineConfig:
    """A pipeline as heartbeats show it to everybody."""
    return evolve(
        config,
        instances=tuple(
            evolve(
                each,
                settings={
                    key: digest_of(value) if is_confidential(each.signature, key) else value
                    for key, value in each.settings.items()
                },
            )
            for each in config.instances
        ),
    )


def updated(
    current: PipelineConfig | None, update: PipelineConfig, is_confidential: IsConfidential
) -> PipelineConfig:
    """A pipeline after an update; ``current`` is None for a new one.

    Raises:
        InvalidConfiguration: it cannot be run, whatever its instances are.
    """
    _check(update)
    settings = {} if current is None else current.settings
    return PipelineConfig(
        name=update.name,
        data_source=VOID,
        settings=_laid_over(settings, update.settings, update.name),
        instances=tuple(
            _instance_as_sent(current, each, is_confidential) for each in update.instances
        ),
    )


def _check(update: PipelineConfig) -> None:
    name = update.name
    if name == ADMIN_PIPELINE:
        message = f"the pipeline {ADMIN_PIPELINE!r} is the node's own; choose another name"
        raise InvalidConfiguration(message, pipeline=name)
    if not name:
        raise InvalidConfiguration("a pipeline has no name", pipeline=None)
    if update.data_source.upper() != VOID.upper():
        raise InvalidConfiguration(
            f"the pipeline {name!r} wants the data source {update.data_source!r}, which this node"
            f" does not have; it has {VOID!r}",
            pipeline=name,
        )
    require_keepable(update.settings, name)
    _check_instances(update)


def _check_instances(update: PipelineConfig) -> None:
    taken: set[tuple[str, str]] = set()
    for each in update.instances:
        key = (each.signature.upper(), each.instance_id)
        if key in taken:
            raise InvalidConfiguration(
                f"the pipeline {update.name!r} has two instances {each.instance_id!r} of {key[0]}",
                pipeline=update.name,
            )
        taken.add(key)
        require_keepable(each.settings, update.name)


def _instance_as_sent(
    pipeline: PipelineConfig | None, sent: InstanceConfig, is_confidential: IsConfidential
) -> InstanceConfig:
    known = pipeline.instance(sent.signature, sent.instance_id) if pipeline is not None else None
    settings = _with_what_is_kept(
        known.settings if known is not None else {},
        settings_in(sent.settings),
        sent.signature,
        is_confidential,
    )
    return InstanceConfig(sent.signature, sent.instance_id, settings)


def unknown_code_in(config: InstanceConfig, is_confidential: IsConfidential) -> list[str]:
    """The settings that are only the digest of something that this node does not have."""
    return [
        key
        for key, value in config.settings.items()
        if is_digest(value) and is_confidential(config.signature, key)
    ]


def instance_after(
    pipeline: PipelineConfig,
    known: InstanceConfig,
    changes: Mapping[str, Any],
    is_confidential: IsConfidential,
) -> InstanceConfig:
    """An instance of a pipeline after an update of its own.

    Raises:
        InvalidConfiguration: a key addresses a place that is not there.
    """
    require_keepable(changes, pipeline.name)
    sent = _with_what_is_kept(
        known.settings, settings_in(changes), known.signature, is_confidential
    )
    return evolve(known, settings=_laid_over(known.settings, sent, pipeline.name))


def _with_what_is_kept(
    known: Mapping[str, Any],
    sent: Mapping[str, Any],
    signature: str,
    is_confidential: IsConfidential,
) -> dict[str, Any]:
    """Put back what was only published as a digest."""
    return {
        key: known[key] if _is_kept(key, value, signature, is_confidential, known) else value
        for key, value in sent.items()
    }


def _is_kept(
    key: str,
    value: object,
    signature: str,
    is_confidential: IsConfidential,
    known: Mapping[str, Any],
) -> bool:
    return is_digest(value) and key in known and is_confidential(signature, key)


def _laid_over(
    current: Mapping[str, Any], changes: Mapping[str, Any], pipeline: str
) -> dict[str, Any]:
    """``current`` with ``changes``; a key with dots changes a place within a value."""
    result = dict(current)
    for key, value in changes.items():
        first, *rest = key.split(".", _DEEPEST_PLACE)
        if rest and all([first, *rest]):
            result[first] = _with_place(result.get(first), rest, value, key, pipeline)
        else:
            result[key] = value
    return result


def _with_place(
    container: object, steps: list[str], value: object, key: str, pipeline: str
) -> dict[str, Any]:
    if container is None:
        container = {}
    if not isinstance(container, dict):
        message = (
            f"the key {key!r} of the pipeline {pipeline!r} addresses a place within a value that is"
            f" no object, but a {type(container).__name__}; send the value as a whole"
        )
        raise InvalidConfiguration(message, pipeline=pipeline)
    first, *rest = steps
    place = _place_in(container, first)
    inner = _with_place(container.get(place), rest, value, key, pipeline) if rest else value
    return {**container, place: inner}


def _place_in(container: Mapping[str, Any], step: str) -> str:
    """The key of a step, which lost its case when top-level keys were made upper case."""
    if step in container:
        return step
    return next((each for each in container if each.upper() == step.upper()), step)
