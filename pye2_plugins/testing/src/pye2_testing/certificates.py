"""Authorities and certificates of one's own, for tests of TLS.

Nothing here needs pytest. Everything is made anew and lies in files, as brokers and ``TlsSettings``
want it.
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pye2core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_DAY = timedelta(days=1)


@frozen
class CertificateFiles:
    """A certificate and its private key.

    Attributes:
        certificate: the certificate's file, in PEM.
        key: the key's file, in PEM; its owner's alone.
    """

    certificate: Path
    key: Path


@frozen
class Authority:
    """Signs certificates.

    Args:
        folder: where its files and those that it issues lie.
        name: what it is called, and its files.

    Attributes:
        certificate: its own certificate's file: the ``ca_file`` of who trusts it.

    Example:
        ::

            authority = Authority(tmp_path, "ours")
            broker = authority.issue("broker", names=("127.0.0.1",))
            options = [f"certfile {broker.certificate}", f"keyfile {broker.key}"]
            with Mosquitto(tmp_path / "tls", options=options) as mosquitto: ...
    """

    folder: Path
    name: str = "authority"
    _key: ec.EllipticCurvePrivateKey = field(
        factory=lambda: ec.generate_private_key(ec.SECP256R1()), init=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        certificate = _signed(self.name, self._key, self.name, self._key, is_authority=True)
        _write_certificate(self.certificate, certificate)

    @property
    def certificate(self) -> Path:
        """Its own certificate's file."""
        return self.folder / f"{self.name}.pem"

    def issue(
        self,
        name: str,
        *,
        names: Sequence[str] = ("127.0.0.1",),
        has_expired: bool = False,
        passphrase: str | None = None,
    ) -> CertificateFiles:
        """Make a key and sign a certificate for it.

        Args:
            name: whose it is; names the files as well.
            names: hosts, names or addresses, that the certificate is good for.
            has_expired: whether it is not valid any more.
            passphrase: protects the key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(name, key, self.name, self._key, names=names, has_expired=has_expired)
        return self._written(name, certificate, key, passphrase)

    def _written(
        self,
        name: str,
        certificate: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        passphrase: str | None,
    ) -> CertificateFiles:
        files = CertificateFiles(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        _write_certificate(files.certificate, certificate)
        files.key.touch(mode=0o600)
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()
                if passphrase is None
                else serialization.BestAvailableEncryption(passphrase.encode()),
            )
        )
        return files


def _signed(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    names: Sequence[str] = (),
    is_authority: bool = False,
    has_expired: bool = False,
) -> x509.Certificate:
    now = SYSTEM_CLOCK.now()
    end = now - _DAY if has_expired else now + _DAY
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - 3 * _DAY)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(_usage(is_authority=is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_host(name) for name in names]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
