"""``pye2 wire``: what passes on a network, and whether we speak as PyE2 does.

``commands`` is the door. ``reading`` checks and opens one message, whoever it is for; ``names``
adds what other messages tell of it; ``telling`` writes it as a line, with what it says in the words
of ``titles``; ``selecting`` says which are shown; ``listening`` brings them from a broker,
``files`` from a file. Recorded facts are checked by ``pye2_wire.vectors``. All of it only listens:
it sends nothing.
"""
