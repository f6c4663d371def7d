"""``submit`` and ``map`` on real nodes: what is sent, where calls run, and how they end."""

from __future__ import annotations

import itertools
import threading
from queue import Queue
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
from attrs import define
from call_network import PATIENCE

from pye2_calls.client import scheduler
from pye2_calls.client.doors import Door
from pye2_calls.errors import CallLost, CallRefused, CallTimeout
from pye2_calls.messages import FROM_CLIENT, Code, Part, unpack
from pye2core import Session, remote
from pye2core.errors import Pye2Error, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from call_network import CallNetwork, CallNode

FACTOR = 2


def add(a: Any, b: Any = 1) -> Any:
    return a + b


def scaled(number: int) -> int:
    return number * FACTOR


def where(plugin: Any) -> str:
    name: str = plugin.node_id
    return name


def work_until_stopped() -> None:
    print("at work")
    while True:
        pass


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


@define
class Point:
    x: float
    y: float


def mirrored(point: Point) -> Point:
    return Point(-point.x, -point.y)


def the_same(value: Any) -> Any:
    return value


class Sent:
    """What passes the doors of a session to its nodes."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def count(self, kind: type) -> int:
        return sum(isinstance(each, kind) for each in self.records)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    noted = Sent()
    tell = Door._tell

    def note(door: Door, data: bytes) -> None:
        noted.records += unpack(data, FROM_CLIENT).records
        tell(door, data)

    monkeypatch.setattr(Door, "_tell", note)
    return noted


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call for which there is no node does not wait long for one."""
    monkeypatch.setattr(scheduler, "PATIENCE", 0.2)


def begun(session: Session, node: str, **options: Any) -> Future[None]:
    """A call that is at work on a node and does not end by itself."""
    printed: Queue[str] = Queue()
    future: Future[None] = session.submit(
        work_until_stopped, node=node, on_output=printed.put, **options
    )
    printed.get(timeout=PATIENCE)
    return future


def process_at_work(node: CallNode) -> psutil.Process:
    """The process of a node's that computes; all others wait."""
    pace = threading.Event()
    before = {each: each.cpu_times().user for each in node.processes()}
    while True:
        for each, seconds in before.items():
            if each.cpu_times().user > seconds + 0.1:
                return each
        pace.wait(0.01)


# --- submit ---------------------------------------------------------------------------------------


def test_a_function_is_called_with_its_arguments(session: Session) -> None:
    assert session.submit(add, 3, b=4).result(PATIENCE) == 7


def test_a_function_whose_first_parameter_is_plugin_gets_the_nodes_api(session: Session) -> None:
    assert session.submit(where, node="n1").result(PATIENCE) == "n1"


def test_instances_of_own_classes_go_and_come(session: Session) -> None:
    assert session.submit(mirrored, Point(1, 2)).result(PATIENCE) == Point(-1, -2)


@pytest.mark.parametrize(
    "value",
    [None, True, 10**50, -0.0, "ü\n", b"\0\xff", (1, [2, {3}]), {(1, 2): {"a": None}}, 1 + 2j],
    ids=repr,
)
def test_values_come_back_as_they_went(session: Session, value: Any) -> None:
    returned = session.submit(the_same, value).result(PATIENCE)

    assert repr(returned) == repr(value)


def test_an_array_keeps_its_shape_its_type_and_its_order(session: Session) -> None:
    array = np.asfortranarray(np.arange(12, dtype=">i2").reshape(3, 4))

    returned = session.submit(the_same, array).result(PATIENCE)

    assert returned.dtype == array.dtype
    assert returned.flags.f_contiguous
    assert (returned == array).all()


def test_an_argument_that_cannot_be_sent_is_named(session: Session) -> None:
    with pytest.raises(Pye2Error, match=r"args\[0\]\['rows'\]\[1\]"):
        session.submit(the_same, {"rows": [1, threading.Lock()]})


