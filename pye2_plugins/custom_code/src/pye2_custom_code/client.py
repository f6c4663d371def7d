"""The client's side of CUSTOM_EXEC_01: a user's function, its results, its exceptions.

Code is read back, checked and packed before anything is sent. What goes wrong on the node is told
in the lines of the user's own file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pye2_custom_code.failures import FAILURE_KEY, failure_from, told_to_user
from pye2_custom_code.missing import MissingResults
from pye2_custom_code.origins import origin_of
from pye2_custom_code.packing import packed
from pye2_custom_code.settings import ERROR_KEY, RESULT_KEY
from pye2core import Instance
from pye2core.code import permitted_by
from pye2core.messages import GRANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pye2_custom_code.failures import Origin
    from pye2core import Payload, Pipeline
    from pye2core.messages import PayloadMessage


EXCEPTION_KEY: Final = "EXCEPTION"
"""The field that is added to notifications: the exception, told in the user's own lines."""

_INFO_KEY: Final = "EXEC_INFO"


class CustomExecInstance(Instance):
    """An instance that runs a user's function again and again.

    ``on_data`` is called with ``(pipeline, result, payload)`` for each result. Exceptions of the
    function are shown on the session's console, and are in the field ``EXCEPTION`` of what
    ``on_notification`` is given.

    Example:
        ::

            def greet(plugin):
                return f"hello {plugin.cfg_whom}"

            instance = pipeline.create_custom_plugin_instance(
                instance_id="greeter", custom_code=greet, whom="world", process_delay=2,
                on_data=lambda pipeline, result, payload: pipeline.P(result),
            )
    """

    SIGNATURE = "CUSTOM_EXEC_01"

    def __init__(self, pipeline: Pipeline, signature: str, instance_id: str) -> None:
        super().__init__(pipeline, signature, instance_id)
        self._last_told = ""
        self._missing = MissingResults(pipeline.session.clock, self._tell_of_missing)

    @property
    def missing_results(self) -> int:
        """How many payloads have not arrived so far although later ones have.

        Counted while the instance has callbacks, and where its node numbers payloads: PyE2's do
        not. What comes last shows to be missing only when something comes after it.
        """
        return self._missing.count

    def calls_for_payload(self, message: PayloadMessage) -> Iterator[Any]:
        """As every instance's; also notes what is missing."""
        if self.is_listened_to:
            self._missing.take(message.fields.get("EXEC_RUN"), message.fields.get("EXEC_SEQ"))
        else:
            self._missing.begin_anew()
        return super().calls_for_payload(message)

    def ended(self) -> None:
        """As every instance's; nobody is told any more of what is missing."""
        self._missing.end()
        super().ended()

    def _tell_of_missing(self, count: int) -> None:
        node = self.pipeline.node_addr
        text = (
            f"{count:,} results of {self} on {self.pipeline.session.peers.name_of(node)} ({node})"
            " did not arrive, though later ones did. Most likely the broker kept no more of them"
            " while this session was away or slower than they came. Raise its limit (for a"
            " Mosquitto, `max_queued_messages 0` in mosquitto.conf is none), have results sent less"
            " often, or make callbacks faster. instance.missing_results counts on."
        )
        self.pipeline.session.warn(text)

    @classmethod
    def settings_from(cls, **arguments: Any) -> dict[str, Any]:
        """The settings of an instance.

        Args:
            arguments: ``custom_code``, a function of one parameter or its source as text or the
                path of a file; ``grants``, what it asks for; all others are settings, which the
                code reads as ``plugin.cfg_*``.

        Raises:
            CodeError, CodeRefused, PresetParameterError: as ``packing.packed``.
            SettingsError: ``grants`` cannot be understood.
        """
        code = arguments.pop("custom_code", None)
        settings = super().settings_from(**arguments)
        sent = packed(code, permitted_by(settings.get(GRANTS)))
        return settings if sent is None else {**settings, "CODE": sent}

    def wrap_on_data(
        self, on_data: Callable[..., object] | None
    ) -> Callable[[Pipeline, Payload], None]:
        """Call the user's callback with results only, and show exceptions (section 13).

        Unlike PyE2's wrapper it knows the instance's own ``RESULT_KEY`` and ``ERROR_KEY``, and a
        result of 0 is a result.
        """

        def receive(pipeline: Pipeline, payload: Payload) -> None:
            self._show_error(payload)
            result = payload.get(self._key("RESULT_KEY", RESULT_KEY))
            if result is None:
                result = payload.get(_INFO_KEY)
            if result is not None and on_data is not None:
                on_data(pipeline, result, payload)

        return receive

    def wrap_on_notification(
        self, on_notification: Callable[..., object] | None
    ) -> Callable[[Pipeline, Payload], None] | None:
        """Call the user's callback with exceptions told in the user's own lines."""
        if on_notification is None:
            return None

        def receive(pipeline: Pipeline, notification: Payload) -> None:
            failure = failure_from(notification.get(FAILURE_KEY))
            if failure is not None:
                notification[EXCEPTION_KEY] = told_to_user(failure, self._origin())
            on_notification(pipeline, notification)

        return receive

    def _show_error(self, payload: Payload) -> None:
        error = payload.get(self._key("ERROR_KEY", ERROR_KEY))
        if error is None or self._was_told(payload):
            return
        failure = failure_from(payload.get(FAILURE_KEY))
        text = str(error) if failure is None else told_to_user(failure, self._origin())
        self.pipeline.session.P(f"{self}: {text}")

    def _was_told(self, payload: Payload) -> bool:
        """Whether another callback of this instance has shown the error of this payload."""
        was_told = payload.digest != "" and payload.digest == self._last_told
        self._last_told = payload.digest
        return was_told

    def _key(self, setting: str, default: str) -> str:
        """The payload's field that a setting names."""
        name = self._settings().get(setting)
        return name.strip().upper() if isinstance(name, str) and name.strip() else default

    def _origin(self) -> Origin | None:
        return origin_of(self._settings().get("CODE"))

    def _settings(self) -> Mapping[str, Any]:
        """The settings as they were proposed last: results may come before the confirmation."""
        found = self.pipeline.configurations.proposed.instance(*self.key)
        return found.settings if found is not None else {}
