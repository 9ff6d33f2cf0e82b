"""Clusters of one proxy (envoy-mapping.md §4): what it may send to, and the applications behind it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from meshgen.emit.envoy.collectors import collectors
from meshgen.emit.envoy.endpoints import address, load_assignment
from meshgen.emit.envoy.filters.jwt_authn import KeySource, key_sources
from meshgen.emit.envoy.locality import is_locality_weighted, locality_setting, place, zone_setting
from meshgen.emit.envoy.names import BLACK_HOLE, INBOUND_PASSTHROUGH, PASSTHROUGH, TYPE, inbound_cluster
from meshgen.emit.envoy.shared import once
from meshgen.emit.envoy.targets import Target, identities, targets
from meshgen.emit.envoy.tls import proxy_protocol, raw_buffer, upstream_mutual_tls, upstream_tls, with_known_references
from meshgen.emit.envoy.traffic_policy import (
    EffectivePolicy,
    circuit_breakers,
    common_http_options,
    connect_timeout,
    effective_policy,
    error_matcher,
    http2_options,
    load_balancing,
    outlier_detection,
    panic_threshold,
    tcp_keepalive,
)
from meshgen.istio.destination_rule import ClientTLSSettings
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.shared import ConnectionPoolSettings
from meshgen.istio.sidecar import IstioIngressListener
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Capture, Mesh, Proxy, ProxyView, Resolution, Role
from meshgen.values import Protocol, duration_to_envoy, parse_protocol

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_CARES = f"{TYPE}envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
_NEVER = "9223372035s"
"""istiod's cleanup interval of inbound ORIGINAL_DST clusters: the longest that Envoy takes, for hosts there never go stale."""

_DOWNSTREAM: JsonObject = {"use_downstream_protocol_config": {"http_protocol_options": {}, "http2_protocol_options": {}}}


def clusters(mesh: Mesh, view: ProxyView, *, outbound: bool = True) -> tuple[JsonObject, ...]:
    """The clusters of a proxy, sorted by name: all of them, or without those that requests of its own application go to."""
    found = [*(_outbound(mesh, view) if outbound else ()), *_fixed(mesh.config, view.proxy)]
    found.extend(_of_keys(mesh.config, view.proxy, source) for source in key_sources(mesh, view.proxy))
    found.extend(collectors(mesh.config, view.proxy))
    if view.proxy.role is Role.SIDECAR:
        found.extend(_inbound(mesh, view))
    return tuple(sorted(found, key=lambda cluster: str(cluster["name"])))


# --- outbound -------------------------------------------------------------------------------------------------------
def _outbound(mesh: Mesh, view: ProxyView) -> tuple[JsonObject, ...]:
    wanted, proxy = targets(mesh, view), view.proxy

    def one(target: Target) -> JsonObject:
        key = ("cluster", id(target), proxy.envoy_version, ":" in proxy.address, *_place(mesh, proxy, target))
        return once(mesh, key, target, lambda: with_known_references(mesh, _cluster(mesh, proxy, target)))

    def all_of_them() -> tuple[JsonObject, ...]:
        # istiod leaves a DNS cluster without endpoints out: a request is 503 NC there.
        return tuple(map(one, (each for each in wanted if each.endpoints or each.discovery not in {"STRICT_DNS", "LOGICAL_DNS"})))

    key = ("clusters", id(wanted), proxy.envoy_version, ":" in proxy.address, *place(mesh, proxy))
    return once(mesh, key, wanted, all_of_them)


def _place(mesh: Mesh, proxy: Proxy, target: Target) -> tuple[Hashable, ...]:
    """Where the proxy is, for a cluster that has its endpoints in it."""
    return place(mesh, proxy) if target.discovery in {"STRICT_DNS", "LOGICAL_DNS"} else ()


