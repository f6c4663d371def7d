"""Sends a session's commands and says what came of them.

You are in the client room, where commands leave it: each goes encrypted to its node's own channel,
under a session id of its own, by which the node's answers are told apart.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from pye2core.abc import Channel
from pye2core.client.silence import why_silent
from pye2core.client.transactions import State
from pye2core.errors import ConfirmationTimeout, DeployFailed
from pye2core.messages import (
    EVERY_NODE,
    Action,
    Capability,
    Command,
    PipelineConfig,
    Requester,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from pye2core.client.network import NetworkView
    from pye2core.client.transactions import Expectation, Outcome, Transaction, Transactions
    from pye2core.clock import Clock
    from pye2core.connection import Connection
    from pye2core.identity import Identity
    from pye2core.messages import CommandBody

_WITH_INBOX = frozenset({Capability.INBOX})
_WITHOUT_INBOX: frozenset[Capability] = frozenset()
"""What sessions tell nodes that they understand, as far as the broker lets them."""

INTRODUCED_AGAIN_SECONDS = 6 * 3600.0
"""So often a session that only listens says again what nodes must know to encrypt for it: that is
good for days, not for ever (PyE2 wire protocol, section 19.4)."""


class Commands:
    """The way from a session to its nodes.

    Args:
        connection: the sealed connection.
        transactions: where confirmations are waited for.
        network: for saying why a node may be silent.
        clock: says when the session has to introduce itself again.
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
        clock: Clock,
        name: str,
        client_id: str,
        encrypt: bool = True,
        show: Callable[[str], None] | None = None,
    ) -> None:
        self.transactions = transactions
        self._connection = connection
        self._inbox = Channel.inbox(connection.identity.address)
        self._network = network
        self._clock = clock
        self._introduced_at = clock.monotonic()
        self._name = name
        self._client_id = client_id
        self._encrypt = encrypt
        self._show = show
        self._numbers = itertools.count(1)
        self._unsent: dict[Future[None], str] = {}

    @property
    def identity(self) -> Identity:
        """Who gives them."""
        return self._connection.identity

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
        sent = self._connection.send(command, Channel.config(node), encrypt_for=encrypt_for)
        self._unsent[sent] = self._described(node, action, body)
        sent.add_done_callback(self._note_sent)
        return sent

    def _described(self, node: str, action: Action, body: CommandBody) -> str:
        pipeline = _pipeline_of(body)
        of_pipeline = f" of pipeline {pipeline!r}" if pipeline else ""
        return f"{action.name}{of_pipeline} to {self._network.name_of(node) or node}"

    def _note_sent(self, sent: Future[None]) -> None:
        if sent.cancelled() or sent.exception() is None:
            self._unsent.pop(sent, None)

    def never_sent(self) -> list[str]:
        """The commands that the broker has not taken, in words and in their order."""
        return list(self._unsent.values())

    def ask_for_heartbeat(self, node: str) -> None:
        """Ask a node that may be there to show itself now, instead of within its usual interval.

        Args:
            node: its name or its address in any form. The question has no secrets, so that no key
                is needed for it.

        Raises:
            NotConnected: too much waits for the broker already.
        """
        target = self._network.named(node)
        asker = self._requester(self._client_id)
        question = Command(Action.FULL_HEARTBEAT, None, target, asker)
        self._connection.send(question, Channel.config(target), conflate=f"heartbeat of {target}")

    def call_roll(self) -> None:
        """Ask all nodes to show themselves now; PyE2's do not hear it.

        They answer into the own inbox if that is proven, and to everybody otherwise.

        Raises:
            NotConnected: too much waits for the broker already.
        """
        asker = self._requester(self._client_id)
        question = Command(Action.FULL_HEARTBEAT, None, EVERY_NODE, asker)
        self._connection.send(question, Channel.roll_call(), conflate="roll call")
        self._introduced_at = self._clock.monotonic()

    def stay_introduced(self) -> None:
        """Call the roll if that is long ago: results could not be encrypted for us some day.

        Raises:
            NotConnected: too much waits for the broker already.
        """
        is_due = self._clock.monotonic() - self._introduced_at >= INTRODUCED_AGAIN_SECONDS
        if is_due and not self._connection.is_forbidden(self._inbox):
            self.call_roll()

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
        transaction.life = self._network.life_of(node)
        try:
            sent = self.tell(node, action, body, session_id=session_id)
        except BaseException as error:
            transaction.on_end = None
            self.transactions.fail(transaction, str(error))
            raise
        sent.add_done_callback(lambda future: self._note_delivery(transaction, future))
        self.transactions.sent(transaction)
        return transaction

    def _note_delivery(self, transaction: Transaction, sent: Future[None]) -> None:
        if sent.cancelled():
            return
        error = sent.exception()
        if error is None:
            self.transactions.delivered(transaction)
        else:
            self.transactions.fail(transaction, str(error))

    def new_session_id(self) -> str:
        """A session id that no other command has."""
        return f"{self._client_id}_{next(self._numbers)}"

    def is_own(self, requester: Requester) -> bool:
        """Whether it is this session that asked for something."""
        return (requester.session_id or "").startswith(f"{self._client_id}_")

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
        # Whose fault it is cannot be said while nothing can be heard.
        nobody = f"no confirmation of {self._told(transaction.node)} came"
        silent = f"{self._told(transaction.node)} did not confirm"
        message = (
            f"{silent if self._connection.connected else nobody} in {timeout:g} s for pipeline"
            f" {transaction.pipeline!r}: {'; '.join(missing)}.{said} {self.why_silent(transaction)}"
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
            f" {pipeline!r}.{said} {self.why_silent(transaction)}"
        )
        return ConfirmationTimeout(message, node=node, pipeline=pipeline, missing=[what])

    def _told(self, node: str) -> str:
        name = self._network.name_of(node)
        return f"the node {name} ({node})" if name else f"the node {node}"

    def why_silent(self, transaction: Transaction) -> str:
        """Why there may be no answer, in sentences, and what to do."""
        return why_silent(transaction, self._connection, self._network)


def _pipeline_of(body: CommandBody) -> str | None:
    """The name of the pipeline that a command is about, where it is about one."""
    if isinstance(body, str):
        return body
    if isinstance(body, tuple):
        return body[0].pipeline if body else None
    if isinstance(body, PipelineConfig):
        return body.name
    return body.pipeline if body is not None else None
