"""The home's own certificate authority: its key, the leaves it mints by name, and the bundle that clients trust."""

import logging
import os
import re
import ssl
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lazulite import clock
from lazulite.errors import BadRequest
from lazulite.identity.once import make_once, replace

log = logging.getLogger(__name__)

# What a client may already trust beside the public roots: a company's inspecting proxy, say.
BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")

_AUTHORITY_LIFETIME = timedelta(days=3650)
_AUTHORITY_RENEWED_BEFORE = timedelta(days=400)
# Apple's clients refuse leaves that live over 825 days. Source: support.apple.com/HT210176.
_LEAF_LIFETIME = timedelta(days=397)
_LEAF_RENEWED_AFTER = timedelta(days=180)
_CLOCK_SKEW = timedelta(days=1)
_CACHED_CONTEXTS = 1024
# Containers read certificates as another user.
_PUBLIC = 0o644
_OWN_NAMES = ("localhost", "127.0.0.1", "::1")
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class _Leaf:
    context: ssl.SSLContext
    minted_at: datetime


class Authority:
    """Mints certificates for any name. Safe to use from several threads, and by several processes on one home."""

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.bundle = folder / "bundle.pem"
        self._key = key
        self._certificate = certificate
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._leaves: OrderedDict[tuple[str, ...], _Leaf] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, home: Path, environ: Mapping[str, str] = os.environ) -> "Authority":
        """Opens the authority of a home, making it the first time.

        Writes `ca/ca.key` (0600), `ca/ca.pem`, and `ca/bundle.pem`: certifi's roots, those of the bundles that the
        environment names, and ours. A certificate near its end is made anew with the same key. Raises BadRequest when
        the files there are not ours.
        """
        folder = home / "ca"
        try:
            key = load_pem_private_key(make_once(folder / "ca.key", _new_key), None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise ValueError("another kind of key")
            certificate = _certificate_of(folder / "ca.pem", key)
        except ValueError as error:
            raise BadRequest(
                f"{folder} does not hold what Lazulite wrote there: {error}.",
                hint=f"Remove {folder}; a new authority is made at the next start.",
            ) from error
        authority = cls(folder, key, certificate)
        authority._write_bundle(environ)
        return authority

    def context_for(self, *names: str) -> ssl.SSLContext:
        """Returns the server's side of TLS for host names or addresses, with a leaf for exactly these. Cached.

        Raises BadRequest for a name that no certificate can bear.
        """
        now = clock.now()
        with self._lock:
            leaf = self._leaves.pop(names, None)
            if not leaf or now - leaf.minted_at > _LEAF_RENEWED_AFTER:
                leaf = _Leaf(self._mint(names, now), now)
            self._leaves[names] = leaf
            if len(self._leaves) > _CACHED_CONTEXTS:
                self._leaves.popitem(last=False)
        return leaf.context

    def server_context(self, takes: Callable[[str], bool], *names: str) -> ssl.SSLContext:
        """Returns a context that shows each client a leaf for the name it asks for (SNI).

        takes: whether a name is one of ours. For any other, and where a client names none, the leaf is for localhost,
        the loopback addresses and `names`.
        """
        context = self._mint((*_OWN_NAMES, *names), clock.now())

        def choose(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if name and takes(name):
                connection.context = self.context_for(name)

        context.sni_callback = choose
        return context

    def _mint(self, names: tuple[str, ...], now: datetime) -> ssl.SSLContext:
        builder = (
            _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]), self._certificate.subject)
            .public_key(self._leaf_key.public_key())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + _LEAF_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        leaf = builder.sign(self._key, hashes.SHA256())
        return _context(_pem(self._leaf_key) + leaf.public_bytes(Encoding.PEM))

    def _write_bundle(self, environ: Mapping[str, str]) -> None:
        named = [Path(environ[variable]) for variable in BUNDLE_VARIABLES if environ.get(variable)]
        # A shell inside `lazulite env` names this very file: without this, every renewed authority would stay in it.
        sources = [Path(certifi.where()), *(path for path in named if path.absolute() != self.bundle.absolute())]
        ours = self._certificate.public_bytes(Encoding.PEM).strip()
        certificates = dict.fromkeys([*_certificates_in(sources), ours])
        content = b"\n".join(certificates) + b"\n"
        if not self.bundle.exists() or self.bundle.read_bytes() != content:
            replace(self.bundle, content, _PUBLIC)


def _new_key() -> bytes:
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate_of(path: Path, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    now = clock.now()
    certificate = x509.load_pem_x509_certificate(make_once(path, lambda: _self_sign(key, now), _PUBLIC))
    is_ours = certificate.public_key() == key.public_key()
    if not is_ours or certificate.not_valid_after_utc - now < _AUTHORITY_RENEWED_BEFORE:
        replace(path, _self_sign(key, now), _PUBLIC)
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return certificate


def _self_sign(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lazulite"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Lazulite, this machine only"),
        ]
    )
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    builder = (
        _builder(name, name)
        .public_key(key.public_key())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, decipher_only=False, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _builder(subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    serial = x509.random_serial_number()
    return x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).serial_number(serial)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError as error:
        raise BadRequest(f"No certificate can be made for {name!r}: it is not a host name.", target="host") from error


def _context(chain: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    # OpenSSL reads chains from files only; this one is readable by its owner and gone at once.
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(chain)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _certificates_in(paths: Iterable[Path]) -> Iterable[bytes]:
    for path in paths:
        try:
            yield from _CERTIFICATE.findall(path.read_bytes())
        except OSError as error:
            log.warning("the certificates that the environment names are left out: %s", error)
