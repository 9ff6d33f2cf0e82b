"""The fields of a request that predicates look at: which values each may have, how a request gets one, and how it is read."""

from __future__ import annotations

import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

from meshgen.diff.classes.words import Pattern, telling_words
from meshgen.json import JsonObject, JsonValue
from meshgen.trace import Request
from meshgen.trace.steps.arrival import METHODS

Value = Any  # a text, None for what is absent, a tuple of claims: whatever the field's own

PATHS = r"/|(/([A-Za-z0-9_~!$&'()*+,;=:@-]|\.[A-Za-z0-9_~-]|\.\.[A-Za-z0-9_~-])[A-Za-z0-9._~!$&'()*+,;=:@-]*)+/?"
HEADERS = r"([!-~]([ -~]*[!-~])?)?"
QUERIES = r"[A-Za-z0-9._~!$'()*+,;:@/-]*"
IDENTITIES = r"spiffe://[a-z0-9._-]+/ns/[a-z0-9-]+/sa/[a-z0-9._-]+"
CLAIMS = r"[!-~]([ -~]*[!-~])?"
HOSTS = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"

_USUAL_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
_MOST_TOKENS = 400
OUTSIDER = "10.255.255.1"
SOMEBODY = "spiffe://cluster.local/ns/other/sa/other"


class Field(ABC):
    """One field. `order` is where it is applied; a query follows the path that it is put behind."""

    order = 0

    @abstractmethod
    def values(self, patterns: Sequence[Pattern]) -> tuple[list[Value], bool]:
        """Values that tell the patterns apart, the plainest first, and whether they are all that there are to tell."""

    @abstractmethod
    def apply(self, request: Request, value: Value) -> Request:
        """The request with this value."""

    @abstractmethod
    def read(self, request: Request) -> Value:
        """The value that a request has."""


def _texts(patterns: Sequence[Pattern], domain: str) -> tuple[list[str], bool]:
    """Telling words, after the texts that stand in the patterns themselves, which people know."""
    words, complete = telling_words(patterns, domain)
    own = [each.text for each in patterns if each.kind == "exact"]
    own += [f"{each.text}x" for each in patterns if each.kind == "prefix"]
    own += [each.text for each in patterns if each.kind == "prefix"]
    within, _ = telling_words((), domain)
    return [*within, *words, *(each for each in own if each not in words)], complete


@dataclass(frozen=True, slots=True)
class PathField(Field):
    """The path as filters and routes see it: normalised, without its query."""

    def values(self, patterns: Sequence[Pattern]) -> tuple[list[Value], bool]:
        """Paths that no normalisation changes."""
        words, complete = telling_words(patterns, PATHS)
        # What follows a prefix is seldom nothing, and a rewrite shows better there.
        longer = [f"{each.text.rstrip('/')}/x" for each in patterns if each.kind == "prefix"]
        return ["/", "/other", *words, *longer], complete

    def apply(self, request: Request, value: Value) -> Request:
        """The path in place of the other one."""
        return replace(request, path=value)

    def read(self, request: Request) -> Value:
        """The path without query and fragment."""
        return request.path.partition("?")[0].partition("#")[0]


@dataclass(frozen=True, slots=True)
class QueryField(Field):
    """A query parameter: its first value, undecoded, or None."""

    name: str
    order = 1

    def values(self, patterns: Sequence[Pattern]) -> tuple[list[Value], bool]:
        """None, then texts."""
        words, complete = _texts(patterns, QUERIES)
        return [None, "1", *words], complete

    def apply(self, request: Request, value: Value) -> Request:
        """The parameter after the others."""
        if value is None:
            return request
        mark = "&" if "?" in request.path else "?"
        return replace(request, path=f"{request.path}{mark}{self.name}={value}")

    def read(self, request: Request) -> Value:
        """The first value."""
        query = request.path.partition("?")[2].partition("#")[0]
        pairs = (item.partition("=") for item in query.split("&") if item)
        return next((value for key, _, value in pairs if key == self.name), None)


