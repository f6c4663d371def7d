"""The client's side of REST_CUSTOM_EXEC_01: code that is run once for each request.

``Pipeline.wait_exec`` is served from here. Code is read back, checked and packed before anything is
sent; what goes wrong on the node is told in the lines of the user's own file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from pye2_custom_code.failures import FAILURE_KEY, failure_from, told_to_user
from pye2_custom_code.origins import origin_of
from pye2_custom_code.packing import packed
from pye2core import SingleRunInstance
from pye2core.clock import SYSTEM_CLOCK
from pye2core.code import permitted_by
from pye2core.messages import GRANTS, with_grants_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2_custom_code.failures import Origin
    from pye2_custom_code.packing import Code

WAITED_RESULT_KEY: Final = "REST_EXECUTION_RESULT"
WAITED_ERROR_KEY: Final = "REST_EXECUTION_ERROR"
"""The payload's fields that ``wait_exec`` asks for (section 13)."""


class RestCustomExecInstance(SingleRunInstance):
    """An instance that runs a user's function once, and again for each new request.

    ``on_data`` is called with ``(pipeline, payload)``.

    Example:
        ::

            calculator = pipeline.create_plugin_instance(
                signature="REST_CUSTOM_EXEC_01", instance_id="calculator", custom_code=add,
                on_data=lambda pipeline, payload: pipeline.P(payload["EXEC_RESULT"]),
            )
            pipeline.deploy()
            calculator.update_instance_config(custom_code=multiply)
            pipeline.deploy()
    """

    SIGNATURE = "REST_CUSTOM_EXEC_01"

    @classmethod
    def settings_from(cls, **arguments: Any) -> dict[str, Any]:
        """The settings of an instance.

        Args:
            arguments: ``custom_code``, what is to be run now: as for ``CUSTOM_EXEC_01``. The same
                code within the same second is the same request and is not run again. All others
                are settings, which the code reads as ``plugin.cfg_*``.

        Raises:
            CodeError, CodeRefused, PresetParameterError: as ``packing.packed``.
        """
        given = arguments.pop("custom_code", None)
        settings = super().settings_from(**arguments)
        code = packed(given, permitted_by(settings.get(GRANTS)))
        return settings if code is None else {**settings, "REQUEST": _request(code)}

    @classmethod
    def new_id(cls, pipeline: str) -> str:
        """A name like those that PyE2's clients give to what ``wait_exec`` runs."""
        return f"{pipeline}_rest_custom_exec_synchronous_{os.urandom(4).hex()}"

    @classmethod
    def settings_for(
        cls, code: Code, config: Mapping[str, Any], *, has_input: bool
    ) -> dict[str, Any]:
        """The settings of an instance that ``wait_exec`` waits for.

        Raises:
            CodeError, CodeRefused, PresetParameterError: as ``packing.packed``.
        """
        return {
            "ALLOW_EMPTY_INPUTS": not has_input,
            "RUN_WITHOUT_IMAGE": not has_input,
            **config,
            **cls.settings_from(**with_grants_of(config, {"custom_code": code})),
            "RESULT_KEY": WAITED_RESULT_KEY,
            "ERROR_KEY": WAITED_ERROR_KEY,
        }

    def outcome_in(self, fields: Mapping[str, Any]) -> tuple[Any, Any] | None:
        """The result and the error that a payload tells; None for one that tells neither."""
        if not {WAITED_RESULT_KEY, WAITED_ERROR_KEY} <= fields.keys():
            return None
        failure = failure_from(fields.get(FAILURE_KEY))
        error = fields[WAITED_ERROR_KEY]
        if failure is not None:
            error = told_to_user(failure, self._origin())
        return fields[WAITED_RESULT_KEY], error

    def _origin(self) -> Origin | None:
        config = self.pipeline.configurations.temporary.get(self.key)
        return origin_of(config.settings["REQUEST"]["DATA"]["CODE"]) if config else None


def _request(code: str) -> dict[str, Any]:
    now = SYSTEM_CLOCK.now().astimezone()
    return {"DATA": {"CODE": code}, "TIMESTAMP": now.strftime("%Y-%m-%d %H:%M:%S")}
