"""Two rules in a row as one: a rule that sends to a service, and one of that service's own rules."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from meshgen.istio import virtual_service as istio
from meshgen.lower.draft import Draft
from meshgen.lower.matches import Inexpressible, Matches, PathRewrite, before_rewrite, both

_ANSWERS = ("redirect", "direct_response", "delegate")
_FOR_THE_SERVICE = ("timeout", "retries", "rewrite")  # what an answer of the proxy's own does without


def combine(outer: Draft[istio.HTTPMatchRequest], inner: Draft[istio.HTTPMatchRequest]) -> Draft[istio.HTTPMatchRequest] | None:
    """What happens to a request that `outer` sends to the service of `inner`; None where no request meets both.

    The nearer rule's timeout, retries, fault and CORS hold: those of `outer` where it has them. Mirrors add up; of two changes to
    one header the service's comes last. Raises Inexpressible where one Istio rule cannot say it.
    """
    rewrite = outer.fields.get("rewrite")
    matches = _narrowed(outer.matches, inner.matches, rewrite if isinstance(rewrite, istio.HTTPRewrite) else None)
    if matches is None:
        return None
    fields = {**inner.fields, **outer.fields}
    if any(answer in inner.fields for answer in _ANSWERS):
        fields = {key: value for key, value in fields.items() if key not in _FOR_THE_SERVICE}
    elif rewrite is not None and "rewrite" in inner.fields:
        raise Inexpressible("path: both rewrite the request")
    if "headers" in outer.fields and "headers" in inner.fields:
        fields["headers"] = _headers(outer.fields["headers"], inner.fields["headers"])
    if "name" in outer.fields and "name" in inner.fields:
        fields["name"] = f"{outer.fields['name']}-{inner.fields['name']}"
    hedged = (outer if "retries" in outer.fields else inner).hedged and "retries" in fields
    return replace(
        inner, matches=matches, fields=fields, mirrors=(*outer.mirrors, *inner.mirrors), origin=outer.origin, hedged=hedged
    )


def _narrowed(outer: Matches, inner: Matches, rewrite: istio.HTTPRewrite | None) -> Matches | None:
    """Matches of `outer` that also meet `inner`, which reads the request after the rewrite."""
    if rewrite is None or not inner:
        return both(outer, inner)
    if rewrite.authority is not None and any(match.authority is not None for match in inner):
        raise Inexpressible("authority")
    reads_path = any(match.uri is not None for match in inner)
    if rewrite.uri_regex_rewrite is not None and reads_path:
        raise Inexpressible("path")
    if rewrite.uri is None or not reads_path:
        return both(outer, inner)
    found: list[istio.HTTPMatchRequest] = []
    for match in outer or (istio.HTTPMatchRequest(),):
        before = before_rewrite(inner, _path_rewrite(match.uri, rewrite.uri))
        found += (both((match,), before) or ()) if before is not None else ()
    return tuple(found) or None


def _path_rewrite(uri: istio.StringMatch | None, becomes: str) -> PathRewrite:
    """What Envoy does to a path that `uri` matched: a prefix is replaced, and all of an exact or regular match."""
    if uri is None:
        return PathRewrite("/", becomes)
    return PathRewrite(uri.prefix, becomes)


def _headers(outer: object, inner: object) -> istio.Headers:
    if not isinstance(outer, istio.Headers) or not isinstance(inner, istio.Headers):
        raise TypeError("`headers` holds headers")
    return istio.Headers(request=_operations(outer.request, inner.request), response=_operations(inner.response, outer.response))


def _operations(first: istio.HeaderOperations | None, last: istio.HeaderOperations | None) -> istio.HeaderOperations | None:
    """Two changes to headers, one after the other, as one."""
    if first is None or last is None:
        return first if first is not None else last
    return istio.HeaderOperations(
        set=_joined(first.set, last.set),
        add=_joined(first.add, last.add),
        remove=(*(first.remove or ()), *(last.remove or ())) or None,
    )


def _joined(first: Mapping[str, str] | None, last: Mapping[str, str] | None) -> dict[str, str] | None:
    return {**(first or {}), **(last or {})} or None
