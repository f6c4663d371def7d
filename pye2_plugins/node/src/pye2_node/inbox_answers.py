"""Answers those who ask how the node is and have an inbox of their own; on the node's loop.

Anybody may ask, so the answers have a limited rate. A question that comes too soon is answered
later and not dropped: a program that ends and begins anew within a moment has to be told again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pye2_node.answer_rate import AnswerRate

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pye2core.clock import Clock

SHOWN_EVERY: Final = 0.25
"""Seconds between two answers to one asker."""

MOST_WAITING: Final = 100
"""Askers who wait for an answer; whoever comes then has to ask again."""


class InboxAnswers:
    """The answers that are due.

    Args:
        answer: sends one to an address.
        clock: for their rate.
        loop: the node's loop.
    """

    def __init__(
        self, answer: Callable[[str], None], clock: Clock, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._answer = answer
        self._rate = AnswerRate(clock, SHOWN_EVERY)
        self._loop = loop
        self._waiting: set[str] = set()

    def asked(self, address: str) -> None:
        """Somebody asked: answer now, or as soon as may be."""
        if address in self._waiting:
            return
        if self._rate.permits(address):
            self._answer(address)
        elif len(self._waiting) < MOST_WAITING:
            self._waiting.add(address)
            self._loop.call_later(SHOWN_EVERY, self._ask_again, address)

    def _ask_again(self, address: str) -> None:
        self._waiting.discard(address)
        self.asked(address)
