"""Tokens as people give them to a trace: claims one by one, a file of claims, or a JSON Web Token."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from meshgen.journey.question import UnanswerableError
from meshgen.json import JsonObject, JsonValue
from meshgen.trace.steps.token import parse_token


def claims_of(pairs: Iterable[str]) -> JsonObject:
    """Claims from `name=value`: a name given twice is a list, one with dots in brackets lies deeper (`realm[roles]=admin`).

    Raises:
        UnanswerableError: for text that is no claim.
    """
    claims: JsonObject = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        path = [each.rstrip("]") for each in name.split("[")]
        if not equals or not all(path):
            message = f"`{pair}` is no claim; write it as in `--claim iss=https://issuer.example`"
            raise UnanswerableError(message)
        _put(claims, path, value, pair)
    return claims


def _put(claims: JsonObject, path: list[str], value: str, pair: str) -> None:
    inner = claims
    for name in path[:-1]:
        nested = inner.setdefault(name, {})
        if not isinstance(nested, dict):
            message = f"`{pair}` stands below a claim that has a value already"
            raise UnanswerableError(message)
        inner = nested
    held = inner.get(path[-1])
    both: list[JsonValue] = [*held, value] if isinstance(held, list) else [held, value]
    inner[path[-1]] = value if held is None else both


def read_token(text: str) -> JsonObject:
    """The claims of a JSON file, of JSON text, or of a JSON Web Token (in a file or as text), whose signature is not looked at.

    Raises:
        UnanswerableError: for a file that cannot be read, or text that holds no claims.
    """
    content = text.strip()
    if not content.startswith(("{", "eyJ", "Bearer ")):
        content = _content(text).strip()
    if content.startswith("{"):
        return _object(content, text)
    token = parse_token(content.removeprefix("Bearer "))
    if isinstance(token, str):
        message = f"`{_short(text)}` holds neither claims in JSON nor a token: {token}"
        raise UnanswerableError(message)
    return token.payload


def _content(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        message = f"there is no token in `{_short(file)}`: {_reason(error)}"
        raise UnanswerableError(message) from error


def _object(content: str, given: str) -> JsonObject:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"`{_short(given)}` is no JSON: {_reason(error)}"
        raise UnanswerableError(message) from error
    return value if isinstance(value, dict) else {}


def _reason(error: Exception) -> str:
    text = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return f"{text[:1].lower()}{text[1:]}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
