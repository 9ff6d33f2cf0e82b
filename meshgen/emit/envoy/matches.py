"""What a virtual service's `match` is in Envoy, and which of it is decided before (envoy-mapping.md §3.2)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from meshgen.istio.virtual_service import HTTPMatchRequest, StringMatch
from meshgen.json import JsonObject, JsonValue

_CLAIMS = "@request.auth.claims"
_BRACKETED = re.compile(r"\[([^\[\]]+)\]")
_EMPTY = StringMatch()


def string_match(match: StringMatch) -> JsonObject | None:
    """A `StringMatcher`; None for an empty match, which Istio takes for presence."""
    if match.exact is not None:
        return {"exact": match.exact}
    if match.prefix is not None:
        return {"prefix": match.prefix}
    if match.regex is not None and match.regex != "*":
        return {"safe_regex": {"regex": match.regex}}
    return None


def reaches(match: HTTPMatchRequest, port: int, gateways: Collection[str], labels: Mapping[str, str], namespace: str) -> bool:
    """Whether a match concerns this listener and this proxy at all; the rest of it is for Envoy.

    `gateways` in the match takes the place of the source's labels and namespace, as istiod has it.
    """
    if match.port and match.port != port:
        return False
    if match.gateways:
        return any(name in gateways for name in match.gateways)
    return source_fits(match.source_labels, match.source_namespace, labels, namespace)


def source_fits(
    source_labels: Mapping[str, str] | None, source_namespace: str | None, labels: Mapping[str, str], namespace: str
) -> bool:
    """Whether a proxy of these labels and this namespace is the source that a match asks for."""
    if any(labels.get(key) != value for key, value in (source_labels or {}).items()):
        return False
    return not source_namespace or source_namespace == namespace


def route_match(match: HTTPMatchRequest | None) -> JsonObject:
    """The `RouteMatch` of one entry of a rule's `match`; `/` for a rule without any."""
    if match is None:
        return {"prefix": "/"}
    found = _path(match.uri or _EMPTY)
    found["case_sensitive"] = not match.ignore_uri_case
    headers, claims = _headers(match)
    if headers:
        found["headers"] = headers
    if claims:
        found["dynamic_metadata"] = claims
    if match.query_params:
        found["query_parameters"] = [_named(name, value) for name, value in sorted(match.query_params.items())]
    return found


def _path(uri: StringMatch) -> JsonObject:
    if uri.exact is not None:
        return {"path": uri.exact}
    if uri.regex is not None and uri.regex != "*":
        return {"safe_regex": {"regex": uri.regex}}
    return {"prefix": uri.prefix or "/"}


def _headers(match: HTTPMatchRequest) -> tuple[list[JsonValue], list[JsonValue]]:
    """Header matchers, sorted by name with the pseudo-headers last, and matchers of claims."""
    wanted = [(name, value, False) for name, value in (match.headers or {}).items()]
    wanted += [(name, value, True) for name, value in (match.without_headers or {}).items()]
    wanted.sort(key=lambda item: item[0])
    headers: list[JsonValue] = [_header(*item) for item in wanted if claim_path(item[0]) is None]
    claims: list[JsonValue] = [_claim(path, value, invert) for name, value, invert in wanted if (path := claim_path(name))]
    for name, pseudo in ((":method", match.method), (":authority", match.authority), (":scheme", match.scheme)):
        if pseudo is not None:
            headers.append(_header(name, pseudo, invert=False))
    return headers, claims


def _header(name: str, match: StringMatch, invert: bool) -> JsonObject:
    found = _named(name, match)
    if invert:
        found["invert_match"] = True
        if "string_match" in found:  # a header that is absent has no such value, so it must pass
            found["treat_missing_header_as_empty"] = True
    return found


def _named(name: str, match: StringMatch) -> JsonObject:
    matcher = string_match(match)
    return {"name": name, "present_match": True} if matcher is None else {"name": name, "string_match": matcher}


def claim_path(name: str) -> tuple[str, ...] | None:
    """The path of the claim that a header name means: `@request.auth.claims.group`, `@request.auth.claims[group][id]`.

    >>> claim_path("@request.auth.claims[a][b]")
    ('a', 'b')
    """
    if not name.startswith(_CLAIMS):
        return None
    rest = name.removeprefix(_CLAIMS)
    if rest.startswith("."):
        return tuple(rest[1:].split("."))
    return tuple(_BRACKETED.findall(rest)) or None


def _claim(path: tuple[str, ...], match: StringMatch, invert: bool) -> JsonObject:
    """A claim is a text, or a list of which one item fits."""
    text = string_match(match)
    value: JsonObject
    if text is None:
        value = {"present_match": True}
    else:
        any_of: list[JsonValue] = [{"string_match": text}, {"list_match": {"one_of": {"string_match": text}}}]
        value = {"or_match": {"value_matchers": any_of}}
    keys: list[JsonValue] = [{"key": key} for key in ("payload", *path)]
    found: JsonObject = {"filter": "envoy.filters.http.jwt_authn", "path": keys, "value": value}
    return found | {"invert": True} if invert else found
