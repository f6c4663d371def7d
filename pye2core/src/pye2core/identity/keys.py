"""Key pairs: who signs, who checks, and the secret that two of them share.

You are in the identity room, at its centre. An `Identity` is a private key and the address that
goes with it; `verify` needs only an address. Signatures are PyE2 wire protocol, section 3.2;
shared keys section 4. What is said in messages is no business of this room: it signs bytes.
"""

from collections.abc import Callable, Iterable

from attrs import field, frozen

from pye2core.errors import BadSignature, IdentityError
from pye2core.identity.addresses import Address, address_of, public_key_of
from pye2core.identity.agreement import key_agreement
from pye2core.identity.backends import SigningKey, chosen_backend
from pye2core.identity.curve import ORDER, PRIVATE_KEY_BYTES, decode_signature


def _checked_private_value(value: int | bytes) -> int:
    if isinstance(value, bytes):
        if len(value) != PRIVATE_KEY_BYTES:
            raise IdentityError(
                f"A private key has {PRIVATE_KEY_BYTES} bytes, this has {len(value)}. "
                "Give the raw number, big-endian, or use Identity.from_pem for a key file's text."
            )
        value = int.from_bytes(value, "big")
    if not 0 < value < ORDER:
        raise IdentityError(
            "This number is no private key: it must be at least 1 and below the order of the "
            "curve secp256k1. Use Identity.generate() for a new key."
        )
    return value


@frozen
class Identity:
    """A private key and its address: what a client or a node is on the network.

    Made by one of the class methods, or by `load_or_create_key`. Two identities are equal when
    their addresses are. The private key is in no repr and no message of an error.

    Attributes:
        address: The public key as text, with its prefix.

    Example:
        >>> identity = Identity.from_words(["zoo", "Zoo", "zebra"])
        >>> identity
        Identity(address='0xai_A8cg7i__gEtPNopZiPasxPVbOd_KrJgtBBgYZk7nK6Uz')
        >>> verify(identity.address, identity.sign(b"hello"), b"hello")
    """

    _private_value: int = field(converter=_checked_private_value, repr=False, eq=False)
    _signing_key: SigningKey = field(init=False, repr=False, eq=False)
    address: Address = field(init=False)
    _agreed_key: Callable[[bytes], bytes] = field(init=False, repr=False, eq=False)

    @_signing_key.default
    def _make_signing_key(self) -> SigningKey:
        return chosen_backend().signing_key(self._private_value)

    @address.default
    def _make_address(self) -> Address:
        return address_of(self._signing_key.public_key)

    @_agreed_key.default
    def _make_agreed_key(self) -> Callable[[bytes], bytes]:
        return key_agreement(self._private_value)

    @classmethod
    def generate(cls) -> "Identity":
        """Make a new key from the system's randomness."""
        import secrets

        return cls(1 + secrets.randbelow(ORDER - 1))

    @classmethod
    def from_private_value(cls, value: int | bytes) -> "Identity":
        """Use a known private key.

        Args:
            value: The number itself, or its 32 bytes, big-endian.

        Raises:
            IdentityError: The value is out of the curve's range, or not 32 bytes.
        """
        return cls(value)

    @classmethod
    def from_words(cls, words: Iterable[str]) -> "Identity":
        """Make the key that PyE2 makes from a list of words (PyE2 wire protocol, section 2).

        The words are the key: there is neither a checksum nor anything that slows a guesser down,
        so they must be random and many. A `;` in a word is not told from a border between words.

        Raises:
            IdentityError: The words came as one string.
        """
        if isinstance(words, str):
            raise IdentityError(
                "The words of a key came as one string, not as a list. Split it: words.split()."
            )
        digest = _sha256(";".join(words).encode())
        return cls(int.from_bytes(digest, "big") % ORDER)

    @classmethod
    def from_pem(cls, pem: bytes, password: str | None = None) -> "Identity":
        """Read a private key as PyE2 stores it: PKCS#8 in PEM.

        Args:
            pem: What is in the key file.
            password: What the key is protected with, if it is.

        Raises:
            IdentityError: It is no such key, or the password is wrong, missing or not needed.
        """
        from pye2core.identity import pem_format

        return cls(pem_format.read_private_value(pem, password))

    def to_pem(self, password: str | None = None) -> bytes:
        """Write the private key as PyE2 reads it: PKCS#8 in PEM (`BEGIN PRIVATE KEY`).

        Args:
            password: Protects the key if given; otherwise whoever reads the text has the key.

        Raises:
            IdentityError: The password is empty or longer than a key file allows.
        """
        from pye2core.identity import pem_format

        return pem_format.write_private_value(self._private_value, password)

    def sign(self, data: bytes) -> bytes:
        """Sign bytes: ECDSA over their SHA-256.

        A PyE2 message is signed over the 32 bytes of its own digest, which are hashed once more
        here (PyE2 wire protocol, section 3.2).

        Returns:
            The signature in DER, at most 72 bytes; the same data gives the same signature.
        """
        return self.sign_digest(_sha256(data))

    def sign_digest(self, digest: bytes) -> bytes:
        """As `sign`, for who has the SHA-256 of the bytes already.

        Args:
            digest: 32 bytes.

        Returns:
            The signature in DER, at most 72 bytes.
        """
        return self._signing_key.sign_digest(digest)

    def shared_key(self, peer: Address) -> bytes:
        """Return the key that only this identity and the peer can know.

        It is always the same for two identities, from whichever side; it is remembered for the
        last 1024 peers (PyE2 wire protocol, section 4).

        Args:
            peer: The other one's address, in any form.

        Returns:
            32 bytes, for AES-256-GCM.

        Raises:
            InvalidAddress: The peer is not an address.
        """
        return self._agreed_key(public_key_of(peer))


