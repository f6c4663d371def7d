"""What a session says where no answer comes: who is silent, what became of the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from client_support import PATIENCE, FakeNode

from pye2core.client.network import NetworkView
from pye2core.client.silence import why_silent
from pye2core.client.transactions import Transaction
from pye2core.clock import ManualClock
from pye2core.errors import ConfirmationTimeout
from pye2core.messages import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_testing import MemoryBroker
    from pye2core import Pipeline, Session

NODE = "0xai_A8dsirbwT6YugZ8DFvLhkiCBRqp4iqO9zTI1JWz5FNpp"
OWN = "0xai_AmcDR-VnFmgoJoxpybOF6eqh6m_shXjbTyOySalrtExb"
SHORT = 0.05


def lose(broker: MemoryBroker, session: Session) -> None:
    """Stop the broker, and wait until the session knows."""
    broker.stop()
    assert session._connection._lifeline.wait_until_over(PATIENCE)


@pytest.fixture
def pipeline(session: Session, node: FakeNode) -> Pipeline:
    return session.create_pipeline(node=node.address, name="p")


def test_without_a_connection_the_node_is_not_blamed(
    pipeline: Pipeline, broker: MemoryBroker
) -> None:
    lose(broker, pipeline.session)

    with pytest.raises(ConfirmationTimeout) as caught:
        pipeline.deploy(timeout=SHORT)

    told = str(caught.value)
    assert "no confirmation of the node naeural-1" in told
    assert "did not confirm" not in told
    assert f"This session lost its connection to the broker {broker.url} 0 s ago" in told
    assert "the command is kept, and sent when it is back" in told


def test_what_the_broker_has_is_not_said_to_wait(
    pipeline: Pipeline, node: FakeNode, broker: MemoryBroker
) -> None:
    node.answer = node.ignore
    (transaction,) = pipeline.deploy(wait_confirmation=False, timeout=PATIENCE) or []
    node.next_command()
    lose(broker, pipeline.session)

    commands = pipeline.session.commands

    assert "the broker has the command" in commands.why_silent(transaction)


def test_commands_that_were_never_sent_are_told_of_at_the_end(
    pipeline: Pipeline, broker: MemoryBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.deploy(timeout=PATIENCE)
    lose(broker, pipeline.session)
    pipeline.send_pipeline_command("one", wait_confirmation=False)
    pipeline.close(wait_confirmation=False)

    pipeline.session.close()

    told = [line for line in capsys.readouterr().out.splitlines() if "never sent" in line]
    (line,) = told
    assert line == (
        "2 commands were never sent: PIPELINE_COMMAND of pipeline 'p' to naeural-1,"
        " ARCHIVE_PIPELINE of pipeline 'p' to naeural-1. The session was closed before the broker"
        f" {broker.url} had taken everything"
    )


def test_without_lines_it_is_a_warning_in_the_log(
    open_session: Callable[..., Session],
    node: FakeNode,
    broker: MemoryBroker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = open_session(verbosity=0)
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    lose(broker, session)
    session.create_pipeline(node=node.address, name="p").deploy(wait_confirmation=False)

    session.close()

    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert any(each.startswith("1 command was never sent: UPDATE_PIPELINE") for each in warnings)


def test_whoever_has_sent_everything_is_told_nothing(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.deploy(timeout=PATIENCE)

    pipeline.session.close()

    assert "never sent" not in capsys.readouterr().out


# --- both are there -------------------------------------------------------------------------------


class Line:
    """A connection, as far as it is asked here."""

    class settings:  # noqa: N801 - stands for an attribute
        class broker:  # noqa: N801 - as above
            url = "memory://x"

    seconds_lost: float | None = None

    def __init__(self, made_at: float) -> None:
        self._made_at = made_at

    def was_made_since(self, moment: float) -> bool:
        return self._made_at > moment


@pytest.fixture
def network() -> NetworkView:
    view = NetworkView(ManualClock(), OWN)
    view.hear(Heartbeat("attic", NODE, allowed=(OWN,), secured=True, pipelines=(), life="second"))
    return view


def asked(life: str | None, delivered_at: float | None = 5.0) -> Transaction:
    return Transaction(NODE, "p", "s", [], life=life, delivered_at=delivered_at)


def test_a_node_that_has_connected_anew_may_have_missed_the_command(network: NetworkView) -> None:
    told = why_silent(asked("first"), Line(1.0), network)  # type: ignore[arg-type]  # a stand-in

    assert "it has connected anew since the command was sent" in told
    assert "deploy() again" in told


def test_a_broker_that_came_back_may_have_lost_the_command(network: NetworkView) -> None:
    told = why_silent(asked("second"), Line(7.0), network)  # type: ignore[arg-type]  # a stand-in

    assert "this session has connected anew since the command was sent" in told


def test_what_was_confirmed_in_part_is_not_lost(network: NetworkView) -> None:
    transaction = asked("first")
    transaction.confirmed.append(object())  # type: ignore[arg-type]  # any

    told = why_silent(transaction, Line(7.0), network)  # type: ignore[arg-type]  # a stand-in

    assert told.startswith("It is online: give it longer")


def test_a_node_that_has_been_there_all_along_is_slow(network: NetworkView) -> None:
    told = why_silent(asked("second"), Line(1.0), network)  # type: ignore[arg-type]  # a stand-in

    assert told.startswith("It is online: give it longer")


def test_a_broker_that_does_not_take_the_command_is_named(network: NetworkView) -> None:
    told = why_silent(asked("second", None), Line(1.0), network)  # type: ignore[arg-type]  # a stand-in

    assert told == "The broker memory://x has not taken the command yet."
