"""``pye2 wire``: what passes on a network, and whether we speak as PyE2 does.

``commands`` is the door. ``reading`` checks and opens one message, whoever it is for; ``telling``
writes it as a line; ``selecting`` says which are shown; ``listening`` brings them from a broker,
``files`` from a file. Recorded facts are checked by ``pye2_wire.vectors``. All of it only listens:
it sends nothing.
"""
