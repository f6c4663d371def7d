"""How calls end on real nodes, what stops them, and what they print meanwhile."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal, DivisionByZero
from queue import Queue
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from call_network import PATIENCE, begun, process_at_work, work_until_stopped

from pye2_calls.errors import CallLost, CallRefused, CallTimeout, RemoteError
from pye2core.errors import Pye2Error, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from call_network import CallNetwork

    from pye2core import Session


def add(a: Any, b: Any = 1) -> Any:
    return a + b


def where(plugin: Any) -> str:
    name: str = plugin.node_id
    return name


def crash_unless_on(plugin: Any, node: str) -> str:
    """End the own process wherever it is not to run."""
    print("here I am")
    if plugin.node_id != node:
        nested: Any = iter(())
        for _ in range(300_000):
            nested = itertools.chain(nested, ())
        next(nested, None)
    return node


def naturals() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


# --- how it ends ----------------------------------------------------------------------------------


def test_a_call_that_takes_too_long_is_stopped(network: CallNetwork, session: Session) -> None:
    future = begun(session, "n0", timeout=1.5)
    at_work = process_at_work(network.nodes[0])

    error = future.exception(PATIENCE)

    assert isinstance(error, CallTimeout)
    assert isinstance(error, TimeoutError)
    assert error.seconds == 1.5
    assert (error.node, error.printed) == ("n0", "at work\n")
    assert str(error).endswith("; the last that it printed:\n    at work")
    _, alive = psutil.wait_procs([at_work], PATIENCE)
    assert alive == []
    assert session.submit(where, node="n0").result(PATIENCE) == "n0"


def test_a_call_may_take_longer_than_other_code_of_clients(session: Session) -> None:
    def takes_a_second() -> str:
        import time

        time.sleep(1)
        return "done"

    assert session.submit(takes_a_second).result(PATIENCE) == "done"
    assert session.submit(takes_a_second, timeout=50).result(PATIENCE) == "done"


def test_cancelling_a_call_ends_its_process(network: CallNetwork, session: Session) -> None:
    future = begun(session, "n0")
    at_work = process_at_work(network.nodes[0])

    assert future.cancel()
    assert future.cancelled()

    _, alive = psutil.wait_procs([at_work], PATIENCE)
    assert alive == []
    assert session.submit(where, node="n0").result(PATIENCE) == "n0"


def test_a_call_that_waits_for_a_slot_can_be_cancelled(session: Session) -> None:
    busy = [begun(session, "n0") for _ in range(2)]
    printed: Queue[str] = Queue()
    waiting = session.submit(work_until_stopped, node="n0", on_output=printed.put)

    assert waiting.cancel()
    for each in busy:
        each.cancel()
    assert session.submit(where, node="n0").result(PATIENCE) == "n0"
    assert printed.empty()


def test_a_call_whose_process_dies_is_tried_elsewhere(session: Session) -> None:
    future = session.submit(crash_unless_on, "n2", retries=2)

    assert future.result(PATIENCE) == "n2"
    assert future.node == "n2"


def test_a_call_whose_process_dies_too_often_says_how_and_what_it_printed(
    session: Session,
) -> None:
    error = session.submit(crash_unless_on, "nowhere", node="n1", retries=1).exception(PATIENCE)

    assert isinstance(error, CallLost)
    assert (error.node, error.signal, error.losses) == ("n1", 11, 2)
    assert error.printed == "here I am\n"
    assert str(error).count("here I am") == 1


def test_what_a_function_raises_is_not_tried_again(session: Session) -> None:
    def counted(row: int) -> int:
        print("once")
        return [1, 2, 3][row]

    future = session.submit(counted, 7, retries=5)

    assert isinstance(future.exception(PATIENCE), IndexError)
    assert future.stdout == "once\n"


def test_other_calls_go_on_when_a_process_dies(session: Session) -> None:
    dying = session.submit(crash_unless_on, "nowhere", node="n0", retries=0)
    others = [session.submit(add, each, node="n0") for each in range(20)]

    assert isinstance(dying.exception(PATIENCE), CallLost)
    assert [each.result(PATIENCE) for each in others] == list(range(1, 21))


class SensorSilent(Exception):
    """One of a program's own, with more than a text."""

    def __init__(self, sensor: str, *, seconds: float) -> None:
        super().__init__(f"{sensor} said nothing for {seconds} s")
        self.sensor = sensor


