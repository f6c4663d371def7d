"""Receives over one connection: a queue and a consumer for each kind of traffic.

Nothing is published over it: while a broker is short of memory or disk it reads nothing more from
connections that publish, acknowledgements included.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pye2_amqp import failures
from pye2_amqp.amqp_channel import Gone, Refused
from pye2_amqp.consumer import Consumer, Inbound
from pye2_amqp.strand import Strand
from pye2_amqp.topology import Traffic, traffic_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_amqp.amqp_channel import AmqpChannel
    from pye2_amqp.endpoint import Endpoint
    from pye2_amqp.loop_thread import LoopThread
    from pye2_amqp.topology import Queue, Topology
    from pye2core.abc import Channel


class Receiver(Strand):
    """What is received over one connection.

    Args:
        endpoint: where and as whom.
        topology: what is called how there.
        thread: owns all of it.
        on_message: called for each message by the thread of its consumer.
        on_end: called by the loop with the reason when it is of no more use; perhaps repeatedly.

    Attributes:
        consumers: those that there are so far.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        topology: Topology,
        thread: LoopThread,
        on_message: Callable[[Inbound], None],
        on_end: Callable[[str], None],
    ) -> None:
        super().__init__(endpoint, topology, thread, on_end)
        self._on_message = on_message
        self._one_at_a_time = asyncio.Lock()
        self.consumers: dict[Traffic, Consumer] = {}

    async def subscribe(self, channel: Channel) -> None:
        """Receive what is published on ``channel``.

        Raises:
            NotConnected: the connection was lost.
            CredentialsRefused: the broker's permissions forbid it.
            TransportError: the queue exists with other properties.
        """
        traffic = traffic_of(channel)
        queue = self._topology.queue_of(traffic)
        binding = self._topology.binding_of(channel)
        async with self._one_at_a_time:
            if traffic not in self.consumers:
                await self._consume(traffic, queue, await self._new_channel())
            await self._ask_control(
                f"what is published with {binding!r}",
                "queue_bind",
                queue.name,
                self._topology.exchange,
                routing_key=binding,
            )

    async def resume(self, traffic: Traffic) -> bool:
        """Receive again what the broker has kept; whether it has a queue for that.

        Raises:
            NotConnected, CredentialsRefused, TransportError: see :meth:`subscribe`.
        """
        queue = self._topology.queue_of(traffic)
        async with self._one_at_a_time:
            channel = await self._find(queue)
            if channel is None:
                return False
            await self._consume(traffic, queue, channel)
            return True

    async def hear_claims(self, on_claim: Callable[[bytes], None]) -> None:
        """Hear of whoever connects under this client id from now on.

        Args:
            on_claim: called by the loop with what that one, or we, said.

        Raises:
            NotConnected, CredentialsRefused, TransportError: see :meth:`subscribe`.
        """
        queue = self._topology.claims
        what = f"the queue {queue.name!r}"
        channel = await self._new_channel()

        def hear(_channel: object, _method: object, _properties: object, said: bytes) -> None:
            on_claim(said)

        await self._answer(what, _declare(channel, queue))
        raw, exchange, key = channel.raw, self._topology.exchange, self._topology.claims_key
        await self._answer(what, channel.ask(raw.queue_bind, queue.name, exchange, key))
        await self._answer(what, channel.ask(raw.basic_consume, queue.name, hear, auto_ack=True))

    # --- queues -------------------------------------------------------------------------------

    async def _find(self, queue: Queue) -> AmqpChannel | None:
        """A channel for ``queue``, if the broker has that queue."""
        channel = await self._new_channel()
        try:
            await channel.ask(channel.raw.queue_declare, queue.name, passive=True)
        except Refused as refusal:
            if refusal.code == failures.NOT_FOUND:
                return None
            raise self._refused(f"the queue {queue.name!r}", refusal) from None
        except Gone as gone:
            raise self._disconnected(f"the queue {queue.name!r}", gone) from None
        return channel

    async def _consume(self, traffic: Traffic, queue: Queue, channel: AmqpChannel) -> None:
        """Receive what is in ``queue``, which is made unless it is there with our properties."""
        if "x-dead-letter-exchange" in queue.arguments:
            await self._declare_dead_letters()
        what = f"the queue {queue.name!r}"
        await self._answer(what, _declare(channel, queue))
        channel.on_close = self._on_end
        channel.raw.add_on_cancel_callback(
            lambda _: self._on_end(f"{what} is gone from the broker, or was moved there")
        )
        consumer = Consumer(
            self._thread,
            channel,
            self._pass_on if traffic is Traffic.PASSING else self._on_message,
            f"pye2-amqp-{self._endpoint.name}-{traffic.value}",
        )
        self.consumers[traffic] = consumer
        await self._answer(what, consumer.begin(queue.name, self._topology.settings.prefetch))

    async def _declare_dead_letters(self) -> None:
        queue = self._topology.dead_letters
        what = f"the queue and exchange {queue.name!r}"
        await self._ask_control(
            what, "exchange_declare", queue.name, exchange_type="fanout", durable=queue.durable
        )
        await self._answer(what, _declare(await self._open_control(), queue))
        await self._ask_control(what, "queue_bind", queue.name, queue.name, routing_key="")

    def _pass_on(self, message: Inbound) -> None:
        """Hand on what nobody acknowledges; the broker sends more when this is handled."""
        try:
            self._on_message(Inbound(message.key, message.data, _nothing_to_acknowledge))
        finally:
            message.ack()


async def _declare(channel: AmqpChannel, queue: Queue) -> None:
    await channel.ask(
        channel.raw.queue_declare,
        queue.name,
        durable=queue.durable,
        exclusive=queue.exclusive,
        auto_delete=queue.exclusive,
        arguments=queue.arguments,
    )


def _nothing_to_acknowledge() -> None:
    """For heartbeats and roll calls, which nobody waits for."""
