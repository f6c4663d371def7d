"""The functions of a distributed job: their parameters, and the presets that stand for them.

Used by both sides. A client turns presets into source before it sends them; a node does so with the
names that PyE2 peers send. A preset's function is read here, never called.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pye2core.code import capture, decode
from pye2core.descriptors import Stage
from pye2core.errors import InvalidConfiguration, PresetParameterError

if TYPE_CHECKING:
    from pye2_chain_job.settings import JobSettings
    from pye2core.code import CapturedCode
    from pye2core.descriptors import PresetDescriptor
    from pye2core.plugins import PluginRegistry

PARAMETERS: Final = {
    Stage.WORKER: ("plugin",),
    Stage.PROCESS: ("plugin", "job_id", "collected_data", "data"),
    Stage.FINISH: ("plugin", "collected_data"),
    Stage.AGGREGATE: ("plugin", "collected_data"),
}
"""By which names a function of each stage finds its arguments (PyE2 wire protocol, section 12)."""

PROGRESS_PARAMETERS: Final = ("plugin", "collected_data")

_PRESET_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,127}")


@frozen
class JobCode:
    """The sources of a job's functions.

    Attributes:
        worker: what the workers run.
        process: what to keep of a worker's data.
        finish: whether it is done.
        aggregate: the result.
        progress: a percentage; None where it cannot be known.
    """

    worker: str
    process: str
    finish: str
    aggregate: str
    progress: str | None = None


# --- on a client ----------------------------------------------------------------------------------


def preset_named(code: object, stage: Stage, registry: PluginRegistry) -> PresetDescriptor | None:
    """The preset that a user's text names; None for code that is not the name of a preset.

    Raises:
        UnknownPreset: the text can only be a preset's name, and no plugin offers it.
        PluginConflict: two plugins offer it.
        PresetParameterError: the preset is for another stage.
    """
    if not isinstance(code, str) or not _PRESET_NAME.fullmatch(code) or Path(code).is_file():
        return None
    descriptor = registry.preset(code)
    _check_stage(descriptor, stage)
    return descriptor


def _check_stage(descriptor: PresetDescriptor, stage: Stage) -> None:
    if descriptor.stage is not stage:
        raise PresetParameterError(
            f"the preset {descriptor.name} is for the stage {descriptor.stage.value!r} of a job, "
            f"not for {stage.value!r}; `pye2 plugins` lists the presets of each stage",
            preset=descriptor.name,
            parameter=stage.value,
        )


def captured_preset(descriptor: PresetDescriptor, registry: PluginRegistry) -> CapturedCode:
    """The source of a preset's function.

    Raises:
        PluginBroken: it cannot be imported.
        CodeError: its source cannot be read.
    """
    function = registry.load(descriptor, descriptor.implementation)
    captured = capture(function, parameters=PARAMETERS[descriptor.stage])
    assert captured is not None
    return captured


def captured_progress(
    descriptor: PresetDescriptor, registry: PluginRegistry
) -> CapturedCode | None:
    """The source of the progress function that belongs to a finish preset, if one does.

    Raises:
        PluginBroken: it cannot be imported.
        CodeError: its source cannot be read.
    """
    if descriptor.progress is None:
        return None
    function = registry.load(descriptor, descriptor.progress)
    return capture(function, parameters=PROGRESS_PARAMETERS)


# --- on a node ------------------------------------------------------------------------------------


def code_of(settings: JobSettings, registry: PluginRegistry, pipeline: str | None) -> JobCode:
    """The sources of a job's functions, as its settings give or name them.

    Raises:
        InvalidConfiguration: a preset is named that cannot be used here; says which and why.
        CodeError: code cannot be unpacked.
        PluginBroken: a preset's function cannot be imported.
    """
    reader = _Reader(registry, pipeline)
    finish = settings.custom_code_finish_condition
    progress = settings.custom_code_progress
    return JobCode(
        worker=reader.source(settings.custom_code_remote_node, Stage.WORKER),
        process=reader.source(settings.custom_code_process_real_time_collected_data, Stage.PROCESS),
        finish=reader.source(finish, Stage.FINISH),
        aggregate=reader.source(settings.custom_code_aggregate_collected_data, Stage.AGGREGATE),
        progress=decode(progress) if progress is not None else reader.progress_of(finish),
    )


@frozen
class _Reader:
    """Reads code as it was sent: packed source, a preset's name, or that name packed."""

    registry: PluginRegistry
    pipeline: str | None

    def source(self, sent: str, stage: Stage) -> str:
        preset = self._preset(sent)
        if preset is None:
            return decode(sent)
        try:
            _check_stage(preset, stage)
        except PresetParameterError as error:
            raise InvalidConfiguration(str(error), pipeline=self.pipeline) from error
        return captured_preset(preset, self.registry).source

    def progress_of(self, finish: str) -> str | None:
        preset = self._preset(finish)
        captured = captured_progress(preset, self.registry) if preset is not None else None
        return captured.source if captured is not None else None

    def _preset(self, sent: str) -> PresetDescriptor | None:
        if (preset := self._known(sent)) is not None:
            return preset
        text = decode(sent) if "__" not in sent else sent
        if (preset := self._known(text)) is not None or not _PRESET_NAME.fullmatch(text.strip()):
            return preset
        raise InvalidConfiguration(
            f"pipeline {self.pipeline!r} names the preset {text.strip()!r}, which no plugin of "
            "this node offers: install the plugin on the node, or send the function itself",
            pipeline=self.pipeline,
        )

    def _known(self, text: str) -> PresetDescriptor | None:
        return self.registry.presets().get(text.strip().upper())
