"""A plugin for the client's tests: signatures and presets that do as little as possible."""

from __future__ import annotations

import itertools
from typing import Any

from attrs import field, frozen, validators

from pye2core import (
    Instance,
    JobStages,
    PresetDescriptor,
    Role,
    SignatureDescriptor,
    SingleRunInstance,
    Stage,
    hookimpl,
)
from pye2core.errors import CodeError, JobFailedError


class Code(Instance):
    """Custom code: the result is the user's second argument."""

    SIGNATURE = "PUPPET_CODE_01"

    @classmethod
    def settings_from(cls, **arguments: Any) -> dict[str, Any]:
        code = arguments.pop("custom_code", None)
        settings = super().settings_from(**arguments)
        return settings if code is None else {**settings, "CODE": code}

    def wrap_on_data(self, on_data: Any) -> Any:
        if on_data is None:
            return None
        return lambda pipeline, payload: on_data(pipeline, payload.get("EXEC_RESULT"), payload)


class Once(SingleRunInstance):
    """Code that is run once: the payload has the fields RESULT and ERROR."""

    SIGNATURE = "PUPPET_ONCE_01"

    _numbers = itertools.count()

    @classmethod
    def new_id(cls, pipeline: str) -> str:
        return f"once in {pipeline}, {next(cls._numbers)}"

    @classmethod
    def settings_for(cls, code: Any, config: Any, *, has_input: bool) -> dict[str, Any]:
        if code == "refused":
            raise CodeError("the code is refused")
        return {**config, "WISH": code, "HAS_INPUT": has_input}

    def outcome_in(self, fields: Any) -> tuple[Any, Any] | None:
        return (fields["RESULT"], fields["ERROR"]) if "RESULT" in fields else None


class Job(Instance):
    """A distributed job, which fails when it says so."""

    SIGNATURE = "PUPPET_JOB_01"

    def wrap_on_data(self, on_data: Any) -> Any:
        def watch(pipeline: Any, payload: Any) -> None:
            if payload.get("STATE") == "FAILED":
                message = f"the job {pipeline.name} failed: {payload['ERROR']}"
                reason = payload["ERROR"]
                self.fail(JobFailedError(message, pipeline=pipeline.name, reason=reason))
            if on_data is not None:
                on_data(pipeline, payload)

        return watch


@frozen
class Counting:
    """A whole job."""

    upto: int = field(validator=validators.instance_of(int))
    workers: int = 2

    def stages(self) -> JobStages:
        return JobStages(
            worker="return 1",
            process="return data",
            finish="return True",
            aggregate="return 2",
            finish_kwargs={"X": self.upto},
            workers=self.workers,
        )


@hookimpl
def pye2_register_signatures() -> list[SignatureDescriptor]:
    here = "client_puppets"
    return [
        SignatureDescriptor("PUPPET_CODE_01", client=f"{here}:Code", role=Role.CUSTOM_CODE),
        SignatureDescriptor("PUPPET_ONCE_01", client=f"{here}:Once", role=Role.SINGLE_RUN),
        SignatureDescriptor("PUPPET_JOB_01", client=f"{here}:Job", role=Role.CHAIN_JOB),
        SignatureDescriptor("PUPPET_PLAIN_01"),
    ]


@hookimpl
def pye2_register_presets() -> list[PresetDescriptor]:
    return [
        PresetDescriptor("counting", Stage.JOB, "client_puppets:Counting"),
        PresetDescriptor("KEEP_ALL", Stage.PROCESS, "client_puppets:Counting"),
    ]
