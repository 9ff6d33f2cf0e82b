"""JWT authentication: requirements of the rule that matches, over tokens from headers, query and cookies."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome
from meshgen.trace.fields import boolean, integer, message, messages, string, strings
from meshgen.trace.match import why_not_route
from meshgen.trace.steps.route import find_route
from meshgen.trace.steps.token import (
    CLOCK_SKEW,
    MISSING,
    UNKNOWN_ISSUER,
    WRONG_AUDIENCE,
    Token,
    local_keys,
    parse_token,
    plain_audience,
    why_expired,
    why_unverified,
)
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject, JsonValue
    from meshgen.trace.message import HttpMessage
    from meshgen.trace.walk import Walk

NAME = "envoy.filters.http.jwt_authn"
_LONGEST_PATH = 256  # of a realm
_TOKEN = re.compile(r"[A-Za-z0-9\-_.]*")


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """Where tokens are looked for, in Envoy's order: all headers, then parameters, then cookies, each by name and prefix."""

    rank: int
    name: str
    prefix: str = ""


_HEADER, _PARAM, _COOKIE = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A token at a place of the request, from where it can be removed."""

    token: Token | str
    place: _Place | None = None  # None for claims that the request brings along


def apply(walk: Walk, config: JsonObject) -> Answer | None:
    """401 (403 for an audience) where the requirement of the first matching rule does not hold."""
    sent = walk.message
    if sent is None or (boolean(config, "bypass_cors_preflight") and _is_preflight(sent)):
        return None
    requirement = _requirement(walk, config, sent)
    if requirement is None:
        walk.note("jwt", "not required", "no rule matches")
        return None
    providers = message(config, "providers")
    status = _Verifier(walk, providers).verify(requirement)
    if status is None:
        walk.note("jwt", "accepted", "the requirement holds")
        if any(boolean(message(providers, name), "clear_route_cache") for name in providers):
            find_route(walk)
        return None
    walk.note("jwt", "refused", status)
    error = "" if status == MISSING else ', error="invalid_token"'
    path = sent.header("x-envoy-original-path") or sent.path or ""
    realm = f"{sent.scheme}://{sent.host}{path[:_LONGEST_PATH]}"
    headers = (("content-type", "text/plain"), ("www-authenticate", f'Bearer realm="{realm}"{error}'))
    code = 403 if status == WRONG_AUDIENCE else 401
    return Answer(outcome=Outcome.DENIED, status=code, body=status, headers=headers)


def _is_preflight(sent: HttpMessage) -> bool:
    asks = bool(sent.header("origin")) and bool(sent.header("access-control-request-method"))
    return sent.method == "OPTIONS" and asks


def _requirement(walk: Walk, config: JsonObject, sent: HttpMessage) -> JsonObject | None:
    per_route = walk.matched.per_filter(NAME) if walk.matched else None
    if per_route is not None:
        if boolean(per_route[1], "disabled"):
            return None
        return message(config, "requirement_map", string(per_route[1], "requirement_name"))
    for rule in messages(config, "rules"):
        match = message(rule, "match")
        if why_not_route(match, sent, walk.metadata, has_certificate=walk.has_certificate) is None:
            if "requirement_name" in rule:
                return message(config, "requirement_map", string(rule, "requirement_name"))
            return message(rule, "requires") or None
    return None


class _Verifier:
    """Verifies a requirement over one request; what good tokens bring goes to the walk."""

    def __init__(self, walk: Walk, providers: JsonObject) -> None:
        self.walk = walk
        self.providers = {name: message(providers, name) for name in sorted(providers)}

    def verify(self, requirement: JsonObject, siblings: tuple[str, ...] = ()) -> str | None:
        """None if it holds, else Envoy's message."""
        if "provider_name" in requirement:
            return self._verify_provider(string(requirement, "provider_name"), None)
        if "provider_and_audiences" in requirement:
            content = message(requirement, "provider_and_audiences")
            return self._verify_provider(string(content, "provider_name"), strings(content, "audiences"))
        if "requires_any" in requirement:
            return self._verify_any(messages(message(requirement, "requires_any"), "requirements"))
        if "requires_all" in requirement:
            each = messages(message(requirement, "requires_all"), "requirements")
            return next((status for one in each if (status := self.verify(one)) is not None), None)
        if "allow_missing" in requirement:
            status = self._verify_tokens(siblings, None, allow=True)
            return None if status == MISSING else status
        if "allow_missing_or_failed" in requirement:
            self._verify_tokens(siblings, None, allow=True)
        return None

    def _verify_any(self, requirements: list[JsonObject]) -> str | None:
        """The first that holds; a bypass (`allow_missing`) comes last and sees the tokens of its siblings.

        If none holds, the message is of a token that was there rather than of one that was missing.
        """
        lenient = [each for each in requirements if "allow_missing_or_failed" in each]
        bypasses = [*lenient, *(each for each in requirements if "allow_missing" in each)]
        regular = [each for each in requirements if each not in bypasses]
        siblings = tuple(name for each in regular if (name := _provider_of(each)))
        worst = ""
        for each in [*regular, *bypasses[:1]]:
            status = self.verify(each, siblings)
            if status is None:
                return None
            worst = max((worst, status), key=_gravity)
        return worst or None

    def _verify_provider(self, name: str, audiences: list[str] | None) -> str | None:
        if name not in self.providers:
            return UNKNOWN_ISSUER
        return self._verify_tokens((name,), audiences, allow=False)

    def _verify_tokens(self, names: tuple[str, ...], audiences: list[str] | None, *, allow: bool) -> str | None:
        """All tokens at the places of these providers must be good; with `allow` the last one tells."""
        names = tuple(name for name in names if name in self.providers)
        self._sanitise(names)
        found = list(self._extract(names))
        if not found:
            return MISSING
        status: str | None = None
        for each in reversed(found):
            status = self._verify_token(each, names, audiences)
            if status is not None and not allow:
                return status
        return status

    def _verify_token(self, found: _Found, names: tuple[str, ...], audiences: list[str] | None) -> str | None:
        token = found.token
        if isinstance(token, str):
            return token
        provider = self._provider_for(token, names, found)
        if provider is None:
            return UNKNOWN_ISSUER
        skew = integer(provider, "clock_skew_seconds") or CLOCK_SKEW
        expired = why_expired(token, self.walk.request.now, skew)
        if expired is not None:
            return expired
        wanted = [plain_audience(each) for each in (audiences or strings(provider, "audiences"))]
        if wanted and not set(wanted) & set(token.audiences):
            return WRONG_AUDIENCE
        keys = local_keys(provider)
        failure = why_unverified(token, keys) if keys is not None and self.walk.request.verifies_tokens else None
        if failure is None:
            self._accept(found, token, provider)
        return failure

    def _provider_for(self, token: Token, names: Iterable[str], found: _Found) -> JsonObject | None:
        for name in names:
            provider = self.providers[name]
            if string(provider, "issuer", token.issuer) == token.issuer and _is_at(provider, found):
                return provider
        return None

    def _extract(self, names: tuple[str, ...]) -> Iterable[_Found]:
        sent = self.walk.message
        places = {place for name in names for place in _places(self.providers[name])}
        for place in sorted(places):
            raw = _raw_at(place, sent) if sent else None
            if raw is not None:
                yield _Found(token=parse_token(raw), place=place)
        issuers = {string(self.providers[name], "issuer") for name in names}
        known = {string(provider, "issuer") for provider in self.providers.values()}
        for issuer, payload in sorted(self.walk.request.claims.items()):
            if issuer in issuers or issuer not in known or "" in issuers:
                yield _Found(token=Token(payload={"iss": issuer, **payload}))

    def _sanitise(self, names: tuple[str, ...]) -> None:
        """Headers that tokens fill cannot be brought by the client."""
        filled: list[str] = []
        for name in names:
            filled.append(string(self.providers[name], "forward_payload_header").lower())
            claims = messages(self.providers[name], "claim_to_headers")
            filled += [string(each, "header_name").lower() for each in claims]
        if self.walk.message is not None and any(filled):
            self.walk.message = self.walk.message.without(*filled)

    def _accept(self, found: _Found, token: Token, provider: JsonObject) -> None:
        sent = self.walk.message
        if sent is None:
            return
        headers = list(sent.headers)
        payload_header = string(provider, "forward_payload_header").lower()
        if payload_header:
            headers.append((payload_header, _encoded_payload(token)))
        for each in messages(provider, "claim_to_headers"):
            value = _claim_text(token.payload, string(each, "claim_name"))
            if value:
                headers.append((string(each, "header_name").lower(), value))
        sent = replace(sent, headers=tuple(headers))
        if not boolean(provider, "forward"):
            sent = _without_token(sent, found)
            self.walk.spent.append(token.issuer)
        self.walk.message = sent
        key = string(provider, "payload_in_metadata")
        if key:
            self.walk.set_metadata(NAME, {key: _normalised_payload(token.payload, provider)})


