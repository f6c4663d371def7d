"""A session with one node, the attic, whose side is played by the test: without a network."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from pye2_calls.client.doors import CallsInstance
from pye2_calls.messages import FIELD, FROM_CLIENT, Began, Call, Value, pack, unpack
from pye2_calls.values import pack as pack_value
from pye2core.messages import INSTANCE_COMMAND, Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pye2_calls.client.calls import SessionCalls

PATIENCE = 30.0
ATTIC = "0xai_attic"
LARGEST = 100_000


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


class Pipeline:
    """What the attic was asked to run."""

    def __init__(self, network: Network, name: str) -> None:
        self.session = network
        self.name, self.node_addr = name, ATTIC
        self.instance: Any = None
        self.is_closed = False
        self.sent: list[Any] = []

    def create_plugin_instance(self, **_: object) -> CallsInstance:
        self.instance = CallsInstance(cast("Any", self), "FUNCTION_CALLS", "calls")
        return self.instance  # type: ignore[no-any-return] # it is one

    def hear_results(self) -> None:
        """Heard already."""

    def deploy(self, **_: object) -> None:
        self.session.deploy(self)

    def close(self, **_: object) -> None:
        self.is_closed = True
        self.session.note_change()

    def end_callbacks(self) -> None:
        """There are none."""

    def says(self, *records: Any, run: str = "first") -> None:
        """The node's side of this pipeline says something, whether anybody hears it or not."""
        tell = self.instance.on_message
        if tell is not None:
            tell(pack(records, run))

    def begins(self, run: str = "first") -> None:
        self.says(Began(slots=1, largest=LARGEST, timeout=60.0), run=run)


class Callbacks:
    """A thread for what is called back.

    Args:
        raised: takes what that raises.
    """

    def __init__(self, raised: list[Exception]) -> None:
        self._raised = raised
        self._thread = ThreadPoolExecutor(1)

    def put(self, call: Callable[[], object], taken: Callable[[], object] | None = None) -> None:
        self._thread.submit(self._run, call, taken)

    def _run(self, call: Callable[[], object], taken: Callable[[], object] | None) -> None:
        try:
            if taken is not None:
                taken()
            call()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            self._raised.append(error)

    def finish(self) -> None:
        self._thread.shutdown(wait=False)

    def join(self, _: float) -> None:
        self._thread.shutdown(wait=True)


class Network:
    """A session with one node, the attic, whose side is played by the test.

    Attributes:
        raised: what callbacks have raised.
    """

    def __init__(self) -> None:
        self.session = self
        self.clock = Clock()
        self.connected = True
        self.is_there = True
        self.deploy: Callable[[Pipeline], object] = lambda pipeline: pipeline.begins()
        self.commands = SimpleNamespace(tell=self.tell)
        self.peers = SimpleNamespace(
            watch=self.watch,
            able=self.able,
            heartbeat=lambda _: None,
            name_of=lambda _: "attic",
            wait_until=None,
        )
        self.raised: list[Exception] = []
        self._callbacks: list[Callbacks] = []
        self.pipelines: list[Pipeline] = []
        self._looks = 0
        self._changed = threading.Condition()

    def watch(self, tell: Callable[[], object]) -> None:
        self.look_again = tell

    def able(self, _: str) -> dict[str, Heartbeat]:
        with self._changed:
            self._looks += 1
            self._changed.notify_all()
        told = SimpleNamespace(address=ATTIC, name="attic", status={}, free_memory=None)
        return {ATTIC: cast("Heartbeat", told)} if self.is_there else {}

    def new_callback_thread(self, _: str) -> Callbacks:
        made = Callbacks(self.raised)
        self._callbacks.append(made)
        return made

    def wait_until_called_back(self) -> None:
        """Wait until all was called back that waits for it."""
        for each in self._callbacks:
            was_called = threading.Event()
            each.put(was_called.set)
            assert was_called.wait(PATIENCE)

    def create_pipeline(self, *, node: str, name: str) -> Pipeline:
        del node
        made = Pipeline(self, name)
        with self._changed:
            self.pipelines.append(made)
            self._changed.notify_all()
        return made

    def note_change(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def forget_pipeline(self, _: object) -> None:
        """It is not remembered."""

    def tell(self, _node: str, _action: object, update: Any) -> None:
        data = update.changes[INSTANCE_COMMAND][FIELD]
        records = unpack(data, FROM_CLIENT).records
        with self._changed:
            pipeline = next(each for each in self.pipelines if each.name == update.pipeline)
            pipeline.sent += records
            self._changed.notify_all()

    def wait_for(self, found: Callable[[], Any]) -> Any:
        with self._changed:
            assert self._changed.wait_for(found, PATIENCE)
            return found()

    def pipeline(self, number: int = 0) -> Pipeline:
        """One of those that were made, as soon as it is."""
        self.wait_for(lambda: len(self.pipelines) > number)
        return self.pipelines[number]

    def told(self, kind: type[Any], pipeline: Pipeline, count: int = 1) -> list[Any]:
        """Records of a kind that a pipeline was sent, as soon as there are so many."""

        def found() -> list[Any]:
            return [each for each in pipeline.sent if isinstance(each, kind)]

        self.wait_for(lambda: len(found()) >= count)
        return found()

    def pass_time(self, seconds: float) -> None:
        """Let it be later, until that was noticed."""
        self.clock.seconds += seconds
        for _ in range(2):  # the first look may be one that had begun before
            before = self._looks
            self.look_again()
            self.wait_for(lambda before=before: self._looks > before)

    def pass_time_until(self, is_so: Callable[[], object], step: float = 1.0) -> None:
        """Let it be later and later, until something is so."""
        while not is_so():
            self.pass_time(step)


@frozen
class AtAttic:
    """A call that the attic has been sent.

    Attributes:
        outcome: what its caller was given.
        pipeline: the one through which it was sent.
        sent: what the attic was told.
    """

    outcome: Any
    pipeline: Pipeline
    sent: Call


def submit(calls: SessionCalls, function: Any = pow, *args: Any, **options: Any) -> Any:
    return calls.submit(function, args or (2, 3), {}, options)


def value(call: Call, given: object = 8) -> Value:
    return Value(call.id, pack_value(given), "", 0.1)


def countdown(n: int) -> Iterator[int]:
    while n:
        yield n
        n -= 1
