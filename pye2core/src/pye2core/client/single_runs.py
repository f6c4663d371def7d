"""Code that is run once, and waited for: ``Pipeline.wait_exec``.

You are in the client room. An instance is deployed for the code's sake, its answer is recognised on
the receiving thread, and it is taken away again, whatever came of it. How such an instance is
called, what it is told and how it answers is known to the signature plugin that serves
``Role.SINGLE_RUN``.

Code that needs nothing of its pipeline is given one of its own: a pipeline that is there already
could only be sent as a whole, and no client knows the runs that others have in it.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import FIRST_COMPLETED, wait
from typing import TYPE_CHECKING, Any

from pye2core.client.instance import Instance
from pye2core.client.pipeline import Pipeline
from pye2core.client.requests import Awaited
from pye2core.client.signatures import check_on_node, class_of
from pye2core.client.staging import Staging
from pye2core.errors import CodeError, DeployFailed
from pye2core.messages import Action, InstanceConfig, NotificationKind, PipelineConfig
from pye2core.messages.configuration import VOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future

    from pye2core.client.instance import Call
    from pye2core.client.payload import Payload
    from pye2core.client.temporary import TemporaryInstances
    from pye2core.client.transactions import Transaction
    from pye2core.messages import Notification, PayloadMessage
    from pye2core.plugins import PluginRegistry

_LEAST_SECONDS = 0.001
"""What is left of a time that is over: zero would mean for as long as it takes."""


class SingleRunInstance(Instance):
    """The client's side of a signature that runs code once and says what came of it.

    Attributes:
        complaint: the last exception that its node told of; empty if none.
    """

    def __init__(self, pipeline: Pipeline, signature: str, instance_id: str) -> None:
        super().__init__(pipeline, signature, instance_id)
        self.complaint = ""

    @classmethod
    def new_id(cls, pipeline: str) -> str:
        """A new name for an instance that is to run code once; to be overridden.

        Args:
            pipeline: the name of the pipeline that was asked to run it.
        """
        raise NotImplementedError

    @classmethod
    def settings_for(
        cls, code: Callable[..., Any] | str, config: Mapping[str, Any], *, has_input: bool
    ) -> dict[str, Any]:
        """The settings of an instance that is to run this code; to be overridden.

        Args:
            code: the code.
            config: what the user wants it to be told, by upper-case key.
            has_input: whether the data source gives anything that the code may work on.

        Raises:
            CodeError: the code cannot be read back or is refused.
        """
        raise NotImplementedError

    def outcome_in(self, fields: Mapping[str, Any]) -> tuple[Any, Any] | None:
        """The result and the error that a payload tells; None if it tells neither.

        To be overridden; called on the receiving thread too.
        """
        raise NotImplementedError

    def calls_for_notification(self, message: Notification) -> Iterator[Call]:
        """As for any instance; besides, whoever waits is told if it cannot be run."""
        if message.kind is NotificationKind.EXCEPTION:
            self.complaint = message.info or message.text
        if message.failed:
            self.requests.fail(self._refused(message.info or message.text))
        yield from super().calls_for_notification(message)

    def _refused(self, reason: str) -> DeployFailed:
        pipeline = self.pipeline
        return DeployFailed(
            f"the node {pipeline.node_addr} could not run the code: {reason}",
            node=pipeline.node_addr,
            pipeline=pipeline.name,
            reason=reason,
        )


class PipelineOfARun(Pipeline):
    """A pipeline without input that is there for one run of code, and then no more."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Have the session know it, so that what is sent of it is heard.

        Args:
            pipeline: the one that was asked to run the code, on the same node.
        """
        config = PipelineConfig(f"{pipeline.name}_{os.urandom(4).hex()}", VOID)
        session, node = pipeline.session, pipeline.node_addr
        super().__init__(session, node, Staging(config))
        self.is_own = True
        self._serves = pipeline
        session.known_pipelines.add(self)

    @property
    def serves(self) -> TemporaryInstances:
        """The pipeline that was asked to run the code."""
        return self._serves

    def _tell_of_removal(self) -> None:
        self.session.commands.tell(self.node_addr, Action.ARCHIVE_PIPELINE, self.name)

    def _drop(self, instance: Instance) -> bool:
        self.session.forget_pipeline(self)
        return super()._drop(instance)


def run_once(
    pipeline: Pipeline,
    code: Callable[..., Any] | str,
    config: Mapping[str, Any],
    *,
    signature: str,
    timeout: float,
) -> tuple[Any, Any]:
    """Run code once; what ``Pipeline.wait_exec`` does.

    Args:
        pipeline: where it is to run.
        code: the code.
        config: further settings, by upper-case key.
        signature: what runs it.
        timeout: seconds for all of it; 0 for as long as it takes.

    Raises:
        CodeError: there is no code.
        SignatureNotOnNode: the node says that it lacks the signature.
        PluginBroken: the plugin that runs it does not say how.
    """
    if code is None:
        raise CodeError("wait_exec has nothing to run: pass a function, source as text, or a file")
    check_on_node(signature, pipeline)
    kind = _class_of(signature, pipeline.session.registry)
    settings = kind.settings_for(code, config, has_input=_has_input(pipeline))
    wanted = InstanceConfig(signature, kind.new_id(pipeline.name), settings)
    return _Run(pipeline, kind, wanted, timeout).outcome()


def _has_input(pipeline: Pipeline) -> bool:
    return bool(pipeline.config["TYPE"].upper() != VOID.upper())


def _class_of(signature: str, registry: PluginRegistry) -> type[SingleRunInstance]:
    kind = class_of(signature, registry)
    if issubclass(kind, SingleRunInstance):
        return kind
    raise registry.broken_in_use(
        registry.signature(signature),
        f"offers the signature {signature} to run code once, but its class {kind.__name__} is no"
        " pye2core.SingleRunInstance",
    )


class _Outcome(Awaited):
    """The payload that says what came of the code."""

    def __init__(self, instance: SingleRunInstance) -> None:
        super().__init__()
        self._instance = instance

    def is_answered_by(self, message: PayloadMessage) -> bool:
        return self._instance.outcome_in(message.fields) is not None


class _Run:
    """One run of code, from its deployment to its end."""

    def __init__(
        self,
        pipeline: Pipeline,
        kind: type[SingleRunInstance],
        config: InstanceConfig,
        timeout: float,
    ) -> None:
        self._pipeline = pipeline
        self._kind = kind
        self._config = config
        self._timeout = timeout
        self._clock = pipeline.session.clock
        self._deadline = self._clock.monotonic() + timeout if timeout > 0 else math.inf

    def outcome(self) -> tuple[Any, Any]:
        host = self._fed() if _has_input(self._pipeline) else PipelineOfARun(self._pipeline)
        instance = self._kind(host, self._config.signature, self._config.instance_id)
        try:
            outcome = instance.outcome_in(self._answer(instance))
        finally:
            host.remove_temporary(instance)
        assert outcome is not None
        return outcome

    def _fed(self) -> Pipeline:
        """The pipeline itself, whose data source gives what the code may need; it runs."""
        if not self._pipeline.configurations.was_told:
            self._pipeline.deploy(timeout=self._timeout)
        self._pipeline.hear_results()
        return self._pipeline

    def _answer(self, instance: SingleRunInstance) -> Payload:
        outcome = _Outcome(instance)
        instance.requests.add(outcome)
        transaction = instance.pipeline.add_temporary(
            instance, self._config, timeout=self._seconds_left() or 0
        )
        self._wait_for_first(outcome.answer, transaction.future)
        if not outcome.answer.done():
            self._pipeline.session.commands.finish(transaction, self._timeout)
            self._wait_for_first(outcome.answer)
        if not outcome.answer.done():
            raise self._overdue(instance, transaction)
        return outcome.answer.result()

    def _wait_for_first(self, *ends: Future[Any]) -> None:
        wait(ends, self._seconds_left(), return_when=FIRST_COMPLETED)

    def _seconds_left(self) -> float | None:
        if self._deadline == math.inf:
            return None
        return max(_LEAST_SECONDS, self._deadline - self._clock.monotonic())

    def _overdue(self, instance: SingleRunInstance, transaction: Transaction) -> Exception:
        return self._pipeline.session.commands.overdue(
            transaction, "the result of the code", self._timeout, instance.complaint
        )
