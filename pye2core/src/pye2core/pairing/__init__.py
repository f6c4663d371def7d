"""Pairing: a node and a client that share a one-time code come to trust each other's keys.

You are in the kernel, above messages and identity. All here is sans-I/O: ``code`` is what people
read and type, ``proofs`` what is made of it, ``node_side`` and ``client_side`` the two state
machines; time and randomness are given to them (PyE2 wire protocol, section 17.8).
"""
