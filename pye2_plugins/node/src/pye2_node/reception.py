"""What the broker brings a node, and which part of it takes that.

On the transport's threads: nothing here waits. What has come through the gate is handed on, to the
loop where it changes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2_node.allow_file import full_address
from pye2_node.audience import has_inbox
from pye2_node.commands import UnreadableCommand, requester_of
from pye2_node.store import CommandId
from pye2core.abc import Channel
from pye2core.errors import DelegationRefused, InvalidAddress
from pye2core.messages import SIGNS_OF_LIFE, Action, Command, Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_node.audience import Audience
    from pye2_node.command_desk import CommandDesk
    from pye2_node.deputies import Deputies
    from pye2_node.guest_nodes import GuestNodes
    from pye2_node.network import NodeNetwork
    from pye2_node.pairing_door import PairingDoor
    from pye2_node.pulse import Pulse
    from pye2_node.roll_calls import RollCalls
    from pye2core.abc import SealedMessage
    from pye2core.connection import Connection
    from pye2core.errors import MessageRejected
    from pye2core.messages import Message, Requester


class Reception:
    """Takes in the messages of a node's main connection.

    Args:
        name: the node's.
        address: the node's.
        desk: takes commands.
        deputies: know whose commands are taken.
        pairing: takes requests to be paired.
        roll_calls: told of each.
        audience: told of all who show themselves, or ask the node to.
        pulse: told of who asks how the node is.
        network: told of other nodes' heartbeats.
        guest_nodes: told of whoever sends one.
    """

    def __init__(
        self,
        name: str,
        address: str,
        *,
        desk: CommandDesk,
        deputies: Deputies,
        pairing: PairingDoor,
        roll_calls: RollCalls,
        audience: Audience,
        pulse: Pulse,
        network: NodeNetwork,
        guest_nodes: GuestNodes,
    ) -> None:
        self._name = name
        self._address = address
        self._desk = desk
        self._deputies = deputies
        self._pairing = pairing
        self._roll_calls = roll_calls
        self._audience = audience
        self._pulse = pulse
        self._network = network
        self._guest_nodes = guest_nodes

    def listen(self, connection: Connection) -> None:
        """Listen to all that concerns the node; to be called before the connection starts."""
        for owner in (self._address, self._name):
            connection.listen(Channel.config(owner), self._on_command)
        connection.listen(
            Channel.roll_call(),
            self._on_roll_call,
            # Nothing but that is asked of all nodes at once.
            wanted=lambda sealed: sealed.asks_for_sign_of_life,
            without_it="clients that connect find this node only with its next heartbeat",
        )
        connection.listen(Channel.ctrl(), self._on_heartbeat)

    def _on_roll_call(self, message: Message, acknowledge: Callable[[], None]) -> None:
        self._roll_calls.note()
        self._on_command(message, acknowledge)

    def _on_command(self, message: Message, acknowledge: Callable[[], None]) -> None:
        if not isinstance(message, Command):
            return
        if message.action is Action.PAIR:
            acknowledge()
            self._pairing.take(message)
        elif message.action in SIGNS_OF_LIFE:
            # Anybody may ask, as often as they like: nothing of that is worth the disk.
            acknowledge()
            self._show_node(requester_of(message))
        else:
            self._desk.receive(message, acknowledge)

    def _show_node(self, asker: Requester) -> None:
        """Tell somebody who asked how the node is: alone, if the asker has an inbox."""
        if asker.address == self._address:
            return
        self._audience.heard_stranger(asker.capabilities)
        self._pulse.asked_by(asker.address if has_inbox(asker) else None)

    def _on_heartbeat(self, message: Message, acknowledge: Callable[[], None]) -> None:
        acknowledge()
        if isinstance(message, Heartbeat):
            # First of all: what follows may refuse it for its name.
            self._guest_nodes.hear(full_address(message.address))
            self._network.hear_heartbeat(message)
            if not message.is_brief:
                self._audience.heard_stranger(message.capabilities)

    def on_unreadable(self, sealed: SealedMessage, error: MessageRejected) -> None:
        """Answer those whose commands this node would carry out if it could read them."""
        if not sealed.is_command or not self._takes_commands_of(sealed):
            return
        command = UnreadableCommand(
            CommandId(sealed.sender, sealed.digest), sealed.requester, error.pipeline, str(error)
        )
        self._desk.receive(command)

    def _takes_commands_of(self, sealed: SealedMessage) -> bool:
        try:
            self._deputies.authority_of(full_address(sealed.sender), sealed.delegation)
        except (DelegationRefused, InvalidAddress):
            return False
        return True
