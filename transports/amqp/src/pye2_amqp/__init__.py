"""pye2 transport over RabbitMQ (AMQP 0-9-1), on pika.

``plugin`` tells the kernel what is here and imports nothing heavy; ``settings`` are the user's.
``transport`` is what the kernel uses; it holds a ``bundle`` of connections, each a ``strand``: a
``publisher``, or a ``receiver`` with its ``consumer`` objects. ``topology`` knows what
channels are called on a broker, ``failures`` words what went wrong.

AMQP has channels of its own, several on one connection: ``amqp_channel``. Where a channel is
mentioned without saying so, it is one of ours, see ``pye2core.abc.Channel``.
"""
