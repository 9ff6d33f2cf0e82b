"""Tokens: parsed and verified as Envoy does, with keys made for the test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from meshgen.trace.steps.token import EXPIRED, FORGED, NO_KEY, NOT_YET_VALID, Token, parse_token, why_expired, why_unverified

Json = dict[str, Any]


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    assert name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(name: str, **more: str) -> Json:
    numbers = key(name).public_key().public_numbers()
    n, e = (encode(value.to_bytes((value.bit_length() + 7) // 8, "big")) for value in (numbers.n, numbers.e))
    return {"kty": "RSA", "n": n, "e": e, **more}


def signed(name: str, algorithm: str, **header: str) -> Token:
    text = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": algorithm, **header}, {"iss": "i"}))
    if algorithm.startswith("HS"):
        signature = hmac.digest(name.encode(), text.encode(), hashlib.sha256)
    else:
        digest = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}[algorithm]
        signature = key(name).sign(text.encode(), padding.PKCS1v15(), digest)
    token = parse_token(f"{text}.{encode(signature)}")
    assert isinstance(token, Token)
    return token


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
def test_an_rsa_signature_is_verified(algorithm: str):
    token = signed("a", algorithm)
    assert why_unverified(token, {"keys": [jwk("b"), jwk("a")]}) is None
    assert why_unverified(token, {"keys": [jwk("b")]}) == FORGED


def test_a_symmetric_signature_is_verified():
    token = signed("secret", "HS256")
    assert why_unverified(token, {"keys": [{"kty": "oct", "k": encode(b"secret")}]}) is None
    assert why_unverified(token, {"keys": [{"kty": "oct", "k": encode(b"other")}]}) == FORGED


def test_a_changed_payload_is_forged():
    header, _, signature = signed("a", "RS256").raw.split(".")
    token = parse_token(".".join((header, encode(b'{"iss": "evil"}'), signature)))
    assert isinstance(token, Token)
    assert why_unverified(token, {"keys": [jwk("a")]}) == FORGED


def test_key_id_algorithm_and_key_type_must_fit():
    token = signed("a", "RS256", kid="one")
    assert why_unverified(token, {"keys": [jwk("a", kid="one", alg="RS256")]}) is None
    for other in (jwk("a", kid="two"), jwk("a", alg="RS384"), {"kty": "oct", "k": "YQ"}):
        assert why_unverified(token, {"keys": [other]}) == NO_KEY


def test_a_minute_of_clock_skew_is_forgiven():
    token = Token(payload={"exp": 1000, "nbf": 500})
    assert why_expired(token, 1060, 60) is None
    assert why_expired(token, 1061, 60) == EXPIRED
    assert why_expired(token, 440, 60) is None
    assert why_expired(token, 439, 60) == NOT_YET_VALID
    assert why_expired(token, None, 60) is None


@pytest.mark.parametrize("raw", ["", "a.b", "a.b.c.d", "!.e30.e30", "e30.!.e30", "YQ.e30.e30", "e30.YQ.e30", "e30.e30.!"])
def test_what_is_no_token_is_told(raw: str):
    assert str(parse_token(raw)).startswith("Jwt ")
