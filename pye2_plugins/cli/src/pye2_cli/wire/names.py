"""Who is known by which name, and what only that tells of a message.

You are in ``pye2 wire``. Names are what nodes call themselves; only the address is proven. Nobody
is asked: what is not known from what was heard is left open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, evolve, field

from pye2_cli.wire.reading import Problem
from pye2core.identity import address_of, is_address, public_key_of, same_address, without_prefix
from pye2core.messages import EVERY_NODE

if TYPE_CHECKING:
    from pye2_cli.wire.reading import Reading

_OF_NODES_ALONE = frozenset({"heartbeat", "notification"})

_NAMESAKES_TOLD = 3

MOST_NODES = 4_096
"""Nodes that are known by name; keys and names are easily made up, so the one heard longest ago
makes room."""

_MOST_NAMES = 16
"""Names that one node is known by."""


@define
class NameBook:
    """Names and addresses of the nodes, as their verified messages tell.

    Payloads tell nothing here: clients send some to themselves, and many have the same name.
    """

    _names: dict[str, set[str]] = field(factory=dict, init=False)

    def learn(self, reading: Reading) -> None:
        """Note who says to be called what."""
        if not reading.verified or reading.kind not in _OF_NODES_ALONE:
            return
        if reading.sender is not None and reading.node_name is not None:
            bare = without_prefix(reading.sender)
            known = self._names[bare] = self._names.pop(bare, set())
            if len(known) < _MOST_NAMES:
                known.add(reading.node_name)
            if len(self._names) > MOST_NODES:
                del self._names[next(iter(self._names))]

    def name_of(self, address: str) -> str | None:
        """The name of a node, if it has exactly one."""
        names = self._names.get(without_prefix(address), set())
        return next(iter(names)) if len(names) == 1 else None

    def addresses_of(self, name: str) -> list[str]:
        """Who uses a name, in full form."""
        bare = (address for address, names in self._names.items() if name in names)
        return sorted(address_of(public_key_of(each)) for each in bare)

    def is_called(self, address: str, name: str) -> bool | None:
        """Whether the node with an address has a name; None where it was not heard yet."""
        names = self._names.get(without_prefix(address))
        return None if names is None else name in names

    def may_be(self, address: str, node: str) -> bool:
        """Whether an address that was not heard yet may be that of a node that was not either."""
        is_new = not self.was_heard(node) and not is_address(node)
        return is_new and without_prefix(address) not in self._names

    def was_heard(self, name: str) -> bool:
        """Whether any node is called so."""
        return any(name in names for names in self._names.values())

    def all_of(self, node: str) -> set[str]:
        """All that a node is called, its addresses without prefix."""
        bare = without_prefix(node)
        addresses = {address for address, names in self._names.items() if node in names}
        return {node, bare} | addresses | self._names.get(bare, set())


def considered(reading: Reading, names: NameBook) -> Reading:
    """The message with what others' messages tell of it: does it arrive, is its name somebody's."""
    target, owner = reading.recipient, _config_owner(reading)
    if reading.kind != "command":
        return _with_remark(reading, _of_namesakes(reading, names))
    if target is None or owner is None or target == EVERY_NODE:
        return reading
    arrives = _is_same_node(owner, target, names)
    if arrives is None:
        unsure = f"it arrives only if {_node_at(owner)} is {_node_at(target)}, which was not heard"
        return _with_remark(reading, unsure)
    if not arrives:
        return evolve(reading, problems=(*reading.problems, _misdirection(owner, target)))
    return _with_remark(reading, _of_several(owner, names))


def _config_owner(reading: Reading) -> str | None:
    return reading.channel.owner if reading.channel is not None else None


def _is_same_node(owner: str, target: str, names: NameBook) -> bool | None:
    """Whether a channel's owner is the node that a command names; None where nothing tells."""
    if same_address(owner, target):
        return True
    if is_address(owner) is is_address(target):
        return False
    address, name = (owner, target) if is_address(owner) else (target, owner)
    return names.is_called(address, name)


def _misdirection(owner: str, target: str) -> Problem:
    text = (
        f"it was sent to {_node_at(owner)}, but is for {_node_at(target)}: the former hears and"
        " ignores it, the latter does not hear it. Send it on the config channel of the node that"
        " it is for"
    )
    return Problem("recipient", text)


def _node_at(node: str) -> str:
    return f"the node {node}"


def _of_several(owner: str, names: NameBook) -> str | None:
    """Whether more than one node listens on a channel that is named by a name."""
    called_so = [] if is_address(owner) else names.addresses_of(owner)
    if len(called_so) <= 1:
        return None
    return f"{len(called_so)} nodes call themselves {owner}, and all hear it: {_listed(called_so)}"


def _of_namesakes(reading: Reading, names: NameBook) -> str | None:
    """Whether others use the name of the node that speaks."""
    name, sender = reading.node_name, reading.sender
    if not reading.verified or name is None or sender is None:
        return None
    others = [each for each in names.addresses_of(name) if not same_address(each, sender)]
    if not others:
        return None
    return (
        f"the name {name} is also used by {_listed(others)}; each client listens only to the"
        " address that it heard first"
    )


def _listed(addresses: list[str]) -> str:
    more = len(addresses) - _NAMESAKES_TOLD
    told = ", ".join(addresses[:_NAMESAKES_TOLD])
    return f"{told} and {more} more" if more > 0 else told


def _with_remark(reading: Reading, remark: str | None) -> Reading:
    return reading if remark is None else evolve(reading, remarks=(*reading.remarks, remark))
