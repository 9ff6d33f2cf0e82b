"""Bootstraps (envoy-mapping.md §1): everything in one file, or a bootstrap that reads the rest from files.

A snapshot's resources name each other as over ADS. `static_bootstrap` puts what they name in their place;
`filesystem_bootstrap` says where the files are, and `delivery.py` writes them. The bootstrap for ADS is in `ads.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import orjson

from meshgen.emit.envoy.clusters import is_strict
from meshgen.emit.envoy.dns import with_dns_cluster_type
from meshgen.emit.envoy.extension import extension
from meshgen.emit.envoy.locality import split_locality
from meshgen.emit.envoy.names import parse_outbound
from meshgen.emit.envoy.patch_values import merged
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.tls import names_of_secrets
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Proxy

CERTIFICATES: Final = "/etc/meshgen/certificates"

# Two of istiod's guards change what a request meets: large expressions are accepted, and `#…` in a path is cut, not answered
# with 400.
_RUNTIME: Final[JsonObject] = {
    "re2.max_program_size.error_level": 32768,
    "envoy.reloadable_features.http_reject_path_with_fragment": False,
}

# istiod's bound of all clients' connections, so large that it is none; without one Envoy warns that it has none.
_BOUND: Final = "global_downstream_max_connections"
_CONNECTIONS: Final = f"envoy.resource_monitors.{_BOUND}"
_CONNECTIONS_TYPE: Final = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
_UNBOUNDED: Final = 2_147_483_647


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapOptions:
    """What a bootstrap needs besides the snapshot."""

    certificates: str = CERTIFICATES
    """Where credentials are: `<credential>/{tls.crt,tls.key,ca.crt}`, `workload/{cert-chain.pem,key.pem,root-cert.pem}`."""

    admin_address: str = "127.0.0.1"
    admin_port: int = 15000
    """None of an admin interface where this is negative."""

    cluster_domain: str = "svc.cluster.local"
    """The DNS suffix of Kubernetes services: names that end in it can stand in for endpoints that are not known."""


DEFAULTS: Final = BootstrapOptions()


# --- what both share ------------------------------------------------------------------------------------------------
def node(proxy: Proxy) -> JsonObject:
    """`node`: Envoy refuses dynamic configuration without an id and a cluster; the locality drives zone-aware balancing."""
    kind = "router" if proxy.is_gateway else "sidecar"
    region, zone, subzone = split_locality(proxy.locality)
    locality = drop_none({"region": region or None, "zone": zone or None, "sub_zone": subzone or None})
    app = proxy.labels.get("app", proxy.name)
    address = proxy.address or "unknown"
    return {
        "id": f"{kind}~{address}~{proxy.name}.{proxy.namespace}~{proxy.namespace}.svc.cluster.local",
        "cluster": f"{app}.{proxy.namespace}",
        **({"locality": locality} if locality else {}),
    }


def frame(proxy: Proxy, options: BootstrapOptions, extra: JsonObject) -> JsonObject:
    """What every bootstrap has: node, runtime, admin and, unless `extra` brings one, a bound of clients' connections."""
    layers: list[JsonValue] = [{"name": "meshgen", "static_layer": dict(_RUNTIME)}, {"name": "admin", "admin_layer": {}}]
    found: JsonObject = {"node": node(proxy), "layered_runtime": {"layers": layers}}
    if _BOUND not in orjson.dumps(extra).decode():  # two would be refused, and one in the runtime would not count beside ours
        monitor = extension(_CONNECTIONS, _CONNECTIONS_TYPE, {"max_active_downstream_connections": _UNBOUNDED})
        found["overload_manager"] = {"resource_monitors": [monitor]}
    if options.admin_port >= 0:
        where: JsonObject = {"address": options.admin_address, "port_value": options.admin_port}
        found["admin"] = {"address": {"socket_address": where}}
    return found


def with_files(secret: JsonObject, certificates: str, *, watched: bool) -> JsonObject:
    """A secret whose relative file names are looked for under `certificates`.

    With `watched` Envoy reads them anew when a file is moved into their directory, which it does only for secrets that come by
    SDS.
    """

    def place(value: JsonValue) -> JsonValue:
        if isinstance(value, dict):
            if isinstance(value.get("filename"), str):
                return {"filename": str(PurePosixPath(certificates, str(value["filename"])))}
            return {key: place(item) for key, item in value.items()}
        return value

    placed = place(secret)
    assert isinstance(placed, dict)  # noqa: S101 - a dict stays one
    for kind, file in (("tls_certificate", "private_key"), ("validation_context", "trusted_ca")):
        content = placed.get(kind)
        if watched and isinstance(content, dict) and isinstance(source := content.get(file), dict):
            content["watched_directory"] = {"path": str(PurePosixPath(str(source["filename"])).parent)}
    return placed


Rewrite = Callable[[JsonObject], JsonObject]


def rewritten(value: JsonObject, rewrite: Rewrite) -> JsonObject:
    """`value` with `rewrite` applied to each object in it, the inner ones first."""

    def walk(item: JsonValue) -> JsonValue:
        if isinstance(item, dict):
            return rewrite({key: walk(inner) for key, inner in item.items()})
        return [walk(inner) for inner in item] if isinstance(item, list) else item

    return rewrite({key: walk(inner) for key, inner in value.items()})


