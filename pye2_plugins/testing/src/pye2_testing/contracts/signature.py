"""What every signature promises: an instance runs, changes, answers, refuses and ends.

You are at the entrance and in the only room. The tests run on a whole network within this process,
whose sandbox is inline (``pye2_testing.network``).
"""

from __future__ import annotations

import gc
import logging
import queue
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import pytest

from pye2_testing.contracts.contract import Contract
from pye2_testing.contracts.offers import (
    implementation,
    modules_imported_with,
    offered_by,
    require_installed,
)
from pye2_testing.contracts.runner_watch import HELD_UP_SECONDS, RunnerWatch
from pye2_testing.contracts.said import Said
from pye2_testing.network import MemoryNetwork
from pye2core import Instance, SignatureDescriptor, installed_plugins
from pye2core.abc import Runner
from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType

    from pye2core import Payload, Pipeline, Session

_PATIENCE = 30.0
_ON_THEIR_WAY = 32
"""Payloads of which one has to be of the changed settings."""


class SignatureContract(Contract):
    """The tests of a signature; a subclass says which, and what an instance can be told.

    The distribution under test must be installed. A test that is replaced has a reason:
    ``@departs("…")``, or ``test_… = not_promised("…")``.

    Attributes:
        plugin: the module that the entry point names.
        signature: the signature's name.
        settings: with these, an instance sends a payload soon, unasked.
        change: settings that an instance can be given while it runs, and then sends a payload that
            says something else.
        changed: what such a payload says, by upper-case field. Empty: that its fields differ from
            those of the first is enough, which proves nothing where they always do.
        wrong: settings that are refused, each laid over ``settings``.
        nodes: how many nodes an instance needs.

    Example:
        ::

            class TestThermometer(SignatureContract):
                plugin = my_meter.plugin
                signature = "THERMOMETER_01"
                settings = {"SENSOR": "cellar"}
                change = {"SENSOR": "attic"}
                changed = {"WHERE": "attic"}
                wrong = [{"SENSOR": 5}]
    """

    plugin: ModuleType  # not a ClassVar: mypy takes a module that is assigned to one for an error
    signature: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}
    change: ClassVar[Mapping[str, Any]] = {}
    changed: ClassVar[Mapping[str, Any]] = {}
    wrong: ClassVar[Sequence[Mapping[str, Any]]] = ()
    nodes: ClassVar[int] = 1

    def create(self, pipeline: Pipeline, instance_id: str, settings: Mapping[str, Any]) -> Instance:
        """Make an instance; to be replaced where the signature's users do it in another way."""
        return pipeline.create_plugin_instance(
            signature=self.signature, instance_id=instance_id, config=dict(settings)
        )

    # --- what the tests have ---

    @classmethod
    def descriptor(cls) -> SignatureDescriptor:
        """What the plugin offers."""
        return offered_by(
            cls.plugin, "pye2_register_signatures", SignatureDescriptor, cls.signature
        )

    @pytest.fixture(scope="class")
    @classmethod
    def network(cls) -> Iterator[MemoryNetwork]:
        """A network that runs the signature."""
        require_installed(cls.descriptor(), installed_plugins().signatures())
        with MemoryNetwork(cls.nodes) as network:
            yield network

    @pytest.fixture(scope="class")
    @classmethod
    def session(cls, network: MemoryNetwork) -> Iterator[Session]:
        """A session on that network."""
        with network.session() as session:
            yield session

    @pytest.fixture(scope="class")
    @classmethod
    def said(cls, network: MemoryNetwork) -> Said:
        """All that instances have said there."""
        return Said(network.broker)

    @pytest.fixture
    def watch(self, network: MemoryNetwork) -> Iterator[RunnerWatch]:
        """What the instances' runners do on their node during the test."""
        runner = self.descriptor().runner
        if runner is None:
            pytest.skip("it has a client's side only")
        with RunnerWatch(implementation(runner), network.loop) as watching:
            yield watching

    @pytest.fixture
    def payloads(self) -> queue.Queue[Payload]:
        """What the pipeline under test has sent."""
        return queue.Queue()

    @pytest.fixture
    def pipeline(
        self,
        session: Session,
        payloads: queue.Queue[Payload],
        request: pytest.FixtureRequest,
    ) -> Iterator[Pipeline]:
        """A pipeline of its own for each test."""
        made = session.create_pipeline(
            node="node-1",
            name=f"contract-{abs(hash(request.node.nodeid)):x}",
            on_data=lambda _pipeline, _signature, _instance, payload: payloads.put(payload),
        )
        yield made
        made.close()

    # --- the descriptor ---

    def test_its_name_is_upper_case_as_it_is_compared(self) -> None:
        assert self.descriptor().name == self.descriptor().name.upper()
        assert self.descriptor().version

    def test_its_two_sides_are_what_the_kernel_expects(self) -> None:
        client, runner = self.descriptor().client, self.descriptor().runner

        assert client is None or issubclass(implementation(client), Instance)
        assert runner is None or issubclass(implementation(runner), Runner)

    def test_its_clients_side_names_the_same_signature(self) -> None:
        client = self.descriptor().client
        named = None if client is None else implementation(client).SIGNATURE

        # None is for one that serves several signatures.
        told = f"{client} has SIGNATURE = {named!r}, and is offered as {self.descriptor().name}"
        assert named is None or named.upper() == self.descriptor().name, told

    def test_its_settings_are_an_attrs_class(self) -> None:
        settings = self.descriptor().settings

        assert settings is None or attrs.has(implementation(settings))

    def test_what_is_confidential_is_a_key_in_upper_case(self) -> None:
        assert [key for key in self.descriptor().confidential if key != key.upper()] == []

    def test_the_plugins_module_imports_no_implementation(self) -> None:
        descriptor = self.descriptor()
        named = filter(None, (descriptor.client, descriptor.runner, descriptor.settings))

        assert (
            modules_imported_with(self.plugin, {each.partition(":")[0] for each in named}) == set()
        )

    # --- an instance ---

    def test_an_instance_is_confirmed_and_sends_what_it_finds(
        self, pipeline: Pipeline, payloads: queue.Queue[Payload]
    ) -> None:
        self.create(pipeline, "one", self.settings)

        pipeline.deploy()

        payload = payloads.get(timeout=_PATIENCE)
        assert payload.verified
        assert payload.path.signature is not None
        assert payload.path.signature.upper() == self.descriptor().name
        assert payload.path.instance_id == "one"

    def test_two_instances_do_not_get_in_each_others_way(
        self, pipeline: Pipeline, payloads: queue.Queue[Payload]
    ) -> None:
        for name in ("one", "two"):
            self.create(pipeline, name, self.settings)

        pipeline.deploy()

        heard: set[str | None] = set()
        while heard != {"one", "two"}:
            heard.add(payloads.get(timeout=_PATIENCE).path.instance_id)

    def test_changed_settings_are_confirmed_and_show_in_what_it_sends(
        self, pipeline: Pipeline, payloads: queue.Queue[Payload], said: Said
    ) -> None:
        if not self.change:
            pytest.skip("`change` says nothing")
        instance = self.create(pipeline, "one", self.settings)
        pipeline.deploy()
        before = said.own_fields(payloads.get(timeout=_PATIENCE))

        instance.update_instance_config(config=dict(self.change))
        pipeline.deploy()

        assert {key: instance.config[key] for key in self.change} == dict(self.change)
        # What it sent before it was changed may still be on its way.
        coming = (said.own_fields(_next(payloads)) for _ in range(_ON_THEIR_WAY))
        assert any(self._shows_change(each, before) for each in coming)

    def _shows_change(self, now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
        if self.changed:
            return {key: now.get(key) for key in self.changed} == dict(self.changed)
        return dict(now) != dict(before)

    def test_wrong_settings_are_refused_in_words_and_leave_the_node_well(
        self, pipeline: Pipeline
    ) -> None:
        if not self.wrong:
            pytest.skip("`wrong` says nothing")
        for number, wrong in enumerate(self.wrong):
            with pytest.raises(Pye2Error) as refused:
                self._deploy_alone(pipeline, f"wrong-{number}", {**self.settings, **wrong})
            assert any(key.lower() in str(refused.value).lower() for key in wrong), refused.value

        self._deploy_alone(pipeline, "right", self.settings)

    def _deploy_alone(self, pipeline: Pipeline, name: str, settings: Mapping[str, Any]) -> None:
        """Deploy one instance on a pipeline of its own, and end that."""
        alone = pipeline.session.create_pipeline(node="node-1", name=f"{pipeline.name}-{name}")
        try:
            self.create(alone, "one", settings)
            alone.deploy()
        finally:
            alone.close()

    def test_an_instance_command_is_confirmed(self, pipeline: Pipeline) -> None:
        instance = self.create(pipeline, "one", self.settings)
        pipeline.deploy()

        instance.send_instance_command("CONTRACT", payload={"ASKED": 1})

        assert pipeline.was_last_operation_successful

    def test_a_closed_pipeline_sends_nothing_more(
        self, pipeline: Pipeline, payloads: queue.Queue[Payload], said: Said
    ) -> None:
        self.create(pipeline, "one", self.settings)
        pipeline.deploy()
        payloads.get(timeout=_PATIENCE)

        pipeline.close()

        # What was on its way comes before what another instance says after that.
        self._hear_of_another(pipeline, "next")
        before = said.in_pipeline(pipeline.name)
        self._hear_of_another(pipeline, "last")
        assert before
        late = len(said.in_pipeline(pipeline.name)) - len(before)
        assert late == 0, f"{late} messages came from its instance after the pipeline was closed"

    def test_the_keys_of_what_it_sends_are_upper_case(
        self, pipeline: Pipeline, payloads: queue.Queue[Payload], watch: RunnerWatch
    ) -> None:
        self._live(pipeline, payloads)

        # Ours writes them so in any case; other nodes need not, and clients read them so.
        wrong = sorted(str(key) for key in watch.keys if key != str(key).upper())
        assert watch.keys
        assert not wrong, f"the runner gives emit() {wrong}: write them in upper case"

    def test_its_runner_leaves_the_nodes_loop_to_others(
        self, pipeline: Pipeline, payloads: queue.Queue[Payload], watch: RunnerWatch
    ) -> None:
        self._live(pipeline, payloads)

        told = (
            f"for {HELD_UP_SECONDS:g} s and longer the runner kept the node from everything else:"
            f" {watch.held_up}; await what takes long, or hand it to asyncio.to_thread"
        )
        assert not watch.held_up, told

    def test_its_runner_leaves_no_task_behind(
        self, pipeline: Pipeline, payloads: queue.Queue[Payload], watch: RunnerWatch
    ) -> None:
        self._live(pipeline, payloads)

        left = watch.left_behind()
        assert not left, f"after stop() still running: {left}; cancel them there, and await them"

    def _live(self, pipeline: Pipeline, payloads: queue.Queue[Payload]) -> None:
        """Have an instance do all that instances do, and end."""
        instance = self.create(pipeline, "one", self.settings)
        pipeline.deploy()
        _next(payloads)
        instance.send_instance_command("CONTRACT", payload={"ASKED": 1})
        if self.change:
            instance.update_instance_config(config=dict(self.change))
            pipeline.deploy()
            _next(payloads)
        pipeline.close()

    def test_its_runner_ends_without_an_error(
        self,
        pipeline: Pipeline,
        payloads: queue.Queue[Payload],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        self.create(pipeline, "one", self.settings)
        pipeline.deploy()
        _next(payloads)

        pipeline.close()
        # What failed and was not asked for its exception says so when it is forgotten.
        gc.collect()

        # The node ends an instance whatever its runner does, and says so in its log only.
        told = [each for each in caplog.records if each.levelno >= logging.ERROR]
        errors = [(each.getMessage(), each.exc_info and each.exc_info[1]) for each in told]
        assert not errors, f"as the node ended the instance, it told: {errors}"

    def _hear_of_another(self, pipeline: Pipeline, name: str) -> None:
        """Wait until an instance on a pipeline of its own has sent something."""
        heard: queue.Queue[Payload] = queue.Queue()
        other = pipeline.session.create_pipeline(
            node="node-1",
            name=f"{pipeline.name}-{name}",
            on_data=lambda _pipeline, _signature, _instance, payload: heard.put(payload),
        )
        try:
            self.create(other, "one", self.settings)
            other.deploy()
            _next(heard)
        finally:
            other.close()


def _next(payloads: queue.Queue[Payload]) -> Payload:
    """The next payload that comes in time.

    Raises:
        AssertionError: none does.
    """
    try:
        return payloads.get(timeout=_PATIENCE)
    except queue.Empty:
        raise AssertionError(f"no such payload came within {_PATIENCE:g} s") from None
