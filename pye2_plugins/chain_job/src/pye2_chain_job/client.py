"""The client's side of a distributed job: its functions, its presets, its failure.

Everything is checked before anything is sent, and presets are turned into source, so that nodes
need none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pye2_chain_job.delegated import delegated_work
from pye2_chain_job.reports import JobState
from pye2_chain_job.settings import nr_of_nodes
from pye2_chain_job.stages import (
    PARAMETERS,
    PROGRESS_PARAMETERS,
    captured_preset,
    captured_progress,
    preset_named,
)
from pye2_custom_code.failures import FAILURE_KEY, failure_from, told_to_user
from pye2_custom_code.origins import origin_of, remember
from pye2core import Instance
from pye2core.code import capture, check_function, encode, permitted_by
from pye2core.descriptors import Stage
from pye2core.errors import (
    CodeRefused,
    InvalidConfiguration,
    JobFailedError,
    PresetParameterError,
)
from pye2core.messages import GRANTS, upper_keys
from pye2core.plugins import installed_plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pye2core import Payload, Pipeline
    from pye2core.code import CapturedCode, Permitted
    from pye2core.delegations import DelegatedWork
    from pye2core.descriptors import PresetDescriptor
    from pye2core.plugins import PluginRegistry

_CODE_KEYS: Final = {
    "main_node_process_real_time_collected_data": (
        Stage.PROCESS,
        "CUSTOM_CODE_PROCESS_REAL_TIME_COLLECTED_DATA",
    ),
    "main_node_finish_condition": (Stage.FINISH, "CUSTOM_CODE_FINISH_CONDITION"),
    "main_node_aggregate_collected_data": (
        Stage.AGGREGATE,
        "CUSTOM_CODE_AGGREGATE_COLLECTED_DATA",
    ),
    "worker_node_code": (Stage.WORKER, "CUSTOM_CODE_REMOTE_NODE"),
}
"""What the functions are called by users, and in the configuration (section 13)."""

_WORKERS_KEY: Final = _CODE_KEYS["worker_node_code"][1]
_PROGRESS_KEY: Final = "CUSTOM_CODE_PROGRESS"

_SETTING_KEYS: Final = {
    "main_node_finish_condition_kwargs": "FINISH_CONDITION_KWARGS",
    "nr_remote_worker_nodes": "NR_REMOTE_NODES",
    "worker_node_plugin_config": "NODE_PLUGIN_CONFIG",
    "worker_node_plugin_signature": "NODE_PLUGIN_SIGNATURE",
}

_PIPELINE_CONFIG: Final = "worker_node_pipeline_config"
_PYE2_PIPELINE_CONFIG: Final = {"stream_type": "Void"}

_KEY_OF_STAGE: Final = {
    **{stage.value: key for stage, key in _CODE_KEYS.values()},
    "progress": _PROGRESS_KEY,
}


class ChainJobInstance(Instance):
    """The main node's instance of a distributed job.

    ``on_data`` is called with ``(pipeline, payload)`` for partial results and for the last one,
    whose ``PROGRESS`` is 100. A job that cannot succeed ends with a payload whose ``STATE`` is
    ``"FAILED"``; ``session.run`` then raises ``JobFailedError``.
    """

    SIGNATURE = "PROCESS_REAL_TIME_COLLECTED_DATA_CUSTOM_EXEC_CHAIN_DIST"

    @classmethod
    def settings_from(cls, **arguments: Any) -> dict[str, Any]:
        """The settings of a job (PyE2 wire protocol, section 13).

        Args:
            arguments: those of ``Pipeline.create_chain_dist_custom_plugin_instance``, and
                ``main_node_progress``, a function ``(plugin, collected_data)`` that gives a
                percentage; ``delegation_days``, for how long workers may be begun in this client's
                name (7 days unless given, at most 31); all others are further settings.

        Raises:
            CodeError: a function cannot be read back.
            CodeRefused: functions cannot run on a node; says everything that is wrong with them.
            UnknownPreset: a name stands for no installed preset.
            PresetParameterError: a preset lacks a parameter, or is for another stage.
            InvalidConfiguration: there cannot be so many workers.
            SettingsError: what the functions ask for (``grants``) cannot be understood.
        """
        functions = _Functions(installed_plugins())
        code_keys = _CODE_KEYS.keys() & arguments.keys()
        for name in sorted(code_keys):
            functions.take(name, arguments.pop(name))
        functions.take_progress(arguments.pop("main_node_progress", None))
        functions.check_parameters(arguments.get("main_node_finish_condition_kwargs"))
        _check_number(arguments.get("nr_remote_worker_nodes"))
        given = {
            key: arguments.pop(name) for name, key in _SETTING_KEYS.items() if name in arguments
        }
        if code_keys or _PIPELINE_CONFIG in arguments:
            own = arguments.pop(_PIPELINE_CONFIG, None) or {}
            given["NODE_PIPELINE_CONFIG"] = {**_PYE2_PIPELINE_CONFIG, **own}
        settings = {**super().settings_from(**arguments), **given}
        return {**settings, **functions.settings(settings)}

    @classmethod
    def delegated(cls, settings: Mapping[str, Any]) -> DelegatedWork | None:
        """What the main node has workers do (PyE2 wire protocol, section 20).

        None where the workers' code is only known by its digest: somebody else has sent it.

        Raises:
            SettingsError: ``DELEGATION_DAYS`` is no number of days.
        """
        return delegated_work(settings, installed_plugins())

    def wrap_on_data(
        self, on_data: Callable[..., object] | None
    ) -> Callable[[Pipeline, Payload], None]:
        """Call the user's callback, and have ``session.run`` raise if the job has failed."""

        def receive(pipeline: Pipeline, payload: Payload) -> None:
            if payload.get("STATE") == JobState.FAILED.value:
                self.fail(self._failure_in(payload))
            if on_data is not None:
                on_data(pipeline, payload)

        return receive

    def _failure_in(self, payload: Mapping[str, Any]) -> JobFailedError:
        reason = str(payload.get("ERROR") or "it did not say why")
        failure = failure_from(payload.get(FAILURE_KEY))
        message = f"the job of pipeline {self.pipeline.name!r} has failed: {reason}"
        if failure is not None and failure.line is not None:
            key = _KEY_OF_STAGE.get(str(payload.get("ERROR_STAGE")))
            found = self.pipeline.configurations.proposed.instance(*self.key)
            settings = found.settings if found is not None else {}
            message += f"\n{told_to_user(failure, origin_of(settings.get(key or '')))}"
        return JobFailedError(message, pipeline=self.pipeline.name, reason=reason)