# --- static ---------------------------------------------------------------------------------------------------------
def static_bootstrap(snapshot: Snapshot, options: BootstrapOptions = DEFAULTS) -> JsonObject:
    """One file with everything: inline routes and endpoints, secrets by file names. Any change needs a restart.

    A Kubernetes service without a known endpoint is resolved by its name (`limits.py` says for which services, and where that
    cannot be).
    """
    routes = {str(route["name"]): route for route in snapshot.routes}

    def inline(value: JsonObject) -> JsonObject:
        if "sds_config" in value:
            return {"name": value["name"]}
        if "rds" in value and isinstance(source := value["rds"], dict):
            return _with_routes(value, routes.get(str(source["route_config_name"])))
        return value

    listeners = [rewritten(listener, inline) for listener in snapshot.listeners]
    clusters = [rewritten(cluster, inline) for cluster in with_known_endpoints(snapshot, options)]
    used = names_of_secrets((*listeners, *clusters))
    secrets = [with_files(secret, options.certificates, watched=False) for secret in snapshot.secrets if secret["name"] in used]
    resources: JsonObject = {"listeners": [*listeners], "clusters": [*clusters]}
    if secrets:
        resources["secrets"] = [*secrets]
    return merged({**frame(snapshot.proxy, options, snapshot.bootstrap), "static_resources": resources}, snapshot.bootstrap)


def _with_routes(manager: JsonObject, route: JsonObject | None) -> JsonObject:
    """A connection manager with its routes in place; as with RDS, a route may name a cluster that is not there."""
    if route is None:
        return manager
    kept = {key: item for key, item in manager.items() if key != "rds"}
    return {**kept, "route_config": {**route, "validate_clusters": False}}


def with_known_endpoints(snapshot: Snapshot, options: BootstrapOptions) -> Iterator[JsonObject]:
    """The clusters, each EDS one with its endpoints in it, or resolved by its service's name where none is known."""
    endpoints = {str(assignment["cluster_name"]): assignment for assignment in snapshot.endpoints}
    return (_with_endpoints(cluster, endpoints, options.cluster_domain) for cluster in snapshot.clusters)


def _with_endpoints(cluster: JsonObject, endpoints: Mapping[str, JsonObject], domain: str) -> JsonObject:
    if cluster.get("type") != "EDS":
        return cluster
    name = str(cluster["name"])
    kept = {key: item for key, item in cluster.items() if key != "eds_cluster_config"}
    assignment = endpoints.get(name, {"cluster_name": name})
    host = None if assignment.get("endpoints") else dns_stand_in(name, domain)
    if host is None:
        return without_unused_sockets({**kept, "type": "STATIC", "load_assignment": assignment}, assignment)
    # No endpoint is known, so the service's own name is asked; it leads to its virtual IP.
    address: JsonObject = {"socket_address": {"address": host[0], "port_value": host[1]}}
    endpoint: JsonObject = {"endpoint": {"address": address}}
    if is_strict(cluster):
        endpoint["metadata"] = {"filter_metadata": {"envoy.transport_socket_match": {"tlsMode": "istio"}}}
    stand_in: JsonObject = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    resolved: JsonObject = {"type": "STRICT_DNS", "dns_lookup_family": "V4_PREFERRED", "load_assignment": stand_in}
    return with_dns_cluster_type(without_unused_sockets({**kept, **resolved}, stand_in))


def without_unused_sockets(cluster: JsonObject, assignment: JsonValue) -> JsonObject:
    """Without mutual TLS that none of the endpoints speaks, so that a plaintext mesh needs no certificates at all."""
    if "transport_socket_matches" not in cluster or b'"tlsMode":"istio"' in orjson.dumps(assignment):
        return cluster
    return {key: item for key, item in cluster.items() if key != "transport_socket_matches"}


def dns_stand_in(cluster: str, domain: str) -> tuple[str, int] | None:
    """Host and port that lead to a cluster's service where no endpoint is known; None for subsets and for hosts outside of DNS.

    A subset's name in DNS is that of its service, so its requests would reach every version.
    """
    parts = parse_outbound(cluster)
    if parts is None or parts.subset or not parts.host.endswith(f".{domain}"):
        return None
    return parts.host, parts.port


# --- from files -----------------------------------------------------------------------------------------------------
def filesystem_bootstrap(snapshot: Snapshot, directory: str, options: BootstrapOptions = DEFAULTS) -> JsonObject:
    """A bootstrap that reads listeners and clusters from `<directory>/{lds,cds}/`, and through them all the rest."""
    dynamic: JsonObject = {
        "lds_config": file_source(directory, "lds", "listeners.json"),
        "cds_config": file_source(directory, "cds", "clusters.json"),
    }
    return merged({**frame(snapshot.proxy, options, snapshot.bootstrap), "dynamic_resources": dynamic}, snapshot.bootstrap)


def file_source(directory: str, kind: str, file: str) -> JsonObject:
    """A config source that follows one file.

    Envoy looks again when something is moved into the watched directory, be it the file itself or the `..data` link of a
    ConfigMap.
    """
    watched = PurePosixPath(directory, kind)
    source: JsonObject = {"path": str(watched / file), "watched_directory": {"path": str(watched)}}
    return {"path_config_source": source, "resource_api_version": "V3"}
