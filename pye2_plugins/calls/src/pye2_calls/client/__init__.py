"""The client's side of calls: ``Session.submit``, ``map`` and ``executor``.

You are in the client room of the calls plugin. From the bottom up:

- ``options``, ``demands``: how a call is made, what it asks of its node, and whether one has that.
- ``scheduler``: which call goes to which node, and when; sans-I/O. ``plans`` is what it is told and
  what it says, ``nodes`` what it knows.
- ``futures``, ``streams``: what a caller is given.
- ``doors``: the pipeline on each node through which calls go.
- ``hearing``: takes in what nodes say.
- ``dispatcher``: the thread that carries out what the scheduler decides.
- ``calls``, ``executor``, ``mapping``: what users call.
"""
