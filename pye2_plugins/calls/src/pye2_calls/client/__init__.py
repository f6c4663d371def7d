"""The client's side of calls: ``Session.submit``, ``map`` and ``executor``.

You are in the client room of the calls plugin. From the bottom up:

- ``demands``: what a call asks of a node, and whether a node has it.
- ``scheduler``: which call goes to which node, and when; sans-I/O.
- ``futures``, ``streams``: what a caller is given.
- ``doors``: the pipeline on each node through which calls go.
- ``dispatcher``: the thread that carries out what the scheduler decides.
- ``calls``, ``executor``, ``mapping``: what users call.
"""
