"""What ``pye2 wire listen`` listens to, with and without wildcards; on a broker in memory."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest
from attrs import evolve

from pye2_cli.wire.listening import Listener
from pye2_cli.wire.reading import Reader
from pye2_testing.memory_broker import MemoryBroker
from pye2_testing.memory_transport import MemoryTransport
from pye2_wire.serializer import Pye2Serializer
from pye2core import Identity, installed_plugins
from pye2core.abc import Channel, TransportOptions
from pye2core.errors import CredentialsRefused
from pye2core.messages import Action, Command, Heartbeat, InstancePath, PayloadMessage
from pye2core.settings import client_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2_cli.wire.reading import Reading

PATIENCE = 20.0

CLIENT, NODE, STRANGER = (Identity.from_private_value(bytes([byte]) * 32) for byte in (1, 2, 3))
COMMAND = Pye2Serializer().seal(Command(Action.ARCHIVE_PIPELINE, "p1", target=NODE.address), CLIENT)
NODE_SPEAKS = Pye2Serializer(node_name="attic")
HEARTBEAT = NODE_SPEAKS.seal(Heartbeat("attic", NODE.address), NODE)
RESULT = NODE_SPEAKS.seal(PayloadMessage(InstancePath("p1", "S", "i"), {}), NODE)
ROLL_CALL = Pye2Serializer().seal(Command(Action.FULL_HEARTBEAT, None, target="*"), CLIENT)


class WithoutWildcards(MemoryTransport):
    """A transport that cannot listen to all nodes at once."""

    features = evolve(MemoryTransport.features, wildcards=False)

    def subscribe(self, channel: Channel, timeout: float) -> None:
        assert not channel.is_wildcard
        super().subscribe(channel, timeout)


class Forbidding(MemoryTransport):
    """A broker whose access rules forbid to listen to all inboxes at once."""

    def subscribe(self, channel: Channel, timeout: float) -> None:
        if channel == Channel.every_inbox():
            raise CredentialsRefused("it is forbidden", broker=self.options.broker.url)
        super().subscribe(channel, timeout)


class Plugins:
    """The installed plugins, with another transport."""

    def __init__(self, transport: type[MemoryTransport]) -> None:
        self._transport = transport

    def transport(self, scheme: str) -> Any:
        return installed_plugins().transport(scheme)

    def make(self, kind: type, descriptor: Any, import_string: str, *given: Any) -> Any:
        return self._transport(*given)

    def settings_of(self, descriptor: Any, environment: Any) -> None:
        return None


def in_the_old_form(address: str) -> str:
    return address.replace("0xai_", "aixp_")


class Ended(Exception):
    """The test is over."""


class Listening:
    """A listener on a thread of its own, and somebody who publishes."""

    def __init__(self, broker: MemoryBroker, transport: type[MemoryTransport]) -> None:
        self.heard: queue.Queue[Reading] = queue.Queue()
        self.told: queue.Queue[str] = queue.Queue()
        self._ended = False
        settings = client_settings(broker=broker.url)
        reader = Reader(installed_plugins())
        self._listener = Listener(settings, Plugins(transport), reader, self._show, self.told.put)
        self._thread = threading.Thread(target=self._run)
        self._publisher = MemoryTransport(
            TransportOptions(settings.broker, "publisher"), lambda _: None, lambda *_: None
        )
        self._publisher.connect(PATIENCE)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self.publish(Channel.ctrl(), HEARTBEAT)
        self._thread.join(PATIENCE)
        self._publisher.close(PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with pytest.raises(Ended):
            self._listener.run(["cellar", in_the_old_form(STRANGER.address)])

    def _show(self, reading: Reading, heard_at: object) -> None:
        if self._ended:
            raise Ended
        self.heard.put(reading)

    def publish(self, channel: Channel, data: bytes) -> None:
        self._publisher.publish(channel, data).result(PATIENCE)

    def until_told(self, words: str) -> list[str]:
        lines = [self.told.get(timeout=PATIENCE)]
        while words not in lines[-1]:
            lines.append(self.told.get(timeout=PATIENCE))
        return lines

    def hears(self, channel: Channel, data: bytes) -> bool:
        """Whether what is published there is what is heard next."""
        self.publish(channel, data)
        reading = self.heard.get(timeout=PATIENCE)
        return (reading.channel, reading.data) == (channel, data)


@pytest.fixture
def broker() -> Iterator[MemoryBroker]:
    with MemoryBroker("listening") as running:
        yield running


def test_all_that_passes_is_heard_once_by_wildcards(broker: MemoryBroker) -> None:
    with Listening(broker, MemoryTransport) as listening:
        told = listening.until_told("listening at")

        assert len(told) == 1
        assert "root topic 'naeural'" in told[0]
        assert listening.hears(Channel.config(NODE.address), COMMAND)
        assert listening.hears(Channel.config("a-name"), COMMAND)
        assert listening.hears(Channel.roll_call(), ROLL_CALL)
        assert listening.hears(Channel.ctrl(), HEARTBEAT)
        assert listening.hears(Channel.config(NODE.address), COMMAND)
        assert listening.hears(Channel.inbox(CLIENT.address), RESULT)
        assert listening.hears(Channel.payloads(), RESULT)
        assert listening.told.empty()
        assert listening.heard.empty()


def test_without_wildcards_it_says_so_and_follows_whom_it_hears(broker: MemoryBroker) -> None:
    with Listening(broker, WithoutWildcards) as listening:
        told = "\n".join(listening.until_told("listening at"))

        assert "cannot listen to all nodes and clients at once" in told
        assert "from its first verified heartbeat on" in told
        assert "from its first command on" in told
        assert listening.hears(Channel.config("cellar"), COMMAND)
        assert listening.hears(Channel.config(STRANGER.address), COMMAND)
        listening.until_told(f"now listening on inbox of {CLIENT.address}")
        listening.publish(Channel.config(NODE.address), COMMAND)
        listening.publish(Channel.inbox(NODE.address), RESULT)
        assert listening.hears(Channel.ctrl(), HEARTBEAT)
        listening.until_told(f"now listening on config of {NODE.address}, config of attic")
        assert listening.hears(Channel.config(NODE.address), COMMAND)
        assert listening.hears(Channel.inbox(CLIENT.address), RESULT)
        assert listening.hears(Channel.roll_call(), ROLL_CALL)


def test_where_one_wildcard_is_forbidden_only_its_kind_is_followed(broker: MemoryBroker) -> None:
    with Listening(broker, Forbidding) as listening:
        told = "\n".join(listening.until_told("listening at"))

        assert "cannot listen on every inbox: it is forbidden" in told
        assert "from its first command on" in told
        assert "heartbeat" not in told
        assert listening.hears(Channel.config(NODE.address), COMMAND)
        listening.until_told(f"now listening on inbox of {CLIENT.address} too")
        assert listening.hears(Channel.inbox(CLIENT.address), RESULT)


@pytest.mark.parametrize("transport", [MemoryTransport, WithoutWildcards, Forbidding])
def test_after_a_loss_all_is_heard_again(
    broker: MemoryBroker, transport: type[MemoryTransport]
) -> None:
    with Listening(broker, transport) as listening:
        listening.until_told("listening at")
        assert listening.hears(Channel.ctrl(), HEARTBEAT)
        assert listening.hears(Channel.config(NODE.address), COMMAND)
        (client_id,) = {each for each in broker._sessions if each.startswith("pye2-wire_")}

        broker.drop(client_id)
        listening.until_told("listening again at")

        assert listening.hears(Channel.config(NODE.address), COMMAND)
        assert listening.hears(Channel.inbox(CLIENT.address), RESULT)
