"""Which commands get in: for this node, not seen before, from someone who is allowed.

Called from the transport's threads for each message whose signature is good, before it is
decrypted. What is not a command is for everybody, and passes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from pye2_node.allow_file import full_address
from pye2_node.store import CommandId
from pye2core.errors import InvalidAddress, MessageRejected
from pye2core.identity import same_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.abc import SealedMessage
    from pye2core.clock import Clock

ANSWER_EVERY = 1.0
"""Seconds between two answers to one sender who is not allowed."""

ANSWERS_A_SECOND = 20
"""Answers to all such senders together: a flood of them does not become a flood of ours."""

_SENDERS_REMEMBERED = 1024


class Gate:
    """Refuses commands that must not be acted on.

    Args:
        name: this node's name.
        address: this node's address.
        has_seen: whether a command was taken already.
        allows: whether an address, in full form, may give commands.
        on_refused: called with the address of a sender who is to be told that it is not allowed.
        clock: for the rate of such answers.
    """

    def __init__(
        self,
        name: str,
        address: str,
        *,
        has_seen: Callable[[CommandId], bool],
        allows: Callable[[str], bool],
        on_refused: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._name = name
        self._address = address
        self._has_seen = has_seen
        self._allows = allows
        self._on_refused = on_refused
        self._answers = _AnswerRate(clock)

    def __call__(self, sealed: SealedMessage) -> None:
        """Let a command through, or not.

        Raises:
            MessageRejected: reason "recipient", "replay" or "not-allowed".
        """
        if not sealed.is_command:
            return
        if not self._is_called(sealed.recipient):
            message = f"it is for {sealed.recipient!r}, not for this node"
            raise MessageRejected(message, reason="recipient", sender=sealed.sender)
        sender = _full_address_of(sealed)
        if sealed.asks_for_sign_of_life:
            return
        if self._has_seen(CommandId(sender, sealed.digest)):
            message = "this very command was taken before"
            raise MessageRejected(message, reason="replay", sender=sender)
        if not self._allows(sender):
            if self._answers.permits(sender):
                self._on_refused(sender)
            message = "its sender is not allowed here; `pye2 node allow` changes that"
            raise MessageRejected(message, reason="not-allowed", sender=sender)

    def _is_called(self, recipient: str | None) -> bool:
        """Whether this is the node's name, or its address with either prefix or none."""
        if recipient is None:
            return False
        return recipient == self._name or same_address(recipient, self._address)


def _full_address_of(sealed: SealedMessage) -> str:
    """One form for all spellings of a sender.

    The spelling of the sender is not part of what is signed: without this, a command could be
    played again under another spelling of the same address.
    """
    try:
        return full_address(sealed.sender)
    except InvalidAddress as error:
        raise MessageRejected(str(error), reason="shape", sender=sealed.sender) from error


class _AnswerRate:
    """How often senders who are not allowed are answered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._answered: OrderedDict[str, float] = OrderedDict()
        self._second = float("-inf")
        self._in_this_second = 0

    def permits(self, sender: str) -> bool:
        """Whether to answer now; counts as an answer if so."""
        now = self._clock.monotonic()
        with self._lock:
            if now - self._answered.get(sender, float("-inf")) < ANSWER_EVERY:
                return False
            if now - self._second >= 1.0:
                self._second, self._in_this_second = now, 0
            if self._in_this_second >= ANSWERS_A_SECOND:
                return False
            self._in_this_second += 1
            self._remember(sender, now)
            return True

    def _remember(self, sender: str, now: float) -> None:
        self._answered[sender] = now
        self._answered.move_to_end(sender)
        if len(self._answered) > _SENDERS_REMEMBERED:
            self._answered.popitem(last=False)
