"""The relation `takes every request of`, against matches tried on requests."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshgen.check.coverage import CoverIndex, covers, example_request
from meshgen.istio.virtual_service import HTTPMatchRequest, StringMatch

Request = tuple[str, str, dict[str, str]]  # method, path, headers

words = st.sampled_from(["", "/", "/a", "/a/b", "/A", "x", "y"])
strings = st.one_of(
    words.map(lambda text: StringMatch(exact=text)),
    words.map(lambda text: StringMatch(prefix=text)),
    st.sampled_from([".*", "/a.*"]).map(lambda text: StringMatch(regex=text)),
    st.just(StringMatch()),
)
paths = st.one_of(
    st.sampled_from(["/", "/a", "/a/b", "/A"]).flatmap(
        lambda text: st.sampled_from([StringMatch(exact=text), StringMatch(prefix=text)])
    ),
    st.sampled_from([".*", "/a.*"]).map(lambda text: StringMatch(regex=text)),
)
matches = st.builds(
    HTTPMatchRequest,
    uri=st.none() | paths,
    method=st.none() | strings,
    headers=st.none() | st.dictionaries(st.sampled_from(["h", "i"]), strings, max_size=2),
    without_headers=st.none() | st.dictionaries(st.just("w"), strings, max_size=1),
    ignore_uri_case=st.none() | st.booleans(),
)
requests = st.tuples(
    st.sampled_from(["x", "y", "/a"]),
    st.sampled_from(["/", "/a", "/A", "/a/b", "/a/bc", "/b"]),
    st.dictionaries(st.sampled_from(["h", "i", "w"]), words, max_size=3),
)


def _takes(match: StringMatch, text: str | None, *, fold: bool = False) -> bool:
    if text is None:
        return False
    wanted_exact, wanted_prefix = match.exact, match.prefix
    if fold and match.regex is None:
        text = text.lower()
        wanted_exact = wanted_exact.lower() if wanted_exact is not None else None
        wanted_prefix = wanted_prefix.lower() if wanted_prefix is not None else None
    if match.regex is not None:
        return re.fullmatch(match.regex, text) is not None
    if wanted_exact is not None:
        return text == wanted_exact
    return text.startswith(wanted_prefix or "")


def takes(match: HTTPMatchRequest, request: Request) -> bool:
    """What Envoy does with a match (envoy-mapping.md §3.2)."""
    method, path, headers = request
    return (
        (match.uri is None or _takes(match.uri, path, fold=bool(match.ignore_uri_case)))
        and (match.method is None or _takes(match.method, method))
        and all(_takes(value, headers.get(name)) for name, value in (match.headers or {}).items())
        and all(not _takes(value, headers.get(name)) for name, value in (match.without_headers or {}).items())
    )


@given(matches, matches, requests)
@settings(max_examples=400, deadline=None)
def test_a_covering_match_takes_every_request_of_the_covered_one(
    first: HTTPMatchRequest, second: HTTPMatchRequest, request: Request
):
    if covers(first, second) and takes(second, request):
        assert takes(first, request)


@given(st.lists(matches, max_size=8), matches)
@settings(max_examples=200, deadline=None)
def test_the_index_finds_the_first_covering_match_as_a_walk_over_all_does(
    earlier: list[HTTPMatchRequest], match: HTTPMatchRequest
):
    index = CoverIndex()
    for number, entry in enumerate(earlier):
        index.add(entry, number)
    walked = next((number for number, entry in enumerate(earlier) if covers(entry, match)), None)
    assert index.covering(match) == walked


@pytest.mark.parametrize(
    ("match", "everything"),
    [
        (HTTPMatchRequest(), True),
        (HTTPMatchRequest(name="all", stat_prefix="x"), True),
        (HTTPMatchRequest(uri=StringMatch(prefix="/")), True),
        (HTTPMatchRequest(uri=StringMatch(regex=".*")), True),
        (HTTPMatchRequest(uri=StringMatch(prefix="/"), port=80), False),
        (HTTPMatchRequest(uri=StringMatch(prefix="/"), source_labels={"app": "a"}), False),
        (HTTPMatchRequest(gateways=("mesh",)), False),
    ],
)
def test_only_a_match_without_any_condition_takes_everything(match: HTTPMatchRequest, everything: bool):
    assert covers(match, HTTPMatchRequest()) is everything


def test_the_example_shows_method_path_query_and_headers():
    match = HTTPMatchRequest(
        method=StringMatch(exact="POST"),
        uri=StringMatch(prefix="/api"),
        query_params={"v": StringMatch(exact="2")},
        headers={"x-cohort": StringMatch(exact="internal")},
    )
    assert example_request(match) == "POST /api?v=2 with x-cohort: internal"
