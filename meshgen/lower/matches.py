"""Matches: from intent to Istio, and two matches that must both hold as one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from meshgen.intent.leaves import StringMatch
from meshgen.istio.virtual_service import HTTPMatchRequest
from meshgen.istio.virtual_service import StringMatch as IstioMatch

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.match import Match

PRESENT = IstioMatch()
"""Istio's word for "is there" in headers and query parameters."""

T = TypeVar("T")


class Inexpressible(Exception):  # noqa: N818 (no error of ours: an answer)
    """Both matches hold only where Istio has no single match for it. The text names the part of the request."""


class _Never(Exception):  # noqa: N818 (no error: an answer)
    """No request meets both."""


def string_match(match: StringMatch) -> IstioMatch:
    """A string match in Istio's words."""
    return IstioMatch(exact=match.exact, prefix=match.prefix, regex=match.regex)


def _unless_present(match: StringMatch | None) -> IstioMatch | None:
    """Path, method, scheme and authority are always there."""
    return None if match is None or match.present else string_match(match)


def _strings(matches: Mapping[str, StringMatch] | None) -> dict[str, IstioMatch] | None:
    return None if matches is None else {name: string_match(match) for name, match in matches.items()}


def _headers(match: Match) -> dict[str, IstioMatch] | None:
    headers = _strings(match.headers)
    for name, value in (match.cookie or {}).items():
        headers = {**(headers or {}), "cookie": IstioMatch(regex=cookie_pattern(name, value))}
    return headers


def cookie_pattern(name: str, value: StringMatch) -> str:
    """A regular expression (RE2, the whole header) for a cookie among others."""
    if value.regex is not None:
        wanted = f"(?:{value.regex})"
    elif value.exact is not None:
        wanted = _literal(value.exact)
    else:
        wanted = f"{_literal(value.prefix or '')}[^;]*"
    return rf"(.*;\s*)?{_literal(name)}={wanted}(;.*)?"


def _literal(text: str) -> str:
    """Text in a regular expression, with no more escapes than RE2 needs."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)


def http_match(match: Match, gateways: tuple[str, ...] | None) -> HTTPMatchRequest:
    """A match in Istio's words; `gateways` are its gateways, fully qualified."""
    caller = match.caller
    return HTTPMatchRequest(
        name=match.name,
        uri=_unless_present(match.path),
        ignore_uri_case=match.ignore_uri_case,
        scheme=_unless_present(match.scheme),
        method=_unless_present(match.method),
        authority=_unless_present(match.authority),
        headers=_headers(match),
        without_headers=_strings(match.without_headers),
        query_params=_strings(match.query_params),
        port=match.port,
        gateways=gateways,
        source_labels=caller.labels if caller is not None else match.source_labels,
        source_namespace=caller.namespace if caller is not None else match.source_namespace,
        stat_prefix=match.stat_prefix,
    )


Matches = tuple[HTTPMatchRequest, ...]
"""Any one of them; empty means every request."""


def both(first: Matches, second: Matches) -> Matches | None:
    """The requests that meet one of `first` and one of `second`; None where there are none.

    Raises Inexpressible where Istio cannot say it in one match.
    """
    if not first or not second:
        return first or second
    found: list[HTTPMatchRequest] = []
    for one in first:
        for other in second:
            try:
                found.append(_merge(one, other))
            except _Never:
                continue
    return tuple(found) or None


def _merge(one: HTTPMatchRequest, other: HTTPMatchRequest) -> HTTPMatchRequest:
    if one.uri is not None and other.uri is not None and bool(one.ignore_uri_case) != bool(other.ignore_uri_case):
        raise Inexpressible("path")
    return HTTPMatchRequest(
        name=one.name or other.name,
        uri=_either(one.uri, other.uri, "path"),
        ignore_uri_case=one.ignore_uri_case if one.uri is not None else other.ignore_uri_case,
        scheme=_either(one.scheme, other.scheme, "scheme"),
        method=_either(one.method, other.method, "method"),
        authority=_either(one.authority, other.authority, "authority"),
        headers=_union(one.headers, other.headers, _named(_meet, "header")),
        without_headers=_union(one.without_headers, other.without_headers, _named(_same_string, "absent header")),
        query_params=_union(one.query_params, other.query_params, _named(_meet, "query parameter")),
        port=_equal(one.port, other.port),
        gateways=_common(one.gateways, other.gateways),
        source_labels=_union(one.source_labels, other.source_labels, lambda _, a, b: _equal(a, b)),
        source_namespace=_equal(one.source_namespace, other.source_namespace),
        stat_prefix=one.stat_prefix or other.stat_prefix,
    )


