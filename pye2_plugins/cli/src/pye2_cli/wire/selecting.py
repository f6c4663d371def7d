"""Which messages are shown, and who is known by which name.

You are in ``pye2 wire``. What cannot be read may be about anything, and a node that was not heard
yet may have any name: such a message passes where it is not known to be about something else, for
it may be the very one that is looked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

from pye2core.identity import is_address, without_prefix
from pye2core.messages import EVERY_NODE, Heartbeat

if TYPE_CHECKING:
    from pye2_cli.wire.reading import Reading


@define
class NameBook:
    """Names and addresses of the nodes, as their verified heartbeats tell."""

    _names: dict[str, set[str]] = field(factory=dict, init=False)

    def learn(self, reading: Reading) -> None:
        """Note who says to be called what."""
        if reading.verified and isinstance(reading.message, Heartbeat):
            bare = without_prefix(reading.message.address)
            self._names.setdefault(bare, set()).add(reading.message.name)

    def name_of(self, address: str) -> str | None:
        """The name of a node, if it has exactly one."""
        names = self._names.get(without_prefix(address), set())
        return next(iter(names)) if len(names) == 1 else None

    def may_be(self, address: str, node: str) -> bool:
        """Whether an address that was not heard yet may be that of a node that was not either."""
        was_heard = any(node in names for names in self._names.values())
        return not was_heard and not is_address(node) and without_prefix(address) not in self._names

    def all_of(self, node: str) -> set[str]:
        """All that a node is called, its addresses without prefix."""
        bare = without_prefix(node)
        addresses = {address for address, names in self._names.items() if node in names}
        return {node, bare} | addresses | self._names.get(bare, set())


@frozen
class Selection:
    """Which messages are shown; None for all.

    Attributes:
        node: from this node or to it (roll calls, too), by name or address.
        kind: of this kind.
        pipeline: about this pipeline.
    """

    node: str | None = None
    kind: str | None = None
    pipeline: str | None = None

    def takes(self, reading: Reading, names: NameBook) -> bool:
        """Whether a message is shown."""
        return (
            (self.kind is None or reading.kind == self.kind)
            and self._takes_pipeline(reading)
            and self._takes_node(reading, names)
        )

    def _takes_pipeline(self, reading: Reading) -> bool:
        return (
            self.pipeline is None or reading.pipelines is None or self.pipeline in reading.pipelines
        )

    def _takes_node(self, reading: Reading, names: NameBook) -> bool:
        if self.node is None:
            return True
        owner = reading.channel.owner if reading.channel is not None else None
        concerned = (reading.node_name, reading.sender, reading.recipient, owner)
        wanted = names.all_of(self.node) | {EVERY_NODE}
        if any(without_prefix(each) in wanted for each in concerned if each):
            return True
        target = reading.recipient if reading.kind == "command" else None
        return is_address(target) and names.may_be(str(target), self.node)