class _Functions:
    """The functions of one job, as they are given one after the other."""

    def __init__(self, registry: PluginRegistry) -> None:
        self._registry = registry
        self._captured: dict[str, CapturedCode] = {}
        self._presets: dict[Stage, PresetDescriptor] = {}

    def take(self, name: str, code: Callable[..., Any] | str | None) -> None:
        stage, key = _CODE_KEYS[name]
        preset = preset_named(code, stage, self._registry)
        if preset is not None:
            self._presets[stage] = preset
            self._captured[key] = captured_preset(preset, self._registry)
        elif (captured := capture(code, parameters=PARAMETERS[stage])) is not None:
            self._captured[key] = captured

    def take_progress(self, code: Callable[..., Any] | str | None) -> None:
        """The function that tells the progress; unless given, the one of the finish preset."""
        captured = capture(code, parameters=PROGRESS_PARAMETERS)
        preset = self._presets.get(Stage.FINISH)
        if captured is None and preset is not None:
            captured = captured_progress(preset, self._registry)
        if captured is not None:
            self._captured[_PROGRESS_KEY] = captured

    def check_parameters(self, kwargs: Mapping[str, Any] | None) -> None:
        for preset in self._presets.values():
            for parameter in preset.parameters:
                if parameter not in (kwargs or {}):
                    raise PresetParameterError(
                        f"the preset {preset.name} needs {parameter}: give "
                        f"main_node_finish_condition_kwargs={{{parameter!r}: …}}",
                        preset=preset.name,
                        parameter=parameter,
                    )

    def settings(self, others: Mapping[str, Any]) -> dict[str, Any]:
        """The functions packed, by their keys in the configuration, all checked at once.

        Args:
            others: the job's other settings, which say what its functions ask for.
        """
        mains = permitted_by(others.get(GRANTS))
        workers = permitted_by(upper_keys(others.get("NODE_PLUGIN_CONFIG") or {}).get(GRANTS))
        refusals = [
            refused
            for key, each in self._captured.items()
            if (refused := _refusal(each, workers if key == _WORKERS_KEY else mains))
        ]
        if refusals:
            problems = [problem for refused in refusals for problem in refused.problems]
            raise CodeRefused("\n".join(map(str, refusals)), problems=problems)
        for captured in self._captured.values():
            remember(captured)
        return {key: encode(captured.source) for key, captured in self._captured.items()}


def _check_number(nodes: object) -> None:
    """Refuse what no main node takes, before anything is sent; None leaves it to that."""
    if nodes is None:
        return
    try:
        nr_of_nodes(nodes)
    except ValueError as error:
        message = f"the job cannot run: nr_remote_worker_nodes {error}, not {nodes!r:.60}"
        raise InvalidConfiguration(message, pipeline=None) from error


def _refusal(captured: CapturedCode, permitted: Permitted) -> CodeRefused | None:
    try:
        check_function(captured, permitted)
    except CodeRefused as refused:
        return refused
    return None
