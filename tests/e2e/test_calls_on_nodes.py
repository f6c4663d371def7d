"""Calls of functions on a real node, told record by record as any client could."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from pye2_calls import messages, values
from pye2_calls.shipping import ship
from pye2core import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pye2_cli.fleet import Fleet
    from pye2core import Instance, Payload, Pipeline

SECONDS = 60.0


class Caller:
    """A client's end of FUNCTION_CALLS, as plain as can be."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._records: list[Any] = []
        self._heard = threading.Condition()
        self._numbers = 0
        self.instance: Instance = pipeline.create_plugin_instance(
            signature="FUNCTION_CALLS", instance_id="calls", on_data=self._hear
        )
        pipeline.deploy()

    def _hear(self, pipeline: Pipeline, payload: Payload) -> None:
        del pipeline
        message = messages.unpack(messages.from_field(payload["CALLS"]), messages.FROM_NODE)
        with self._heard:
            self._records += message.records
            self._heard.notify_all()

    def say(self, *records: Any) -> None:
        """Tell the node's side."""
        self.instance.send_instance_command({"CALLS": messages.pack(records)})

    def call(self, function: Callable[..., Any], *args: Any, **how: Any) -> int:
        """Call a function; the number of that."""
        shipped = ship(function)
        self._numbers += 1
        code = messages.Code(
            shipped.digest,
            shipped.name,
            shipped.source,
            tuple(shipped.parameters),
            tuple(shipped.values.items()),
            tuple(shipped.classes),
            tuple(shipped.modules),
            shipped.takes_plugin,
            shipped.is_generator,
        )
        arguments = values.pack_arguments(args, {}, shipped.classes)
        self.say(code, messages.Call(self._numbers, code.digest, arguments, **how))
        return self._numbers

    def wait_for(self, kind: type[Any], number: int | None = None) -> Any:
        """The first record of a kind, about that call."""

        def found() -> list[Any]:
            return [
                each
                for each in self._records
                if isinstance(each, kind) and number in (None, getattr(each, "id", None))
            ]

        with self._heard:
            assert self._heard.wait_for(found, SECONDS), self._records
            return found()[0]

    def value(self, number: int) -> Any:
        """What a call returned."""
        return values.unpack(self.wait_for(messages.Value, number).data, {})


@pytest.fixture(scope="module")
def caller(fleet: Fleet, client_key: Any) -> Iterator[Caller]:
    with Session(broker=fleet.url, key_file=client_key, silent=True) as session:
        node = fleet.nodes[1].address
        assert session.wait_for_node(node, timeout=SECONDS, verbose=False)
        pipeline = session.create_pipeline(node=node, name=f"calls-{uuid.uuid4().hex[:8]}")
        yield Caller(pipeline)
        pipeline.close()


def area(width: float, height: float) -> float:
    return width * height


def test_a_function_is_called_and_its_value_comes_back(caller: Caller) -> None:
    assert caller.value(caller.call(area, 2, 3.5)) == 7.0


def test_several_values_come_back_from_calls_that_were_told_at_once(caller: Caller) -> None:
    numbers = [caller.call(area, each, 2) for each in range(5)]

    assert [caller.value(each) for each in numbers] == [0, 2, 4, 6, 8]


def broken(value: int) -> float:
    return 1 / value


def test_an_exception_comes_back(caller: Caller) -> None:
    raised = caller.wait_for(messages.Raised, caller.call(broken, 0))

    assert raised.failure.type == "ZeroDivisionError"
    assert "return 1 / value" in raised.failure.traceback


def endless() -> None:
    while True:
        pass


def test_what_runs_too_long_is_stopped(caller: Caller) -> None:
    late = caller.wait_for(messages.TimedOut, caller.call(endless, timeout=0.5))

    assert late.seconds >= 0.5


def test_what_nobody_wants_any_more_is_stopped(caller: Caller) -> None:
    number = caller.call(endless)
    caller.say(messages.KeepAlive())
    caller.wait_for(messages.Holds)
    caller.say(messages.Cancel(number))

    caller.wait_for(messages.Cancelled, number)


def countdown(start: int) -> Any:
    while start:
        yield start
        start -= 1


def test_a_generator_goes_on_as_its_items_are_wanted(caller: Caller) -> None:
    number = caller.call(countdown, 3, credit=1)
    first = caller.wait_for(messages.Item, number)
    caller.say(messages.Pull(number, 5))

    caller.wait_for(messages.End, number)

    assert values.unpack(first.data, {}) == 3
