"""pye2 over NATS, with JetStream for commands, on nats-py.

``plugin`` is what pye2 imports at every start; ``transport`` is what the kernel uses. Below it a
``link`` is one connection, two of ``line`` in an event loop of its own; ``commands`` knows
JetStream, ``lane`` calls handlers, ``connecting`` gets in, ``names`` says what is called how.
"""
