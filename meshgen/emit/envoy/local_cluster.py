"""The cluster of a proxy's own kind, with which Envoy weighs zones (`ClusterManager.local_cluster_name`).

istiod gives it to proxies that ask for it (`ISTIO_META_ENABLE_SELF_DISCOVERY`), under the same name.
"""

from __future__ import annotations

from typing import Final

from meshgen.emit.envoy.endpoints import address
from meshgen.emit.envoy.locality import split_locality, zone_setting
from meshgen.emit.envoy.targets import targets
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Endpoint, Mesh, ProxyView

LOCAL_CLUSTER: Final = "local_cluster"


def wants_zones(mesh: Mesh, view: ProxyView) -> bool:
    """Whether some destination of the proxy is balanced by zones."""
    return any(zone_setting(target.policy, mesh.config) is not None for target in targets(mesh, view))


def local_cluster(mesh: Mesh, view: ProxyView) -> JsonObject | None:
    """The proxy's own kind by locality; None where it or the others have none. It is static: zones change with a new start."""
    proxy = view.proxy
    found: dict[str, list[Endpoint]] = {}
    for service in mesh.services_backed_by(proxy.namespace, proxy.labels, proxy.address):
        for endpoint in mesh.endpoints(service, service.ports[0]) if service.ports else ():
            if endpoint.locality:
                found.setdefault(endpoint.locality, []).append(endpoint)
        if found:
            break
    if not found or not proxy.locality:
        return None
    groups: list[JsonValue] = [_group(locality, found[locality]) for locality in sorted(found)]
    assignment: JsonObject = {"cluster_name": LOCAL_CLUSTER, "endpoints": groups}
    return {"name": LOCAL_CLUSTER, "type": "STATIC", "connect_timeout": "1s", "load_assignment": assignment}


def _group(locality: str, endpoints: list[Endpoint]) -> JsonObject:
    region, zone, subzone = split_locality(locality)
    where = drop_none({"region": region or None, "zone": zone or None, "sub_zone": subzone or None})
    hosts: list[JsonValue] = [{"endpoint": {"address": address(each.address, each.port)}} for each in endpoints]
    return {"locality": where, "lb_endpoints": hosts}
