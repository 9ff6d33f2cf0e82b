"""What a proxy may send to: one target for each visible service port and each subset of it, before it becomes a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from meshgen.emit.envoy.names import outbound_cluster, sni_dnat_cluster
from meshgen.emit.envoy.shared import once
from meshgen.emit.envoy.traffic_policy import EffectivePolicy, effective_policy, with_defaults
from meshgen.istio.destination_rule import DestinationRule, Subset
from meshgen.istio.object import IstioObject
from meshgen.istio.peer_authentication import PeerAuthentication
from meshgen.mesh import Capture, Endpoint, Mesh, Port, Proxy, ProxyView, Resolution, Role, Service
from meshgen.values import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One future cluster."""

    service: Service
    port: Port
    subset: Subset | None
    rule: IstioObject[DestinationRule] | None
    policy: EffectivePolicy
    discovery: str  # Envoy's `type`: EDS, STRICT_DNS, LOGICAL_DNS or ORIGINAL_DST
    endpoints: tuple[Endpoint, ...]  # the subset's
    sni_dnat: bool = False  # mesh TLS forwarded as it came, by an AUTO_PASSTHROUGH server

    @property
    def name(self) -> str:
        """The cluster's name."""
        return (sni_dnat_cluster if self.sni_dnat else outbound_cluster)(*self._parts)

    @property
    def sni(self) -> str:
        """The SNI of mesh TLS to this target, unless a rule says otherwise."""
        return sni_dnat_cluster(*self._parts)

    @property
    def _parts(self) -> tuple[int, str, str]:
        return self.port.number, self.subset.name if self.subset else "", self.service.host


def targets(mesh: Mesh, view: ProxyView) -> tuple[Target, ...]:
    """All targets of a proxy, each name once (the first wins, as in istiod), in the order of the services.

    Proxies of a namespace that see the same share the tuple, and all proxies that a rule treats alike the targets in it.
    """
    proxy, services, forwards = view.proxy, view.imported_services, is_auto_passthrough(view)
    labels = tuple(sorted(proxy.labels.items())) if asks_for_labels(mesh) else ()
    key = ("targets", id(services), proxy.namespace, labels, proxy.role, proxy.capture, forwards)

    def all_of_them() -> tuple[Target, ...]:
        found: dict[str, Target] = {}
        for service in services:
            for target in _of_service(mesh, proxy, service, forwards=forwards):
                found.setdefault(target.name, target)
        return tuple(found.values())

    return once(mesh, key, services, all_of_them)


def asks_for_labels(mesh: Mesh) -> bool:
    """Whether some destination rule looks at a client's labels, so that sidecars of one namespace may differ."""

    def asks() -> bool:
        return any(rule.spec.workload_selector for rule in mesh.of_kind(DestinationRule))

    return once(mesh, ("rules by labels",), None, asks)


def _of_service(mesh: Mesh, proxy: Proxy, service: Service, *, forwards: bool) -> tuple[Target, ...]:
    if service.resolution in {Resolution.ALIAS, Resolution.DYNAMIC_DNS}:
        return ()
    rule = mesh.destination_rule(service.host, proxy, service.namespace)

    def of_ports() -> Iterator[Target]:
        for port in service.ports:
            if port.protocol is not Protocol.UDP:
                yield from _of_port(mesh, proxy, service, port, rule)
                if forwards:
                    yield from _of_port(mesh, proxy, service, port, rule, sni_dnat=True)

    network = proxy.network if proxy.role is Role.EAST_WEST else ""
    key = ("targets of", id(service), id(rule), proxy.role, proxy.capture, network, forwards)
    return once(mesh, key, (service, rule), lambda: tuple(of_ports()))


