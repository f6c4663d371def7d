"""Pairing: a node and a client that share a one-time code come to trust each other's keys.

You are in the kernel, above messages and identity. All here is sans-I/O: ``code`` is what people
read and type, ``proofs`` what is made of it, ``node_side`` and ``client_side`` the two state
machines, ``answers`` how a notification carries an answer. Time and randomness are given to them
(PyE2 wire protocol, section 17.8).
"""

from pye2core.pairing.answers import answer_in, answer_notification
from pye2core.pairing.client_side import ClientPairing, PairedNode
from pye2core.pairing.code import new_code, read_code
from pye2core.pairing.node_side import (
    LONGEST_NAME,
    OFFER_SECONDS,
    Admitted,
    Ignored,
    NodePairing,
)
from pye2core.pairing.proofs import NONCE_BYTES, PairingKey, Transcript

__all__ = [
    "LONGEST_NAME",
    "NONCE_BYTES",
    "OFFER_SECONDS",
    "Admitted",
    "ClientPairing",
    "Ignored",
    "NodePairing",
    "PairedNode",
    "PairingKey",
    "Transcript",
    "answer_in",
    "answer_notification",
    "new_code",
    "read_code",
]
