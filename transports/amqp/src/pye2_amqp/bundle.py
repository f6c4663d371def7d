"""Four connections to one broker that live and die together, and the thread that owns them.

Payloads and what goes to inboxes are apart from all else, so that no command waits behind a payload
of some megabytes; and receiving is apart from publishing, so that a broker that takes nothing more
for now can still be relieved of what it has. The loss of one is the loss of all, so that their user
has one state to mind.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import CancelledError, wait
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import evolve

from pye2_amqp import failures
from pye2_amqp.loop_thread import LoopThread
from pye2_amqp.publisher import Message, Publisher
from pye2_amqp.receiver import Receiver
from pye2_amqp.topology import KEPT, traffic_of
from pye2core.errors import NotConnected

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2_amqp.consumer import Consumer, Inbound
    from pye2_amqp.endpoint import Endpoint
    from pye2_amqp.strand import Strand
    from pye2_amqp.topology import Topology, Traffic
    from pye2core.abc import Channel
    from pye2core.clock import Clock

_log = logging.getLogger(__name__)

_SHORTEST_WAIT = 0.001
_LEFT = "the connection is closed"
_TAKEN_OVER = "another connection has taken over the client id"


class Bundle:
    """The connections, from :meth:`open` to :meth:`leave`, :meth:`drop` or a loss.

    Args:
        endpoint: where and as whom.
        topology: what is called how there; its ``connection`` is this bundle's alone.
        on_message: called for each message by the thread of its consumer.
        on_loss: called once with this bundle and the reason when it is lost after it was open.
        clock: where time-outs are measured.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        topology: Topology,
        on_message: Callable[[Inbound], None],
        on_loss: Callable[[Bundle, str], None],
        clock: Clock,
    ) -> None:
        self._endpoint = endpoint
        self._topology = topology
        self._on_message = on_message
        self._on_loss = on_loss
        self._clock = clock
        self._lock = threading.Lock()
        self._open = False
        self._silent = False
        self._parting = False
        self._failure: str | None = None
        self._claiming: Future[None] | None = None
        self._thread = LoopThread(f"pye2-amqp-{endpoint.name}", self._broken)
        self._publishers = {bulky: self._make_publisher(bulky=bulky) for bulky in (False, True)}
        self._receivers = {bulky: self._make_receiver(bulky=bulky) for bulky in (False, True)}

    def _make_publisher(self, *, bulky: bool) -> Publisher:
        endpoint = self._named("out", bulky=bulky)
        return Publisher(endpoint, self._topology, self._thread, self._ended)

    def _make_receiver(self, *, bulky: bool) -> Receiver:
        endpoint = self._named("in", bulky=bulky)
        return Receiver(endpoint, self._topology, self._thread, self._deliver, self._ended)

    def _named(self, direction: str, *, bulky: bool) -> Endpoint:
        """The endpoint under a name that tells in the broker's listings what it is for."""
        what = f"payloads {direction}" if bulky else direction
        return evolve(self._endpoint, name=f"{self._endpoint.name} ({what})")

    # --- for the transport, from any thread -----------------------------------------------------

    def open(self) -> frozenset[Traffic]:
        """Connect, and receive what the broker has kept.

        Returns:
            The kinds of messages for which it had a queue.

        Raises:
            BrokerUnreachable: nothing answers in time.
            CredentialsRefused: the broker says no.
            TransportError: it has what we need with other properties.
        """
        broker, timeout = self._endpoint.broker, self._endpoint.timeout
        self._thread.start()
        try:
            resumed = self._thread.submit(self._begin).result(timeout)
        except TimeoutError:
            raise failures.no_answer(broker, timeout) from None
        except (CancelledError, NotConnected) as error:
            raise failures.hung_up(broker, self._failure or str(error)) from None
        with self._lock:
            self._open = True
            failure = self._failure
        if failure is not None:
            raise failures.hung_up(broker, failure)
        return resumed

    def subscribe(self, channel: Channel, timeout: float) -> None:
        """Receive what is published on ``channel``.

        Raises:
            NotConnected: the connection was lost, or the broker did not confirm in time.
            CredentialsRefused: the broker's permissions forbid it.
            TransportError: the queue exists with other properties.
        """
        what = f"The subscription to {self._topology.binding_of(channel)!r}"
        receiver = self._receiver(traffic_of(channel))
        asked = self._thread.submit(lambda: receiver.subscribe(channel))
        try:
            asked.result(timeout)
        except TimeoutError:
            asked.cancel()
            reason = f"no answer within {timeout:g} s"
            raise failures.disconnected(self._endpoint.broker, what, reason) from None
        except CancelledError:
            reason = self._failure or _LEFT
            raise failures.disconnected(self._endpoint.broker, what, reason) from None

    def publish(self, channel: Channel, message: Message) -> Future[None]:
        """Send a message; the future is done when the broker has it."""
        return self._publishers[traffic_of(channel).is_bulky].publish(message)

    def drop(self, reason: str) -> None:
        """End all at once; nothing is called any more but what is running now."""
        self._conclude(reason)

    @property
    def runs_here(self) -> bool:
        """Whether this is asked from within the loop, where nobody may wait for it."""
        return self._thread.runs_here

    def silence(self) -> None:
        """Call nothing any more but what is running now."""
        self._silent = True

    def leave(self, timeout: float) -> bool:
        """Send what was published, say goodbye and end; not from within the loop.

        Returns:
            Whether all of it was confirmed. After at most ``timeout`` seconds, nothing is called
            any more but what is running now.
        """
        deadline = self._clock.monotonic() + timeout
        with self._lock:
            is_open = self._open
        if not is_open:
            self.drop(_LEFT)
            return True
        outstanding = {one for each in self._publishers.values() for one in each.outstanding()}
        unsent = wait(outstanding - {self._claiming}, timeout).not_done
        for consumer in self._consumers():
            consumer.stop()
        returned = [one.join(self._left(deadline)) for one in self._consumers()]
        parted = self._say_goodbye(self._left(deadline))
        self.drop(_LEFT)
        self._thread.join(self._left(deadline))
        return parted and not unsent and all(returned)

    def _say_goodbye(self, timeout: float) -> bool:
        self._silent = self._parting = True
        leaving = self._thread.submit(self._part)
        with suppress(TimeoutError, CancelledError):
            leaving.result(timeout)
            return True
        return False

    def _left(self, deadline: float) -> float:
        return max(deadline - self._clock.monotonic(), _SHORTEST_WAIT)

    def _strands(self) -> tuple[Strand, ...]:
        return *self._publishers.values(), *self._receivers.values()

    def _receiver(self, traffic: Traffic) -> Receiver:
        return self._receivers[traffic.is_bulky]

    def _consumers(self) -> list[Consumer]:
        return [one for each in self._receivers.values() for one in list(each.consumers.values())]

    # --- on the loop --------------------------------------------------------------------------

    async def _begin(self) -> frozenset[Traffic]:
        await asyncio.gather(*(strand.open() for strand in self._strands()))
        await self._receivers[False].hear_claims(self._claimed)
        self._claim()
        if not self._topology.keeps:
            return frozenset()
        found = await asyncio.gather(*(self._receiver(each).resume(each) for each in KEPT))
        return frozenset(each for each, is_there in zip(KEPT, found, strict=True) if is_there)

    def _claim(self) -> None:
        """Have others give way who are connected under our client id.

        Of two who claim it at once, at least one hears the other: each listens before it speaks.
        Nobody waits for the broker to take it: while that takes nothing, we still receive.
        """
        token = self._topology.connection.encode()
        claim = Message(self._topology.claims_key, token, durable=False, wants_queue=False)
        self._claiming = self._publishers[False].publish(claim)

    def _claimed(self, token: bytes) -> None:
        if token != self._topology.connection.encode():
            self._ended(_TAKEN_OVER)

    async def _part(self) -> None:
        await asyncio.gather(*(strand.close() for strand in self._strands()))

    async def _abort(self) -> None:
        await asyncio.gather(*(strand.abort(_LEFT) for strand in self._strands()))

    def _broken(self, error: BaseException) -> None:
        _log.error("The connection to %s broke down", self._endpoint.broker.url, exc_info=error)
        self._ended(f"{type(error).__name__}: {error}")

    def _ended(self, reason: str) -> None:
        """One is lost: give up all, and tell unless :meth:`open` will."""
        if self._parting:
            return
        if self._conclude(reason) and not self._silent:
            self._on_loss(self, reason)

    # --- anywhere -----------------------------------------------------------------------------

    def _deliver(self, message: Inbound) -> None:
        if not self._silent:
            self._on_message(message)

    def _conclude(self, reason: str) -> bool:
        """Fail what waits and end; whether it was open until now."""
        with self._lock:
            if self._failure is not None:
                return False
            self._failure = reason
            was_open = self._open
        for publisher in self._publishers.values():
            publisher.end(reason)
        for consumer in self._consumers():
            consumer.stop()
        self._thread.stop(self._abort)
        return was_open
