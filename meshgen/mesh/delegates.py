"""Delegate virtual services: a root's rule is replaced by the delegate's rules, narrowed by the root's matches.

Follows istiod's `model/virtualservice.go` (envoy-mapping.md §3.6). One level: a delegate's own `delegate` is no rule of Istio's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec import structs

from meshgen.diagnostics import JsonPath, Origin
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import HTTPMatchRequest, HTTPRoute, StringMatch, VirtualService
from meshgen.mesh.names import resolve_virtual_service
from meshgen.mesh.visibility import is_exported

Rooted = IstioObject[VirtualService]
V = TypeVar("V")


def is_delegate(spec: VirtualService) -> bool:
    """Whether this is a delegate: it names no host."""
    return not spec.hosts


def is_root(spec: VirtualService) -> bool:
    """Whether a rule hands over to a delegate."""
    return any(route.delegate is not None for route in spec.http or ())


def merge_delegates(root: Rooted, delegates: Mapping[tuple[str, str], Rooted], export_to: tuple[str, ...]) -> Rooted:
    """The root with the rules of its delegates in place of its own; a missing or hidden delegate leaves no rule.

    Args:
        root: a virtual service with hosts.
        delegates: by namespace and name.
        export_to: the mesh's default of VirtualService.exportTo.
    """
    routes: list[HTTPRoute] = []
    origins: dict[JsonPath, Origin] = dict(root.origins)
    for index, route in enumerate(root.spec.http or ()):
        for merged, origin in _rules(root, index, route, delegates, export_to):
            origins["spec", "http", len(routes)] = origin
            routes.append(merged)
    spec = structs.replace(root.spec, http=tuple(routes))
    return structs.replace(root, spec=spec, origins=origins, native=None)


def _rules(
    root: Rooted, index: int, route: HTTPRoute, delegates: Mapping[tuple[str, str], Rooted], export_to: tuple[str, ...]
) -> list[tuple[HTTPRoute, Origin]]:
    if route.delegate is None:
        return [(route, root.origin_of("spec", "http", index))]
    delegate = find_delegate(root, route, delegates, export_to)
    if delegate is None:
        return []
    found: list[tuple[HTTPRoute, Origin]] = []
    for position, leaf in enumerate(resolve_virtual_service(delegate).spec.http or ()):
        merged = merge_rule(route, leaf)
        if merged is not None:
            found.append((merged, delegate.origin_of("spec", "http", position)))
    return found


def find_delegate(
    root: Rooted, route: HTTPRoute, delegates: Mapping[tuple[str, str], Rooted], export_to: tuple[str, ...]
) -> Rooted | None:
    """The delegate of a root's rule, if there is one that the root's namespace can see."""
    if route.delegate is None:
        return None
    delegate = delegates.get((route.delegate.namespace or root.namespace, route.delegate.name or ""))
    if delegate is None or not is_exported(delegate.spec.export_to or export_to, delegate.namespace, root.namespace):
        return None
    return delegate


# What a rule of the delegate takes from the root where it says nothing itself. Not `redirect` and not `route`.
_INHERITED = (
    "rewrite",
    "direct_response",
    "timeout",
    "retries",
    "fault",
    "mirror",
    "mirrors",
    "mirror_percent",
    "mirror_percentage",
    "cors_policy",
    "headers",
)


def merge_rule(root: HTTPRoute, leaf: HTTPRoute) -> HTTPRoute | None:
    """A delegate's rule under a root's rule; None where no match of it fits under the root's."""
    matches = _merge_matches(root.match or (), leaf.match or ())
    if matches is None:
        return None
    inherited = {name: getattr(root, name) for name in _INHERITED if getattr(leaf, name) is None}
    return structs.replace(leaf, match=matches or None, name=_join(root.name, leaf.name), **inherited)


def _join(root: str | None, leaf: str | None) -> str | None:
    return f"{root}-{leaf}" if root and leaf else leaf or root


def _merge_matches(
    roots: tuple[HTTPMatchRequest, ...], leaves: tuple[HTTPMatchRequest, ...]
) -> tuple[HTTPMatchRequest, ...] | None:
    if not roots or not leaves:
        return leaves or roots
    merged: list[HTTPMatchRequest] = []
    for leaf in leaves:
        fitting = [merge_match(root, leaf) for root in roots if not conflicts(root, leaf)]
        if not fitting:
            return None
        merged.extend(fitting)
    return tuple(merged)


def merge_match(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> HTTPMatchRequest:
    """Both matches at once: the delegate's where it says something, maps united."""
    return structs.replace(
        leaf,
        name=_join(root.name, leaf.name),
        uri=leaf.uri or root.uri,
        scheme=leaf.scheme or root.scheme,
        method=leaf.method or root.method,
        authority=leaf.authority or root.authority,
        headers=_united(root.headers, leaf.headers),
        without_headers=_united(root.without_headers, leaf.without_headers),
        query_params=_united(root.query_params, leaf.query_params),
        source_labels=_united(root.source_labels, leaf.source_labels),
        port=leaf.port or root.port,
        source_namespace=leaf.source_namespace or root.source_namespace,
        gateways=leaf.gateways or root.gateways,
        stat_prefix=leaf.stat_prefix or root.stat_prefix,
    )


def _united(root: dict[str, V] | None, leaf: dict[str, V] | None) -> dict[str, V] | None:
    return {**(root or {}), **(leaf or {})} if root or leaf else leaf


def conflicts(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> bool:
    """Whether a delegate's match does not lie within the root's."""
    return (
        any(_outside(getattr(root, name), getattr(leaf, name)) for name in ("uri", "scheme", "method", "authority"))
        or any(_outside((root.headers or {}).get(key), value) for key, value in (leaf.headers or {}).items())
        or any(_outside((root.without_headers or {}).get(key), value) for key, value in (leaf.without_headers or {}).items())
        or any(_outside((root.query_params or {}).get(key), value) for key, value in (leaf.query_params or {}).items())
        or bool(root.ignore_uri_case) != bool(leaf.ignore_uri_case)
        or bool(root.port and leaf.port and root.port != leaf.port)
        or _source_conflicts(root, leaf)
    )


def _source_conflicts(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> bool:
    labels = leaf.source_labels or {}
    return (
        bool(root.source_namespace and root.source_namespace != leaf.source_namespace)
        or any(labels.get(key, value) != value for key, value in (root.source_labels or {}).items())
        or bool(root.gateways and leaf.gateways and not set(leaf.gateways) <= set(root.gateways))
    )


def _outside(root: StringMatch | None, leaf: StringMatch | None) -> bool:
    """Whether a string that the leaf takes may be one that the root refuses; regular expressions cannot be compared."""
    if root is None or leaf is None:
        return False
    if root.regex or leaf.regex:
        return True
    if root.exact:
        return leaf.exact != root.exact
    if root.prefix:
        return not (leaf.prefix or leaf.exact or "").startswith(root.prefix)
    return True
