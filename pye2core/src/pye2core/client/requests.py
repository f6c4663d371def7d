"""Commands to instances, and the payloads that answer them (PyE2 wire protocol, section 6).

You are in the client room. A request carries an id of its own, which the answering payload echoes;
answers are recognised on the receiving thread, so that no user code is waited for. Whoever asks
otherwise than by a command says with a subclass of :class:`Awaited` what answers it.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from pye2core.client.payload import Payload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.messages import PayloadMessage

RESPONSE_KEY = "COMMAND_PARAMS"
_REQUEST_ID = "SDK_REQUEST"


def command_body(
    command: str | Mapping[str, Any],
    payload: Mapping[str, Any] | None,
    command_params: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What an instance command says.

    Example:
        >>> command_body("RESTART", {"k": 1}, {"a": 2})
        {'k': 1, 'COMMAND_PARAMS': {'a': 2, 'RESTART': True}}
    """
    parameters = dict(command_params or {})
    if isinstance(command, str):
        return {**(payload or {}), "COMMAND_PARAMS": {**parameters, command: True}}
    return {**command, **(payload or {}), "COMMAND_PARAMS": parameters}


class Awaited(ABC):
    """What a payload of an instance will answer.

    Attributes:
        answer: done with the first payload that answers; fails if there will be none.
    """

    def __init__(self) -> None:
        self.answer: Future[Payload] = Future()

    @abstractmethod
    def is_answered_by(self, message: PayloadMessage) -> bool:
        """Whether this payload is the answer; asked on the receiving thread."""


class Request(Awaited):
    """A question to an instance that a payload will answer."""

    def __init__(self, params_key: str) -> None:
        """Make one up.

        Args:
            params_key: the payload's field that echoes what was asked.
        """
        super().__init__()
        self._id = os.urandom(4).hex()
        self._params_key = params_key

    def payload(self, payload: Mapping[str, Any] | None) -> dict[str, Any]:
        """What the command is to say, by which the answer is recognised."""
        return {**(payload or {}), _REQUEST_ID: self._id}

    def is_answered_by(self, message: PayloadMessage) -> bool:
        """Whether a payload echoes this request."""
        echoed = message.fields.get(self._params_key)
        return isinstance(echoed, dict) and echoed.get(_REQUEST_ID) == self._id

    def wait(self, timeout: float) -> Payload | None:
        """The answer; None if none comes within ``timeout`` seconds."""
        try:
            return self.answer.result(timeout)
        except TimeoutError:
            return None


class OpenRequests:
    """What one instance was asked and has not answered yet."""

    def __init__(self) -> None:
        self._open: list[Awaited] = []
        self._lock = threading.Lock()

    def add(self, request: Awaited) -> None:
        """Wait for its answer."""
        with self._lock:
            self._open.append(request)

    def withdraw(self, request: Awaited) -> None:
        """Wait no longer; harmless for one that was answered."""
        with self._lock:
            self._open = [each for each in self._open if each is not request]

    def hear(self, message: PayloadMessage) -> None:
        """Take in a payload, which may be an answer."""
        if not self._open:
            return
        with self._lock:
            answered = [each for each in self._open if each.is_answered_by(message)]
            self._open = [each for each in self._open if each not in answered]
        for request in answered:
            request.answer.set_result(Payload.of(message))

    def fail(self, error: Exception) -> None:
        """Say that nothing of this will be answered: whoever waits raises the error."""
        with self._lock:
            given_up, self._open = self._open, []
        for request in given_up:
            request.answer.set_exception(error)