def _cluster(mesh: Mesh, proxy: Proxy, target: Target) -> JsonObject:
    policy, config = target.policy, mesh.config
    cluster: JsonObject = {
        "name": target.name,
        "type": target.discovery,
        "connect_timeout": connect_timeout(policy.connection_pool, config),
        "circuit_breakers": circuit_breakers(policy.connection_pool, policy.retry_budget, proxy.envoy_version),
        "common_lb_config": _common_lb(policy, config),
        **_hosts(mesh, proxy, target),
    }
    cluster |= _balancing(target)
    keepalive = tcp_keepalive(policy.connection_pool, config)
    if keepalive:
        cluster["upstream_connection_options"] = keepalive
    if policy.outlier_detection:
        cluster["outlier_detection"] = outlier_detection(policy.outlier_detection)
    tls = None if target.sni_dnat else _client_tls(target, proxy)
    protocol = _upstream_protocol(target, proxy, config)
    if not target.sni_dnat:
        cluster |= _sockets(mesh, proxy, target, tls, protocol)
    cluster |= _http_options(_outbound_http(policy, tls), protocol)
    return cluster | _metadata(mesh, target)


def _common_lb(policy: EffectivePolicy, config: MeshConfig) -> JsonObject:
    common: JsonObject = {"healthy_panic_threshold": panic_threshold(policy.outlier_detection)}
    zones = zone_setting(policy, config)
    if zones is not None:
        shares: JsonObject = {"routing_enabled": {"value": 100.0}}
        common["zone_aware_lb_config"] = shares | drop_none({"min_cluster_size": zones.min_cluster_size})
    elif is_locality_weighted(policy, locality_setting(policy, config)):
        common["locality_weighted_lb_config"] = {}
    return common


def _hosts(mesh: Mesh, proxy: Proxy, target: Target) -> JsonObject:
    """Where the hosts come from: EDS, or DNS with names that are re-resolved."""
    if target.discovery == "ORIGINAL_DST":
        return {}
    if target.discovery == "EDS":
        source: JsonObject = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
        return {"eds_cluster_config": {"eds_config": source, "service_name": target.name}}
    return {**dns_settings(mesh.config, proxy), "load_assignment": load_assignment(mesh, proxy, target)}


def dns_settings(config: MeshConfig, proxy: Proxy) -> JsonObject:
    """How names are resolved; the family is the proxy's own, as in istiod."""
    return {
        "dns_refresh_rate": duration_to_envoy(config.dns_refresh_rate),
        "dns_jitter": "0.1s",
        "respect_dns_ttl": True,
        "dns_lookup_family": "V6_ONLY" if ":" in proxy.address else "V4_ONLY",
        "typed_dns_resolver_config": {
            "name": "envoy.network.dns_resolver.cares",
            "typed_config": {"@type": _CARES, "udp_max_queries": 100},
        },
    }


def _balancing(target: Target) -> JsonObject:
    if target.discovery == "ORIGINAL_DST":
        return {"lb_policy": "CLUSTER_PROVIDED"}
    balancing = load_balancing(target.policy.load_balancer)
    # PASSTHROUGH means the restored destination; where there is none, the endpoints are balanced as by default.
    return balancing if balancing.get("lb_policy") != "CLUSTER_PROVIDED" else {"lb_policy": "LEAST_REQUEST"}


def _metadata(mesh: Mesh, target: Target) -> JsonObject:
    """Which destination rule made the cluster what it is, for the simulator and for diffs.

    `peers` says STRICT where no endpoint is known but all must speak mutual TLS: a delivery that finds one must know.
    """
    found: JsonObject = {}
    rule = target.rule
    if rule is not None:
        path = f"spec.subsets[{(rule.spec.subsets or ()).index(target.subset)}]" if target.subset else "spec.trafficPolicy"
        found = {"kind": rule.kind, "namespace": rule.namespace, "name": rule.name, "path": path}
    if not target.endpoints and not target.service.external:
        mode = mesh.mutual_tls_mode(target.service.namespace, target.service.selector)
        found |= {"peers": mode} if mode == "STRICT" else {}
    return {"metadata": {"filter_metadata": {"meshgen": found}}} if found else {}


