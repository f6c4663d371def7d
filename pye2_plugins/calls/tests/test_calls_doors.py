"""The door to a node: what it hears of its end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from pye2_calls.client.doors import CallsInstance, Door
from pye2_calls.client.scheduler import Place
from pye2core.messages import Notification, NotificationCode, NotificationKind

REFUSAL = Notification(
    NotificationKind.EXCEPTION, "no such pipeline", code=NotificationCode.PIPELINE_FAILED
)


class Network:
    """A session with one node that confirms everything; its pipeline is the session itself."""

    name, node_addr = "calls", "0xai_attic"

    def __init__(self) -> None:
        self.session = self
        self.peers = SimpleNamespace(name_of=lambda _: "attic")
        self.instance = CallsInstance(cast("Any", self), "FUNCTION_CALLS", "calls")

    def new_callback_thread(self, owner: str) -> object:
        return owner

    def create_pipeline(self, **_: object) -> Network:
        return self

    def create_plugin_instance(self, **_: object) -> CallsInstance:
        return self.instance

    def hear_results(self) -> None:
        """Heard already."""

    def deploy(self, **_: object) -> None:
        """Confirmed at once."""

    def close(self, **_: object) -> None:
        """Ended."""

    def says(self, notification: Notification) -> None:
        for _, call in self.instance.calls_for_notification(notification):
            call()


def opened(network: Network) -> tuple[Door, list[str]]:
    refusals: list[str] = []
    door = Door(cast("Any", network), Place(network.node_addr, ""), {})
    door.open(lambda _: None, lambda: refusals.append("refused"))
    return door, refusals


def test_a_door_hears_that_its_node_does_not_take_calls_any_more() -> None:
    network = Network()
    _, refusals = opened(network)

    network.says(REFUSAL)

    assert refusals == ["refused"]


def test_a_door_that_was_closed_hears_nothing_of_what_was_on_its_way() -> None:
    network = Network()
    door, refusals = opened(network)
    door.close()

    network.says(REFUSAL)

    assert refusals == []
