"""Whether one HTTP match takes every request that another would, and a request that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgen.istio.virtual_service import HTTPMatchRequest, StringMatch

_ANY_PATH = (".*", "/.*")
_EVERYTHING = HTTPMatchRequest()


def covers(first: HTTPMatchRequest, second: HTTPMatchRequest) -> bool:
    """Whether `first` takes every request that `second` takes. False where that cannot be known (regular expressions)."""
    return (
        _covers_path(first, second)
        and all(_covers(getattr(first, name), getattr(second, name)) for name in ("scheme", "method", "authority"))
        and _covers_all(first.headers, second.headers)
        and _covers_all(first.query_params, second.query_params)
        and _same_where_given(first.without_headers, second.without_headers)
        and _same_where_given(first.source_labels, second.source_labels)
        and first.port in (None, 0, second.port)
        and first.source_namespace in (None, "", second.source_namespace)
        and (not first.gateways or bool(second.gateways and set(second.gateways) <= set(first.gateways)))
    )


def _covers_path(first: HTTPMatchRequest, second: HTTPMatchRequest) -> bool:
    one, other = first.uri, second.uri
    if one is None or _is_empty(one) or (one.prefix is not None and one.prefix in ("", "/")) or one.regex in _ANY_PATH:
        return True
    if other is None:
        return False
    if first.ignore_uri_case:
        return _covers(_lowered(one), _lowered(other))
    return not second.ignore_uri_case and _covers(one, other)


def _covers(first: StringMatch | None, second: StringMatch | None) -> bool:
    if first is None:
        return True
    if second is None:
        return False
    if _is_empty(first):
        return True
    if first.regex is not None:
        return first.regex == second.regex
    if first.exact is not None:
        return first.exact == second.exact
    longer = second.exact if second.exact is not None else second.prefix
    return longer is not None and longer.startswith(first.prefix or "")


def _is_empty(match: StringMatch) -> bool:
    """Whether this asks for presence alone."""
    return match.exact is None and match.prefix is None and match.regex is None


def _covers_all(first: Mapping[str, StringMatch] | None, second: Mapping[str, StringMatch] | None) -> bool:
    given = second or {}
    return all(key in given and _covers(value, given[key]) for key, value in (first or {}).items())


def _same_where_given(first: Mapping[str, object] | None, second: Mapping[str, object] | None) -> bool:
    given = second or {}
    return all(given.get(key) == value for key, value in (first or {}).items())


def _lowered(match: StringMatch) -> StringMatch:
    if match.regex is not None:
        return match
    return StringMatch(
        exact=match.exact.lower() if match.exact is not None else None,
        prefix=match.prefix.lower() if match.prefix is not None else None,
    )


# --- an index of matches, so that a rule is compared with few others ----------------------------------------------------
_Key = tuple[str, str, tuple[str, str] | None]


class CoverIndex:
    """Finds earlier matches that may cover a later one, without comparing all pairs."""

    def __init__(self) -> None:
        self._entries: dict[_Key, list[tuple[HTTPMatchRequest, int]]] = {}

    def add(self, match: HTTPMatchRequest, number: int) -> None:
        """Adds a match of the rule of this number."""
        headers = sorted((key, value.exact) for key, value in (match.headers or {}).items() if value.exact is not None)
        self._entries.setdefault((*_path_key(match), headers[0] if headers else None), []).append((match, number))

    def covering(self, match: HTTPMatchRequest) -> int | None:
        """The number of the first rule added whose match covers this one."""
        pairs = [None, *((key, value.exact) for key, value in (match.headers or {}).items() if value.exact is not None)]
        found = [
            number
            for kind, text in _path_keys_above(match)
            for pair in pairs
            for earlier, number in self._entries.get((kind, text, pair), ())
            if covers(earlier, match)
        ]
        return min(found, default=None)


def _path_key(match: HTTPMatchRequest) -> tuple[str, str]:
    uri = match.uri
    if uri is None or _covers_path(match, _EVERYTHING):
        return "any", ""
    text = uri.exact or uri.prefix or uri.regex or ""
    kind = "exact" if uri.exact is not None else "prefix" if uri.prefix is not None else "regex"
    return (f"{kind} any case", text.lower()) if match.ignore_uri_case and kind != "regex" else (kind, text)


def _path_keys_above(match: HTTPMatchRequest) -> Iterator[tuple[str, str]]:
    """The keys under which matches are filed that may cover this one's paths."""
    yield "any", ""
    uri = match.uri
    if uri is None:
        return
    if uri.regex is not None:
        yield "regex", uri.regex
        return
    text = uri.exact if uri.exact is not None else uri.prefix or ""
    if uri.exact is not None:
        yield "exact", text
        yield "exact any case", text.lower()
    for end in range(1, len(text) + 1):
        yield "prefix", text[:end]
        yield "prefix any case", text[:end].lower()


def example_request(match: HTTPMatchRequest) -> str:
    """A request that a match takes, as people write it: `GET /api/v2 with x-cohort: internal`."""
    method = match.method.exact if match.method and match.method.exact else "GET"
    headers = [f"{name}: {_sample(value)}" for name, value in sorted((match.headers or {}).items())]
    query = "&".join(f"{name}={_sample(value)}" for name, value in sorted((match.query_params or {}).items()))
    path = _sample(match.uri) if match.uri else "/"
    if match.uri and match.uri.regex:
        path = f"(a path like {match.uri.regex})"
    text = f"{method} {path}" + (f"?{query}" if query else "")
    return text + (f" with {', '.join(headers)}" if headers else "")


def _sample(match: StringMatch) -> str:
    if match.regex is not None:
        return f"(like {match.regex})"
    return match.exact or match.prefix or "…"