def is_strict(cluster: JsonObject) -> bool:
    """Whether endpoints that are not known yet must be spoken to with mutual TLS (`_metadata`)."""
    match cluster.get("metadata"):
        case {"filter_metadata": {"meshgen": {"peers": "STRICT"}}}:
            return True
        case _:
            return False


# --- upstream TLS (§4.4) --------------------------------------------------------------------------------------------
def _client_tls(target: Target, proxy: Proxy) -> ClientTLSSettings | None:
    """The rule's TLS settings, unless they cannot be applied here.

    istiod applies a credentialName in sidecars only where the rule has a workload selector; otherwise the traffic is plaintext
    (`limits.py` reports it).
    """
    settings = target.policy.tls
    if settings and settings.credential_name and proxy.role is Role.SIDECAR:
        selected = target.rule is not None and target.rule.spec.workload_selector is not None
        return settings if selected else ClientTLSSettings(mode="DISABLE")
    return settings


def _sockets(mesh: Mesh, proxy: Proxy, target: Target, tls: ClientTLSSettings | None, protocol: str) -> JsonObject:
    wrap = target.policy.proxy_protocol
    if tls is None and has_auto_mutual_tls(mesh, target, proxy):
        socket = _mesh_socket(mesh, target, ClientTLSSettings(mode="ISTIO_MUTUAL"), protocol)
        if target.discovery != "ORIGINAL_DST":
            return {"transport_socket_matches": _by_peer(socket)}
    elif tls is None or tls.mode in {None, "DISABLE"}:
        socket = raw_buffer() if wrap else {}
    elif tls.mode == "ISTIO_MUTUAL":
        socket = _mesh_socket(mesh, target, tls, protocol)
    else:
        sans = tls.subject_alt_names or (() if target.service.kubernetes else target.service.subject_alt_names)
        socket = upstream_tls(tls, mesh.config, sans=sans, http2=protocol == "h2")
    if wrap and socket:
        socket = proxy_protocol(wrap.version or "V1", socket)
    return {"transport_socket": socket} if socket else {}


def _mesh_socket(mesh: Mesh, target: Target, tls: ClientTLSSettings, protocol: str) -> JsonObject:
    sans = tls.subject_alt_names or identities(mesh, target)
    return upstream_mutual_tls(sni=tls.sni or target.sni, sans=sans, alpn=mesh_alpn(target.port.protocol, protocol))


def _by_peer(socket: JsonObject) -> list[JsonValue]:
    """Mutual TLS to endpoints whose metadata says that a sidecar is there, plaintext to the others."""
    return [
        {"name": "tlsMode-istio", "match": {"tlsMode": "istio"}, "transport_socket": socket},
        {"name": "tlsMode-disabled", "match": {}, "transport_socket": raw_buffer()},
    ]


def has_auto_mutual_tls(mesh: Mesh, target: Target, proxy: Proxy) -> bool:
    """Whether mutual TLS is spoken unasked: a service of the mesh whose peers have sidecars that accept it.

    An edge has no certificate of the mesh.
    """
    service = target.service
    if proxy.role is Role.EDGE or service.external or not mesh.config.enable_auto_mtls:
        return False
    if service.resolution in {Resolution.HEADLESS, Resolution.NONE} or target.discovery == "ORIGINAL_DST":
        endpoints = mesh.endpoints(service, target.port)
        return bool(endpoints) and all(endpoint.mutual_tls for endpoint in endpoints)
    return mesh.mutual_tls_mode(service.namespace, {}) != "DISABLE"


def mesh_alpn(protocol: Protocol, upstream: str) -> tuple[str, ...]:
    """What mesh TLS offers, so that an Istio peer picks the inbound chain that istiod's clients would get.

    Stock Envoy has no `istio.alpn` filter, which sets the list by the request's protocol; a cluster's list is fixed
    (envoy-mapping.md §0). Where the protocol is the client's, no protocol is left to negotiate: the server looks at the bytes.
    """
    if upstream == "h2":
        return ("istio-h2", "istio", "h2")
    if not protocol.is_http:
        return ("istio",)
    if upstream == "downstream":
        return ("istio-http/1.1", "istio-h2", "istio")
    return ("istio-http/1.1", "istio", "http/1.1")


