"""Policies in effect for a workload: security, telemetry and EnvoyFilters, each by its selector and level.

Follows istiod (`model/authorization.go`, `authentication.go`, `telemetry.go`, `envoyfilter.go`). A policy with targetRefs
concerns gateways of the Gateway API and waypoints, neither of which is a proxy here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.envoy_filter import EnvoyFilter
from meshgen.istio.object import IstioObject
from meshgen.istio.peer_authentication import MutualTLS, PeerAuthentication
from meshgen.istio.request_authentication import RequestAuthentication
from meshgen.istio.telemetry import Telemetry
from meshgen.mesh.selection import SelectorIndex

Policy = TypeVar("Policy", AuthorizationPolicy, RequestAuthentication, PeerAuthentication, Telemetry)


def selector_of(
    spec: AuthorizationPolicy | RequestAuthentication | PeerAuthentication | Telemetry,
) -> Mapping[str, str]:
    """The labels that a policy picks; empty for all workloads of its namespace."""
    return (spec.selector.match_labels or {}) if spec.selector is not None else {}


def has_targets(spec: AuthorizationPolicy | RequestAuthentication | PeerAuthentication | Telemetry | EnvoyFilter) -> bool:
    """Whether a policy names its targets instead of selecting workloads."""
    return bool(getattr(spec, "target_refs", None) or getattr(spec, "target_ref", None))


def index_policies(policies: Iterable[IstioObject[Policy]]) -> SelectorIndex[IstioObject[Policy]]:
    """Policies of one kind by selector, in istiod's order."""
    index: SelectorIndex[IstioObject[Policy]] = SelectorIndex()
    for policy in sorted(policies, key=lambda found: found.order):
        if not has_targets(policy.spec):
            index.add(policy, policy.namespace, selector_of(policy.spec))
    return index


def from_both(
    index: SelectorIndex[IstioObject[Policy]], root: str, namespace: str, labels: Mapping[str, str]
) -> tuple[IstioObject[Policy], ...]:
    """Those of the root namespace, then those of the workload's own."""
    found = index.picking(root, labels)
    return found if namespace == root else found + index.picking(namespace, labels)


def index_envoy_filters(filters: Iterable[IstioObject[EnvoyFilter]]) -> SelectorIndex[IstioObject[EnvoyFilter]]:
    """EnvoyFilters by selector: by priority, creation time, name."""
    index: SelectorIndex[IstioObject[EnvoyFilter]] = SelectorIndex()
    for found in sorted(filters, key=lambda found: (found.spec.priority or 0, *found.order)):
        selector = found.spec.workload_selector
        if not has_targets(found.spec):
            index.add(found, found.namespace, (selector.labels or {}) if selector else {})
    return index


def mutual_tls_mode(
    index: SelectorIndex[IstioObject[PeerAuthentication]],
    root: str,
    namespace: str,
    labels: Mapping[str, str],
    port: int | None,
) -> str:
    """The mode of a workload's port; what a level leaves UNSET comes from the level above, PERMISSIVE from nowhere."""
    applied = index.picking(namespace, labels)
    mode = "PERMISSIVE"
    levels = (
        index.picking(root, {})[:1],
        [found for found in applied if not selector_of(found.spec)][:1] if namespace != root else (),
        # A policy of the root namespace with a selector concerns nobody.
        [found for found in applied if selector_of(found.spec)][:1] if namespace != root else (),
    )
    for level in levels:
        for found in level:
            mode = _mode(found.spec.mtls) or mode
    for found in levels[-1]:
        if port is not None and found.spec.port_level_mtls:
            mode = _mode(found.spec.port_level_mtls.get(str(port))) or mode
    return mode


def _mode(mutual_tls: MutualTLS | None) -> str | None:
    mode = mutual_tls.mode if mutual_tls is not None else None
    return None if mode in (None, "UNSET") else mode


def telemetry_levels(
    index: SelectorIndex[IstioObject[Telemetry]], root: str, namespace: str, labels: Mapping[str, str]
) -> tuple[IstioObject[Telemetry], ...]:
    """The oldest of the mesh, of the namespace and of the workload."""
    own = index.picking(namespace, labels)
    mesh_wide = [found for found in index.picking(root, {}) if not selector_of(found.spec)][:1]
    namespace_wide = [found for found in own if not selector_of(found.spec)][:1] if namespace != root else []
    workload = [found for found in own if selector_of(found.spec)][:1]
    return (*mesh_wide, *namespace_wide, *workload)
