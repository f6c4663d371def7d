"""The names of the installed presets, as attributes (PyE2 wire protocol, section 13)."""

from __future__ import annotations

from pye2core.errors import UnknownPreset


class _NoSuchPreset(UnknownPreset, AttributeError):  # type: ignore[misc]  # both have the name
    """No installed plugin offers this preset; an ``AttributeError`` so that ``hasattr`` works."""


class _InstalledPresets(type):
    """Looks attributes up among the installed presets."""

    def __getattr__(cls, name: str) -> str:
        if name.startswith("_"):
            message = f"type object {cls.__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from pye2core.descriptors import Stage
        from pye2core.plugins import installed_plugins

        try:
            preset = installed_plugins().preset(name)
        except UnknownPreset as error:
            raise _NoSuchPreset(str(error), kind=error.kind, name=error.name) from error
        if preset.stage is Stage.JOB:
            message = (
                f"{preset.name} is a whole job, not one of its functions; run it with"
                f" session.create_job({preset.name!r}, …)"
            )
            raise _NoSuchPreset(message, kind="preset", name=name)
        return preset.name

    def __dir__(cls) -> list[str]:
        from pye2core.descriptors import Stage
        from pye2core.plugins import installed_plugins

        presets = installed_plugins().presets().values()
        names = (preset.name for preset in presets if preset.stage is not Stage.JOB)
        return sorted([*super().__dir__(), *names])


class DistributedCustomCodePresets(metaclass=_InstalledPresets):
    """The named functions of distributed jobs that installed plugins offer.

    Each attribute is a name that ``create_chain_dist_custom_job`` takes in place of a function.

    Raises:
        UnknownPreset: no plugin offers it; says what to install.

    Example:
        >>> from pye2core import DistributedCustomCodePresets as Presets
        >>> Presets.AGGREGATE_COLLECTED_DATA___AGGREGATE_COLLECTED_DATA
        'AGGREGATE_COLLECTED_DATA___AGGREGATE_COLLECTED_DATA'
    """
