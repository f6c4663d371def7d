"""The whole jobs that plugins offer as presets, made of the parameters that a program gives.

Beside ``registry``: what is asked here is what a preset's functions are, not who offers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2core.errors import PresetParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.descriptors import JobStages, PresetDescriptor
    from pye2core.plugins.registry import PluginRegistry


def stages_of(
    registry: PluginRegistry, preset_name: str, parameters: Mapping[str, Any]
) -> JobStages:
    """The functions of a whole-job preset for these parameters.

    Raises:
        UnknownPreset: no installed plugin offers it; says what to install.
        PresetParameterError: it is no whole job, or cannot use the parameters.
        PluginBroken: the plugin that offers it cannot be used.
    """
    from pye2core.descriptors import Stage

    descriptor = registry.preset(preset_name)
    if descriptor.stage is not Stage.JOB:
        raise PresetParameterError(
            f"the preset {descriptor.name} is one function of a job ({descriptor.stage.value}), not"
            " a whole job; pass it to create_chain_dist_custom_job",
            preset=descriptor.name,
            parameter="stage",
        )
    job = _job(registry, descriptor, parameters)
    stages: JobStages = job.stages()
    return stages


def _job(
    registry: PluginRegistry, descriptor: PresetDescriptor, parameters: Mapping[str, Any]
) -> Any:
    import attrs

    kind = registry.load(descriptor, descriptor.implementation)
    if not (isinstance(kind, type) and attrs.has(kind)):
        what = (
            f"offers {descriptor.implementation}, which is no attrs class with a job's parameters"
        )
        raise registry.broken_in_use(descriptor, what)
    fields = {each.alias: each for each in attrs.fields(kind) if each.init}
    unknown = [name for name in parameters if name not in fields]
    missing = [
        name
        for name, each in fields.items()
        if each.default is attrs.NOTHING and name not in parameters
    ]
    if unknown or missing:
        name = (unknown or missing)[0]
        what = "has no parameter" if unknown else "needs the parameter"
        known = ", ".join(fields) or "none"
        raise PresetParameterError(
            f"the preset {descriptor.name} {what} {name!r}; it takes: {known}",
            preset=descriptor.name,
            parameter=name,
        )
    try:
        return kind(**parameters)
    except (TypeError, ValueError) as error:
        # attrs's own validators quote the name, and add objects that nobody wants to read.
        why = str(error.args[0]) if error.args else type(error).__name__
        blamed = next((name for name in parameters if f"'{name}'" in why), "")
        raise PresetParameterError(
            f"the preset {descriptor.name} cannot use its parameters: {why}",
            preset=descriptor.name,
            parameter=blamed,
        ) from error
