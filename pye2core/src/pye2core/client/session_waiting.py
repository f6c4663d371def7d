"""What a session waits for: time, transactions, answers of several instances.

You are in the client room. Nothing here spins: it sleeps until something has ended, or its time is
over.
"""

from __future__ import annotations

from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, wait
from typing import TYPE_CHECKING, Any, Literal

from pye2core.client.arguments import (
    AT_ONCE,
    FOREVER,
    check_all,
    check_command,
    check_list,
    check_names,
    check_seconds,
    refuse,
)
from pye2core.client.instance import Instance
from pye2core.client.parts import SessionParts
from pye2core.client.requests import RESPONSE_KEY, Request
from pye2core.client.transactions import Transaction, all_finished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pye2core.client.payload import Payload

_TRANSACTIONS = "the transactions that deploy(wait_confirmation=False) and its like return"
_SETS = "a list of lists of transactions"
_INSTANCES = "the instances that pipelines made or attached to"


class SessionWaiting(SessionParts):
    """The part of a session that waits."""

    def sleep(
        self,
        wait: bool | float | Callable[[], object] = True,  # noqa: FBT001, FBT002 - PyE2's name and place
    ) -> None:
        """As :meth:`Session.run`, but nothing is closed in the end, and Ctrl-C is raised.

        Raises:
            JobFailedError: a job of this session cannot succeed.
            SettingsError: ``wait`` is none of these.
        """
        check_wait(wait)
        if callable(wait):
            self.happenings.wait_while(wait)
        elif wait is True or (wait is not False and wait == 0):
            self.happenings.wait_for(None)
        else:
            self.happenings.wait_for(float(wait))

    def wait_for_transactions(self, transactions: Sequence[Transaction]) -> None:
        """Wait until all of these have ended, well or not.

        Raises:
            SettingsError: these are no transactions.
        """
        self.commands.transactions.wait_for_all(_checked(transactions, "transactions"))

    def are_transactions_finished(self, transactions: Sequence[Transaction]) -> bool:
        """Whether all of these have ended, well or not.

        Raises:
            SettingsError: these are no transactions.
        """
        checked = _checked(transactions, "transactions")
        self.commands.transactions.expire()
        return all_finished(checked)

    def wait_for_all_sets_of_transactions(
        self, lst_transactions: Sequence[Sequence[Transaction]]
    ) -> None:
        """Wait until all of all sets have ended, well or not.

        Raises:
            SettingsError: these are no sets of transactions.
        """
        sets = _checked_sets(lst_transactions)
        self.commands.transactions.wait_for_all([each for one in sets for each in one])

    def wait_for_any_set_of_transactions(
        self, lst_transactions: Sequence[Sequence[Transaction]]
    ) -> None:
        """Wait until all of one set have ended, well or not.

        Raises:
            SettingsError: these are no sets of transactions.
        """
        self.commands.transactions.wait_for_any_set(_checked_sets(lst_transactions))

    def broadcast_instance_command_and_wait_for_response_payload(
        self,
        instances: Sequence[Instance],
        require_responses_mode: Literal["any", "all"] = "any",
        command: str | Mapping[str, Any] = "",
        payload: Mapping[str, Any] | None = None,
        command_params: Mapping[str, Any] | None = None,
        timeout: float = 10,
        response_params_key: str = RESPONSE_KEY,
    ) -> list[Payload | None] | None:
        """Give several instances a command and wait for payloads that answer it.

        Args:
            instances: whom to ask.
            require_responses_mode: whether one answer is enough ("any") or all are wanted ("all").
            command: its name, or a dictionary that is the command.
            payload: what else the command says.
            command_params: its parameters.
            timeout: seconds for all of it.
            response_params_key: the payload's field that echoes what was asked.

        Returns:
            For each instance its answer, or None if none came in time; None for no instances.

        Raises:
            SettingsError: something given cannot be used; nobody was asked.
        """
        if require_responses_mode not in ("any", "all"):
            refuse("require_responses_mode", require_responses_mode, "'any' or 'all'")
        check_command(command, payload, command_params)
        check_seconds(AT_ONCE, timeout=timeout)
        check_names(response_params_key=response_params_key)
        if instances is not None:
            instances = check_all(Instance, _INSTANCES, instances, argument="instances")
        if not instances:
            return None
        enough = ALL_COMPLETED if require_responses_mode == "all" else FIRST_COMPLETED
        asked: list[tuple[Instance, Request]] = []
        try:
            for instance in instances:
                request = Request(response_params_key)
                instance.send_request(request, command, payload, command_params, timeout=timeout)
                asked.append((instance, request))
            wait([request.answer for _, request in asked], timeout, return_when=enough)
            return [
                request.answer.result() if request.answer.done() else None for _, request in asked
            ]
        finally:
            for instance, request in asked:
                instance.requests.withdraw(request)


def check_wait(wait: object) -> None:
    """Refuse what says nothing of how long to wait.

    Raises:
        SettingsError: it is neither True, nor a number of seconds, nor a function.
    """
    if not isinstance(wait, bool) and not callable(wait):
        check_seconds(f"{FOREVER}, True as well; or a function that says for how long", wait=wait)


def _checked(transactions: Sequence[Transaction], argument: str) -> Sequence[Transaction]:
    return check_all(Transaction, _TRANSACTIONS, transactions, argument=argument)


def _checked_sets(sets: Sequence[Sequence[Transaction]]) -> Sequence[Sequence[Transaction]]:
    return [
        _checked(one, f"lst_transactions[{place}]")
        for place, one in enumerate(check_list(sets, _SETS, argument="lst_transactions"))
    ]
