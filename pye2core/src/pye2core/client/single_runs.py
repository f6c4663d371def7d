"""Code that is run once, and waited for: ``Pipeline.wait_exec``.

You are in the client room. An instance is deployed for the code's sake, its answer is recognised on
the receiving thread, and it is taken away again, whatever came of it. What such an instance is told
and how it answers is known to the signature plugin that serves ``Role.SINGLE_RUN``.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import FIRST_COMPLETED, wait
from typing import TYPE_CHECKING, Any

from pye2core.client.instance import Instance
from pye2core.client.requests import Awaited
from pye2core.client.signatures import class_of
from pye2core.errors import CodeError, DeployFailed
from pye2core.messages import InstanceConfig, NotificationKind
from pye2core.messages.configuration import VOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future

    from pye2core.client.instance import Call
    from pye2core.client.payload import Payload
    from pye2core.client.pipeline import Pipeline
    from pye2core.client.transactions import Transaction
    from pye2core.messages import Notification, PayloadMessage


class SingleRunInstance(Instance):
    """The client's side of a signature that runs code once and says what came of it.

    Attributes:
        complaint: the last exception that its node told of; empty if none.
    """

    def __init__(self, pipeline: Pipeline, signature: str, instance_id: str) -> None:
        super().__init__(pipeline, signature, instance_id)
        self.complaint = ""

    @classmethod
    def settings_for(cls, code: Callable[..., Any] | str) -> dict[str, Any]:
        """The settings of an instance that is to run this code; to be overridden.

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
    """
    if code is None:
        raise CodeError("wait_exec has nothing to run: pass a function, source as text, or a file")
    kind = class_of(signature, pipeline.session.registry)
    assert issubclass(kind, SingleRunInstance)
    settings = {**_input_settings(pipeline), **config, **kind.settings_for(code)}
    name = f"{pipeline.name}_rest_custom_exec_synchronous_{os.urandom(4).hex()}"
    return _Run(kind(pipeline, signature, name), settings, timeout).outcome()


def _input_settings(pipeline: Pipeline) -> dict[str, Any]:
    """Whether it runs without input (PyE2 wire protocol, section 13)."""
    is_void = pipeline.config["TYPE"] == VOID
    return {"ALLOW_EMPTY_INPUTS": is_void, "RUN_WITHOUT_IMAGE": is_void}


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
        self, instance: SingleRunInstance, settings: dict[str, Any], timeout: float
    ) -> None:
        self._instance = instance
        self._pipeline = instance.pipeline
        self._config = InstanceConfig(instance.signature, instance.instance_id, settings)
        self._timeout = timeout
        self._clock = instance.pipeline.session.clock
        self._deadline = self._clock.monotonic() + timeout if timeout > 0 else math.inf

    def outcome(self) -> tuple[Any, Any]:
        self._pipeline.hear_results()
        try:
            outcome = self._instance.outcome_in(self._answer())
        except DeployFailed:
            if not self._pipeline.is_deployed:
                self._pipeline.forget_temporary(self._instance)
            raise
        finally:
            self._pipeline.remove_temporary(self._instance)
        assert outcome is not None
        return outcome

    def _answer(self) -> Payload:
        outcome = _Outcome(self._instance)
        self._instance.requests.add(outcome)
        deploys = not self._pipeline.configurations.was_told
        transaction = self._pipeline.add_temporary(
            self._instance, self._config, timeout=self._timeout
        )
        self._wait_for_first(outcome.answer, transaction.future)
        if not outcome.answer.done():
            self._confirm(transaction)
            self._wait_for_first(outcome.answer)
        if not outcome.answer.done():
            raise self._overdue(transaction)
        payload = outcome.answer.result()
        if deploys:
            self._confirm(transaction)
        return payload

    def _wait_for_first(self, *ends: Future[Any]) -> None:
        wait(ends, self._seconds_left(), return_when=FIRST_COMPLETED)

    def _confirm(self, transaction: Transaction) -> None:
        self._pipeline.session.commands.finish(transaction, self._timeout)

    def _seconds_left(self) -> float | None:
        if self._deadline == math.inf:
            return None
        return max(0.0, self._deadline - self._clock.monotonic())

    def _overdue(self, transaction: Transaction) -> Exception:
        return self._pipeline.session.commands.overdue(
            transaction, "the result of the code", self._timeout, self._instance.complaint
        )
