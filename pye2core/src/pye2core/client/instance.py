"""Instances: running plugins of a pipeline, as a client sees them.

You are in the client room. A signature plugin subclasses :class:`Instance` to say what its
arguments mean, how a user's callback is called, and to add methods of its own; nothing else of the
kernel knows the signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from attrs import define

from pye2core.client.arguments import (
    AT_ONCE,
    FOREVER,
    check_callbacks,
    check_command,
    check_flags,
    check_kind,
    check_names,
    check_seconds,
    check_settings,
    is_kind,
    refuse,
)
from pye2core.client.differences import changes_between
from pye2core.client.payload import Payload
from pye2core.client.requests import RESPONSE_KEY, OpenRequests, Request, command_body
from pye2core.client.transactions import Expectation
from pye2core.messages import Action, InstancePath, InstanceUpdate, NotificationCode
from pye2core.messages.configuration import (
    INSTANCE_COMMAND,
    InstanceConfig,
    upper_keys,
    with_grants_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pye2core.client.callbacks import CallbackThread
    from pye2core.client.differences import InstanceKey
    from pye2core.client.pipeline import Pipeline
    from pye2core.client.transactions import Outcome, Transaction
    from pye2core.delegations import DelegatedWork
    from pye2core.errors import JobFailedError
    from pye2core.messages import Notification, PayloadMessage

    Call = tuple[CallbackThread, Callable[[], object]]
    OnData = Callable[..., object]
    OnNotification = Callable[..., object]

_I = TypeVar("_I", bound="Instance")


@define(eq=False)
class Attachment:
    """Callbacks of one instance or pipeline, kept until they are detached.

    Attributes:
        on_data: for payloads.
        on_notification: for notifications.
    """

    on_data: OnData | None = None
    on_notification: OnNotification | None = None


class Instance:
    """A running, separately configured plugin of a pipeline.

    Made by ``Pipeline.create_plugin_instance`` and its like, never directly.

    Attributes:
        SIGNATURE: in a subclass for one signature: its name.
        pipeline: the pipeline that it belongs to.
        signature: the plugin's name.
        instance_id: unique within its pipeline and signature.
        was_last_operation_successful: how the last deployment or command ended; None before.
        requests: the questions to this instance that wait for a payload.

    Example:
        A signature plugin's client side::

            class Thermometer(Instance):
                SIGNATURE = "THERMOMETER_01"

                @classmethod
                def settings_from(cls, **arguments):
                    place = arguments.pop("place", None)
                    settings = super().settings_from(**arguments)
                    return settings if place is None else {**settings, "SENSOR": f"/{place}"}

                def wrap_on_data(self, on_data):
                    if on_data is None:
                        return None
                    return lambda pipeline, payload: on_data(pipeline, payload["CELSIUS"])
    """

    SIGNATURE: ClassVar[str | None] = None

    def __init__(self, pipeline: Pipeline, signature: str, instance_id: str) -> None:
        self.pipeline = pipeline
        self.signature = signature.upper()
        self.instance_id = instance_id
        self.was_last_operation_successful: bool | None = None
        self._attachments: list[Attachment] = []
        self.requests = OpenRequests()
        self._thread = pipeline.session.new_callback_thread(f"instance {self}")

    def __str__(self) -> str:
        return f"{self.pipeline.name}/{self.signature}/{self.instance_id}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self} on {self.pipeline.node_addr}>"

    # --- for signature plugins to override --------------------------------------------------------

    @classmethod
    def settings_from(cls, **arguments: Any) -> dict[str, Any]:
        """The instance settings for what a user gave as keyword arguments.

        Called when an instance is created and when it is changed, with whatever was given then: no
        argument is sure to be there. Unless overridden, each argument is a setting of the same name
        in upper case.

        Raises:
            CodeError: code that was given cannot be read back or is refused.
        """
        return upper_keys(arguments)

    @classmethod
    def delegated(cls, settings: Mapping[str, Any]) -> DelegatedWork | None:
        """What its node has other nodes do for it; None if nothing, or if that cannot be known.

        To be overridden where a node hands work on: other nodes do it only if this client has
        signed that they may, and is allowed there.

        Args:
            settings: all of the instance's.
        """
        del settings
        return None

    def wrap_on_data(self, on_data: OnData | None) -> OnData | None:
        """The callback ``(pipeline, payload)`` by which the user's own is called.

        Called once for each attachment of callbacks, with None if the user gave no callback: then
        too an override may return one, to watch what the instance says.
        """
        return on_data

    def wrap_on_notification(self, on_notification: OnNotification | None) -> OnNotification | None:
        """As :meth:`wrap_on_data`, for notifications."""
        return on_notification

    def ended(self) -> None:
        """Let go of what this object holds, such as timers: nothing is given to it any more.

        Called when its session, its pipeline or itself was closed, or another object has taken its
        place; maybe more than once, and on any thread. To be overridden; does nothing.
        """

    def fail(self, error: JobFailedError) -> None:
        """Say that the job of this instance cannot succeed; ``session.run`` raises the error."""
        self.pipeline.session.fail_job(error)

    # --- configuration ----------------------------------------------------------------------------

    @property
    def key(self) -> InstanceKey:
        """The instance within its pipeline."""
        return self.signature, self.instance_id

    @property
    def path(self) -> InstancePath:
        """The instance on its node."""
        return InstancePath(self.pipeline.name, self.signature, self.instance_id)

    @property
    def config(self) -> dict[str, Any]:
        """The settings on the node, as last heard, whoever made them; empty before that.

        Where another client has changed code, its digest is all that the node shows: ``sha256:…``.
        """
        on_node = self.pipeline.configurations.on_node
        found = on_node.instance(*self.key) if on_node is not None else None
        return dict(found.settings) if found is not None else {}

    @property
    def proposed_config(self) -> dict[str, Any] | None:
        """The settings that the next deployment changes; None if it changes none."""
        proposed = self.pipeline.configurations.proposed.instance(*self.key)
        if proposed is None:
            return None
        before = InstanceConfig(self.signature, self.instance_id, self.config)
        return changes_between(before, proposed) or None

    def update_instance_config(
        self, config: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Propose changed settings; ``pipeline.deploy()`` sends them.

        Args:
            config: settings; keys in any case.
            kwargs: further arguments, as at the instance's creation.

        Raises:
            ConfigurationPending: an earlier change awaits its confirmation.
            CodeError: code that was given cannot be read back or is refused.
            SettingsError: ``config`` is no dictionary.
        """
        check_settings(config=config)
        given = upper_keys(config or {})
        present = self.pipeline.configurations.proposed.instance(*self.key)
        known = {**(present.settings if present is not None else {}), **given}
        changes = {**given, **self.settings_from(**with_grants_of(known, kwargs))}
        self.pipeline.change_instance(self, changes)

    def close(self) -> None:
        """Propose that this instance is gone; ``pipeline.deploy()`` does it.

        Raises:
            ConfigurationPending: an earlier change awaits its confirmation.
        """
        self.pipeline.remove_plugin_instance(self)

    stop = close

    def convert_to_specialized_class(self, specialized_class: type[_I]) -> _I:
        """This instance as an object of another class, which takes this one's place.

        Args:
            specialized_class: a subclass of :class:`Instance` for this signature.

        Raises:
            TypeError: the class is for another signature.
            SettingsError: it is no such class.
        """
        if not is_kind(specialized_class, Instance):
            refuse("specialized_class", specialized_class, "a subclass of Instance")
        wanted = specialized_class.SIGNATURE
        if wanted is not None and wanted.upper() != self.signature:
            message = f"{specialized_class.__name__} is for {wanted}, and {self} is not one"
            raise TypeError(message)
        specialized = specialized_class(self.pipeline, self.signature, self.instance_id)
        self._hand_over_to(specialized)
        self.pipeline.replace_instance(specialized)
        return specialized

    def _hand_over_to(self, other: Instance) -> None:
        other.was_last_operation_successful = self.was_last_operation_successful
        other.requests = self.requests
        other._attachments = self._attachments
        other._thread = self._thread

    # --- callbacks --------------------------------------------------------------------------------

    def temporary_attach(
        self, on_data: OnData | None = None, on_notification: OnNotification | None = None
    ) -> Attachment:
        """Add callbacks ``on_data(pipeline, payload)``, ``on_notification(pipeline, payload)``.

        Returns:
            What :meth:`temporary_detach` takes.

        Raises:
            SettingsError: one is no function.
        """
        check_callbacks(on_data=on_data, on_notification=on_notification)
        self.pipeline.hear_results()
        attachment = Attachment(
            self.wrap_on_data(on_data), self.wrap_on_notification(on_notification)
        )
        self._attachments = [*self._attachments, attachment]
        return attachment

    def temporary_detach(self, attachment: Attachment) -> None:
        """Remove callbacks that were added; harmless if they were removed.

        Raises:
            SettingsError: it is not what :meth:`temporary_attach` returned.
        """
        check_kind(Attachment, "what temporary_attach() returned", attachment=attachment)
        self._attachments = [each for each in self._attachments if each is not attachment]

    def detach_all(self) -> None:
        """Remove all callbacks; the instance goes on running."""
        self._attachments = []

    @property
    def is_listened_to(self) -> bool:
        """Whether it has callbacks."""
        return any(each.on_data or each.on_notification for each in self._attachments)

    def calls_for_payload(self, message: PayloadMessage) -> Iterator[Call]:
        """What is to be called for a payload of this instance; also answers requests.

        On the receiving thread.
        """
        self.requests.hear(message)
        for attachment in self._attachments:
            if (on_data := attachment.on_data) is not None:
                yield self._thread, _call(on_data, self.pipeline, message)

    def calls_for_notification(self, message: Notification) -> Iterator[Call]:
        """What is to be called for a notification about this instance; on the receiving thread."""
        for attachment in self._attachments:
            if (on_notification := attachment.on_notification) is not None:
                yield self._thread, _call(on_notification, self.pipeline, message)

    def end_callbacks(self) -> None:
        """Take no more calls; those that wait are still run."""
        self._thread.finish()
        self.ended()

    @property
    def callback_thread(self) -> CallbackThread:
        """The thread of this instance's callbacks."""
        return self._thread

    # --- commands ---------------------------------------------------------------------------------

    def send_instance_command(
        self,
        command: str | Mapping[str, Any],
        payload: Mapping[str, Any] | None = None,
        command_params: Mapping[str, Any] | None = None,
        *,
        wait_confirmation: bool = True,
        session_id: str | None = None,
        timeout: float = 10,
    ) -> list[Transaction] | None:
        """Give the instance a command (PyE2 wire protocol, section 6).

        Args:
            command: its name, or a dictionary that is the command.
            payload: what else the command says.
            command_params: its parameters.
            wait_confirmation: whether to wait until the instance has taken it.
            session_id: what the answers will state; None for one that is unique.
            timeout: seconds; 0 for as long as it takes.

        Returns:
            The transactions if ``wait_confirmation`` is False, otherwise None.

        Raises:
            ConfirmationTimeout: the node did not answer in time.
            DeployFailed: the instance could not carry it out; with the reason.
            SettingsError: something given cannot be used; nothing was sent.
        """
        check_command(command, payload, command_params)
        check_seconds(FOREVER, timeout=timeout)
        check_flags(wait_confirmation=wait_confirmation)
        if session_id is not None:
            check_names(session_id=session_id)
        body = command_body(command, payload, command_params)
        transaction = self._ask(body, timeout, session_id)
        if not wait_confirmation:
            return [transaction]
        self.pipeline.session.commands.finish(transaction, timeout)
        return None

    def _ask(
        self, body: dict[str, Any], timeout: float, session_id: str | None = None
    ) -> Transaction:
        expected = [
            Expectation(NotificationCode.PIPELINE_OK, self.path),
            Expectation(NotificationCode.PLUGIN_INSTANCE_COMMAND_OK, self.path),
        ]
        update = InstanceUpdate(
            self.pipeline.name, self.signature, self.instance_id, {INSTANCE_COMMAND: body}
        )
        self.was_last_operation_successful = None
        return self.pipeline.session.commands.ask(
            self.pipeline.node_addr,
            self.pipeline.name,
            Action.UPDATE_INSTANCE,
            update,
            expected,
            timeout=timeout,
            session_id=session_id,
            on_end=self._note_outcome,
        )

    def _note_outcome(self, outcome: Outcome) -> None:
        self.was_last_operation_successful = outcome.ok

    def send_instance_command_and_wait_for_response_payload(
        self,
        command: str | Mapping[str, Any],
        payload: Mapping[str, Any] | None = None,
        command_params: Mapping[str, Any] | None = None,
        *,
        timeout_command: float = 10,
        timeout_response_payload: float = 3,
        response_params_key: str = RESPONSE_KEY,
    ) -> Payload | None:
        """Give the instance a command and wait for the payload that answers it.

        Args:
            command: as for :meth:`send_instance_command`.
            payload: as for :meth:`send_instance_command`.
            command_params: as for :meth:`send_instance_command`.
            timeout_command: seconds for the command's confirmation.
            timeout_response_payload: seconds for the answer after that.
            response_params_key: the payload's field that echoes what was asked.

        Returns:
            The first payload that answers; None if none came in time.

        Raises:
            ConfirmationTimeout: the node did not take the command in time.
            DeployFailed: the instance could not carry it out; with the reason.
            SettingsError: something given cannot be used; nothing was sent.
        """
        check_command(command, payload, command_params)
        check_seconds(FOREVER, timeout_command=timeout_command)
        check_seconds(AT_ONCE, timeout_response_payload=timeout_response_payload)
        check_names(response_params_key=response_params_key)
        request = Request(response_params_key)
        transaction = self.send_request(
            request, command, payload, command_params, timeout=timeout_command
        )
        try:
            self.pipeline.session.commands.finish(transaction, timeout_command)
            return request.wait(timeout_response_payload)
        finally:
            self.requests.withdraw(request)

    def send_request(
        self,
        request: Request,
        command: str | Mapping[str, Any],
        payload: Mapping[str, Any] | None,
        command_params: Mapping[str, Any] | None,
        *,
        timeout: float,
    ) -> Transaction:
        """Give the instance a command that a payload will answer; waits for nothing.

        Args:
            request: what its answer is recognised by; to be withdrawn from :attr:`requests`.
            command: as for :meth:`send_instance_command`.
            payload: as for :meth:`send_instance_command`.
            command_params: as for :meth:`send_instance_command`.
            timeout: seconds for the command's confirmation.
        """
        self.pipeline.hear_results()
        self.requests.add(request)
        try:
            return self._ask(
                command_body(command, request.payload(payload), command_params), timeout
            )
        except BaseException:
            self.requests.withdraw(request)
            raise


def _call(
    callback: OnData, pipeline: Pipeline, message: PayloadMessage | Notification
) -> Callable[[], object]:
    return lambda: callback(pipeline, Payload.of(message))
