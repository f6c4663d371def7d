"""Instances that run for a moment, and are taken away again.

You are in the client room, between ``deployment`` and ``known_instances``. What is temporary is
neither proposed nor confirmed: it holds up no change of the user's, and the user's changes do not
end it. Another client that changes the same pipeline does end it, as it does not know of it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pye2core.client.deployment import DeployedPipeline
from pye2core.client.transactions import Expectation
from pye2core.errors import TransportError
from pye2core.messages import Action, InstancePath, NotificationCode

if TYPE_CHECKING:
    from pye2core.client.instance import Instance
    from pye2core.client.transactions import Outcome, Transaction
    from pye2core.messages import InstanceConfig

_log = logging.getLogger("pye2core.client")


class TemporaryInstances(DeployedPipeline):
    """The part of a pipeline that has instances for a moment."""

    _closing = False

    @property
    def serves(self) -> TemporaryInstances:
        """The pipeline whose end is the end of what is temporary here."""
        return self

    def add_temporary(
        self, instance: Instance, config: InstanceConfig, *, timeout: float
    ) -> Transaction:
        """Have an instance run until it is taken away; does not wait for its confirmation.

        Sends what the node was told last together with the instance, and nothing that was proposed
        since.

        Args:
            instance: a new one of this pipeline.
            config: its configuration.
            timeout: seconds for the confirmation; 0 for as long as it takes.

        Raises:
            PipelineNotFound: the pipeline was closed.
            NotConnected, MessageTooLarge, InvalidAddress, TypeError: as ``Connection.send``. It
                was taken away again; on any other interruption that is left to the caller.
        """
        with self._sending:
            with self._lock:
                self.configurations.temporary[instance.key] = config
                self._instances[instance.key] = instance
                as_told = self.configurations.as_told()
            try:
                self.serves.check_not_closing()
                self._was_sent = True
                return self.session.commands.ask(
                    self.node_addr,
                    self.name,
                    Action.UPDATE_PIPELINE,
                    as_told,
                    [Expectation(NotificationCode.PIPELINE_OK, InstancePath(self.name))],
                    timeout=timeout,
                )
            except Exception:
                self._drop(instance)
                raise

    def check_not_closing(self) -> None:
        """Refuse to begin anything in a pipeline that was closed, or is about to be.

        Raises:
            PipelineNotFound: it is.
        """
        if self._closing:
            raise self._closed_error()
        self.check_open()

    def remove_temporary(self, instance: Instance) -> None:
        """Take away an instance that was added for a moment; does not wait for the node.

        Harmless for one that is gone, and in a pipeline that was closed.
        """
        with self._sending:
            if not self._drop(instance) or self._closing:
                return
            try:
                self._tell_of_removal()
            except TransportError as error:
                _log.warning("the instance %s may still run: %s", instance, error)

    def _tell_of_removal(self) -> None:
        with self._lock:
            as_told = self.configurations.as_told()
        self.session.commands.tell(self.node_addr, Action.UPDATE_PIPELINE, as_told)

    def _drop(self, instance: Instance) -> bool:
        """Whether it was there."""
        with self._lock:
            was_there = self.configurations.take_away(instance.key)
            self._instances.pop(instance.key, None)
        instance.end_callbacks()
        return was_there

    def end_temporary(self, error: Exception) -> None:
        """Take away all such instances; whoever waits for one of them raises ``error``."""
        for instance in self._temporary():
            self.remove_temporary(instance)
            instance.requests.fail(error)

    def _temporary(self) -> list[Instance]:
        with self._lock:
            return [self._instances[key] for key in self.configurations.temporary]

    # --- closing ----------------------------------------------------------------------------------

    def _begin_closing(self) -> None:
        # What is sent of the pipeline after its end would make the node begin it anew.
        with self._sending:
            self._closing = True
        error = self._closed_error()
        self.end_temporary(error)
        for pipeline in self.session.known_pipelines.all():
            if pipeline.serves is self:
                pipeline.end_temporary(error)

    def _note_closing(self, outcome: Outcome) -> None:
        super()._note_closing(outcome)
        self._closing = self._closed
