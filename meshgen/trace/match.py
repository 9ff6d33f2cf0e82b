"""Envoy's matchers: strings, numbers, values, headers, paths, queries.

Each function answers why its matcher does not match, in words for `--explain`, or None if it does. They follow
envoy.type.matcher.v3 and envoy.config.route.v3; a field that Envoy would refuse never matches.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import re2

from meshgen.trace.fields import boolean, integer, message, messages, number, string, typed_config
from meshgen.trace.template import template_to_regex

if TYPE_CHECKING:
    from meshgen.json import JsonObject, JsonValue
    from meshgen.trace.message import HttpMessage

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


@lru_cache(maxsize=4096)
def regex(pattern: str) -> Any:  # noqa: ANN401 - google-re2 is untyped
    """A compiled RE2 expression, or None for one that RE2 refuses."""
    try:
        return re2.compile(pattern, _OPTIONS)
    except (re2.error, UnicodeError):
        return None


def full_match(pattern: str, value: str) -> bool:
    """Whether an RE2 expression matches all of a text, as Envoy's `safe_regex` must."""
    compiled = regex(pattern)
    try:
        return compiled is not None and compiled.fullmatch(value) is not None
    except UnicodeError:
        return False


def why_not_string(matcher: JsonObject, value: str) -> str | None:
    """A `StringMatcher`: exact, prefix, suffix, contains (with `ignore_case`) or `safe_regex`."""
    if "safe_regex" in matcher:
        pattern = string(message(matcher, "safe_regex"), "regex")
        return None if full_match(pattern, value) else f"`{value}` does not match `{pattern}`"
    for kind in ("exact", "prefix", "suffix", "contains"):
        if kind in matcher:
            wanted = string(matcher, kind)
            if _compare(kind, value, wanted, ignore_case=boolean(matcher, "ignore_case")):
                return None
            return f"`{value}` {_FAILURES[kind]} `{wanted}`"
    return "the matcher is of a kind that is not known here"


_FAILURES = {
    "exact": "is not",
    "prefix": "does not start with",
    "suffix": "does not end in",
    "contains": "does not contain",
}


def _compare(kind: str, value: str, wanted: str, *, ignore_case: bool) -> bool:
    if ignore_case:
        value, wanted = value.lower(), wanted.lower()
    if kind == "exact":
        return value == wanted
    if kind == "prefix":
        return value.startswith(wanted)
    return value.endswith(wanted) if kind == "suffix" else wanted in value


def why_not_header(matcher: JsonObject, request: HttpMessage) -> str | None:
    """A `HeaderMatcher`. Without a specifier it asks for presence.

    A missing header matches nothing but an inverted presence, unless it is to be treated as empty. Of several values
    one that matches is enough, and inverted none may match: Envoy does not join them.
    """
    name = string(matcher, "name")
    called = _PSEUDO.get(name.lower()) or f"header `{name}`"
    values = request.header_values(name)
    inverted = boolean(matcher, "invert_match")
    if _asks_presence(matcher):
        present = bool(values) or boolean(matcher, "treat_missing_header_as_empty")
        wanted = boolean(matcher, "present_match", default=True) != inverted
        return None if present == wanted else f"{called} is {'missing' if wanted else 'there'}"
    if not values and not boolean(matcher, "treat_missing_header_as_empty"):
        return f"{called} is missing"
    failures = [_why_not_header_value(matcher, value) for value in values or [""]]
    matches = None in failures
    if inverted:
        return f"{called} matches what is excluded: `{','.join(values)}`" if matches else None
    return None if matches else f"{called}{'' if name.startswith(':') else ':'} {failures[0]}"


_PSEUDO = {":method": "method", ":authority": "host", ":path": "path", ":scheme": "scheme"}
_HEADER_KINDS = {"exact_match": "exact", "prefix_match": "prefix", "suffix_match": "suffix", "contains_match": "contains"}


def _asks_presence(matcher: JsonObject) -> bool:
    values = ("string_match", "range_match", "safe_regex_match", *_HEADER_KINDS)
    return not any(kind in matcher for kind in values)


def _why_not_header_value(matcher: JsonObject, value: str) -> str | None:
    if "string_match" in matcher:
        return why_not_string(message(matcher, "string_match"), value)
    if "range_match" in matcher:
        return _why_not_in_range(message(matcher, "range_match"), value)
    if "safe_regex_match" in matcher:
        return why_not_string({"safe_regex": message(matcher, "safe_regex_match")}, value)
    for field, kind in _HEADER_KINDS.items():
        if field in matcher:
            return why_not_string({kind: string(matcher, field)}, value)
    return "the matcher is of a kind that is not known here"


def _why_not_in_range(limits: JsonObject, value: str) -> str | None:
    start, end = integer(limits, "start"), integer(limits, "end")
    digits = value[1:] if value[:1] in ("-", "+") else value
    in_range = digits.isascii() and digits.isdigit() and len(digits) < 20 and start <= int(value) < end
    return None if in_range else f"`{value}` is not in [{start}, {end})"


def why_not_query(matcher: JsonObject, request: HttpMessage) -> str | None:
    """A `QueryParameterMatcher`: the first value of the parameter, undecoded; presence without a specifier."""
    name = string(matcher, "name")
    values = request.query_values(name)
    if "string_match" in matcher:
        if not values:
            return f"query parameter `{name}` is missing"
        failure = why_not_string(message(matcher, "string_match"), values[0])
        return None if failure is None else f"query parameter `{name}`: {failure}"
    wanted = boolean(matcher, "present_match", default=True)
    return None if bool(values) == wanted else f"query parameter `{name}` is {'missing' if wanted else 'there'}"