def test_values_larger_than_a_message_go_in_parts(session: Session, sent: Sent) -> None:
    array = np.arange(16 * 1024 * 1024 // 8)

    returned = session.submit(the_same, array).result(PATIENCE)

    assert sent.count(Part) > 1
    assert np.array_equal(returned, array)


# --- what is sent ---------------------------------------------------------------------------------


def test_a_function_is_sent_to_a_node_once(session: Session, sent: Sent) -> None:
    def cubed(number: int) -> int:
        return number**3

    values = [session.submit(cubed, each, node="n0").result(PATIENCE) for each in range(3)]

    assert values == [0, 1, 8]
    assert sent.count(Code) == 1


def test_a_constant_that_has_changed_counts(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = session.submit(scaled, 10).result(PATIENCE)
    monkeypatch.setitem(globals(), "FACTOR", 7)

    assert (before, session.submit(scaled, 10).result(PATIENCE)) == (20, 70)


def test_a_closure_goes_along_and_a_changed_one_counts(session: Session) -> None:
    offset = 1

    def shifted(number: int) -> int:
        return number + offset

    before = session.submit(shifted, 10).result(PATIENCE)
    offset = 5

    assert (before, session.submit(shifted, 10).result(PATIENCE)) == (11, 15)


# --- where it runs --------------------------------------------------------------------------------


@pytest.mark.parametrize("node", ["n0", "n1", "n2"])
def test_a_named_node_runs_it(session: Session, node: str) -> None:
    future = session.submit(where, node=node)

    assert future.result(PATIENCE) == node
    assert future.node == node


def test_one_of_several_named_nodes_runs_it(session: Session) -> None:
    found = set(session.map(where_with, range(40), nodes=["n0", "n2"]))

    assert found <= {"n0", "n2"}


def where_with(plugin: Any, _: int) -> str:
    name: str = plugin.node_id
    return name


def test_a_map_uses_no_more_nodes_than_it_is_told(session: Session) -> None:
    assert len(set(session.map(where_with, range(40), nodes=1))) == 1


def test_a_session_that_has_not_heard_of_its_nodes_yet_waits_for_as_many_as_it_is_told(
    network: CallNetwork,
) -> None:
    with Session(network.url, key_file=network.key_file, silent=True) as new:
        chosen = new._calls_made().least_busy(3)

        assert len(set(chosen)) == 3
        assert len(new._calls_made().least_busy(9)) == 3
        assert list(new.map(add, range(3), nodes=2)) == [1, 2, 3]


def test_calls_go_where_there_is_least_to_do(session: Session) -> None:
    busy = [begun(session, "n0") for _ in range(2)]
    busy += [begun(session, "n1") for _ in range(2)]

    found = session.submit(where).result(PATIENCE)
    for future in busy:
        future.cancel()

    assert found == "n2"


@pytest.mark.parametrize(
    ("needs", "able"),
    [
        ({"gpu": 2}, {"n1"}),
        ({"gpu": 1}, {"n0", "n1"}),
        ({"room": "attic"}, {"n1"}),
        ({"gpu": 1, "memory": "1MiB"}, {"n0", "n1"}),
    ],
    ids=repr,
)
def test_a_call_runs_where_what_it_needs_is(
    session: Session, needs: dict[str, Any], able: set[str]
) -> None:
    assert session.submit(where, needs=needs).result(PATIENCE) in able


def test_a_function_may_say_itself_what_it_needs(session: Session) -> None:
    @remote(needs={"room": "attic"})
    def in_the_attic(plugin: Any) -> str:
        name: str = plugin.node_id
        return name

    assert session.submit(in_the_attic).result(PATIENCE) == "n1"
    assert list(session.map(in_the_attic_of, range(3))) == ["n1"] * 3


@remote(needs={"room": "attic"})
def in_the_attic_of(plugin: Any, _: int) -> str:
    name: str = plugin.node_id
    return name


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"needs": {"gpu": 3}}, "gpu"),
        ({"needs": {"memory": "900TiB"}}, "memory"),
        ({"node": "n9"}, "n9"),
    ],
    ids=repr,
)
def test_a_call_for_which_there_is_no_node_says_why(
    session: Session, options: dict[str, Any], told: str
) -> None:
    error = session.submit(add, 1, **options).exception(PATIENCE)

    assert isinstance(error, CallRefused)
    assert error.reason == "nowhere"
    assert told in str(error)


def test_a_module_is_imported_where_it_is_granted(session: Session) -> None:
    def words(line: str) -> list[str]:
        import shlex

        return shlex.split(line)

    future = session.submit(words, "a 'b c'")

    assert future.result(PATIENCE) == ["a", "b c"]
    assert future.node == "n2"


@pytest.mark.usefixtures("impatient")
def test_a_module_that_nobody_grants_is_named_with_the_way_out(session: Session) -> None:
    def zipped() -> bool:
        import zipfile

        return zipfile.is_zipfile("a")

    error = session.submit(zipped).exception(PATIENCE)

    assert isinstance(error, CallRefused)
    assert "--module zipfile" in str(error)


# --- how it ends ----------------------------------------------------------------------------------


def test_a_call_that_takes_too_long_is_stopped(network: CallNetwork, session: Session) -> None:
    future = begun(session, "n0", timeout=1.5)
    at_work = process_at_work(network.nodes[0])

    error = future.exception(PATIENCE)

    assert isinstance(error, CallTimeout)
    assert isinstance(error, TimeoutError)
    assert error.seconds >= 1.5
    assert (error.node, error.printed) == ("n0", "at work\n")
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
    assert "here I am" in str(error)


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


def test_an_unknown_exception_is_told_with_its_name(session: Session) -> None:
    def read() -> None:
        import json

        json.loads("{")

    error = session.submit(read).exception(PATIENCE)

    assert "JSONDecodeError" in str(error)
    assert "json.loads" in str(error.__cause__)


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
    [("timeout", 0), ("timeout", True), ("retries", -1), ("needs", {"memory": "much"})],
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