@dataclass(frozen=True, slots=True)
class HeaderField(Field):
    """A header that is sent at most once, or None."""

    name: str
    order = 1

    def values(self, patterns: Sequence[Pattern]) -> tuple[list[Value], bool]:
        """None, then texts; numbers for ranges, which come as exact texts."""
        words, complete = _texts(patterns, HEADERS)
        return [None, "1", "other", *words], complete

    def apply(self, request: Request, value: Value) -> Request:
        """The header after the others."""
        kept = tuple(pair for pair in request.headers if pair[0] != self.name)
        return replace(request, headers=kept if value is None else (*kept, (self.name, value)))

    def read(self, request: Request) -> Value:
        """The only value."""
        return next((value for name, value in request.headers if name == self.name), None)


@dataclass(frozen=True, slots=True)
class MethodField(Field):
    """The method, of those that an HTTP/1 parser takes."""

    def values(self, patterns: Sequence[Pattern]) -> tuple[list[Value], bool]:
        """The usual ones first."""
        named = [each.text for each in patterns if each.kind == "exact"]
        return list(dict.fromkeys((*_USUAL_METHODS, *sorted(METHODS - {"CONNECT"}), *named))), True

    def apply(self, request: Request, value: Value) -> Request:
        """The method in place of the other one."""
        return replace(request, method=value)

    def read(self, request: Request) -> Value:
        """The method."""
        return request.method


@dataclass(frozen=True, slots=True)
class HostField(Field):
    """The host that is asked for, of those that lead to the same virtual hosts."""

    hosts: tuple[str, ...]
    leads_here: Callable[[str], bool]

    def values(self, patterns: Sequence[Pattern]) -> tuple[list[Value], bool]:
        """The known hosts, then words where the virtual host is a wildcard's."""
        words, complete = telling_words(patterns, HOSTS) if patterns else ([], True)
        found = [*self.hosts, *words, *(each.text for each in patterns if each.kind == "exact")]
        return [each for each in dict.fromkeys(found) if self.leads_here(each)], complete

    def apply(self, request: Request, value: Value) -> Request:
        """The host in place of the other one; a server name that the connection has stays."""
        return replace(request, host=value)

    def read(self, request: Request) -> Value:
        """The host."""
        return request.host


@dataclass(frozen=True, slots=True)
class PrincipalField(Field):
    """The SPIFFE URI of the client certificate; empty where the connection brings none."""

    known: tuple[str, ...]
    has_certificate: bool

    def values(self, patterns: Sequence[Pattern]) -> tuple[list[Value], bool]:
        """An identity that nobody has, those of the mesh, then others that patterns ask for."""
        if not self.has_certificate:
            return [""], True
        words, complete = telling_words(patterns, IDENTITIES)
        # An identity of the mesh first, for each that the words tell apart.
        return [SOMEBODY, *self.known, *map(_complete, patterns), *words], complete

    def apply(self, request: Request, value: Value) -> Request:
        """The identity without its scheme."""
        return replace(request, principal=value.removeprefix("spiffe://"))

    def read(self, request: Request) -> Value:
        """The URI."""
        return f"spiffe://{request.principal}" if request.principal and request.has_certificate else ""


def _complete(pattern: Pattern) -> str:
    """A whole identity around the part that a pattern asks for: `/ns/payments/` as `cluster.local/ns/payments/sa/any`."""
    text = pattern.text.removeprefix("spiffe://").replace(".*/", "/").replace("/.*", "/")
    if text.startswith("/sa/"):
        text = f"/ns/default{text}"
    if text.startswith("/"):
        text = f"cluster.local{text}"
    return f"spiffe://{text}sa/any" if text.endswith("/") and "/sa/" not in text else f"spiffe://{text}"


