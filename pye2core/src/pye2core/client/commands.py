"""Sends a session's commands and says what came of them.

You are in the client room, where commands leave it: each goes encrypted to its node's own channel,
under a session id of its own, by which the node's answers are told apart.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from pye2core.abc import Channel
from pye2core.client.transactions import State
from pye2core.errors import ConfirmationTimeout, DeployFailed
from pye2core.messages import EVERY_NODE, Action, Capability, Command, Requester

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from pye2core.client.network import NetworkView
    from pye2core.client.transactions import Expectation, Outcome, Transaction, Transactions
    from pye2core.connection import Connection
    from pye2core.messages import CommandBody

_WITH_INBOX = frozenset({Capability.INBOX})
_WITHOUT_INBOX: frozenset[Capability] = frozenset()
"""What sessions tell nodes that they understand, as far as the broker lets them."""


class Commands:
    """The way from a session to its nodes.

    Args:
        connection: the sealed connection.
        transactions: where confirmations are waited for.
        network: for saying why a node may be silent.
        name: the session's name.
        client_id: what the session ids begin with.
        encrypt: whether commands are encrypted for their node.
        show: called with one line for each command; None to show nothing.
    """

    def __init__(
        self,
        connection: Connection,
        transactions: Transactions,
        network: NetworkView,
        *,
        name: str,
        client_id: str,
        encrypt: bool = True,
        show: Callable[[str], None] | None = None,
    ) -> None:
        self.transactions = transactions
        self._connection = connection
        self._inbox = Channel.inbox(connection.identity.address)
        self._network = network
        self._name = name
        self._client_id = client_id
        self._encrypt = encrypt
        self._show = show
        self._numbers = itertools.count(1)

    def tell(
        self, node: str, action: Action, body: CommandBody, *, session_id: str | None = None
    ) -> Future[None]:
        """Send a command and expect no answer.

        Args:
            node: the node's address.
            action: what to do.
            body: what to do it to.
            session_id: what answers will state; None for one that is unique.

        Returns:
            A future that is done when the broker has it.

        Raises:
            NotConnected, MessageTooLarge, InvalidAddress, TypeError: as ``Connection.send``.
        """
        requester = self._requester(session_id or self.new_session_id())
        command = Command(action, body, node, requester)
        if self._show is not None:
            self._show(f"{action.name} to {self._network.name_of(node) or node}")
        encrypt_for = node if self._encrypt else None
        return self._connection.send(command, Channel.config(node), encrypt_for=encrypt_for)

    def ask_for_heartbeat(self, node: str) -> None:
        """Ask a node that may be there to show itself now, instead of within its usual interval.

        Args:
            node: its name or address. The question has no secrets, so that no key is needed for it.

        Raises:
            NotConnected: too much waits for the broker already.
        """
        asker = self._requester(self._client_id)
        question = Command(Action.FULL_HEARTBEAT, None, node, asker)
        self._connection.send(question, Channel.config(node), conflate=f"heartbeat of {node}")

    def call_roll(self) -> None:
        """Ask all nodes to show themselves now; PyE2's do not hear it.

        They answer into the own inbox if that is proven, and to everybody otherwise.

        Raises:
            NotConnected: too much waits for the broker already.
        """
        asker = self._requester(self._client_id)
        question = Command(Action.FULL_HEARTBEAT, None, EVERY_NODE, asker)
        self._connection.send(question, Channel.roll_call(), conflate="roll call")

    def _requester(self, session_id: str) -> Requester:
        # A node that is told of an inbox sends results there and nowhere else.
        hears_inbox = self._connection.hears(self._inbox)
        return Requester(
            self._connection.identity.address,
            self._name,
            session_id,
            capabilities=_WITH_INBOX if hears_inbox else _WITHOUT_INBOX,
        )

    def ask(
        self,
        node: str,
        pipeline: str,
        action: Action,
        body: CommandBody,
        expected: Iterable[Expectation],
        *,
        timeout: float,
        grace: float = 0.0,
        session_id: str | None = None,
        on_end: Callable[[Outcome], None] | None = None,
    ) -> Transaction:
        """Send a command whose confirmations are expected; does not wait for them.

        Args:
            node: the node's address.
            pipeline: the pipeline's name.
            action: what to do.
            body: what to do it to.
            expected: what the node confirms.
            timeout: seconds; 0 for as long as it takes.
            grace: see :class:`Transaction`.
            session_id: what answers will state; None for one that is unique.
            on_end: see :class:`Transaction`; not called if the command cannot be sent.

        Raises:
            NotConnected, MessageTooLarge, InvalidAddress, TypeError: as ``Connection.send``.
        """
        session_id = session_id or self.new_session_id()
        # Opened first: the answer may arrive before send() has returned.
        transaction = self.transactions.open(
            node, pipeline, session_id, expected, timeout=timeout, grace=grace, on_end=on_end
        )
        try:
            sent = self.tell(node, action, body, session_id=session_id)
        except BaseException as error:
            transaction.on_end = None
            self.transactions.fail(transaction, str(error))
            raise
        sent.add_done_callback(lambda future: self._note_unsent(transaction, future))
        self.transactions.sent(transaction)
        return transaction

    def _note_unsent(self, transaction: Transaction, sent: Future[None]) -> None:
        if not sent.cancelled() and (error := sent.exception()) is not None:
            self.transactions.fail(transaction, str(error))

    def new_session_id(self) -> str:
        """A session id that no other command has."""
        return f"{self._client_id}_{next(self._numbers)}"

    # --- what came of it --------------------------------------------------------------------------

    def finish(self, transaction: Transaction, timeout: float) -> None:
        """Wait for a transaction's end.

        Args:
            transaction: what was asked.
            timeout: the seconds that it was given, for the message.

        Raises:
            ConfirmationTimeout: the node did not confirm everything in time.
            DeployFailed: the node refused; with its reason.
        """
        outcome = self.transactions.result(transaction)
        if outcome.state is State.TIMEOUT:
            raise self._unconfirmed(transaction, outcome, timeout)
        if outcome.state is State.FAILED:
            node = self._told(transaction.node)
            raise DeployFailed(
                f"{node} did not do what was asked of pipeline {transaction.pipeline!r}:"
                f" {outcome.reason}",
                node=transaction.node,
                pipeline=transaction.pipeline,
                reason=outcome.reason,
            )

    def _unconfirmed(
        self, transaction: Transaction, outcome: Outcome, timeout: float
    ) -> ConfirmationTimeout:
        missing = [str(each) for each in outcome.missing]
        said = f" It said: {outcome.reason}" if outcome.reason else ""
        message = (
            f"{self._told(transaction.node)} did not confirm in {timeout:g} s for pipeline"
            f" {transaction.pipeline!r}: {'; '.join(missing)}.{said} {self._why(transaction.node)}"
        )
        return ConfirmationTimeout(
            message, node=transaction.node, pipeline=transaction.pipeline, missing=missing
        )

    def overdue(
        self, transaction: Transaction, what: str, timeout: float, complaint: str
    ) -> ConfirmationTimeout:
        """The error to be raised for what a node confirmed to have taken on, and has not sent.

        Args:
            transaction: what was asked.
            what: what did not come, in words.
            timeout: the seconds that it was given.
            complaint: what the node said meanwhile; empty for nothing.
        """
        node, pipeline = transaction.node, transaction.pipeline
        said = f" It said: {complaint}" if complaint else ""
        message = (
            f"{what} did not come in {timeout:g} s from {self._told(node)}, pipeline"
            f" {pipeline!r}.{said} {self._why(node)}"
        )
        return ConfirmationTimeout(message, node=node, pipeline=pipeline, missing=[what])

    def _told(self, node: str) -> str:
        name = self._network.name_of(node)
        return f"the node {name} ({node})" if name else f"the node {node}"

    def _why(self, node: str) -> str:
        heartbeat = self._network.heartbeat(node)
        if heartbeat is None:
            return f"It {self._network.absence_of(node)}: see that it runs and is connected."
        if not self._network.may_use(heartbeat):
            own = self._network.own_address
            return f"It does not allow this client; on the node run: pye2 node allow {own}"
        return "It is online: give it longer with timeout=…, or look into its log."
