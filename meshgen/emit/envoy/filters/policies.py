"""The filters of a workload's policies, which sidecars and gateways share: tokens, external authorization, RBAC."""

from __future__ import annotations

from meshgen.emit.envoy.filter_order import Placed, Slot
from meshgen.emit.envoy.filters import ext_authz, jwt_authn, rbac
from meshgen.mesh import Mesh, Proxy


def http_policies(mesh: Mesh, proxy: Proxy) -> Placed:
    """Authentication and authorization of requests, the same for all ports."""
    token = jwt_authn.http_filter(mesh, proxy)
    return {
        Slot.EXT_AUTHZ: ext_authz.http_filters(mesh, proxy),
        Slot.JWT: [token] if token is not None else [],
        Slot.RBAC: rbac.http_filters(mesh, proxy),
    }


def network_policies(mesh: Mesh, proxy: Proxy) -> Placed:
    """Authorization of connections that are not HTTP."""
    return {Slot.EXT_AUTHZ: ext_authz.network_filters(mesh, proxy), Slot.RBAC: rbac.network_filters(mesh, proxy)}
