"""Code as a user gives it, checked and packed before anything is sent.

You are on the client's side.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pye2_custom_code.origins import remember
from pye2core import installed_plugins
from pye2core.code import capture, check_function, encode
from pye2core.code.rules import NOTHING_MORE
from pye2core.descriptors import Stage
from pye2core.errors import PresetParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.code import Permitted
    from pye2core.descriptors import PresetDescriptor

    Code = Callable[..., Any] | str

_PARAMETERS: Final = ("plugin",)


def packed(code: Code | None, permitted: Permitted = NOTHING_MORE) -> str | None:
    """Custom code as it is sent (PyE2 wire protocol, section 12); None for None.

    Args:
        code: a function of one parameter; the path of a file; a preset's name, in any case; or the
            source itself.
        permitted: what it may do that other code may not.

    Raises:
        CodeError: it cannot be read back.
        CodeRefused: it cannot run on a node; says everything that is wrong with it.
        PresetParameterError: the preset is a part of distributed jobs only.
    """
    preset = _preset_named(code)
    function = code if preset is None else _function_of(preset)
    captured = capture(function, parameters=_PARAMETERS)
    if captured is None:
        return None
    check_function(captured, permitted)
    remember(captured)
    return encode(captured.source)


def _preset_named(code: Code | None) -> PresetDescriptor | None:
    if not isinstance(code, str):
        return None
    preset = installed_plugins().presets().get(code.strip().upper())
    if preset is None or preset.stage is Stage.JOB or Path(code).is_file():
        return None
    return preset


def _function_of(preset: PresetDescriptor) -> Callable[..., Any]:
    if preset.stage is not Stage.WORKER:
        raise PresetParameterError(
            f"the preset {preset.name} is for the stage {preset.stage.value!r} of a distributed job"
            " and is called with that job's data, which custom code that runs by itself does not"
            " have; pass it to session.create_chain_dist_custom_job",
            preset=preset.name,
            parameter="custom_code",
        )
    function: Callable[..., Any] = installed_plugins().load(preset, preset.implementation)
    return function