# --- HTTP protocol options ------------------------------------------------------------------------------------------
def _upstream_protocol(target: Target, proxy: Proxy, config: MeshConfig) -> str:
    """`h2`, `downstream` (the client's) or `http1`."""
    http = target.policy.connection_pool.http if target.policy.connection_pool else None
    if http and http.use_client_protocol:
        return "downstream"
    upgrade = (http and http.h2_upgrade_policy) or "DEFAULT"
    if target.port.protocol.is_http2 or upgrade == "UPGRADE":
        return "h2"
    if upgrade == "DEFAULT" and target.port.protocol.is_http and config.h2_upgrade_policy == "UPGRADE":
        return "h2"
    return _sniffed(target.port.protocol, proxy)


def _sniffed(protocol: Protocol, proxy: Proxy) -> str:
    """A gateway does not sniff: its clients negotiate HTTP/2 with it, which the application may not speak."""
    return "downstream" if protocol is Protocol.UNSUPPORTED and proxy.role is Role.SIDECAR else "http1"


def _outbound_http(policy: EffectivePolicy, tls: ClientTLSSettings | None) -> JsonObject:
    options = _pool_options(policy.connection_pool)
    if tls and tls.mode in {"SIMPLE", "MUTUAL"} and not tls.sni:
        upstream: JsonObject = {"auto_sni": True}
        if not tls.subject_alt_names and not tls.insecure_skip_verify:
            upstream["auto_san_validation"] = True
        options["upstream_http_protocol_options"] = upstream
    matcher = error_matcher(policy.outlier_detection)
    if matcher:
        options["outlier_detection"] = matcher
    return options


def _pool_options(pool: ConnectionPoolSettings | None) -> JsonObject:
    common, http2 = common_http_options(pool), http2_options(pool)
    options: JsonObject = {"common_http_protocol_options": common} if common else {}
    return options | ({"http2": http2} if http2 else {})


def _http_options(options: JsonObject, protocol: str) -> JsonObject:
    """`typed_extension_protocol_options`, which must name a protocol if it says anything; absent where it says nothing."""
    http2 = options.pop("http2", {})
    if protocol == "downstream":
        options |= _DOWNSTREAM
    elif protocol == "h2":
        options["explicit_http_config"] = {"http2_protocol_options": http2}
    elif options:
        options["explicit_http_config"] = {"http_protocol_options": {}}
    if not options:
        return {}
    return {"typed_extension_protocol_options": {HTTP_OPTIONS: {"@type": TYPE + HTTP_OPTIONS, **options}}}


# --- the fixed ones -------------------------------------------------------------------------------------------------
def _fixed(config: MeshConfig, proxy: Proxy) -> Iterator[JsonObject]:
    yield {"name": BLACK_HOLE, "type": "STATIC", "connect_timeout": connect_timeout(None, config)}
    if proxy.role is Role.SIDECAR and proxy.capture is Capture.IPTABLES:
        yield _passthrough(PASSTHROUGH, config)
        yield _passthrough(INBOUND_PASSTHROUGH, config) | {"upstream_bind_config": _bind(proxy)}


def _of_keys(config: MeshConfig, proxy: Proxy, source: KeySource) -> JsonObject:
    """The cluster that fetches JSON Web Keys, with the system's roots and the host's name verified."""
    hosts: JsonObject = {"lb_endpoints": [{"endpoint": {"address": address(source.host, source.port)}}]}
    cluster: JsonObject = {
        "name": source.cluster,
        "type": "STRICT_DNS",
        "connect_timeout": connect_timeout(None, config),
        **dns_settings(config, proxy),
        "load_assignment": {"cluster_name": source.cluster, "endpoints": [hosts]},
    }
    if source.tls:
        settings = ClientTLSSettings(mode="SIMPLE", sni=source.host)
        cluster["transport_socket"] = upstream_tls(settings, config, sans=(source.host,), http2=False)
    return cluster