def test_an_exception_of_one_s_own_class_is_raised_as_such(session: Session) -> None:
    def read(sensor: str) -> None:
        raise SensorSilent(sensor, seconds=1.5)

    with pytest.raises(SensorSilent, match=r"attic said nothing for 1\.5 s") as caught:
        session.submit(read, "attic").result(PATIENCE)

    assert caught.value.sensor == "attic"
    assert "raise SensorSilent(sensor, seconds=1.5)" in str(caught.value.__cause__)


def test_an_exception_may_be_an_argument(session: Session) -> None:
    def told(errors: list[Exception]) -> list[str]:
        return [f"{type(each).__name__}: {each}" for each in errors]

    errors = [SensorSilent("attic", seconds=2), KeyError("k")]

    assert session.submit(told, errors).result(PATIENCE) == told(errors)


def test_an_exception_of_a_module_that_nodes_have_is_raised_as_such(session: Session) -> None:
    def read() -> object:
        return json.loads("{")

    def divide() -> object:
        return Decimal(1) / 0

    with pytest.raises(json.JSONDecodeError, match="Expecting property name"):
        session.submit(read).result(PATIENCE)
    with pytest.raises(DivisionByZero):  # though what it holds cannot go
        session.submit(divide).result(PATIENCE)


def test_an_unknown_exception_is_told_with_its_name(session: Session) -> None:
    def read() -> None:
        class Unknown(Exception):
            pass

        raise Unknown("there")

    error = session.submit(read).exception(PATIENCE)

    assert isinstance(error, RemoteError)
    assert "Unknown" in str(error)
    assert 'raise Unknown("there")' in str(error.__cause__)


def test_calls_end_with_their_session(network: CallNetwork) -> None:
    with network.session() as session:
        running = begun(session, "n1")
        stream = session.submit(naturals, node="n2")
        next(stream)

    error = running.exception(PATIENCE)
    assert isinstance(error, CallRefused)
    assert error.reason == "closed"
    with pytest.raises(CallRefused, match="closed"):
        list(stream)
    with pytest.raises(Pye2Error, match="closed"):
        session.submit(add, 1)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("timeout", 0),
        ("timeout", True),
        ("timeout", "5"),
        ("timeout", float("inf")),
        ("timeout", 10**400),
        ("retries", -1),
        ("retries", 1.5),
        ("needs", "gpu"),
        ("needs", {"memory": "much"}),
        ("needs", {"gpu": True}),
        ("needs", {1: 2}),
        ("grants", "network"),
        ("grants", {"gpu": 1}),
        ("grants", {"modules": 3}),
        ("on_output", 3),
        ("node", 3),
        ("node", ""),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(
    session: Session, option: str, value: Any
) -> None:
    with pytest.raises(SettingsError, match=option):
        session.submit(add, 1, **{option: value})


def test_a_parameter_of_the_functions_own_is_no_option(session: Session) -> None:
    def waits(timeout: float) -> float:
        return timeout

    assert session.submit(waits, timeout=0.5).result(PATIENCE) == 0.5


def test_nodes_is_told_to_be_node_where_the_function_has_no_such_parameter(
    session: Session,
) -> None:
    with pytest.raises(SettingsError, match="submit\\(\\) takes node="):
        session.submit(add, 1, nodes=["attic"])


def test_nodes_is_the_functions_own_where_it_takes_it(session: Session) -> None:
    def visit(**kept: Any) -> Any:
        return kept

    assert session.submit(visit, nodes=3).result(PATIENCE) == {"nodes": 3}


# --- what it prints -------------------------------------------------------------------------------


def test_what_a_function_prints_comes_with_its_value(session: Session) -> None:
    def talk(name: str) -> str:
        print("hello", name)
        print("and goodbye", end="")
        return name

    future = session.submit(talk, "Ada")

    assert future.result(PATIENCE) == "Ada"
    assert future.stdout == "hello Ada\nand goodbye"


def test_what_a_function_prints_comes_with_its_exception(session: Session) -> None:
    def fail() -> None:
        print("about to")
        raise ValueError

    future = session.submit(fail)

    assert isinstance(future.exception(PATIENCE), ValueError)
    assert future.stdout == "about to\n"


def test_what_a_function_prints_comes_while_it_runs(session: Session) -> None:
    future = begun(session, "n1")

    assert not future.done()
    assert future.stdout == "at work\n"  # type: ignore[attr-defined] # of a remote future
    future.cancel()
