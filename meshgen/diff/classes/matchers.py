"""Envoy's matchers as expressions over predicates: what routes and access rules ask of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from meshgen.diff.classes.fields import Value
from meshgen.diff.classes.space import Both, Either, Expression, Leaf, Opposite, Space
from meshgen.diff.classes.words import Pattern
from meshgen.diff.content import content
from meshgen.json import JsonObject, JsonValue
from meshgen.trace import Request
from meshgen.trace.fields import boolean, integer, message, messages, string
from meshgen.trace.match import (
    why_not_header,
    why_not_metadata,
    why_not_path,
    why_not_query,
    why_not_string,
    why_not_url_path,
)
from meshgen.trace.message import HttpMessage
from meshgen.trace.steps.arrival import in_range
from meshgen.trace.template import template_to_regex

_JWT = "envoy.filters.http.jwt_authn"
_KINDS = ("exact", "prefix", "suffix", "contains")
_SET_BY_ENVOY = ("x-forwarded-", "x-envoy-", "connection", "te", "upgrade")
_PATH_FIELDS = ("prefix", "path", "safe_regex", "path_separated_prefix", "path_match_policy", "case_sensitive")


def describe(matcher: JsonObject) -> str:
    """What a `StringMatcher` takes, as people write it: `internal`, `int*`, `*nal`, `~ int(ernal)?`."""
    if "safe_regex" in matcher:
        return f"~ {string(message(matcher, 'safe_regex'), 'regex')}"
    forms = {"exact": "{}", "prefix": "{}*", "suffix": "*{}", "contains": "*{}*"}
    text = next((form.format(string(matcher, kind)) for kind, form in forms.items() if kind in matcher), "?")
    return f"{text} (in any case)" if boolean(matcher, "ignore_case") else text


def patterns_of(matcher: JsonObject) -> tuple[Pattern, ...]:
    """The pattern of a `StringMatcher`."""
    if "safe_regex" in matcher:
        return (Pattern("regex", string(message(matcher, "safe_regex"), "regex")),)
    ignores = boolean(matcher, "ignore_case")
    return tuple(Pattern(kind, string(matcher, kind), ignores) for kind in _KINDS if kind in matcher)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of every request to the place: its connection, and what tokens mean at one side's filters."""

    side: int
    base: Request
    has_tls: bool
    trusted_place: int = 0  # where x-forwarded-for names the client, from the right; 0 is the peer


