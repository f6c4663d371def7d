"""``submit`` and ``map`` on real nodes: what is sent, and where calls run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from attrs import define
from call_network import PATIENCE, begun

from pye2_calls.client import calls, scheduler
from pye2_calls.client.doors import Door
from pye2_calls.errors import CallRefused
from pye2_calls.messages import FROM_CLIENT, Code, Part, unpack
from pye2core import Session, remote
from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from call_network import CallNetwork

FACTOR = 2


def add(a: Any, b: Any = 1) -> Any:
    return a + b


def scaled(number: int) -> int:
    return number * FACTOR


def where(plugin: Any) -> str:
    name: str = plugin.node_id
    return name


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


# --- submit ---------------------------------------------------------------------------------------


def test_a_lambda_is_called(session: Session) -> None:
    assert session.submit(lambda number: number + FACTOR, 3).result(PATIENCE) == 5


def test_a_function_is_called_with_its_arguments(session: Session) -> None:
    assert session.submit(add, 3, b=4).result(PATIENCE) == 7


def test_a_lambda_is_called_with_its_defaults(session: Session) -> None:
    futures = [session.submit(lambda a, b=each: a + b, 10) for each in range(3)]

    assert [each.result(PATIENCE) for each in futures] == [10, 11, 12]


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


def test_of_so_many_nodes_those_are_used_that_have_what_is_needed(session: Session) -> None:
    assert set(session.map(where_with, range(4), nodes=1, needs={"room": "attic"})) == {"n1"}
    assert set(session.map(in_the_attic_of, range(4), nodes=1)) == {"n1"}


def test_how_many_nodes_cannot_be_had_is_told_with_the_reasons(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "PATIENCE", 0.1)
    monkeypatch.setattr(calls, "_TO_ANSWER", 0.1)

    with pytest.raises(CallRefused, match="n1: its label room=attic is not the cellar"):
        session.map(add, [1], nodes=1, needs={"room": "cellar"})


def test_a_session_that_has_not_heard_of_its_nodes_yet_waits_for_as_many_as_it_is_told(
    network: CallNetwork,
) -> None:
    with Session(network.url, key_file=network.key_file, silent=True) as new:
        executor: Any = new.executor(nodes=3)

        assert executor.slots == 6
        assert len(set(new.map(where_with, range(40), nodes=9))) == 3


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
        ({"needs": {"memory": "900TiB"}}, "--memory-megabytes"),
        ({"node": "n9"}, "n9 has not been heard from"),
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
    assert "your code asks for the module zipfile" in str(error)
    assert "instance" not in str(error)
    assert "pipeline" not in str(error)  # which is none of the caller's business
