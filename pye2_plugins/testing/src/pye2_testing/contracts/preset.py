"""What every preset promises: it can be sent, and does on a node what it does at home.

You are at the entrance and in the only room. A piece of a job is called as a node calls it, from
its text, with the ``plugin`` object that custom code sees; a whole job is run on a network within
this process.
"""

from __future__ import annotations

import ast
import json
import queue
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import pytest
from attrs import field, frozen

from pye2_testing.contracts.contract import Contract
from pye2_testing.contracts.offers import (
    implementation,
    modules_imported_with,
    offered_by,
    require_installed,
)
from pye2core import JobStages, PresetDescriptor, Stage, installed_plugins
from pye2core.code import capture, check_source, has_own_return
from pye2core.errors import PresetParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    from pye2core import Payload

_PATIENCE = 60.0
_ROUNDING = 0.5
_KWARGS = "FINISH_CONDITION_KWARGS"

_ARGUMENTS = {
    Stage.WORKER: ("plugin",),
    Stage.PROCESS: ("plugin", "job_id", "collected_data", "data"),
    Stage.FINISH: ("plugin", "collected_data"),
    Stage.AGGREGATE: ("plugin", "collected_data"),
}
_STAGES_OF_A_JOB = {
    "worker": Stage.WORKER,
    "process": Stage.PROCESS,
    "finish": Stage.FINISH,
    "aggregate": Stage.AGGREGATE,
    "progress": Stage.FINISH,
}


@frozen
class StageCall:
    """One call of a piece of a job, and what it gives.

    Attributes:
        arguments: what it is given after ``plugin``.
        gives: what it returns.
        settings: the instance's settings, read as ``plugin.cfg_*``.
        progress: the percentage that is told then, give or take rounding; None where it is not
            looked at.
    """

    arguments: tuple[Any, ...]
    gives: Any
    settings: Mapping[str, Any] = field(factory=dict)
    progress: float | None = None