def _equal(one: T | None, other: T | None) -> T | None:
    if one is not None and other is not None and one != other:
        raise _Never
    return one if one is not None else other


def _common(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if one is None or other is None:
        return one if one is not None else other
    shared = tuple(gateway for gateway in one if gateway in other)
    if not shared:
        raise _Never
    return shared


def _union(one: dict[str, T] | None, other: dict[str, T] | None, join: Callable[[str, T, T], T | None]) -> dict[str, T] | None:
    if not one or not other:
        return one or other
    union = dict(one)
    for name, value in other.items():
        joined = join(name, union[name], value) if name in union else value
        union[name] = value if joined is None else joined
    return union


def _either(one: IstioMatch | None, other: IstioMatch | None, what: str) -> IstioMatch | None:
    if one is None or other is None:
        return one if one is not None else other
    return _meet(one, other, what)


def _named(
    join: Callable[[IstioMatch, IstioMatch, str], IstioMatch], what: str
) -> Callable[[str, IstioMatch, IstioMatch], IstioMatch]:
    return lambda name, one, other: join(one, other, f"{what} `{name}`")


def _same_string(one: IstioMatch, other: IstioMatch, what: str) -> IstioMatch:
    if one != other:
        raise Inexpressible(what)
    return one


def _meet(one: IstioMatch, other: IstioMatch, what: str) -> IstioMatch:
    """The strings that both matches take."""
    if other in {PRESENT, one}:
        return one
    if one == PRESENT:
        return other
    if one.regex is not None or other.regex is not None:
        raise Inexpressible(what)
    for narrow, wide in ((one, other), (other, one)):
        text = narrow.exact if narrow.exact is not None else narrow.prefix or ""
        if wide.exact is None and text.startswith(wide.prefix or ""):
            return narrow
    raise _Never


@dataclass(frozen=True, slots=True)
class PathRewrite:
    """What a rule does to the path before the service sees it: `prefix` of the path, or all of it, becomes `becomes`."""

    prefix: str | None  # None: the whole path
    becomes: str


def before_rewrite(matches: Matches, rewrite: PathRewrite) -> Matches | None:
    """The matches on a path after a rewrite, as matches on the path before it; None where no path meets them.

    Raises Inexpressible for regular expressions and for paths compared without case.
    """
    found: list[HTTPMatchRequest] = []
    for match in matches:
        if match.uri is None:
            found.append(match)
            continue
        if match.uri.regex is not None or match.ignore_uri_case:
            raise Inexpressible("path")
        uri = _before(match.uri, rewrite)
        if uri is not None:
            found.append(msgspec.structs.replace(match, uri=None if uri == PRESENT else uri))
    return tuple(found) if found or not matches else None


def _before(uri: IstioMatch, rewrite: PathRewrite) -> IstioMatch | None:
    """One match before the rewrite; PRESENT where every path that is rewritten meets it, None where none does."""
    wanted = uri.exact if uri.exact is not None else uri.prefix or ""
    if rewrite.prefix is None:
        return PRESENT if _meets(rewrite.becomes, uri) else None
    if wanted.startswith(rewrite.becomes):
        original = rewrite.prefix + wanted[len(rewrite.becomes) :]
        return IstioMatch(exact=original) if uri.exact is not None else IstioMatch(prefix=original)
    return PRESENT if uri.exact is None and rewrite.becomes.startswith(wanted) else None


def _meets(text: str, uri: IstioMatch) -> bool:
    return text == uri.exact if uri.exact is not None else text.startswith(uri.prefix or "")
