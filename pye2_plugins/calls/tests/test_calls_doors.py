"""The door to a node: what it hears of its end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pye2_calls.client.doors import CallsInstance, Door
from pye2_calls.client.plans import Place
from pye2_calls.errors import CallRefused
from pye2_calls.messages import Began, MessageNotReadable, Part, cut, pack
from pye2core.messages import Notification, NotificationCode, NotificationKind

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSAL = Notification(
    NotificationKind.EXCEPTION, "no such pipeline", code=NotificationCode.PIPELINE_FAILED
)


class Network:
    """A session with one node that confirms everything; its pipeline is the session itself."""

    name, node_addr = "calls", "0xai_attic"

    def __init__(self) -> None:
        self.session = self
        self.happened: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None
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
        self.happened.append("deployed")
        self.meanwhile()

    def close(self, **_: object) -> None:
        self.happened.append("closed")

    def end_callbacks(self) -> None:
        self.happened.append("nothing more is called")

    def forget_pipeline(self, _: object) -> None:
        self.happened.append("forgotten")

    def says(self, notification: Notification) -> None:
        for _, call in self.instance.calls_for_notification(notification):
            call()


def opened(network: Network) -> tuple[Door, list[str]]:
    refusals: list[str] = []
    door = Door(cast("Any", network), Place(network.node_addr, ""), {})
    door.open(lambda _: None, refusals.append)
    return door, refusals


def test_a_door_hears_that_its_node_does_not_take_calls_any_more() -> None:
    network = Network()
    _, refusals = opened(network)

    network.says(REFUSAL)

    assert refusals == ["no such pipeline"]


@pytest.mark.parametrize(
    ("info", "heard"),
    [("in full, with advice", "in full, with advice"), ("Traceback\n  line 1", "in short")],
)
def test_of_what_a_node_says_of_its_end_the_most_that_is_a_sentence_is_heard(
    info: str, heard: str
) -> None:
    network = Network()
    _, refusals = opened(network)

    network.says(Notification(NotificationKind.EXCEPTION, "in short", info=info))

    assert refusals == [heard]


def test_a_door_that_was_closed_hears_nothing_of_what_was_on_its_way() -> None:
    network = Network()
    door, refusals = opened(network)
    door.close()

    network.says(REFUSAL)

    assert refusals == []


def test_a_refusal_on_the_heels_of_the_confirmation_is_heard() -> None:
    network = Network()
    network.meanwhile = lambda: network.says(REFUSAL)

    _, refusals = opened(network)

    assert refusals == ["no such pipeline"]


def test_a_refusal_that_still_waits_to_be_heard_when_the_door_has_opened_is_heard() -> None:
    network = Network()
    on_their_way: list[Any] = []
    network.meanwhile = lambda: on_their_way.extend(
        network.instance.calls_for_notification(REFUSAL)
    )
    _, refusals = opened(network)

    for _, call in on_their_way:
        call()

    assert refusals == ["no such pipeline"]


def test_a_door_that_is_closed_leaves_nothing_behind() -> None:
    network = Network()
    door, _ = opened(network)

    door.close()

    assert network.happened[1:] == ["closed", "nothing more is called", "forgotten"]
    assert network.instance.on_message is None


def test_a_door_that_is_closed_before_it_is_open_is_not_opened() -> None:
    network = Network()
    door = Door(cast("Any", network), Place(network.node_addr, ""), {})
    door.close()

    with pytest.raises(CallRefused, match="closed"):
        door.open(lambda _: None, lambda _: None)
    assert "deployed" not in network.happened


def test_a_door_knows_what_its_node_can_take() -> None:
    door, _ = opened(Network())

    door.read(pack([Began(slots=3, largest=1000, timeout=60.0)], "first"))

    assert (door.run, door.slots, door.largest) == ("first", 3, 1000)


def test_what_came_in_parts_holds_no_part_itself() -> None:
    door, _ = opened(Network())
    within = pack([Part(2, 0, 2, b"x")], "first")

    with pytest.raises(MessageNotReadable, match="'part'"):
        door.read(pack(cut(within, 1), "first"))
