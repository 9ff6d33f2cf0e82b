"""A throw-away certificate authority: server certificates for host names and workload certificates for SPIFFE identities."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshgen.values import is_ip

_START = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_END = dt.datetime(2120, 1, 1, tzinfo=dt.UTC)


def _general_name(name: str) -> x509.GeneralName:
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    return x509.IPAddress(ipaddress.ip_address(name)) if is_ip(name) else x509.DNSName(name)


class Authority:
    """A root that signs; everything is written as PEM files."""

    def __init__(self, name: str = "meshgen root") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._root = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """The root's certificate."""
        return self._root.public_bytes(serialization.Encoding.PEM)

    def credential(self, directory: Path, *names: str) -> Path:
        """A server's certificate for hosts, addresses and URIs, its key and the root: `tls.crt`, `tls.key`, `ca.crt`."""
        self._issue(directory, tuple(map(_general_name, names)), ("tls.crt", "tls.key", "ca.crt"))
        return directory

    def revocations(self, file: Path) -> Path:
        """A list of revoked certificates with nobody on it."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name).last_update(_START).next_update(_END)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return file

    def workload(self, certificates: Path, identity: str) -> Path:
        """A workload's certificate in the certificate directory of its proxy; `identity` without `spiffe://`."""
        name = x509.UniformResourceIdentifier(f"spiffe://{identity}")
        self._issue(certificates / "workload", (name,), ("cert-chain.pem", "key.pem", "root-cert.pem"))
        return certificates

    def _issue(self, directory: Path, names: tuple[x509.GeneralName, ...], files: tuple[str, str, str]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "meshgen")])
        builder = self._builder(subject, key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        directory.mkdir(parents=True, exist_ok=True)
        for file, content in zip(files, (certificate, secret, self.pem), strict=True):
            (directory / file).write_bytes(content)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(_START).not_valid_after(_END)
