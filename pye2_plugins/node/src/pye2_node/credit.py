"""Whose an instance's settings are: everybody of whom some of it stems. Values in, values out.

What an instance asks for must be granted to all of them. Otherwise one who is granted nothing could
put code into another's instance, or have another who changes a detail vouch for the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

if TYPE_CHECKING:
    from pye2_node.changes import IsConfidential
    from pye2core.messages import InstanceConfig, PipelineConfig


def credited(
    current: PipelineConfig | None,
    changed: PipelineConfig,
    sender: str,
    is_confidential: IsConfidential,
) -> PipelineConfig:
    """A pipeline after a command, its instances noted as whose they are.

    Args:
        current: the pipeline before, if there was one.
        changed: the same as the command left it; who it is by is not looked at.
        sender: the address that signed the command.
        is_confidential: which settings are code.
    """
    return evolve(
        changed,
        instances=tuple(
            evolve(each, set_by=_whose(_known(current, each), each, sender, is_confidential))
            for each in changed.instances
        ),
    )


def _known(current: PipelineConfig | None, each: InstanceConfig) -> InstanceConfig | None:
    return None if current is None else current.instance(each.signature, each.instance_id)


def _whose(
    known: InstanceConfig | None,
    changed: InstanceConfig,
    sender: str,
    is_confidential: IsConfidential,
) -> frozenset[str]:
    if known is None:
        return frozenset({sender})
    if known.settings == changed.settings:
        return known.set_by
    if _keeps_code(known, changed, is_confidential):
        return known.set_by | {sender}
    return frozenset({sender})


def _keeps_code(
    known: InstanceConfig, changed: InstanceConfig, is_confidential: IsConfidential
) -> bool:
    """Whether some of the code is what it was, or nobody says what is code."""
    code = [key for key in known.settings if is_confidential(known.signature, key)]
    return not code or any(changed.settings.get(key) == known.settings[key] for key in code)