def verify(address: Address, signature: bytes, data: bytes) -> None:
    """Check that the owner of an address signed these bytes; return if so.

    Args:
        address: Of the supposed signer, in any form.
        signature: ECDSA over the SHA-256 of `data`, in DER exactly as OpenSSL accepts it: strict, a
            large s as good as a small one. Both backends give the same verdict on any bytes.
        data: What was signed.

    Raises:
        BadSignature: The signature is malformed, or does not fit the address and the data.
        InvalidAddress: The address is none.
    """
    public_key = public_key_of(address)
    try:
        r, s = decode_signature(signature)
    except ValueError as error:
        raise BadSignature(
            f"What should be a signature of {address!r} is malformed: {error}. Do not trust what "
            "it came with: it was damaged on its way, or its sender speaks another protocol."
        ) from error
    _require_signed(public_key, address, r, s, _sha256(data))


def verify_numbers(address: Address, r: int, s: int, digest: bytes) -> None:
    """As `verify`, for a signature that comes as its two numbers, not in DER.

    Args:
        address: Of the supposed signer, in any form.
        r: The signature's first number.
        s: Its second number; of the two that fit, only the smaller one is good, so that a signature
            cannot be changed into another one.
        digest: The SHA-256 of what was signed.

    Raises:
        BadSignature: The numbers are out of range, or do not fit the address and the digest.
        InvalidAddress: The address is none.
    """
    public_key = public_key_of(address)
    if not (0 < r < ORDER and 0 < s <= ORDER // 2):
        raise BadSignature(
            f"What should be a signature of {address!r} has numbers that no signature has. Do not "
            "trust what it came with: it was changed on its way."
        )
    _require_signed(public_key, address, r, s, digest)


def _require_signed(public_key: bytes, address: Address, r: int, s: int, digest: bytes) -> None:
    if not chosen_backend().verifies(public_key, r, s, digest):
        raise BadSignature(
            f"The signature is not that of {address!r} on these bytes. Do not trust what it came "
            "with: it was changed on its way, or signed by somebody else."
        )


def _sha256(data: bytes) -> bytes:
    import hashlib  # 3 ms, of which a program that only imports the kernel has no use

    return hashlib.sha256(data).digest()
