"""What is done to a pipeline on its node: deploying it, changing it, closing it.

You are in the client room, between ``hearing``, which knows what the pipeline is, and
``temporary``. A lock besides that of the state keeps what is sent of the pipeline as a whole in the
order in which it was made.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pye2core.client.arguments import (
    FOREVER,
    check_command,
    check_flags,
    check_names,
    check_seconds,
    check_settings,
)
from pye2core.client.differences import key_of
from pye2core.client.hearing import HeardPipeline
from pye2core.client.reports import Moment
from pye2core.client.signatures import check_on_node
from pye2core.client.transactions import Expectation, Outcome, State
from pye2core.errors import PipelineNotFound, SettingsError
from pye2core.messages import (
    Action,
    InstancePath,
    NotificationCode,
    PipelineCommand,
    PipelineConfig,
)
from pye2core.messages.configuration import upper_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from pye2core.client.session import Session
    from pye2core.client.staging import DeployPlan, Staging
    from pye2core.client.transactions import Transaction


class DeployedPipeline(HeardPipeline):
    """A pipeline of one node that is changed here.

    Attributes:
        was_last_operation_successful: how the last deployment or closing ended; None before.
    """

    def __init__(self, session: Session, node_addr: str, configurations: Staging) -> None:
        """As of what is only heard; nothing is sent."""
        super().__init__(session, node_addr, configurations)
        self.was_last_operation_successful: bool | None = None
        self._was_refused = False
        self._sending = threading.Lock()

    # --- proposing --------------------------------------------------------------------------------

    def update_acquisition_parameters(
        self, config: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Propose changed settings of the data source; :meth:`deploy` sends them.

        Args:
            config: settings, keys in any case; ``TYPE`` is the data source itself.
            kwargs: further settings.

        Raises:
            ConfigurationPending: an earlier change awaits its confirmation.
            SettingsError: the pipeline's name or its plugins are not changed like this, or
                something given cannot be used.
        """
        check_settings(config=config)
        changes = upper_keys({**(config or {}), **kwargs})
        for name in ("NAME", "PLUGINS"):
            if name in changes:
                raise SettingsError(
                    f"{name} is not a parameter of the acquisition of pipeline {self.name!r}; use"
                    " create_plugin_instance, or update_full_configuration",
                    setting=name,
                )
        with self._proposing() as proposed:
            data_source = changes.pop("TYPE", proposed.data_source)
            check_names(TYPE=data_source)
            settings = {**proposed.settings, **changes}
            self.configurations.propose(
                evolve(proposed, data_source=data_source, settings=settings)
            )

    @contextmanager
    def _proposing(self) -> Iterator[PipelineConfig]:
        """Hold the lock while a change is proposed; gives what is proposed so far."""
        self.session.commands.transactions.expire()
        with self._lock:
            self.check_open()
            yield self.configurations.proposed

    def check_open(self) -> None:
        """Refuse to go on with a pipeline that was closed.

        Raises:
            PipelineNotFound: it was.
        """
        if self._closed:
            raise self._closed_error()

    def check_on_node(self, signature: str) -> None:
        """Refuse a signature that the node says that it lacks.

        Raises:
            SignatureNotOnNode: it does.
        """
        self._was_refused = True
        check_on_node(signature, self)
        self._was_refused = False

    @property
    def is_forsaken(self) -> bool:
        """Whether nothing of it was sent, because its node lacks what it was to run.

        Who tries again, from the beginning, is not to be told that there is such a pipeline.
        """
        return self._was_refused and not self._was_sent

    def _closed_error(self) -> PipelineNotFound:
        return PipelineNotFound(
            f"the pipeline {self.name!r} was closed; make it anew with session.create_pipeline",
            node=self.node_addr,
            pipeline=self.name,
        )

    def _gone_error(self) -> PipelineNotFound:
        return PipelineNotFound(
            f"the node {self.node_id or self.node_addr} does not run the pipeline {self.name!r} any"
            " more: another client closed it, or the node lost it. Make it anew with"
            " session.create_pipeline if it is to run all the same",
            node=self.node_addr,
            pipeline=self.name,
        )

    # --- deploying --------------------------------------------------------------------------------

    def deploy(
        self,
        *,
        with_confirmation: bool = True,
        wait_confirmation: bool = True,
        timeout: float = 10,
        verbose: bool = False,
    ) -> list[Transaction] | None:
        """Send what is proposed to the node.

        What other clients have changed there meanwhile stays, as far as a heartbeat has told of it;
        where they changed the same setting, the proposal counts.

        Args:
            with_confirmation: whether the node's answer is expected at all. Where it is not, the
                change counts as made until the node shows otherwise; then it is proposed again.
            wait_confirmation: whether to wait for it.
            timeout: seconds; 0 for as long as it takes. A node that has begun to confirm a changed
                instance is given that instance's ``PROCESS_DELAY`` longer.
            verbose: whether to show a line when it is done, and one for each instance that does not
                run for now (it is paused, or outside of its working hours).

        Returns:
            The transactions if ``wait_confirmation`` is False, otherwise None.

        Raises:
            ConfirmationTimeout: the node did not confirm everything in time.
            DeployFailed: the node refused it, or an instance could not be started.
            SignatureNotOnNode: the node says that it lacks one of the signatures; nothing was sent.
            ConfigurationPending: an earlier change awaits its confirmation.
            PipelineNotFound: the pipeline was closed, here or by another client.
            SettingsError: something given cannot be used; nothing was sent.
        """
        check_seconds(FOREVER, timeout=timeout)
        check_flags(with_confirmation=with_confirmation, wait_confirmation=wait_confirmation)
        self.session.commands.transactions.expire()
        with self._sending:
            transaction = self._deploy(timeout, expects=with_confirmation)
        if transaction is None:
            return None if wait_confirmation else []
        if not wait_confirmation:
            return [transaction]
        self.session.commands.finish(transaction, timeout)
        if verbose:
            self.P(f"Pipeline {self.name} deployed")
            self._show_resting()
        return None

    def _show_resting(self) -> None:
        with self._lock:
            resting = [("/".join(key), why) for key, why in self._resting.items()]
        for instance, why in resting:
            self.P(f"Instance {instance} does not run for now: {why}")

    def _deploy(self, timeout: float, *, expects: bool) -> Transaction | None:
        with self._lock:
            self.check_open()
            gone = self.is_gone
            new = () if gone else self.configurations.unconfirmed()
            for instance in new:
                self.check_on_node(instance.signature)
            plan = None if gone else self.configurations.stage()
        if gone:  # whether to make it anew is for the user to say
            raise self._gone_error()
        if plan is None:
            return None
        self.was_last_operation_successful = None
        return self._send(plan, timeout, expects=expects)

    def _send(self, plan: DeployPlan, timeout: float, *, expects: bool) -> Transaction:
        self.replaced_by = None
        with self._lock:
            self._resting.clear()
        session_id = self.session.commands.new_session_id()
        if not expects:
            self._assume(session_id)
        try:
            transaction = self.session.commands.ask(
                self.node_addr,
                self.name,
                plan.action,
                plan.body,
                plan.expected if expects else (),
                timeout=timeout,
                grace=plan.grace,
                session_id=session_id,
                on_end=lambda outcome: self._settle(plan, outcome),
            )
        except BaseException:
            with self._lock:
                self.configurations.unstage()
            raise
        self._was_sent = True
        return transaction

    def _assume(self, session_id: str) -> None:
        with self._lock:
            self.configurations.assume(session_id)
            self._last_told = Moment(None, self.session.clock.monotonic())

    def _settle(self, plan: DeployPlan, outcome: Outcome) -> None:
        with self._lock:
            self.configurations.settle(outcome)
            if outcome.said_at is not None or outcome.ok:
                self._last_told = Moment(outcome.said_at, self.session.clock.monotonic())
            self._drop_removed()
            involved = {(each.path.signature, each.path.instance_id) for each in plan.expected}
            for key, instance in self._instances.items():
                if key in involved:
                    instance.was_last_operation_successful = outcome.ok
        self.was_last_operation_successful = outcome.ok
        self._look_again()

    def _drop_removed(self) -> None:
        left = {key_of(each) for each in self.configurations.proposed.instances}
        for key in self._instances.keys() - left - self.configurations.temporary.keys():
            self._instances.pop(key).end_callbacks()

    # --- closing ----------------------------------------------------------------------------------

    def close(
        self, *, wait_confirmation: bool = True, timeout: float = 10
    ) -> list[Transaction] | None:
        """Have the node stop all of it and forget it.

        One that was never deployed, or that somebody else has closed, is just dropped.

        Args:
            wait_confirmation: whether to wait until it has stopped.
            timeout: seconds; 0 for as long as it takes.

        Returns:
            The transactions if ``wait_confirmation`` is False, otherwise None.

        Raises:
            ConfirmationTimeout: the node did not confirm it in time.
            DeployFailed: the node refused.
            SettingsError: something given cannot be used; nothing was sent.
        """
        check_seconds(FOREVER, timeout=timeout)
        check_flags(wait_confirmation=wait_confirmation)
        self._begin_closing()
        if self._closed or self.is_gone or not self._was_sent:
            self._finish_closing(None)
            return None if wait_confirmation else []
        expected = [Expectation(NotificationCode.PIPELINE_ARCHIVE_OK, InstancePath(self.name))]
        self.was_last_operation_successful = None
        transaction = self.session.commands.ask(
            self.node_addr,
            self.name,
            Action.ARCHIVE_PIPELINE,
            self.name,
            expected,
            timeout=timeout,
            on_end=self._note_closing,
        )
        if not wait_confirmation:
            return [transaction]
        self.session.commands.finish(transaction, timeout)
        return None

    def _begin_closing(self) -> None:
        """For a part that must not send any more: the node is about to be told to forget it."""

    def _note_closing(self, outcome: Outcome) -> None:
        self.was_last_operation_successful = outcome.ok
        never_ran = outcome.state is State.FAILED and self.configurations.on_node is None
        if outcome.ok or never_ran:
            self._finish_closing(outcome.said_at)

    def _finish_closing(self, said_at: datetime | None) -> None:
        with self._lock:
            self._closed = True
            self.configurations.gone = True
        self.end_callbacks()
        self.session.forget_pipeline(self, said_at)

    # --- commands ---------------------------------------------------------------------------------

    def send_pipeline_command(
        self,
        command: str | Mapping[str, Any],
        payload: Mapping[str, Any] | None = None,
        command_params: Mapping[str, Any] | None = None,
        *,
        wait_confirmation: bool = True,
        timeout: float = 10,
    ) -> None:
        """Give the data source a command. Nodes do not confirm it (PyE2 wire protocol, section 10).

        Args:
            command: its name, or a dictionary that is the command.
            payload: what else the command says.
            command_params: its parameters.
            wait_confirmation: whether to wait until the broker has it.
            timeout: seconds for that; 0 for as long as it takes.

        Raises:
            TimeoutError: the broker did not take it in time.
            NotConnected: the session was closed before.
            SettingsError: something given cannot be used; nothing was sent.
        """
        check_command(command, payload, command_params)
        check_seconds(FOREVER, timeout=timeout)
        check_flags(wait_confirmation=wait_confirmation)
        self.check_open()
        body: dict[str, Any] = {command: True} if isinstance(command, str) else dict(command)
        body.update(payload or {})
        if command_params:
            body["COMMAND_PARAMS"] = dict(command_params)
        sent = self.session.commands.tell(
            self.node_addr, Action.PIPELINE_COMMAND, PipelineCommand(self.name, body)
        )
        if wait_confirmation:
            sent.result(timeout or None)
