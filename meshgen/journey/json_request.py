"""A request as a JSON object."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from meshgen.diagnostics import suggest
from meshgen.journey.question import Question, UnanswerableError

FIELDS = {
    "url": "where the request goes, such as `http://catalog/items?x=1`; the only field that must be there",
    "method": "`GET` unless said",
    "headers": "an object of texts, or of lists of texts for a header that is sent several times",
    "from": "the caller's proxy, `shop/webapp`; without it a client outside of the mesh, at a gateway",
    "gateway": "the gateway's proxy, where more than one serves the host",
    "principal": "the SPIFFE identity of the certificate that a client outside presents",
    "claims": "the claims of a token with a valid signature: an object, or a list of them, each with its `iss`",
    "remoteAddress": "the IP that the connection comes from",
    "sni": "the server name in TLS, where it is not the URL's host; empty for none",
    "http": "the version, `1.0`, `1.1` (the default) or `2`",
    "connectTo": "`HOST:PORT` that is dialled in place of the URL's, as of curl's `--connect-to`",
    "to": "of a split the version that is followed, where it is not the biggest share",
}
"""The fields of a request in JSON, each with what it means."""


def read_json_request(text: str | bytes) -> Question:
    """The question that a JSON object of `FIELDS` asks.

    Raises:
        UnanswerableError: for text that is no such object, an unknown field (with the nearest one), or a value of another type.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"the request is no JSON: {str(error)[:1].lower()}{str(error)[1:]}"
        raise UnanswerableError(message) from error
    return question_from_json(value)


def question_from_json(value: Any) -> Question:  # noqa: ANN401 - JSON of a stranger
    """As `read_json_request`, for JSON that is read already."""
    if not isinstance(value, dict):
        message = 'the request is no JSON object; write one as in `{"url": "http://catalog/items"}`'
        raise UnanswerableError(message)
    unknown = next((name for name in value if name not in FIELDS), None)
    if unknown is not None:
        message = f"a request has no field `{unknown}`; {suggest(unknown, FIELDS)}"
        raise UnanswerableError(message)
    if "url" not in value:
        message = "the request has no `url`; add one as in `http://catalog/items`"
        raise UnanswerableError(message)
    arguments: dict[str, Any] = {}
    for name, each in value.items():
        read: Callable[[str, Any], Any] = _READERS.get(name, _text)
        arguments[_NAMES.get(name, str(name))] = read(name, each)
    return Question(**arguments)


_NAMES = {
    "from": "source",
    "principal": "client_certificate",
    "remoteAddress": "remote_address",
    "connectTo": "connect_to",
}


def _text(name: str, value: Any) -> str:  # noqa: ANN401 - as above
    if not isinstance(value, str):
        message = f"`{name}` of the request is no text: {FIELDS[name]}"
        raise UnanswerableError(message)
    return value


def _headers(name: str, value: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - as above
    if not isinstance(value, dict):
        message = f"`{name}` of the request is no object: {FIELDS[name]}"
        raise UnanswerableError(message)
    pairs: list[tuple[str, str]] = []
    for header, each in value.items():
        values = each if isinstance(each, list) else [each]
        if not all(isinstance(item, str) for item in values):
            message = f"header `{header}` of the request is no text; write it in quotes"
            raise UnanswerableError(message)
        pairs += [(header, item) for item in values]
    return tuple(pairs)


def _claims(name: str, value: Any) -> tuple[dict[str, Any], ...]:  # noqa: ANN401 - as above
    payloads = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) for each in payloads):
        message = f"`{name}` of the request is no object: {FIELDS[name]}"
        raise UnanswerableError(message)
    return tuple(payloads)


def _place(name: str, value: Any) -> tuple[str, int | None]:  # noqa: ANN401 - as above
    text = _text(name, value)
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return text.strip("[]"), None
    if not port.isascii() or not port.isdigit():
        message = f"`{text}` is no place to connect to: {FIELDS[name]}"
        raise UnanswerableError(message)
    return host.strip("[]"), int(port)


def _version(name: str, value: Any) -> str:  # noqa: ANN401 - as above
    return "2" if value == "2.0" else _text(name, value)


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "headers": _headers,
    "claims": _claims,
    "connectTo": _place,
    "http": _version,
}