class Matchers:
    """Reads the matchers of one side of a change into a space that both sides share."""

    def __init__(self, space: Space, facts: Facts, metadata: Callable[[Value], JsonObject]) -> None:
        self.space = space
        self.facts = facts
        self.metadata = metadata
        self.unverified: Expression = False  # the requests whose tokens nobody looks at

    def route(self, match: JsonObject) -> Expression:
        """A `RouteMatch`."""
        parts = [self._path(match)]
        parts += [self.header(each) for each in messages(match, "headers")]
        parts += [self._query(each) for each in messages(match, "query_parameters")]
        parts += [self._metadata(each) for each in messages(match, "dynamic_metadata")]
        if "grpc" in match:
            kinds = (Pattern("exact", "application/grpc"), Pattern("prefix", "application/grpc+"))
            leaf = Leaf(
                "header content-type",
                lambda value: value == "application/grpc" or (value or "").startswith("application/grpc+"),
                kinds,
                "gRPC",
                "not gRPC",
            )
            parts.append(self.space.leaf("grpc", leaf))
        for name in ("presented", "validated"):
            if name in message(match, "tls_context"):
                has = self.facts.has_tls and self.facts.base.has_certificate
                parts.append(boolean(message(match, "tls_context"), name) == has)
        if "runtime_fraction" in match:
            self.space.sampled.add("fractions of requests")
        return Both(tuple(parts))

    def _path(self, match: JsonObject) -> Expression:
        if "connect_matcher" in match:
            return self.header({"name": ":method", "string_match": {"exact": "CONNECT"}})
        asked: JsonObject = {name: match[name] for name in _PATH_FIELDS if name in match}
        patterns, word = _path_patterns(asked)
        leaf = Leaf(
            "path",
            lambda value: why_not_path(asked, _with("path", "", value)) is None,
            patterns,
            word and f"path {word}",
            word and f"path not {word}",
        )
        return self.space.leaf(content(asked), leaf)

    def header(self, matcher: JsonObject) -> Expression:
        """A `HeaderMatcher`."""
        name = string(matcher, "name").lower()
        pseudo = {":method": "method", ":authority": "host", "host": "host", ":path": "path"}
        if name == ":scheme":
            scheme = "https" if self.facts.has_tls else "http"
            return why_not_header(matcher, HttpMessage(method="GET", path="/", host="", scheme=scheme, headers=())) is None
        if name.startswith(_SET_BY_ENVOY):
            self.space.sampled.add(f"header {name}, which Envoy sets itself")
        field_name = pseudo.get(name, f"header {name}")
        leaf = Leaf(field_name, lambda value: why_not_header(matcher, _with(field_name, name, value)) is None)
        leaf.patterns, leaf.word, leaf.otherwise = _header_words(matcher, name, field_name)
        return self.space.leaf(content(matcher), leaf)

    def preflight(self) -> Expression:
        """The browser's question before a request of another origin; nothing is said of what is no such question."""
        options = Leaf("method", lambda value: value == "OPTIONS", (Pattern("exact", "OPTIONS"),))
        names = ("origin", "access-control-request-method")
        headers = (Leaf(f"header {name}", bool, (Pattern("prefix", ""),)) for name in names)
        return Both(tuple(self.space.leaf("preflight", each) for each in (options, *headers)))

    def _query(self, matcher: JsonObject) -> Expression:
        name, wanted = string(matcher, "name"), message(matcher, "string_match")
        present = boolean(matcher, "present_match", default=True)
        text = describe(wanted) if wanted else "*"
        words = (f"?{name}={text}", f"?{name} not {text}" if wanted else f"without ?{name}")
        leaf = Leaf(
            f"query {name}",
            lambda value: why_not_query(matcher, _with("query", name, value)) is None,
            patterns_of(wanted),
            *(words if wanted or present else words[::-1]),
        )
        return self.space.leaf(content(matcher), leaf)

    def permission(self, rule: JsonObject) -> Expression:
        """An RBAC `Permission`."""
        return Either(tuple(self._permission(kind, rule) for kind in rule))

    def _permission(self, kind: str, rule: JsonObject) -> Expression:  # noqa: PLR0911 - a table of kinds
        inner, base = message(rule, kind), self.facts.base
        match kind:
            case "and_rules":
                return Both(tuple(self.permission(each) for each in messages(inner, "rules")))
            case "or_rules":
                return Either(tuple(self.permission(each) for each in messages(inner, "rules")))
            case "not_rule":
                return Opposite(self.permission(inner))
            case "destination_ip":
                return in_range(base.address or "", inner)
            case "destination_port":
                return base.port == integer(rule, kind)
            case "destination_port_range":
                return integer(inner, "start") <= base.port < integer(inner, "end")
            case "requested_server_name":
                leaf = Leaf("server name", lambda value: why_not_string(inner, value) is None, patterns_of(inner))
                leaf.word, leaf.otherwise = f"SNI {describe(inner)}", f"SNI not {describe(inner)}"
                return self.space.leaf(content(inner), leaf)
            case "uri_template":
                return self._path({"path_match_policy": inner})
        return self._shared(kind, rule)

    def principal(self, rule: JsonObject) -> Expression:
        """An RBAC `Principal`."""
        return Either(tuple(self._principal(kind, rule) for kind in rule))

    def _principal(self, kind: str, rule: JsonObject) -> Expression:  # noqa: PLR0911 - a table of kinds
        inner = message(rule, kind)
        match kind:
            case "and_ids":
                return Both(tuple(self.principal(each) for each in messages(inner, "ids")))
            case "or_ids":
                return Either(tuple(self.principal(each) for each in messages(inner, "ids")))
            case "not_id":
                return Opposite(self.principal(inner))
            case "authenticated":
                return self._authenticated(inner)
            case "direct_remote_ip" | "source_ip":
                return self._address("address", inner)
            case "remote_ip":
                return self._address("remote" if self.facts.trusted_place else "address", inner)
        return self._shared(kind, rule)

    def _shared(self, kind: str, rule: JsonObject) -> Expression:
        inner = message(rule, kind)
        match kind:
            case "any":
                return boolean(rule, kind)
            case "header":
                return self.header(inner)
            case "url_path":
                return self._url_path(inner)
            case "metadata":
                return self._metadata(inner)
            case "sourced_metadata":
                return self._metadata(message(inner, "metadata_matcher"))
        self.space.sampled.add(f"access rules of the kind {kind}")
        return False

    def _url_path(self, matcher: JsonObject) -> Expression:
        wanted = message(matcher, "path")
        word = describe(wanted)
        leaf = Leaf(
            "path",
            lambda value: why_not_url_path(matcher, _with("path", "", value)) is None,
            patterns_of(wanted),
            f"path {word}",
            f"path not {word}",
        )
        return self.space.leaf(content(matcher), leaf)

    def _authenticated(self, matcher: JsonObject) -> Expression:
        if not self.facts.has_tls:
            return False
        if "principal_name" not in matcher:
            return self.facts.base.has_certificate
        wanted = message(matcher, "principal_name")
        word = _identity_words(wanted)
        leaf = Leaf("principal", lambda value: why_not_string(wanted, value) is None, patterns_of(wanted), word, f"not {word}")
        return self.space.leaf(content(wanted), leaf)

    def _address(self, field_name: str, cidr: JsonObject) -> Expression:
        text = f"{string(cidr, 'address_prefix')}/{integer(cidr, 'prefix_len')}"
        leaf = Leaf(field_name, lambda value: in_range(value, cidr), (Pattern("range", text),), text, f"outside of {text}")
        return self.space.leaf(text, leaf)

    def _metadata(self, matcher: JsonObject) -> Expression:
        keys = tuple(string(segment, "key") for segment in messages(matcher, "path"))
        if string(matcher, "filter") != _JWT or len(keys) < 2:
            self.space.sampled.add("metadata that other filters set")
            return why_not_metadata(matcher, {}) is None
        wanted = string_matcher(message(matcher, "value"))
        word = f"{'.'.join(keys[1:])}: {describe(wanted) if wanted else '*'}"
        if keys[1:] == ("iss",) and describe(wanted).startswith("~"):
            word = ""
        metadata = self.metadata
        leaf = Leaf("token", lambda value: why_not_metadata(matcher, metadata(value)) is None, (), word, word and f"not {word}")
        self.space.ask_claim(keys[1:], patterns_of(wanted), is_list=_may_be_list(message(matcher, "value")))
        found = self.space.leaf((self.facts.side, content(matcher)), leaf)
        if self.unverified is False:
            return found
        without = why_not_metadata(matcher, {}) is None
        return Either((Both((found, Opposite(self.unverified))), Both((self.unverified, without))))