def _of_port(
    mesh: Mesh,
    proxy: Proxy,
    service: Service,
    port: Port,
    rule: IstioObject[DestinationRule] | None,
    *,
    sni_dnat: bool = False,
) -> Iterator[Target]:
    endpoints = _by_policy(mesh, mesh.endpoints(service, port))
    named = proxy.role is Role.EDGE and service.kubernetes and not endpoints
    if named:
        # Nobody discovers endpoints before an edge: the service's own name leads to it.
        address = port.target if service.resolution is Resolution.HEADLESS and isinstance(port.target, int) else port.number
        endpoints = (Endpoint(address=service.host, port=address, namespace=service.namespace),)
    if proxy.role is Role.EAST_WEST:
        own = proxy.network or mesh.networks.own
        endpoints = tuple(endpoint for endpoint in endpoints if (endpoint.network or own) == own)
    if sni_dnat:
        # What arrives is mesh TLS; an endpoint that does not terminate it could not read it.
        endpoints = tuple(endpoint for endpoint in endpoints if endpoint.mutual_tls)
    for subset in (None, *((rule.spec.subsets or ()) if rule else ())):
        policy = with_defaults(effective_policy(rule.spec if rule else None, port.number, subset), mesh.config)
        yield Target(
            service=service,
            port=port,
            subset=subset,
            rule=rule,
            policy=policy,
            discovery="STRICT_DNS" if named else _discovery(service, policy, proxy),
            endpoints=_of_subset(endpoints, subset),
            sni_dnat=sni_dnat,
        )


def _by_policy(mesh: Mesh, endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """Sidecars that a PeerAuthentication has speak plaintext count as none (istiod's mTLS checker)."""
    if not once(mesh, ("peers in plaintext",), None, lambda: _some_are_disabled(mesh)):
        return endpoints

    def is_plain(each: Endpoint) -> bool:
        return each.mutual_tls and mesh.mutual_tls_mode(each.namespace, each.labels, each.port) == "DISABLE"

    return tuple(replace(each, mutual_tls=False) if is_plain(each) else each for each in endpoints)


def _some_are_disabled(mesh: Mesh) -> bool:
    specs = [policy.spec for policy in mesh.of_kind(PeerAuthentication)]
    modes = [mode for spec in specs for mode in (spec.mtls, *(spec.port_level_mtls or {}).values())]
    return any(mode is not None and mode.mode == "DISABLE" for mode in modes)


def _of_subset(endpoints: tuple[Endpoint, ...], subset: Subset | None) -> tuple[Endpoint, ...]:
    wanted = (subset.labels if subset else None) or {}
    return tuple(endpoint for endpoint in endpoints if wanted.items() <= endpoint.labels.items()) if wanted else endpoints


def _discovery(service: Service, policy: EffectivePolicy, proxy: Proxy) -> str:
    # Without a restored destination (a gateway, or loopback capture) ORIGINAL_DST would have no host, hence EDS.
    restored = proxy.role is Role.SIDECAR and proxy.capture is Capture.IPTABLES
    if policy.load_balancer and policy.load_balancer.simple == "PASSTHROUGH" and restored:
        return "ORIGINAL_DST"
    match service.resolution:
        case Resolution.DNS:
            return "STRICT_DNS"
        case Resolution.DNS_ROUND_ROBIN:
            return "LOGICAL_DNS"
        case Resolution.HEADLESS | Resolution.NONE if restored:
            return "ORIGINAL_DST"
        case _:
            return "EDS"


def is_auto_passthrough(view: ProxyView) -> bool:
    """Whether some server passes mesh TLS on by its SNI."""
    servers = (server for gateway in view.gateways for server in gateway.spec.servers or ())
    return any(server.tls is not None and server.tls.mode == "AUTO_PASSTHROUGH" for server in servers)


def identities(mesh: Mesh, target: Target) -> tuple[str, ...]:
    """The SPIFFE identities that the service may answer with, those of trust domain aliases included, sorted.

    All of the service's port, also for a subset, as in istiod; and the service's own subjectAltNames.
    """
    domain = mesh.config.trust_domain
    accounts = {
        f"spiffe://{domain}/ns/{endpoint.namespace}/sa/{endpoint.service_account}"
        for endpoint in mesh.endpoints(target.service, target.port)
        if endpoint.service_account
    }
    names = accounts | set(target.service.subject_alt_names)
    prefix = f"spiffe://{domain}/"
    aliases = {
        f"spiffe://{alias}/{name.removeprefix(prefix)}"
        for name in names
        if name.startswith(prefix)
        for alias in mesh.config.trust_domain_aliases
    }
    return tuple(sorted(names | aliases))
