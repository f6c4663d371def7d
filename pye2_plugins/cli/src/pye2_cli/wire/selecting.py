"""Which messages are shown.

You are in ``pye2 wire``. What cannot be read may be about anything, and a node that was not heard
yet may have any name: such a message passes where it is not known to be about something else, for
it may be the very one that is looked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from pye2core.abc import ChannelKind
from pye2core.identity import is_address, without_prefix
from pye2core.messages import EVERY_NODE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pye2_cli.wire.names import NameBook
    from pye2_cli.wire.reading import Reading


def _any_of(named: Iterable[str]) -> frozenset[str]:
    return frozenset(named)


@frozen
class Selection:
    """Which messages are shown: any of what is named, in each way that names something.

    Attributes:
        nodes: from one of these or to it (roll calls, too), by name or address; none for all.
        kinds: of one of these kinds; none for all.
        pipelines: about one of these pipelines; none for all.
    """

    nodes: frozenset[str] = field(default=frozenset(), converter=_any_of)
    kinds: frozenset[str] = field(default=frozenset(), converter=_any_of)
    pipelines: frozenset[str] = field(default=frozenset(), converter=_any_of)

    def takes(self, reading: Reading, names: NameBook) -> bool:
        """Whether a message is shown."""
        return (
            (not self.kinds or reading.kind in self.kinds)
            and self._takes_pipelines(reading)
            and (not self.nodes or any(_concerns(reading, node, names) for node in self.nodes))
        )

    def _takes_pipelines(self, reading: Reading) -> bool:
        about = reading.pipelines
        return not self.pipelines or about is None or not self.pipelines.isdisjoint(about)


def _concerns(reading: Reading, node: str, names: NameBook) -> bool:
    owner = reading.channel.owner if reading.channel is not None else None
    concerned = (reading.node_name, reading.sender, reading.recipient, owner)
    wanted = names.all_of(node) | {EVERY_NODE}
    if any(without_prefix(each) in wanted for each in concerned if each):
        return True
    if reading.kind == "command" and reading.recipient is not None:
        return is_address(reading.recipient) and names.may_be(reading.recipient, node)
    return _may_concern(reading, owner, node, names)


def _may_concern(reading: Reading, owner: str | None, node: str, names: NameBook) -> bool:
    """Whether what does not say which node it is of may be of one that was not heard yet."""
    if reading.node_name is not None or reading.is_proof or names.was_heard(node):
        return False
    is_command = reading.channel is not None and reading.channel.kind is ChannelKind.CONFIG
    source = owner if is_command else reading.sender
    return not is_address(node) and (source is None or names.may_be(source, node))