def _passthrough(name: str, config: MeshConfig) -> JsonObject:
    keepalive = tcp_keepalive(None, config)
    return {
        "name": name,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": connect_timeout(None, config),
        "circuit_breakers": circuit_breakers(None, None),
        **({"upstream_connection_options": keepalive} if keepalive else {}),
        **_http_options({"common_http_protocol_options": {"idle_timeout": "300s"}}, "downstream"),
    }


def _bind(proxy: Proxy) -> JsonObject:
    """The source address by which iptables tells the sidecar's own connections apart."""
    return {"source_address": {"address": "::6" if ":" in proxy.address else "127.0.0.6", "port_value": 0}}


# --- inbound --------------------------------------------------------------------------------------------------------
def _inbound(mesh: Mesh, view: ProxyView) -> Iterator[JsonObject]:
    sidecar = view.sidecar.spec if view.sidecar else None
    if sidecar and sidecar.ingress:
        for listener in sidecar.ingress:
            yield _ingress(mesh.config, view.proxy, listener, sidecar.inbound_connection_pool)
        return
    seen: set[int] = set()
    for service, port, workload_port in view.inbound_services:
        if workload_port in seen or port.protocol is Protocol.UDP:
            continue
        seen.add(workload_port)
        pool = sidecar.inbound_connection_pool if sidecar else None
        if pool is None:
            rule = mesh.destination_rule(service.host, view.proxy, service.namespace)
            pool = effective_policy(rule.spec if rule else None, port.number).connection_pool
        yield _application(mesh.config, view.proxy, workload_port, port.protocol, pool)


def _application(
    config: MeshConfig, proxy: Proxy, port: int, protocol: Protocol, pool: ConnectionPoolSettings | None, endpoint: str = ""
) -> JsonObject:
    """The application at the restored destination, or at `endpoint` (`host:port` or `unix://path`)."""
    name = inbound_cluster(port)
    cluster: JsonObject = {
        "name": name,
        "connect_timeout": connect_timeout(pool, config),
        "circuit_breakers": circuit_breakers(pool, None),
        "common_lb_config": {},
    }
    local = config.inbound_traffic_policy.mode == "LOCALHOST"
    if not endpoint and not local and proxy.capture is Capture.IPTABLES:
        cluster |= {"type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "cleanup_interval": _NEVER}
        cluster["upstream_bind_config"] = _bind(proxy)
    else:
        where = _address_of(endpoint or f"127.0.0.1:{port}", proxy)
        hosts: JsonObject = {"lb_endpoints": [{"endpoint": {"address": where}}]}
        cluster |= {"type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": [hosts]}}
    keepalive = tcp_keepalive(pool, config)
    if keepalive:
        cluster["upstream_connection_options"] = keepalive
    upstream = "h2" if protocol.is_http2 else _sniffed(protocol, proxy)
    if pool and pool.http and pool.http.use_client_protocol:
        upstream = "downstream"
    return cluster | _http_options(_pool_options(pool), upstream)


def _ingress(
    config: MeshConfig, proxy: Proxy, listener: IstioIngressListener, default: ConnectionPoolSettings | None
) -> JsonObject:
    """A Sidecar ingress listener: its port, and the endpoint that it names."""
    protocol = parse_protocol(listener.port.protocol or "")
    pool = listener.connection_pool or default
    return _application(config, proxy, listener.port.number or 0, protocol, pool, listener.default_endpoint or "")


def _address_of(endpoint: str, proxy: Proxy) -> JsonObject:
    if endpoint.startswith("unix://"):
        return address(endpoint, 0)
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    # 0.0.0.0 is Istio's word for the workload's own address.
    return address(proxy.address or "127.0.0.1" if host in {"0.0.0.0", "::"} else host, int(port))  # noqa: S104 - a word, not a bind
