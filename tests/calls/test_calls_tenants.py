"""Two clients of one node: what one can see, use or disturb of the other's calls."""

from __future__ import annotations

from queue import Queue
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from call_network import PATIENCE, CallNode

from pye2_calls import messages
from pye2_calls.errors import CallLost, CallRefused
from pye2_calls.shipping import ship
from pye2_calls.values import pack_arguments
from pye2_testing.fixtures import require_mosquitto
from pye2_testing.mosquitto import Mosquitto
from pye2core import Session
from pye2core.identity import load_or_create_key
from pye2core.messages import INSTANCE_COMMAND, Action, InstanceUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path


def quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


def forged(text: str) -> str:
    import shlex

    return f"{shlex.__name__} read {text}"


def endless() -> None:
    print("begun")
    while True:
        pass


class Tenants:
    """A node with two slots that takes calls of 1 MB, and two clients of it.

    ``shlex`` is granted to the first alone.
    """

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        keys = [folder / f"{name}.pem" for name in ("first", "second")]
        addresses = [load_or_create_key(key).address for key in keys]
        allowed = [word for address in addresses for word in ("--allow", address)]
        limits = ("--slots", "2", "--call-megabytes", "1")
        self.node = CallNode(folder / "n0", ("--broker", broker.url, *limits, *allowed))
        self.node.grant(addresses[0], modules=["shlex"])
        self.node.start()
        self.node.wait_until_ready()
        self.first, self.second = (
            Session(broker=broker.url, key_file=key, silent=True) for key in keys
        )
        for each in (self.first, self.second):
            assert each.wait_for_node("n0", timeout=PATIENCE, verbose=False)

    def close(self) -> None:
        """End all of it."""
        self.first.close()
        self.second.close()
        self.node.stop()


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    require_mosquitto()
    folder = tmp_path_factory.mktemp("tenants")
    with Mosquitto(folder / "mosquitto") as broker:
        running = Tenants(folder, broker)
        yield running
        running.close()


def code_of(digest: str, function: Any) -> messages.Code:
    """A function under the digest of another."""
    shipped = ship(function)
    return messages.Code(
        digest,
        shipped.name,
        shipped.source,
        shipped.parameters,
        tuple(shipped.values.items()),
        tuple(shipped.classes),
        shipped.modules,
    )


def test_nobody_else_can_have_code_run_with_what_is_granted_for_a_clients_calls(
    tenants: Tenants,
) -> None:
    assert tenants.first.submit(quoted, "a b").result(PATIENCE) == "'a b'"
    (pipeline,) = tenants.first.get_active_pipelines("n0")
    node = tenants.second.peers.resolve("n0")
    digest = ship(quoted).digest
    call = messages.Call(10**6, digest, pack_arguments(("x",), {}, {}))
    told = {messages.FIELD: messages.pack([code_of(digest, forged), call])}
    update = InstanceUpdate(pipeline, "FUNCTION_CALLS", "calls", {INSTANCE_COMMAND: told})

    tenants.second.commands.tell(node, Action.UPDATE_INSTANCE, update)
    # What comes after it has been answered, so that it was taken, or refused.
    assert tenants.second.submit(abs, -1).result(PATIENCE) == 1
    # More at once than there is a process that knows the function already.
    values = list(tenants.first.map(quoted, ["a b"] * 8))

    assert values == ["'a b'"] * 8


@pytest.mark.parametrize("megabytes", [2, 20], ids=["in one message", "in parts"])
def test_arguments_that_are_too_large_are_refused(tenants: Tenants, megabytes: int) -> None:
    large = tenants.first.submit(len, bytes(megabytes * 10**6))

    with pytest.raises(CallRefused) as caught:
        large.result(PATIENCE)
    assert caught.value.reason == "large"


def test_a_node_that_is_stopped_leaves_no_process_and_its_calls_are_given_back(
    tenants: Tenants,
) -> None:
    printed: Queue[str] = Queue()
    once: Future[None] = tenants.first.submit(endless, retries=0, on_output=printed.put)
    again: Future[None] = tenants.first.submit(endless, retries=1, on_output=printed.put)
    for _ in range(2):
        printed.get(timeout=PATIENCE)
    processes = tenants.node.processes()

    tenants.node.stop()

    assert not psutil.wait_procs(processes, PATIENCE)[1]
    lost = once.exception(PATIENCE)
    assert isinstance(lost, CallLost)
    assert "was lost on n0: it went away. It was lost once, and retries=0" in str(lost)
    tenants.node.start()
    tenants.node.wait_until_ready()
    printed.get(timeout=PATIENCE)
    again.cancel()
