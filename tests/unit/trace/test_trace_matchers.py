"""Envoy's matchers, and the traps that istiod's configuration sets for them (docs of the mapping, sections 3 and 7)."""

from __future__ import annotations

from typing import Any

import pytest

from meshgen.trace.match import matches_value, why_not_header, why_not_path, why_not_query, why_not_string
from meshgen.trace.message import HttpMessage
from meshgen.trace.steps.normalise import canonical_path, normalise_path


def sent(path: str = "/", *headers: tuple[str, str], method: str = "GET", host: str = "shop.example") -> HttpMessage:
    return HttpMessage(method=method, path=path, host=host, scheme="http", headers=headers)


def path_matches(match: dict[str, Any], path: str) -> bool:
    return why_not_path(match, sent(path)) is None


def header_matches(matcher: dict[str, Any], *values: str) -> bool:
    headers = tuple(("x-a", value) for value in values)
    return why_not_header({"name": "X-A", **matcher}, sent("/", *headers)) is None


def test_a_regex_is_anchored_at_both_ends_and_does_not_see_the_query():
    match = {"safe_regex": {"regex": "/items/[0-9]+"}}
    assert path_matches(match, "/items/42?x=/y")
    assert not path_matches(match, "/items/42/reviews")
    assert not path_matches(match, "/a/items/42")


def test_a_star_is_no_regex():
    assert not path_matches({"safe_regex": {"regex": "*"}}, "/")


def test_a_prefix_has_no_boundary_but_a_separated_prefix_has():
    assert path_matches({"prefix": "/api"}, "/apiary")
    assert not path_matches({"path_separated_prefix": "/api"}, "/apiary")
    assert path_matches({"path_separated_prefix": "/api"}, "/api?x")
    assert path_matches({"path_separated_prefix": "/api"}, "/api/v1")


def test_an_exact_path_ignores_the_query_and_minds_a_trailing_slash():
    assert path_matches({"path": "/old"}, "/old?q=1")
    assert not path_matches({"path": "/old"}, "/old/")


@pytest.mark.parametrize(("match", "equal"), [({"prefix": "/A"}, True), ({"path": "/A"}, True)])
def test_case_is_ignored_only_where_told(match: dict[str, Any], equal: bool):
    assert path_matches({**match, "case_sensitive": False}, "/a") is equal
    assert not path_matches(match, "/a")


def test_ignoring_case_has_no_effect_on_a_regex():
    assert not path_matches({"safe_regex": {"regex": "/A"}, "case_sensitive": False}, "/a")


def test_only_a_connect_matcher_takes_connect():
    connect = HttpMessage(method="CONNECT", path=None, host="a:1", scheme="http", headers=())
    assert why_not_path({"connect_matcher": {}}, connect) is None
    assert why_not_path({"prefix": "/"}, connect) is not None
    assert why_not_path({"connect_matcher": {}}, sent()) is not None


@pytest.mark.parametrize(
    ("template", "path", "fits"),
    [
        ("/items/*", "/items/7", True),
        ("/items/*", "/items/7/x", False),
        ("/items/*", "/items/", False),
        ("/items/**", "/items/7/x", True),
        ("/{a}/x", "/1/x", True),
        ("/v/{a=b/*}", "/v/b/1", True),
        ("/v/{a=b/*}", "/v/c/1", False),
    ],
)
def test_uri_templates(template: str, path: str, fits: bool):
    policy = {"typed_config": {"@type": "x/UriTemplateMatchConfig", "path_template": template}}
    assert path_matches({"path_match_policy": policy}, path) is fits


def test_an_empty_header_matcher_asks_for_presence_not_for_emptiness():
    assert header_matches({}, "anything")
    assert not header_matches({})


def test_an_inverted_value_does_not_match_a_missing_header_unless_it_counts_as_empty():
    matcher = {"string_match": {"exact": "1"}, "invert_match": True}
    assert not header_matches(matcher)
    assert header_matches({**matcher, "treat_missing_header_as_empty": True})
    assert header_matches(matcher, "2")
    assert not header_matches(matcher, "1")


def test_an_inverted_presence_matches_a_missing_header():
    assert header_matches({"present_match": True, "invert_match": True})
    assert header_matches({"present_match": False})
    assert not header_matches({"present_match": False}, "")


def test_several_values_of_a_header_are_matched_one_by_one():
    assert header_matches({"string_match": {"exact": "b"}}, "a", "b")
    assert not header_matches({"string_match": {"exact": "a,b"}}, "a", "b")
    assert not header_matches({"string_match": {"exact": "b"}, "invert_match": True}, "a", "b")


@pytest.mark.parametrize(("value", "inside"), [("-5", True), ("11", True), ("12", False), ("x", False), ("1.5", False)])
def test_a_range_has_its_end_outside(value: str, inside: bool):
    assert header_matches({"range_match": {"start": "-5", "end": "12"}}, value) is inside


@pytest.mark.parametrize("kind", ["exact", "prefix", "suffix", "contains"])
def test_strings_mind_case_unless_told(kind: str):
    assert why_not_string({kind: "Ab"}, "ab") is not None
    assert why_not_string({kind: "Ab", "ignore_case": True}, "ab") is None


def test_header_names_are_compared_lower_case_and_host_is_the_authority():
    request = sent("/", host="a.example:80")
    assert why_not_header({"name": "Host", "string_match": {"exact": "a.example:80"}}, request) is None
    assert why_not_header({"name": ":authority", "string_match": {"exact": "a.example"}}, request) is not None


def test_methods_are_case_sensitive():
    matcher = {"name": ":method", "string_match": {"exact": "GET"}}
    assert why_not_header(matcher, sent(method="GET")) is None
    assert why_not_header(matcher, sent(method="get")) is not None


def test_a_query_parameter_counts_with_its_first_value_and_undecoded():
    exact = {"name": "k", "string_match": {"exact": "1"}}
    assert why_not_query(exact, sent("/?k=1&k=2")) is None
    assert why_not_query(exact, sent("/?k=2&k=1")) is not None
    assert why_not_query({"name": "a b"}, sent("/?a%20b=1")) is not None
    assert why_not_query({"name": "k"}, sent("/?k")) is None


def test_a_claim_is_matched_as_text_or_in_a_list():
    text: dict[str, Any] = {"string_match": {"exact": "admins"}}
    either = {"or_match": {"value_matchers": [text, {"list_match": {"one_of": text}}]}}
    assert matches_value(either, "admins")
    assert matches_value(either, ["users", "admins"])
    assert not matches_value(either, ["users"])
    assert not matches_value(either, None)


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/a/../b", "/b"),
        ("/%61dmin", "/admin"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/%2F/b", "/a/%2F/b"),
        ("/a\\b", "/a/b"),
        ("/..", "/"),
        ("/a//b/", "/a//b/"),
        ("/a|b", "/a%7Cb"),
    ],
)
def test_paths_are_made_canonical_as_envoy_does(path: str, canonical: str):
    assert canonical_path(path) == canonical


def test_an_escaped_slash_is_seen_before_dot_segments_only_where_it_is_unescaped():
    settings = {"normalize_path": True, "merge_slashes": True}
    unescape = {**settings, "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD"}
    assert normalise_path(unescape, "/x%2F..%2Fadmin", rejects_fragment=True).path == "/admin"
    assert normalise_path(settings, "/x%2F..%2Fadmin", rejects_fragment=True).path == "/x%2F..%2Fadmin"


def test_a_fragment_is_refused_or_cut():
    assert normalise_path({}, "/a#b", rejects_fragment=True).status == 400
    assert normalise_path({}, "/a#b", rejects_fragment=False).path == "/a"