@dataclass(frozen=True, slots=True)
class AddressField(Field):
    """The address that the connection comes from; with `hops`, the one that trusted proxies name in x-forwarded-for."""

    edges: tuple[JsonObject, ...]  # CidrRanges, at whose ends the answers change
    hops: int = 0  # the place from the right in x-forwarded-for; 0 is the peer
    order = 2

    def values(self, patterns: Sequence[Pattern]) -> tuple[list[Value], bool]:  # noqa: ARG002 - ranges, not patterns
        """A stranger's address, then the first and the last of each range and their neighbours."""
        found = [OUTSIDER]
        for each in self.edges:
            try:
                network = ipaddress.ip_network(f"{each.get('address_prefix')}/{each.get('prefix_len') or 0}", strict=False)
            except ValueError:
                continue
            low, high = int(network.network_address), int(network.broadcast_address)
            kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address]
            kind = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
            ends = (str(each.get("address_prefix")), low, high, low - 1, high + 1)
            top = 1 << network.max_prefixlen
            found += [str(kind(end)) for end in ends if isinstance(end, str) or 0 <= end < top]
        return found, True

    def apply(self, request: Request, value: Value) -> Request:
        """As the peer, or in x-forwarded-for before the proxies that are trusted."""
        if not self.hops:
            return replace(request, source_ip=value)
        listed = ", ".join((value, *(["192.0.2.9"] * (self.hops - 1))))
        return replace(request, headers=(*request.headers, ("x-forwarded-for", listed)))

    def read(self, request: Request) -> Value:
        """The peer, or what the proxy trusts of x-forwarded-for."""
        text = ",".join(value for name, value in request.headers if name == "x-forwarded-for")
        listed = [each.strip() for each in text.split(",") if each.strip()]
        return listed[-self.hops] if 0 < self.hops <= len(listed) else request.source_ip


Claims = tuple[tuple[tuple[str, ...], JsonValue], ...]


@dataclass(frozen=True, slots=True)
class TokenField(Field):
    """The one token of a request: its issuer and the claims that predicates look at, or None."""

    issuers: tuple[str, ...]
    claims: tuple[tuple[tuple[str, ...], tuple[Pattern, ...], bool], ...]  # path, what is asked, whether it may be a list
    order = 3

    def values(self, patterns: Sequence[Pattern]) -> tuple[list[Value], bool]:  # noqa: ARG002 - each claim has its own
        """No token, then tokens of each issuer with what the claims are asked for, alone and together."""
        complete = True
        options: list[list[tuple[tuple[str, ...], JsonValue]]] = []
        for path, asked, is_list in self.claims:
            words, whole = telling_words(asked, CLAIMS)
            texts = list(dict.fromkeys((*(each.text for each in asked if each.kind in ("exact", "prefix")), *words)))
            complete = complete and whole
            held: list[JsonValue] = [None, *texts]
            if is_list:
                held += [list(pair) for pair in combinations(texts, 2)]
                complete = complete and len(texts) <= 3
            options.append([(path, each) for each in held])
        found: list[Value] = [None]
        for issuer in (*self.issuers, "https://unknown.example"):
            for chosen in product(*options):
                found.append((issuer, tuple(each for each in chosen if each[1] is not None)))
                if len(found) > _MOST_TOKENS:
                    return found, False
        return found, complete

    def apply(self, request: Request, value: Value) -> Request:
        """The token as a verified one."""
        return with_token(request, value)

    def read(self, request: Request) -> Value:
        """The claims that are looked at, of the only token."""
        if not request.claims:
            return None
        issuer, payload = next(iter(sorted(request.claims.items())))
        held = ((path, _get(payload, path)) for path, _, _ in self.claims)
        return issuer, tuple((path, value) for path, value in held if value is not None)


def with_token(request: Request, value: Value) -> Request:
    """The request with one token that is taken as verified: its issuer and claims, or None."""
    if value is None:
        return replace(request, claims={})
    issuer, claims = value
    payload: JsonObject = {"iss": issuer}
    for path, held in claims:
        _put(payload, path, held)
    return replace(request, claims={issuer: payload})


def _put(payload: JsonObject, path: Iterable[str], value: JsonValue) -> None:
    *outer, last = path
    for name in outer:
        inner = payload.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        payload = inner
    payload[last] = value


def _get(payload: JsonObject, path: Iterable[str]) -> JsonValue:
    value: JsonValue = payload
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


@dataclass(frozen=True, slots=True)
class ServerNameField(Field):
    """The server name of the TLS handshake, of those that lead to the same filter chains."""

    names: tuple[str, ...]
    leads_here: Callable[[str], bool]

    def values(self, patterns: Sequence[Pattern]) -> tuple[list[Value], bool]:
        """The known names, then words where the filter chain is a wildcard's."""
        words, complete = telling_words(patterns, HOSTS)
        found = [*(each.text for each in patterns if each.kind == "exact"), *words]
        return [*self.names, *(each for each in dict.fromkeys(found) if self.leads_here(each))], complete

    def apply(self, request: Request, value: Value) -> Request:
        """The server name in place of the other one."""
        return replace(request, sni=value)

    def read(self, request: Request) -> Value:
        """The server name."""
        return request.server_name