def _with(field_name: str, name: str, value: str | None) -> HttpMessage:
    """A message with one value in one field."""
    method = value if field_name == "method" else "GET"
    path = value if field_name == "path" else "/"
    if field_name == "query" and value is not None:
        path = f"/?{name}={value}"
    headers = ((name, value),) if field_name.startswith("header ") and value is not None else ()
    host = value if field_name == "host" else ""
    return HttpMessage(method=method or "", path=path, host=host or "", scheme="http", headers=headers)


def _path_patterns(asked: JsonObject) -> tuple[tuple[Pattern, ...], str]:
    """The patterns of a route's path, and words for it; none for what every path has."""
    ignores = not boolean(asked, "case_sensitive", default=True)
    if "path_separated_prefix" in asked:
        text = string(asked, "path_separated_prefix")
        return (Pattern("exact", text, ignores), Pattern("prefix", f"{text}/", ignores)), f"{text}/*"
    if "prefix" in asked:
        text = string(asked, "prefix")
        return (Pattern("prefix", text, ignores),), "" if text == "/" else f"{text}*"
    if "path" in asked:
        return (Pattern("exact", string(asked, "path"), ignores),), string(asked, "path")
    if "safe_regex" in asked:
        return patterns_of(asked), describe(asked)
    template = string(message(asked, "path_match_policy", "typed_config"), "path_template")
    return (Pattern("regex", template_to_regex(template) or "("),), template


