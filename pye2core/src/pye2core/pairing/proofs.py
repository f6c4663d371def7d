"""What is made of a code: the tag by which a node is found, and the two proofs.

Everything that passes is public. Who has recorded it can try codes, and each try costs a scrypt of
32 MiB; there are 2^75 codes, and after ten minutes a code is worth nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import ClassVar, Final

from attrs import field, frozen

NONCE_BYTES: Final = 16

_PROTOCOL: Final = "pye2 pairing 1"
_SCRYPT_N: Final = 2**15
_SCRYPT_R: Final = 8
_SCRYPT_MEMORY: Final = 64 * 1024 * 1024
_TAG_BYTES: Final = 8


@frozen
class Transcript:
    """All that both sides must agree on.

    Attributes:
        node: the node's address, in full.
        client: the client's address, in full.
        node_name: what the node calls itself.
        client_name: what the client calls itself.
        node_nonce: of the node's offer.
        client_nonce: of the client's request.
    """

    node: str
    client: str
    node_name: str
    client_name: str
    node_nonce: str
    client_nonce: str


@frozen
class PairingKey:
    """What both sides have made of the code.

    Attributes:
        secret: ``BYTES`` bytes.
    """

    BYTES: ClassVar[int] = 32

    secret: bytes = field(repr=False)

    @classmethod
    def of_code(cls, code: str) -> PairingKey:
        """Stretch a code, which takes a while and 32 MiB.

        Args:
            code: its secret part, as :func:`pye2core.pairing.code.read_code` gives it.
        """
        return cls(
            hashlib.scrypt(
                code.encode(),
                salt=_PROTOCOL.encode(),
                n=_SCRYPT_N,
                r=_SCRYPT_R,
                p=1,
                maxmem=_SCRYPT_MEMORY,
                dklen=cls.BYTES,
            )
        )

    @property
    def tag(self) -> str:
        """By which a client finds the node that has the same code."""
        return self._keyed("tag")[:_TAG_BYTES].hex()

    def client_proof(self, transcript: Transcript) -> str:
        """What only a client that has the code can say."""
        return self._proof("client", transcript)

    def node_proof(self, transcript: Transcript) -> str:
        """What only a node that has the code can say."""
        return self._proof("node", transcript)

    def _proof(self, role: str, transcript: Transcript) -> str:
        return self._keyed(
            role,
            transcript.node,
            transcript.client,
            transcript.node_name,
            transcript.client_name,
            transcript.node_nonce,
            transcript.client_nonce,
        ).hex()

    def _keyed(self, *words: str) -> bytes:
        """HMAC-SHA256 of words, each with its length before it, so that no two lists are alike."""
        encoded = [each.encode() for each in (_PROTOCOL, *words)]
        text = b"".join(len(each).to_bytes(4, "big") + each for each in encoded)
        return hmac.digest(self.secret, text, "sha256")


def is_same(proof: str, expected: str) -> bool:
    """Whether two proofs are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(proof.encode(), expected.encode())
