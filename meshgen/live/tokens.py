"""JSON Web Tokens of a key that only this run has, so that Envoy really verifies them."""

from __future__ import annotations

import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from meshgen.json import JsonObject

_BYTES = 32  # of a coordinate of P-256
_FAR = 4_102_444_800  # 2100-01-01: `exp` of tokens that say none


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """A key pair; `jwks` is what takes the place of every issuer's key set."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        numbers = self._key.public_key().public_numbers()
        x, y = (_text(number.to_bytes(_BYTES, "big")) for number in (numbers.x, numbers.y))
        key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "meshgen", "x": x, "y": y}
        self.jwks = json.dumps({"keys": [key]})

    def sign(self, payload: JsonObject) -> str:
        """A token with these claims (RFC 7515, ES256)."""
        header = _text(json.dumps({"alg": "ES256", "kid": "meshgen", "typ": "JWT"}).encode())
        signed = f"{header}.{_text(json.dumps({'exp': _FAR, **payload}).encode())}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_text(r.to_bytes(_BYTES, 'big') + s.to_bytes(_BYTES, 'big'))}"
