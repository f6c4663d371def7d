"""``pye2 run PRESET``: a whole-job preset on nodes that are online.

Each whole-job preset is a subcommand; its options are the fields of the preset's class.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import attrs
import click

from pye2_cli.jobs import JobRun, tell_result
from pye2_cli.options import takes_broker, takes_root_topic
from pye2core import Session, Stage, installed_plugins
from pye2core.errors import UnknownPreset
from pye2core.plugins import distribution_for

if TYPE_CHECKING:
    from pye2core import PresetDescriptor

_TYPES: dict[Any, click.ParamType[Any]] = {int: click.INT, float: click.FLOAT, str: click.STRING}


class _Presets(click.Group):
    """The installed whole-job presets as subcommands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(preset.name.lower() for preset in job_presets())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A whole job by its preset's name, in any case; of another name, says what there is."""
        try:
            descriptor = installed_plugins().preset(cmd_name)
        except UnknownPreset as error:
            if distribution_for("preset", cmd_name) is not None:
                raise  # it says how to get that one
            ctx.fail(f"there is no preset {error.name.lower()!r}; {self._offered(ctx)}")
        if descriptor.stage is not Stage.JOB:
            what = f"{descriptor.name} is one function of a job ({descriptor.stage.value})"
            ctx.fail(f"{what}, not a whole one; {self._offered(ctx)}")
        return _command_for(descriptor)

    def _offered(self, ctx: click.Context) -> str:
        known = ", ".join(self.list_commands(ctx)) or "none"
        return f"whole jobs are: {known} (`pye2 plugins` tells of plugins that are broken)"


def job_presets() -> list[PresetDescriptor]:
    """The installed presets that are whole jobs."""
    return [each for each in installed_plugins().presets().values() if each.stage is Stage.JOB]


def preset_options(descriptor: PresetDescriptor) -> list[click.Option]:
    """One option for each parameter of a whole-job preset."""
    preset = installed_plugins().load(descriptor, descriptor.implementation)
    hints = typing.get_type_hints(preset)
    return [
        click.Option(
            [f"--{attribute.name.replace('_', '-')}", attribute.name],
            type=_TYPES.get(hints[attribute.name], click.STRING),
            default=None if attribute.default is attrs.NOTHING else attribute.default,
            required=attribute.default is attrs.NOTHING,
            show_default=True,
            help=attribute.metadata.get("help"),
        )
        for attribute in attrs.fields(preset)
        if attribute.init
    ]


def _command_for(descriptor: PresetDescriptor) -> click.Command:
    def callback(
        *,
        broker: str | None,
        root_topic: str | None,
        node: str | None,
        as_json: bool,
        **parameters: Any,
    ) -> None:
        job = JobRun(descriptor.name, parameters)
        job.check()
        session = Session(broker=broker, root_topic=root_topic, silent=True)
        try:
            result = job.run(session, node, show_progress=not as_json)
        finally:
            # A job whose deployment was not confirmed in time may run all the same.
            session.close(close_pipelines=True, wait_close=True)
        tell_result(result, as_json=as_json)

    common: list[click.Parameter] = [
        click.Option(["--node"], help="The main node, by name or address; any otherwise."),
        click.Option(["--json", "as_json"], is_flag=True, help="The result as one JSON line."),
    ]
    command = click.Command(
        descriptor.name,
        callback=callback,
        params=[*preset_options(descriptor), *common],
        help=descriptor.summary,
        short_help=descriptor.summary,
    )
    return takes_root_topic(takes_broker(command))


run = _Presets("run", help="Run a whole-job preset on nodes that are online.")