class PresetContract(Contract):
    """The tests of a preset; a subclass says which, and what it is to give.

    The distribution under test must be installed. A test that is replaced has a reason:
    ``@departs("…")``, or ``test_… = not_promised("…")``.

    Attributes:
        plugin: the module that the entry point names.
        preset: the preset's name.
        calls: of a piece of a job: calls, and what they give.
        parameters: of a whole job: what it is given.
        result: of a whole job: its result with these parameters.
        wrong: of a whole job: parameters that it refuses, each laid over ``parameters``.

    Example:
        ::

            class TestKeepLargest(PresetContract):
                plugin = my_presets.plugin
                preset = "KEEP_LARGEST"
                calls = [StageCall((0, {0: [3]}, [5, 2]), gives=[5])]
    """

    plugin: ModuleType  # not a ClassVar: mypy takes a module that is assigned to one for an error
    preset: ClassVar[str]
    calls: ClassVar[Sequence[StageCall]] = ()
    parameters: ClassVar[Mapping[str, Any]] = {}
    result: ClassVar[Any] = None
    wrong: ClassVar[Sequence[Mapping[str, Any]]] = ()

    @classmethod
    def descriptor(cls) -> PresetDescriptor:
        """What the plugin offers."""
        return offered_by(cls.plugin, "pye2_register_presets", PresetDescriptor, cls.preset)

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        require_installed(self.descriptor(), installed_plugins().presets())

    def test_a_listing_says_in_a_line_what_it_does(self) -> None:
        summary = self.descriptor().summary

        assert summary.strip()
        assert "\n" not in summary

    def test_the_plugins_module_imports_no_implementation(self) -> None:
        module = self.descriptor().implementation.partition(":")[0]

        assert modules_imported_with(self.plugin, [module]) == set()

    def test_every_text_that_is_sent_may_run_on_a_node(self) -> None:
        for name, (function, arguments) in self._functions().items():
            source = _text_of(function, arguments)

            assert check_source(source, parameters=arguments) == [], name
            assert has_own_return(ast.parse(source)), name

    # --- a piece of a job ---

    def test_called_from_its_text_it_gives_what_it_should(self) -> None:
        if self._is_whole_job:
            pytest.skip("it is a whole job")
        assert self.calls, "say in `calls` what it is given and what it gives"
        ((function, arguments),) = [self._functions()["implementation"]]
        for call in self.calls:
            assert _called_as_on_a_node(function, arguments, call) == call.gives, call

    def test_its_progress_is_a_percentage(self) -> None:
        if self._is_whole_job or self.descriptor().progress is None:
            pytest.skip("it tells no progress")
        function, arguments = self._functions()["progress"]
        for call in self.calls:
            assert 0 <= _called_as_on_a_node(function, arguments, call) <= 100, call

    def test_its_progress_is_what_it_should_be(self) -> None:
        if self._is_whole_job or self.descriptor().progress is None:
            pytest.skip("it tells no progress")
        function, arguments = self._functions()["progress"]
        checked = [call for call in self.calls if call.progress is not None]
        assert checked, "say in a call of `calls` what the progress is then: StageCall(progress=…)"
        for call in checked:
            told = _called_as_on_a_node(function, arguments, call)
            assert told == pytest.approx(call.progress, abs=_ROUNDING), call

    def test_what_it_reads_is_declared_as_its_parameters_and_given(self) -> None:
        if self._is_whole_job:
            pytest.skip("it is a whole job")
        declared = set(self.descriptor().parameters)
        for call in self.calls:
            given = _Recorded(call.settings.get(_KWARGS, {}))
            recorded = attrs.evolve(call, settings={**call.settings, _KWARGS: given})
            for function, arguments in self._functions().values():
                _called_as_on_a_node(function, arguments, recorded)
            undeclared = given.read - declared
            assert not undeclared, f"it reads {undeclared}: declare them as its `parameters`"
            missing = declared - given.keys()
            assert not missing, f"{missing} of its `parameters` are not in {_KWARGS} of {call}"

    # --- a whole job ---

    def test_its_parameters_are_an_attrs_class_with_stages(self) -> None:
        if not self._is_whole_job:
            pytest.skip("it is a piece of a job")
        assert attrs.has(implementation(self.descriptor().implementation))
        assert isinstance(self._stages(), JobStages)

    def test_wrong_parameters_are_refused_by_name(self) -> None:
        if not self._is_whole_job:
            pytest.skip("it is a piece of a job")
        for wrong in self.wrong:
            refused = self._refusal_of(wrong)
            assert refused, f"{wrong} was not refused, and is among what is `wrong`"
            told = f"{wrong} was refused, but for {refused.parameter!r}: {refused}"
            assert refused.parameter in wrong, told

    def _refusal_of(self, wrong: Mapping[str, Any]) -> PresetParameterError | None:
        from pye2core.plugins import stages_of

        try:
            stages_of(installed_plugins(), self.preset, {**self.parameters, **wrong})
        except PresetParameterError as refused:
            return refused
        return None

    def test_run_on_a_network_it_gives_its_result(self) -> None:
        if not self._is_whole_job:
            pytest.skip("it is a piece of a job")
        from pye2_testing.network import MemoryNetwork

        results: queue.Queue[Any] = queue.Queue()

        def take(_pipeline: object, payload: Payload) -> None:
            if payload.get("STATE") in {"FINISHED", "FAILED"}:
                results.put(payload.get("ERROR") or payload.get("DATA"))

        with MemoryNetwork(self._stages().workers + 1) as network, network.session() as session:
            session.create_job(
                self.preset, node="node-1", on_data=take, deploy=True, **self.parameters
            )
            result = results.get(timeout=_PATIENCE)
            session.run(wait=False, close_session=False, close_pipelines=True)

        assert result == self.result

    # --- what the tests stand on ---

    @property
    def _is_whole_job(self) -> bool:
        return self.descriptor().stage is Stage.JOB

    def _stages(self) -> JobStages:
        job = implementation(self.descriptor().implementation)(**self.parameters)
        stages: JobStages = job.stages()
        return stages

    def _functions(self) -> dict[str, tuple[Any, tuple[str, ...]]]:
        """All functions that are sent, each with the names of its arguments."""
        return dict(self._named_functions())

    def _named_functions(self) -> Iterator[tuple[str, tuple[Any, tuple[str, ...]]]]:
        descriptor = self.descriptor()
        if self._is_whole_job:
            stages = self._stages()
            for name, stage in _STAGES_OF_A_JOB.items():
                if getattr(stages, name) is not None:
                    yield name, (getattr(stages, name), _ARGUMENTS[stage])
            return
        yield (
            "implementation",
            (
                implementation(descriptor.implementation),
                _ARGUMENTS[descriptor.stage],
            ),
        )
        if descriptor.progress is not None:
            yield "progress", (implementation(descriptor.progress), _ARGUMENTS[Stage.FINISH])


class _Recorded(dict[str, Any]):
    """Parameters that note which of them had to be there.

    Attributes:
        read: those that were read as what must be given.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)


class _NoNode:
    """What a ``plugin`` object has behind it where there is no node: the settings."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        from pye2_node.sandbox.plugin_host import InstanceState

        self.state = InstanceState()
        self.state.settings.update(settings)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a piece of a job has no use for the node's {name!r}")


def _text_of(function: Callable[..., Any], arguments: tuple[str, ...]) -> str:
    code = capture(function, parameters=arguments)
    assert code is not None, f"{function} has no source"
    return code.source


def _called_as_on_a_node(
    function: Callable[..., Any], arguments: tuple[str, ...], call: StageCall
) -> Any:
    """What the text of a function gives, as JSON carries it."""
    from pye2_node.sandbox.functions import Functions
    from pye2_node.sandbox.plugin_api import Plugin

    made = Functions(print).make("stage", _text_of(function, arguments), arguments)
    given = made(Plugin(_NoNode(call.settings)), *call.arguments)
    return json.loads(json.dumps(given))