def _header_words(matcher: JsonObject, name: str, field_name: str) -> tuple[tuple[Pattern, ...], str, str]:
    """Patterns, words, and words for the opposite."""
    wanted = message(matcher, "string_match") or _older(matcher)
    inverted = boolean(matcher, "invert_match")
    label = f"{field_name} " if field_name in ("method", "host", "path") else f"{name}: "
    if "range_match" in matcher:
        limits = message(matcher, "range_match")
        start, end = integer(limits, "start"), integer(limits, "end")
        patterns = tuple(Pattern("exact", str(each)) for each in (start, end - 1, end, start - 1, (start + end) // 2))
        words = f"{label}{start} to {end - 1}", f"{label}not {start} to {end - 1}"
    elif wanted:
        patterns = patterns_of(wanted)
        words = f"{label}{describe(wanted)}", f"{label}not {describe(wanted)}"
    else:
        patterns = ()
        words = (name, f"without {name}")
        inverted = boolean(matcher, "present_match", default=True) == inverted
    first, second = words[::-1] if inverted else words
    return patterns, first, second


def _older(matcher: JsonObject) -> JsonObject:
    """The matchers that Envoy had before `string_match`; istiod still writes some."""
    if "safe_regex_match" in matcher:
        return {"safe_regex": message(matcher, "safe_regex_match")}
    return {kind: string(matcher, f"{kind}_match") for kind in _KINDS if f"{kind}_match" in matcher}


def _identity_words(matcher: JsonObject) -> str:
    """`shop/webapp`, `namespace payments`, or the pattern as it stands."""
    if "safe_regex" in matcher and string(message(matcher, "safe_regex"), "regex") == ".+":
        return ""
    text = next((each.text for each in patterns_of(matcher)), "").removeprefix("spiffe://")
    parts = text.replace(".*/", "/").replace("/.*", "/").split("/")
    if "ns" in parts[:-1] and "sa" not in parts:
        return f"namespace {parts[parts.index('ns') + 1]}"
    if "safe_regex" not in matcher and "exact" in matcher and len(parts) == 5 and parts[1] == "ns":
        return f"{parts[2]}/{parts[4]}"
    return f"identity {describe(matcher).removeprefix('spiffe://')}"


def string_matcher(value: JsonValue) -> JsonObject:
    """The string matcher in a `ValueMatcher`; claims that may be lists have it twice, in an `or_match`."""
    if not isinstance(value, dict):
        return {}
    if "or_match" in value:
        inner = [string_matcher(each) for each in messages(message(value, "or_match"), "value_matchers")]
        return next((each for each in inner if each), {})
    if "list_match" in value:
        return string_matcher(message(value, "list_match").get("one_of"))
    return message(value, "string_match")


def _may_be_list(value: JsonObject) -> bool:
    inner: Iterable[JsonObject] = messages(message(value, "or_match"), "value_matchers")
    return "list_match" in value or any(_may_be_list(each) for each in inner)