def why_not_path(match: JsonObject, request: HttpMessage) -> str | None:
    """The path specifier of a `RouteMatch`, on the path without its query."""
    if "connect_matcher" in match:
        return None if request.method == "CONNECT" else "only CONNECT requests"
    if request.path is None:
        return "a CONNECT request has no path"
    path = request.bare_path
    if "path_separated_prefix" in match:
        wanted = string(match, "path_separated_prefix")
        same, inside = _text_matcher(match, "exact", wanted), _text_matcher(match, "prefix", f"{wanted}/")
        matches = why_not_string(same, path) is None or why_not_string(inside, path) is None
        return None if matches else f"path `{path}` is neither `{wanted}` nor below it"
    for field, kind in (("prefix", "prefix"), ("path", "exact")):
        if field in match:
            failure = why_not_string(_text_matcher(match, kind, string(match, field)), path)
            return None if failure is None else f"path {failure}"
    if "safe_regex" in match:
        failure = why_not_string({"safe_regex": match["safe_regex"]}, path)
        return None if failure is None else f"path {failure}"
    return why_not_template(message(match, "path_match_policy"), path)


def _text_matcher(match: JsonObject, kind: str, wanted: str) -> JsonObject:
    return {kind: wanted, "ignore_case": not boolean(match, "case_sensitive", default=True)}


def why_not_template(extension: JsonObject, path: str) -> str | None:
    """A URI template (envoy.extensions.path.match.uri_template.v3) such as `/items/{id}/**`."""
    template = string(typed_config(extension)[1], "path_template")
    pattern = template_to_regex(template)
    if pattern is not None and full_match(pattern, path):
        return None
    return f"path `{path}` does not fit `{template}`" if template else "the path matcher is not known here"


def why_not_url_path(matcher: JsonObject, request: HttpMessage) -> str | None:
    """A `PathMatcher`, as RBAC has it: the path without query and fragment."""
    failure = why_not_string(message(matcher, "path"), request.bare_path)
    return None if failure is None else f"path {failure}"


def why_not_metadata(matcher: JsonObject, metadata: JsonObject) -> str | None:
    """A `MetadataMatcher` on dynamic metadata; a path that leads nowhere is a null value."""
    name = string(matcher, "filter")
    keys = [string(segment, "key") for segment in messages(matcher, "path")]
    value: JsonValue = metadata.get(name)
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    matches = matches_value(message(matcher, "value"), value)
    if matches != boolean(matcher, "invert"):
        return None
    if name == "envoy.filters.http.jwt_authn" and keys:
        claim = ".".join(keys[1:]) if name in metadata else ""
        return f"claim `{claim}` of the token is {_show(value)}" if claim else "there is no verified token"
    return f"metadata `{name}` at `{'.'.join(keys)}` is {_show(value)}"


def _show(value: JsonValue) -> str:
    return "missing" if value is None else f"`{value}`"


def matches_value(matcher: JsonObject, value: JsonValue) -> bool:
    """A `ValueMatcher` on a metadata value."""
    return any(_matches_value(kind, matcher, value) for kind in matcher)


def _matches_value(kind: str, matcher: JsonObject, value: JsonValue) -> bool:  # noqa: PLR0911 - a table of kinds
    content = message(matcher, kind)
    if kind == "null_match":
        return value is None
    if kind == "present_match":
        return boolean(matcher, kind) and value is not None
    if kind == "bool_match":
        return isinstance(value, bool) and value == boolean(matcher, kind)
    if kind == "string_match":
        return isinstance(value, str) and why_not_string(content, value) is None
    if kind == "double_match":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and _matches_double(content, value)
    if kind == "list_match":
        return isinstance(value, list) and any(matches_value(message(content, "one_of"), item) for item in value)
    if kind == "or_match":
        return any(matches_value(each, value) for each in messages(content, "value_matchers"))
    return False


def _matches_double(matcher: JsonObject, value: float) -> bool:
    if "range" in matcher:
        limits = message(matcher, "range")
        return number(limits, "start") <= value < number(limits, "end")
    return value == number(matcher, "exact")


def why_not_route(match: JsonObject, request: HttpMessage, metadata: JsonObject, *, has_certificate: bool) -> str | None:
    """A `RouteMatch`: path, then headers, query, gRPC, client certificate and metadata; all must hold."""
    return next(_failures(match, request, metadata, has_certificate=has_certificate), None)


def _failures(match: JsonObject, request: HttpMessage, metadata: JsonObject, *, has_certificate: bool) -> Iterator[str]:
    checks = [why_not_path(match, request)]
    if len(match) > 1 and checks[0] is None:
        checks += [why_not_header(matcher, request) for matcher in messages(match, "headers")]
        checks += [why_not_query(matcher, request) for matcher in messages(match, "query_parameters")]
        checks += [why_not_metadata(matcher, metadata) for matcher in messages(match, "dynamic_metadata")]
        checks.append(_why_not_grpc(match, request))
        checks.append(_why_not_tls(message(match, "tls_context"), has_certificate=has_certificate))
    yield from (failure for failure in checks if failure is not None)


def _why_not_grpc(match: JsonObject, request: HttpMessage) -> str | None:
    content = request.header("content-type") or ""
    if "grpc" not in match or content == "application/grpc" or content.startswith("application/grpc+"):
        return None
    return "not a gRPC request"


def _why_not_tls(context: JsonObject, *, has_certificate: bool) -> str | None:
    for field in ("presented", "validated"):
        if field in context and boolean(context, field) != has_certificate:
            return f"client certificate {'missing' if boolean(context, field) else 'there'}"
    return None
