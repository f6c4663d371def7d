"""Which layers hold on this machine: for each, a process puts it on and tries what it forbids.

Run by the zygote at its start, since the same kernel gives one user a layer and another none, and a
call that returns without an error may still have done nothing. What comes out is what the node says
at its start, in its heartbeat and in ``pye2 node doctor``.
"""

from __future__ import annotations

import os
import resource
import socket
from typing import TYPE_CHECKING, Final

from pye2_node.sandbox.layers.names import Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LONGEST_REASON: Final = 500


def why_it_does_not_hold(put_on: Callable[[], None], forbidden: Callable[[], None]) -> str | None:
    """Put a layer on in a process of its own and try what it forbids.

    Args:
        put_on: puts it on.
        forbidden: tries that; raises if it succeeds. See :data:`FORBIDDEN`.

    Returns:
        None if it holds; otherwise why not.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _try_it(put_on, forbidden, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as report:
        reason = report.read(_LONGEST_REASON).decode("utf-8", "replace")
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if ended != 0 and not reason:
        return f"the process that tried it ended with {ended}"
    return reason or None


def _try_it(put_on: Callable[[], None], forbidden: Callable[[], None], report: int) -> None:
    """The trial's life; it never returns."""
    code = 1
    try:
        put_on()
        forbidden()
        code = 0
    except BaseException as error:  # noqa: BLE001 - whatever it is, the layer does not hold
        reason = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        os.write(report, reason.encode("utf-8", "replace")[:_LONGEST_REASON])
    finally:
        os._exit(code)


def must_be_forbidden(what: str, attempt: Callable[[], object]) -> None:
    """Raise if an attempt succeeds."""
    try:
        attempt()
    except (OSError, ValueError):
        return
    raise RuntimeError(f"it was put on without an error and yet {what}")


def _nothing_of_the_machine() -> None:
    if os.listdir("/"):  # noqa: PTH208 - see ``linux``: no pathlib here
        raise RuntimeError("it was put on without an error and yet the root is not empty")
    no_network()


def no_network() -> None:
    """Raise if there is one."""
    if [name for _, name in socket.if_nameindex() if name != "lo"]:
        raise RuntimeError("it was put on without an error and yet there is a network")


def _no_other_user() -> None:
    must_be_forbidden("it could become root again", lambda: os.setuid(0))


def _no_more_memory() -> None:
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    must_be_forbidden(
        "the limit of memory could be lifted",
        lambda: resource.setrlimit(resource.RLIMIT_AS, unlimited),
    )


def no_file() -> None:
    """Raise if the root folder can be read."""
    must_be_forbidden("the root folder could be read", lambda: os.open("/", os.O_RDONLY))


def _no_call() -> None:
    no_file()
    must_be_forbidden("a socket could be made", socket.socket)
    no_process_and_no_signal()


def no_process_and_no_signal() -> None:
    """Raise if a process can be started, or a signal be sent to another."""
    must_be_forbidden("a signal could be sent", lambda: os.kill(os.getppid(), 0))
    must_be_forbidden("another process could be started", _fork_and_end)


def _fork_and_end() -> None:
    if os.fork() == 0:
        os._exit(0)


FORBIDDEN: Final[Mapping[Layer, Callable[[], None]]] = {
    Layer.NAMESPACES: _nothing_of_the_machine,
    Layer.UID: _no_other_user,
    Layer.RLIMITS: _no_more_memory,
    Layer.LANDLOCK: no_file,
    Layer.SECCOMP: _no_call,
}
"""Of each layer, what tries it."""