def _gravity(status: str) -> int:
    return {"": 0, MISSING: 1, UNKNOWN_ISSUER: 2}.get(status, 3)


def _provider_of(requirement: JsonObject) -> str:
    inner = message(requirement, "provider_and_audiences") or requirement
    return string(inner, "provider_name")


def _has_places(provider: JsonObject) -> bool:
    return any(provider.get(field) for field in ("from_headers", "from_params", "from_cookies"))


def _places(provider: JsonObject) -> list[_Place]:
    """Where a provider looks: Bearer and `access_token` unless it says."""
    if not _has_places(provider):
        return [_Place(_HEADER, "authorization", "Bearer "), _Place(_PARAM, "access_token")]
    headers = [(string(each, "name").lower(), string(each, "value_prefix")) for each in messages(provider, "from_headers")]
    found = [_Place(_HEADER, name, prefix) for name, prefix in headers]
    found += [_Place(_PARAM, name) for name in strings(provider, "from_params")]
    return [*found, *(_Place(_COOKIE, name) for name in strings(provider, "from_cookies"))]


def _raw_at(place: _Place, sent: HttpMessage) -> str | None:
    """What stands there; after a prefix only the characters that tokens have, without one the whole value."""
    if place.rank == _COOKIE:
        return _cookies(sent).get(place.name)
    if place.rank == _PARAM:
        return next(iter(sent.query_values(place.name)), None)
    value = sent.header(place.name)
    if value is None or place.prefix not in value:
        return None
    match = _TOKEN.match(value.partition(place.prefix)[2]) if place.prefix else None
    return match.group() if match else value


