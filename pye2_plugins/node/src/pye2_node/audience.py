"""Who listens: peers of ours, or some that only know PyE2's protocol; and who is sent what.

Sans-I/O, from any thread. A peer of ours says what it understands; one that says nothing is one of
PyE2's. While those are about, a node speaks as theirs do: all heartbeats are full, and results go
to everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pye2core.abc import Channel
from pye2core.messages import Capability

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.clock import Clock
    from pye2core.messages import PayloadMessage, Requester

CLIENT_SECONDS: Final = 3600.0
"""For so long a client of PyE2's that is allowed counts as being there after its last command: they
only speak when they want something, and listen otherwise."""

STRANGER_SECONDS: Final = 300.0
"""For so long somebody who is not known to be allowed does; PyE2's nodes speak every 10 s."""

_NEVER: Final = float("-inf")


class Audience:
    """What is known of those who listen to a node.

    Attributes:
        speaks_stronger: as given.

    Args:
        clock: says what time it is.
        results_to_everyone: whether results go to everybody in any case.
        speaks_stronger: whether an address is known to speak a stronger dialect than PyE2's.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        results_to_everyone: bool,
        speaks_stronger: Callable[[str], bool],
    ) -> None:
        self._clock = clock
        self._results_to_everyone = results_to_everyone
        self.speaks_stronger: Final = speaks_stronger
        self._stranger_heard_at = _NEVER
        self._client_heard_at = _NEVER

    def heard_stranger(self, capabilities: frozenset[Capability] | None) -> None:
        """Somebody showed itself, or asked the node to: anybody can."""
        if capabilities is None:
            self._stranger_heard_at = self._clock.monotonic()

    def heard_client(self, capabilities: frozenset[Capability] | None) -> None:
        """Somebody who is allowed gave a command, or had before the node was restarted."""
        if capabilities is None:
            self._client_heard_at = self._clock.monotonic()

    @property
    def has_pye2_peers(self) -> bool:
        """Whether somebody may be about who does not understand brief heartbeats."""
        return self._has_pye2_clients or self._is_recent(self._stranger_heard_at, STRANGER_SECONDS)

    @property
    def _has_pye2_clients(self) -> bool:
        return self._is_recent(self._client_heard_at, CLIENT_SECONDS)

    def channel_of(self, payload: PayloadMessage) -> Channel:
        """Where a result is sent: to its asker alone, if nobody else may need it.

        Whoever changed a pipeline of somebody else's wants to see what came of it, too.
        """
        asker, changer = payload.requester, payload.modified_by
        if asker.address is None or self._has_pye2_clients or not self._is_for_one(asker, changer):
            return Channel.payloads()
        return Channel.inbox(asker.address)

    def confidant(self, asker: Requester, changer: Requester) -> str | None:
        """For whose eyes alone it is what an instance says; None for everybody's.

        Between peers of ours it is for who asked for it, if nobody else has changed the pipeline
        and the owner did not choose otherwise. Whoever else uses the node changes nothing of that.

        Args:
            asker: who asked for it.
            changer: who changed it last.
        """
        if asker.address is None or not self._is_for_one(asker, changer):
            return None
        return asker.address if self.speaks_stronger(asker.address) else None

    def _is_for_one(self, asker: Requester, changer: Requester) -> bool:
        """Whether an instance is its asker's alone, who listens to an inbox of its own."""
        is_alone = asker.address == changer.address and has_inbox(asker) and has_inbox(changer)
        return is_alone and not self._results_to_everyone

    def _is_recent(self, moment: float, seconds: float) -> bool:
        return self._clock.monotonic() - moment <= seconds


def has_inbox(peer: Requester) -> bool:
    """Whether somebody listens to an inbox of its own."""
    return peer.address is not None and Capability.INBOX in (peer.capabilities or ())
