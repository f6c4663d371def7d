"""Two tenants of one node: what each of them sends, and what each of them hears."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final, Self

from attrs import frozen

from pye2core import Session
from pye2core.clock import SYSTEM_CLOCK
from pye2core.code import encode
from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pye2core import Pipeline

SIGNATURE: Final = "CUSTOM_EXEC_01"
INSTANCE: Final = "one"

_CLOSE_SECONDS: Final = 8.0
_log: Final = logging.getLogger("escapes.session")


@frozen
class Heard:
    """A message that a tenant's session was given."""

    kind: str
    pipeline: str
    fields: dict[str, Any]
    at: float

    @property
    def text(self) -> str:
        """All of it, to be searched."""
        return str(self.fields)

    @property
    def tells_the_end(self) -> bool:
        """Whether it tells what came of a call, and is no payload of the code's own."""
        return self.kind == "payload" and "EXEC_ITER" in self.fields and "EXEC_SEQ" in self.fields

    @property
    def is_exception(self) -> bool:
        """Whether it notifies of an exception."""
        return self.kind == "notification" and "EXCEPTION" in str(
            self.fields.get("NOTIFICATION_TYPE")
        )


class Ears:
    """What one tenant's session hears of one node, in order; waiting for what is to come.

    Attributes:
        node: the node's address.
    """

    def __init__(self) -> None:
        self.node = ""
        self._heard: list[Heard] = []
        self._news = threading.Condition()

    def callbacks(self) -> dict[str, Callable[..., None]]:
        """What the session is to call."""
        return {
            "on_payload": lambda _session, node, pipeline, _signature, _instance, payload: (
                self._note("payload", node, pipeline, payload)
            ),
            "on_notification": lambda _session, node, payload: self._note(
                "notification", node, payload.path.pipeline, payload
            ),
            "on_heartbeat": lambda _session, node, _heartbeat: self._note(
                "heartbeat", node, None, {}
            ),
        }

    def _note(self, kind: str, node: str, pipeline: str | None, fields: Any) -> None:
        with self._news:
            if node != self.node:  # the last words of one that is no more
                return
            self._heard.append(Heard(kind, pipeline or "", dict(fields), SYSTEM_CLOCK.monotonic()))
            self._news.notify_all()

    def of(self, pipeline: str, kind: str | None = None) -> list[Heard]:
        """All that was said of a pipeline."""
        with self._news:
            return [
                each
                for each in self._heard
                if each.pipeline == pipeline and kind in (None, each.kind)
            ]

    def wait(self, wanted: Callable[[Heard], bool], seconds: float) -> Heard | None:
        """The first message that is wanted, whether it has come already or not; None in the end."""

        def found() -> Heard | None:
            return next((each for each in self._heard if wanted(each)), None)

        with self._news:
            return self._news.wait_for(found, seconds)

    def turn_to(self, node: str) -> None:
        """Listen to another node; what was heard of the one before is forgotten."""
        with self._news:
            self.node = node
            self._heard.clear()

    def forget(self) -> None:
        """Forget all that was heard."""
        with self._news:
            self._heard.clear()


class Tenant:
    """A client with a key of its own, and all that it hears.

    Args:
        broker: the URL.
        key_file: made if there is none.
    """

    def __init__(self, broker: str, key_file: Path) -> None:
        self.ears = Ears()
        self._pipelines: dict[str, Pipeline] = {}
        self._session = Session(broker=broker, key_file=key_file, log=_log, **self.ears.callbacks())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    @property
    def address(self) -> str:
        """By which nodes allow it."""
        return self._session.address

    def meet(self, node: str, seconds: float) -> None:
        """Wait until a node has been heard, and listen to it alone from then on."""
        self.ears.turn_to(node)
        assert self._session.wait_for_node(node, timeout=seconds, verbose=False)

    def deploy(self, node: str, name: str, source: str, seconds: float, **settings: Any) -> None:
        """Have a source run, sent straight, as a client would that checks nothing.

        Raises:
            Pye2Error: the node did not take it, or is not there.
        """
        pipeline = self._session.create_pipeline(node=node, name=name)
        self._pipelines[name] = pipeline
        config = {"CODE": encode(source), **settings}
        pipeline.create_plugin_instance(signature=SIGNATURE, instance_id=INSTANCE, config=config)
        pipeline.deploy(timeout=seconds)

    def close(self, name: str) -> None:
        """Have it stopped; what a broken node leaves open is for the witnesses to see."""
        pipeline = self._pipelines.pop(name, None)
        try:
            if pipeline is not None:
                pipeline.close(timeout=_CLOSE_SECONDS)
        except Pye2Error as error:
            _log.info("%s was not closed: %s", name, error)

    def abandon(self) -> None:
        """Forget all that was said, and what ran on a node that is no more."""
        for name in list(self._pipelines):
            self._pipelines.pop(name).close(wait_confirmation=False)

    def end_of(self, name: str, seconds: float) -> Heard | None:
        """The payload that tells what came of the code; None if there is none in time."""
        return self.ears.wait(lambda each: each.pipeline == name and each.tells_the_end, seconds)
