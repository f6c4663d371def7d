"""What was received on a connection and the broker awaits an acknowledgement for.

Sans-I/O; whoever calls holds the connection's lock.

Acknowledgements are sent in the order in which the messages came (MQTT-4.6.0-2), in whatever order
their handlers are done. Where that is not so, Mosquitto 2.0 sends more than the 20 messages that it
leaves unacknowledged otherwise, and newer ones before older ones.
"""

from __future__ import annotations

from attrs import define


@define(eq=False)
class Receipt:
    """One message.

    Attributes:
        mid: the number that the broker has given it, and gives another one later.
        is_settled: whether its handler is done with it.
    """

    mid: int
    is_settled: bool = False


class Receipts:
    """Those that are not acknowledged yet, in the order of their coming."""

    def __init__(self) -> None:
        self._open: dict[int, Receipt] = {}

    def awaits(self, mid: int) -> bool:
        """Whether a message of that number is not acknowledged yet."""
        return mid in self._open

    def note(self, mid: int) -> Receipt:
        """A message has come; if another of that number is still here, it has taken its place."""
        self._open.pop(mid, None)
        receipt = self._open[mid] = Receipt(mid)
        return receipt

    def settle(self, receipt: Receipt) -> list[int]:
        """A handler is done with a message; harmless when repeated or too late.

        Returns:
            The numbers of those that are to be acknowledged now, in this order.
        """
        receipt.is_settled = True
        ready = []
        for mid, each in self._open.items():
            if not each.is_settled:
                break
            ready.append(mid)
        for mid in ready:
            del self._open[mid]
        return ready