def _cookies(sent: HttpMessage) -> dict[str, str]:
    pairs = (item.strip().partition("=") for item in (sent.header("cookie") or "").split(";"))
    return {name: value.strip('"') for name, _, value in pairs if name}


def _is_at(provider: JsonObject, found: _Found) -> bool:
    """Whether a provider looks at the place where a token was found."""
    return found.place is None or found.place in _places(provider)


def _without_token(sent: HttpMessage, found: _Found) -> HttpMessage:
    """The request without the token, in header or query; a token in a cookie stays."""
    place = found.place
    if place is not None and place.rank == _HEADER:
        return sent.without(place.name)
    if place is None or place.rank != _PARAM or sent.path is None:
        return sent
    path, _, query = sent.path.partition("?")
    kept = "&".join(item for item in query.split("&") if item.partition("=")[0] != place.name)
    return replace(sent, path=f"{path}?{kept}" if kept else path)


def _encoded_payload(token: Token) -> str:
    if token.raw:
        return token.raw.split(".")[1]
    return base64.urlsafe_b64encode(json.dumps(token.payload).encode()).decode().rstrip("=")


def _claim_text(payload: JsonObject, name: str) -> str:
    """A claim as a header value; nested claims are named with dots, and lists and objects are base64 of their JSON."""
    value: JsonValue = payload.get(name)
    if value is None:
        value = payload
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.6f}"
    if isinstance(value, (list, dict)):
        return base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()
    return str(value) if isinstance(value, (str, int)) else ""


def _normalised_payload(payload: JsonObject, provider: JsonObject) -> JsonObject:
    names = strings(message(provider, "normalize_payload_in_metadata"), "space_delimited_claims")
    result = dict(payload)
    for name in names:
        value = payload.get(name)
        if isinstance(value, str):
            result[name] = [part for part in value.split(" ") if part]
    return result
