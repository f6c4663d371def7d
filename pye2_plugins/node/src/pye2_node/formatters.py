"""Which formatter the payloads of an instance have.

On the node's side. Formatters are plugins' and belong to a dialect; which dialect is spoken depends
on who listens, so that here a name is known if any dialect has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.errors import InvalidConfiguration
from pye2core.messages import FORMATTER

if TYPE_CHECKING:
    from pye2core.messages import InstanceConfig, InstancePath
    from pye2core.plugins import PluginRegistry


def formatter_of(config: InstanceConfig) -> str | None:
    """The formatter that an instance asks for; None for none."""
    return config.settings.get(FORMATTER) or None


def refuse_unknown_formatter(
    path: InstancePath, config: InstanceConfig, registry: PluginRegistry
) -> None:
    """Refuse an instance whose payloads could not be sent.

    Raises:
        InvalidConfiguration: no plugin offers the formatter that it asks for.
    """
    wanted: object = formatter_of(config)
    if wanted is None:
        return
    dialects = [each.name for each in registry.serializers()]
    known = {name for dialect in dialects for name in registry.formatters(dialect)}
    if not isinstance(wanted, str) or wanted not in known:
        raise InvalidConfiguration(
            f"{FORMATTER} of the instance {path.instance_id!r} is {wanted!r}, which no plugin"
            f" on this node offers; it has {', '.join(sorted(known))}",
            pipeline=path.pipeline,
        )
