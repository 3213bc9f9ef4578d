"""A private certificate authority, and servers' certificates with everything that can be wrong with them."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(one: x509.Certificate) -> bytes:
    return one.public_bytes(serialization.Encoding.PEM)


@dataclass
class Authority:
    """An authority that only those know who were given `file`."""

    folder: Path
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def file(self) -> Path:
        """Its own certificate, as a company would hand it out."""
        path = self.folder / "authority.pem"
        if not path.exists():
            made = self._signed(_name("Authority"), self._key, 0, x509.BasicConstraints(ca=True, path_length=None))
            path.write_bytes(_pem(made))
        return path

    def server(self, host: str = "127.0.0.1", *, days_ago: int = 0, self_signed: bool = False) -> ssl.SSLContext:
        """What a server for `host` needs; its certificate ended `days_ago` (0: it is valid)."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.IPAddress(IPv4Address(host)) if host[0].isdigit() else x509.DNSName(host)]
        made = self._signed(_name(host), key, days_ago, x509.SubjectAlternativeName(names), self_signed=self_signed)
        pem = self.folder / f"{host}-{days_ago}-{self_signed}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(private + _pem(made))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        days_ago: int,
        extension: x509.ExtensionType,
        *,
        self_signed: bool = False,
    ) -> x509.Certificate:
        ends = datetime.datetime.now(datetime.UTC) + (-days_ago if days_ago else 1) * _DAY
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self_signed else _name("Authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends - 10 * _DAY)
            .not_valid_after(ends)
            .add_extension(extension, critical=False)
            .sign(key if self_signed else self._key, hashes.SHA256())
        )
