"""A node, a client and somebody else, without any network (no tests)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2core.identity import Identity
from pye2core.messages import Heartbeat
from pye2core.pairing.client_side import ClientPairing
from pye2core.pairing.node_side import OFFER_SECONDS, NodePairing
from pye2core.pairing.proofs import PairingKey

if TYPE_CHECKING:
    from pye2core.messages.pairing import PairingOffer

NODE = Identity.from_words(["node"]).address
CLIENT = Identity.from_words(["client"]).address
MALLORY = Identity.from_words(["mallory"]).address

KEY = PairingKey(bytes(range(32)))
OTHER_KEY = PairingKey(bytes(32))
"""Of codes: stretching one takes a while, and is tested by itself."""

NODE_NONCE = "a1" * 16
CLIENT_NONCE = "b2" * 16


def node_pairing(key: PairingKey = KEY, nonce: str = NODE_NONCE) -> NodePairing:
    return NodePairing(key, NODE, "attic", nonce=nonce, ends_at=OFFER_SECONDS)


def client_pairing(
    key: PairingKey = KEY,
    address: str = CLIENT,
    nonce: str = CLIENT_NONCE,
    name: str = "laptop",
    **more: Any,
) -> ClientPairing:
    given: dict[str, Any] = {"pinned": {}, "began": 0.0, "place": "mqtt://here"}
    return ClientPairing(key, address, name, nonce=nonce, **given | more)


def heartbeat(
    offer: PairingOffer | None,
    address: str = NODE,
    name: str = "attic",
    allowed: tuple[str, ...] = (),
) -> Heartbeat:
    return Heartbeat(name, address, allowed=allowed, pairing=offer)
