"""Example requests for what a route or an access rule asks for, each with its condition in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from meshgen.diff.classes.matchers import describe
from meshgen.json import JsonObject
from meshgen.query.examples.texts import text_for, text_for_regex
from meshgen.trace import Request
from meshgen.trace.fields import boolean, message, messages, string


@dataclass(frozen=True, slots=True)
class Example:
    """A request and what sets it apart from the others to the same place: `("path /api*", "x-cohort: internal")`."""

    request: Request
    conditions: tuple[str, ...] = ()

    def where(self, condition: str, **changes: Any) -> Example:  # noqa: ANN401 - the fields of Request
        """The same with one condition more."""
        return Example(replace(self.request, **changes), (*self.conditions, condition) if condition else self.conditions)


def example_of_route(base: Example, match: JsonObject) -> Example | None:
    """A request that a `RouteMatch` takes; None where none was found."""
    found = _with_path(base, match)
    for header in messages(match, "headers"):
        found = found and example_of_header(found, header)
    for parameter in messages(match, "query_parameters"):
        found = found and _with_query(found, parameter)
    return found


def _with_path(base: Example, match: JsonObject) -> Example | None:
    if "safe_regex" in match:
        pattern = string(message(match, "safe_regex"), "regex")
        text = text_for_regex(pattern)
        return None if text is None else base.where(f"path ~ {pattern}", path=text)
    if "path" in match:
        return base.where(f"path {string(match, 'path')}", path=string(match, "path"))
    prefix = string(match, "prefix") or string(match, "path_separated_prefix")
    if not prefix:
        return None  # CONNECT and templates
    return base if prefix == "/" else base.where(f"path {prefix}*", path=prefix)


def example_of_header(base: Example, matcher: JsonObject) -> Example | None:
    """A request that a `HeaderMatcher` takes."""
    name, inverted = string(matcher, "name").lower(), boolean(matcher, "invert_match")
    wanted = message(matcher, "string_match") or _deprecated(matcher)
    if not wanted:
        present = boolean(matcher, "present_match", default=True) != inverted
        return _with_header(base, name, "1", name) if present else base.where(f"without {name}")
    if inverted:
        return _with_header(base, name, "other", f"{name}: not {describe(wanted)}")
    text = text_for(wanted)
    return None if text is None else _with_header(base, name, text, f"{name}: {describe(wanted)}")


def _deprecated(matcher: JsonObject) -> JsonObject:
    """The matchers that Envoy had before `string_match`; istiod still writes some."""
    if "safe_regex_match" in matcher:
        return {"safe_regex": message(matcher, "safe_regex_match")}
    kinds = ("exact", "prefix", "suffix", "contains")
    return {kind: string(matcher, f"{kind}_match") for kind in kinds if f"{kind}_match" in matcher}


_PSEUDO = {":method": "method", ":authority": "host", "host": "host", ":path": "path"}


def _with_header(base: Example, name: str, text: str, condition: str) -> Example | None:
    if name in _PSEUDO:
        field = _PSEUDO[name]
        return base.where(condition.replace(f"{name}: ", f"{field} "), **{field: text})
    if name == ":scheme":
        return base.where(condition.lstrip(":"))
    return base.where(condition, headers=(*base.request.headers, (name, text)))


def _with_query(base: Example, matcher: JsonObject) -> Example | None:
    name, wanted = string(matcher, "name"), message(matcher, "string_match")
    if not wanted and not boolean(matcher, "present_match", default=True):
        return base.where(f"without ?{name}")
    text = text_for(wanted) if wanted else "1"
    if text is None:
        return None
    path = base.request.path
    return base.where(f"?{name}={describe(wanted) if wanted else '*'}", path=f"{path}{'&' if '?' in path else '?'}{name}={text}")


def examples_of_permission(base: Example, permission: JsonObject) -> list[Example]:
    """Requests for an RBAC `Permission`, one for each of its alternatives; empty where none was found."""
    if "and_rules" in permission:
        found = [base]
        for rule in messages(message(permission, "and_rules"), "rules"):
            found = [example for each in found for example in examples_of_permission(each, rule)]
        return found
    if "or_rules" in permission:
        rules = messages(message(permission, "or_rules"), "rules")
        return [example for rule in rules for example in examples_of_permission(base, rule)]
    one = _example_of_rule(base, permission)
    return [] if one is None else [one]


def _example_of_rule(base: Example, permission: JsonObject) -> Example | None:
    if "header" in permission:
        return example_of_header(base, message(permission, "header"))
    if "url_path" in permission:
        path = message(permission, "url_path", "path")
        text = text_for(path)
        text = f"/{text}" if text is not None and "suffix" in path and not text.startswith("/") else text
        return None if text is None else base.where(f"path {describe(path)}", path=text)
    # A port is that of the listener, and what is excluded is rarely what an example has; the trace decides.
    return base if "any" in permission or "destination_port" in permission or "not_rule" in permission else None
