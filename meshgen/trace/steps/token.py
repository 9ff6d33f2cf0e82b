"""JSON Web Tokens: parsed, and verified where the key is RSA or symmetric (jwt_verify_lib's rules and messages)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshgen.trace.fields import message, messages, number, string

if TYPE_CHECKING:
    from meshgen.json import JsonObject, JsonValue

MISSING = "Jwt is missing"
EXPIRED = "Jwt is expired"
NOT_YET_VALID = "Jwt not yet valid"
UNKNOWN_ISSUER = "Jwt issuer is not configured"
WRONG_AUDIENCE = "Audiences in Jwt are not allowed"
NO_KEY = "Jwks doesn't have key to match kid or alg from Jwt"
FORGED = "Jwt verification fails"
MALFORMED = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
CLOCK_SKEW = 60  # seconds, unless the provider says otherwise

# What PKCS #1 v1.5 puts before a digest (RFC 8017, section 9.2).
_RSA = {
    "RS256": ("sha256", bytes.fromhex("3031300d060960864801650304020105000420")),
    "RS384": ("sha384", bytes.fromhex("3041300d060960864801650304020205000430")),
    "RS512": ("sha512", bytes.fromhex("3051300d060960864801650304020305000440")),
}
_HMAC = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token: its claims, and its raw text where there is one to verify."""

    payload: JsonObject
    raw: str = ""
    header: JsonObject | None = None

    @property
    def issuer(self) -> str:
        """The `iss` claim."""
        return string(self.payload, "iss")

    @property
    def audiences(self) -> list[str]:
        """The `aud` claim, which may be one or several; a trailing slash and the scheme do not count."""
        value = self.payload.get("aud")
        found: list[JsonValue] = value if isinstance(value, list) else [value]
        return [plain_audience(each) for each in found if isinstance(each, str)]


def plain_audience(audience: str) -> str:
    """An audience without scheme and trailing slash, which is how they are compared."""
    return audience.removeprefix("http://").removeprefix("https://").removesuffix("/")


def parse_token(raw: str) -> Token | str:
    """The token, or Envoy's message for text that is none."""
    sections = raw.split(".")
    if len(sections) != 3:
        return MALFORMED
    values: list[JsonObject] = []
    for name, section in zip(("header", "payload"), sections, strict=False):
        data = decode_base64url(section)
        if data is None:
            return f"Jwt {name} is an invalid Base64url encoded"
        value = _object(data)
        if value is None:
            return f"Jwt {name} is an invalid JSON"
        values.append(value)
    if decode_base64url(sections[2]) is None:
        return "Jwt signature is an invalid Base64url encoded"
    return Token(payload=values[1], raw=raw, header=values[0])


def decode_base64url(text: str) -> bytes | None:
    """Bytes of base64url text without padding, or None."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None


def _object(data: bytes) -> JsonObject | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def why_expired(token: Token, now: int | None, skew: int) -> str | None:
    """Why the token does not hold now; without a time it always does."""
    if now is None:
        return None
    if now + skew < number(token.payload, "nbf", 0):
        return NOT_YET_VALID
    return EXPIRED if "exp" in token.payload and now > number(token.payload, "exp") + skew else None


def why_unverified(token: Token, jwks: JsonObject) -> str | None:
    """Why no key of the set has signed the token. Keys other than RSA and symmetric ones count as matching."""
    if token.header is None:
        return None
    kid, algorithm = string(token.header, "kid"), string(token.header, "alg")
    is_matched = False
    for key in messages(jwks, "keys"):
        if kid and string(key, "kid", kid) != kid:
            continue
        if string(key, "alg", algorithm) != algorithm or not _fits(key, algorithm):
            continue
        is_matched = True
        if _has_signed(key, algorithm, token.raw):
            return None
    return FORGED if is_matched else NO_KEY


def _fits(key: JsonObject, algorithm: str) -> bool:
    kinds = {"RS": "RSA", "PS": "RSA", "ES": "EC", "HS": "oct", "Ed": "OKP"}
    return string(key, "kty") == kinds.get(algorithm[:2])


def _has_signed(key: JsonObject, algorithm: str, raw: str) -> bool:
    signed, _, signature_text = raw.rpartition(".")
    signature = decode_base64url(signature_text) or b""
    if algorithm in _RSA:
        return _verifies_rsa(key, algorithm, signed.encode(), signature)
    if algorithm in _HMAC:
        secret = decode_base64url(string(key, "k")) or b""
        return hmac.compare_digest(hmac.digest(secret, signed.encode(), _HMAC[algorithm]), signature)
    return True


def _verifies_rsa(key: JsonObject, algorithm: str, signed: bytes, signature: bytes) -> bool:
    modulus = int.from_bytes(decode_base64url(string(key, "n")) or b"", "big")
    exponent = int.from_bytes(decode_base64url(string(key, "e")) or b"", "big")
    size = (modulus.bit_length() + 7) // 8
    hash_name, prefix = _RSA[algorithm]
    digest = prefix + hashlib.new(hash_name, signed).digest()
    padding = size - len(digest) - 3
    if padding < 8 or len(signature) != size:
        return False
    expected = b"\x00\x01" + b"\xff" * padding + b"\x00" + digest
    return pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big") == expected


def local_keys(provider: JsonObject) -> JsonObject | None:
    """The inline JSON Web Key Set of a provider; None where the keys are elsewhere (remote, or in a file)."""
    text = string(message(provider, "local_jwks"), "inline_string")
    return (_object(text.encode("utf-8", "replace")) or {}) if text else None
