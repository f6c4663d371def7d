"""The signatures of custom code keep the contract of a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2_custom_code import plugin
from pye2_custom_code.packing import packed
from pye2_testing.contracts import SignatureContract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core import Instance, Pipeline


class TestCustomExec(SignatureContract):
    plugin = plugin
    signature = "CUSTOM_EXEC_01"
    settings = {"PROCESS_DELAY": 0.1, "A": 6}
    change = {"A": 7}
    changed = {"EXEC_RESULT": 7}
    wrong = ({"PROCESS_DELAY": "soon"}, {"RESULT_KEY": 5})

    def create(self, pipeline: Pipeline, instance_id: str, settings: Mapping[str, Any]) -> Instance:
        return pipeline.create_custom_plugin_instance(
            instance_id=instance_id, custom_code="return plugin.cfg_a", config=dict(settings)
        )


class TestRestCustomExec(SignatureContract):
    plugin = plugin
    signature = "REST_CUSTOM_EXEC_01"
    change = {"PROCESS_DELAY": 0.2, "REQUEST": {"DATA": {"CODE": packed("return 7")}}}
    wrong = ({"PROCESS_DELAY": "soon"},)
