"""Which commands get in: for this node, not seen before, from someone who is allowed.

Called from the transport's threads for each message whose signature is good, before it is
decrypted. What is not a command is for everybody, and passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from pye2_node.allow_file import full_address
from pye2_node.store import CommandId
from pye2core.errors import DelegationRefused, InvalidAddress, MessageRejected
from pye2core.identity import same_address
from pye2core.messages import EVERY_NODE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_node.deputies import Deputies
    from pye2_node.refusals import Refusals
    from pye2core.abc import SealedMessage
    from pye2core.messages import Requester


def _does_not_pair() -> bool:
    return False


def _nobody_is_told(requester: Requester, why: str) -> None:
    del requester, why


class Gate:
    """Refuses commands that must not be acted on.

    Args:
        name: this node's name.
        address: this node's address.
        has_seen: whether a command was taken already.
        allows: whether an address, in full form, may give commands.
        on_refused: called with the address of a sender who is to be told that it is not allowed.
        refusals: sees that such answers are not too many.
        pairs: whether requests of anybody to be paired are looked at now.
        deputies: knows what nodes may do that bring work for others; None where there are none.
        on_not_delegated: called with who brought such work that is refused, and why.
        on_unencrypted: called with who is to be told that their commands have to be encrypted; None
            where commands in clear are taken as well.
    """

    def __init__(
        self,
        name: str,
        address: str,
        *,
        has_seen: Callable[[CommandId], bool],
        allows: Callable[[str], bool],
        on_refused: Callable[[str], None],
        refusals: Refusals,
        pairs: Callable[[], bool] = _does_not_pair,
        deputies: Deputies | None = None,
        on_not_delegated: Callable[[Requester, str], None] = _nobody_is_told,
        on_unencrypted: Callable[[Requester], None] | None = None,
    ) -> None:
        self._name = name
        self._address = address
        self._has_seen = has_seen
        self._allows = allows
        self._on_refused = on_refused
        self._on_unencrypted = on_unencrypted
        self._refusals = refusals
        self._pairs = pairs
        self._deputies = deputies
        self._on_not_delegated = on_not_delegated

    def __call__(self, sealed: SealedMessage) -> None:
        """Let a command through, or not.

        Raises:
            MessageRejected: reason "recipient", "replay", "not-allowed" or "unencrypted".
        """
        if not sealed.is_command:
            return
        if not self._is_called(sealed):
            message = f"it is for {sealed.recipient!r}, not for this node"
            raise MessageRejected(message, reason="recipient", sender=sealed.sender)
        sender = _full_address_of(sealed)
        if sealed.asks_for_sign_of_life or (sealed.asks_to_pair and self._pairs()):
            return
        if self._has_seen(CommandId(sender, sealed.digest)):
            message = "this very command was taken before"
            raise MessageRejected(message, reason="replay", sender=sender)
        deputies, said = self._deputies, sealed.delegation
        if deputies is not None and deputies.acts_for_others(sender, said):
            self._require_authority(deputies, sender, sealed)
        elif not self._allows(sender):
            self._refusals.tell(sender, lambda: self._tell_stranger(sender))
            message = "its sender is not allowed here; `pye2 node allow` changes that"
            raise MessageRejected(message, reason="not-allowed", sender=sender)
        on_unencrypted = self._on_unencrypted
        if on_unencrypted is not None and not sealed.is_encrypted:
            requester = sealed.requester  # not the whole command, which may be large
            self._refusals.tell(sender, lambda: on_unencrypted(requester))
            message = "it is in clear, and this node takes encrypted commands only"
            raise MessageRejected(message, reason="unencrypted", sender=sender)

    def _require_authority(self, deputies: Deputies, sender: str, sealed: SealedMessage) -> None:
        """Let in what a node brings for somebody who is allowed; how far is looked at later."""
        try:
            deputies.authority_of(sender, sealed.delegation)
        except DelegationRefused as error:
            requester, why = evolve(sealed.requester, address=sender), str(error)
            self._refusals.tell(sender, lambda: self._on_not_delegated(requester, why))
            raise MessageRejected(why, reason="not-allowed", sender=sender) from error

    def _tell_stranger(self, sender: str) -> None:
        """Say that a sender is not allowed, unless that has changed before there was time for it.

        It would end what the sender has asked since.
        """
        if not self._allows(sender):
            self._on_refused(sender)

    def _is_called(self, sealed: SealedMessage) -> bool:
        """Whether a command is for this node: for its name, or its address in any form.

        All nodes at once can only be asked to show themselves.
        """
        recipient = sealed.recipient
        if recipient is None:
            return False
        if recipient == EVERY_NODE:
            return sealed.asks_for_sign_of_life
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
