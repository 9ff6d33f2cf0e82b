"""What a journey asks of the proxies that it meets, wherever their configuration comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from meshgen.diagnostics import did_you_mean
from meshgen.emit.envoy.names import PASSTHROUGH, OutboundName, parse_outbound
from meshgen.emit.envoy.translate import emit_envoy, emit_inbound
from meshgen.journey.names import find_proxy
from meshgen.json import JsonObject
from meshgen.mesh import Capture, Mesh, Proxy, Role, Service
from meshgen.trace import Decision, EnvoyConfig, Request
from meshgen.trace.fields import messages, strings
from meshgen.values import is_ip

NOWHERE = "240.0.0.1"
"""The address of a service of which none is known: what istiod gives out, too (class E, which nobody has)."""


_LONG = 4  # labels of `catalog.shop.svc.cluster.local`, which nobody writes
_SAID = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A proxy that a request arrives at, and the port that it comes in at.

    `stands_in` says that it is of another version than the one that is asked for, of which no proxy is known.
    """

    proxy: Proxy
    port: int
    stands_in: bool = False


def hosts_of(config: EnvoyConfig, table: JsonObject | None = None) -> set[str]:
    """The names that the virtual hosts of a proxy, or of one of its tables, answer to; no wildcards, ports and addresses."""
    domains = {
        domain
        for each in (config.routes.values() if table is None else (table,))
        for virtual_host in messages(each, "virtual_hosts")
        for domain in strings(virtual_host, "domains")
    }
    return {domain for domain in domains if "*" not in domain and ":" not in domain and not is_ip(domain)}


class Scene(Protocol):
    """The proxies of one cluster, each with its Envoy configuration."""

    @property
    def proxies(self) -> Sequence[Proxy]:
        """All of them."""
        ...

    def find(self, name: str, what: str) -> Proxy:
        """The proxy that people call so; UnanswerableError where there is none."""
        ...

    def config(self, proxy: Proxy, *, inbound: bool = False) -> EnvoyConfig:
        """The configuration of a proxy; `inbound` is enough where a request comes in to its application."""
        ...

    def identity(self, proxy: Proxy) -> str:
        """The SPIFFE identity that the workload of a proxy presents, without its scheme."""
        ...

    def address(self, caller: Proxy, host: str) -> str:
        """The address that a caller's DNS gives for a host."""
        ...

    def listen_port(self, gateway: Proxy, port: int) -> int:
        """The port of a gateway's workload behind a port of its Service."""
        ...

    def station(self, caller: Proxy, decision: Decision, request: Request) -> Station | None:
        """The proxy of the mesh that the chosen cluster leads to; None where it leads to none that is known."""
        ...

    def near(self, host: str, port: int, first: Proxy) -> str:
        """A suggestion for a host that this proxy does not know, `did you mean …?`; empty where none is near."""
        ...

    def is_external(self, decision: Decision, caller: Proxy) -> bool:
        """Whether the chosen cluster is of a host outside of the mesh."""
        ...


class MeshScene:
    """The proxies of a mesh. A proxy's configuration is made when a request first meets it, and kept with its indexes.

    `reached` are hosts that have endpoints in other clusters.
    """

    def __init__(self, mesh: Mesh, proxies: Sequence[Proxy]) -> None:
        self.mesh = mesh
        self.proxies = proxies
        self.reached: frozenset[str] = frozenset()
        self._configs: dict[str, EnvoyConfig] = {}
        self._inbound: dict[str, EnvoyConfig] = {}
        self._stations: dict[tuple[str, str, int, str], Station | None] = {}

    def find(self, name: str, what: str) -> Proxy:
        """By id, name, workload, Service, service account or `app` label."""
        known = [proxy for proxy in self.proxies if what != "gateway" or proxy.is_gateway]
        return find_proxy(self.mesh, known, name, what)

    def config(self, proxy: Proxy, *, inbound: bool = False) -> EnvoyConfig:
        """Made once; that of a server is its inbound part."""
        found = self._configs.get(proxy.id)
        if found is None and inbound and proxy.role is Role.SIDECAR:
            found = self._inbound.get(proxy.id)
            if found is None:
                found = self._inbound[proxy.id] = self._translated(proxy, inbound=True)
        if found is None:
            found = self._configs[proxy.id] = self._translated(proxy, inbound=False)
        return found

    def _translated(self, proxy: Proxy, *, inbound: bool) -> EnvoyConfig:
        # A sidecar without iptables decides alike; only the way to its listeners differs.
        behind = replace(proxy, capture=Capture.IPTABLES)
        snapshot = emit_inbound(self.mesh, behind) if inbound else emit_envoy(self.mesh, behind)[0]
        config = EnvoyConfig.from_snapshot({}, snapshot.listeners, snapshot.clusters, snapshot.routes, snapshot.endpoints)
        return replace(config, unlisted=self._unlisted(config))

    def _unlisted(self, config: EnvoyConfig) -> frozenset[str]:
        """The clusters of hosts of which the sources name no endpoint: which Pods run is the cluster's to know, seldom Git's.

        Sources that hold Pods or EndpointSlices show a cluster as it is; what has no endpoint there has none, unless another
        cluster has one.
        """
        parsed = {name: found for name in config.clusters if (found := parse_outbound(name)) is not None}
        if self.mesh.facts.pods or self.mesh.facts.endpoint_slices:
            return frozenset(name for name, outbound in parsed.items() if outbound.host in self.reached)
        listed = {parse_outbound(name) for name, held in config.endpoints.items() if held.get("endpoints")}
        hosts = {name.host for name in listed if name is not None}
        return frozenset(name for name, outbound in parsed.items() if outbound.host not in hosts)

    def identity(self, proxy: Proxy) -> str:
        """In the trust domain of the mesh."""
        return f"{self.mesh.config.trust_domain}/ns/{proxy.namespace}/sa/{proxy.service_account}"

    def address(self, caller: Proxy, host: str) -> str:
        """The first of the Service, as seen from the caller."""
        service = self.mesh.service(self.mesh.fqdn(host, caller.namespace), caller.namespace)
        return service.addresses[0] if service is not None and service.addresses else NOWHERE

    def listen_port(self, gateway: Proxy, port: int) -> int:
        """By the Services that select the gateway."""
        for service, service_port, workload_port in self.mesh.view(gateway).inbound_services:
            if service.kubernetes and service_port.number == port:
                return workload_port
        return port

    def station(self, caller: Proxy, decision: Decision, request: Request) -> Station | None:
        """The workload of the Service, of the subset where the cluster is one."""
        destination = parse_outbound(decision.cluster)
        if decision.cluster == PASSTHROUGH:  # to an address of the mesh that the caller's sidecar does not know
            destination = OutboundName(request.port, "", self.mesh.fqdn(request.host.partition(":")[0], caller.namespace))
        if destination is None:
            return None
        key = (caller.namespace, destination.host, destination.port, destination.subset)
        if key not in self._stations:
            self._stations[key] = self._station(caller, destination)
        return self._stations[key]

    def _station(self, caller: Proxy, destination: OutboundName) -> Station | None:
        service = next(iter(self.mesh.services_of(destination.host)), None)
        if service is None or self._is_elsewhere(service):
            return None
        found = [station for proxy in self.proxies if (station := self._serves(proxy, service, destination.port)) is not None]
        wanted = self._labels(caller, service, destination.subset)
        exact = [each for each in found if all(each.proxy.labels.get(key) == value for key, value in wanted.items())]
        # A proxy that stands for all versions of a service has none of their labels.
        fitting = [each for each in found if all(each.proxy.labels.get(key, value) == value for key, value in wanted.items())]
        if exact or fitting or not found:
            return next(iter(exact or fitting), None)
        return replace(found[0], stands_in=True)

    def _is_elsewhere(self, service: Service) -> bool:
        """Whether sources that show the cluster's Pods show none of a service that another cluster has."""
        facts = self.mesh.facts
        if service.host not in self.reached or not (facts.pods or facts.endpoint_slices):
            return False
        return not any(self.mesh.endpoints(service, port) for port in service.ports)

    def _serves(self, proxy: Proxy, service: Service, port: int) -> Station | None:
        if proxy.namespace != service.namespace:
            return None
        for backed, backed_port, workload_port in self.mesh.view(proxy).inbound_services:
            if backed.host == service.host and backed_port.number == port:
                return Station(proxy=proxy, port=workload_port)
        return None

    def backed_by(self, proxy: Proxy) -> tuple[Service, ...]:
        """The services that the workload of a proxy stands behind."""
        return tuple(service for service, _, _ in self.mesh.view(proxy).inbound_services)

    def _labels(self, caller: Proxy, service: Service, subset: str) -> dict[str, str]:
        """The labels of a subset of a host, as the caller's DestinationRule has them."""
        rule = self.mesh.destination_rule(service.host, caller, service.namespace) if subset else None
        found = next((each for each in (rule.spec.subsets or ()) if each.name == subset), None) if rule else None
        return dict(found.labels or {}) if found is not None else {}

    def near(self, host: str, port: int, first: Proxy) -> str:
        """Of a service the ports that it has, or the namespace that is missing; else the nearest name."""
        service = self.mesh.service(self.mesh.fqdn(host, first.namespace), first.namespace)
        if service is not None and first.role is Role.SIDECAR:
            if any(each.number == port for each in service.ports):
                return f"the mesh has it, and the Sidecar of {first.id} does not import it"
            ports = ", ".join(str(port.number) for port in service.ports)
            return f"`{service.host}` has the port{'s' if len(service.ports) > 1 else ''} {ports}"
        known = {each for each in hosts_of(self.config(first)) if each.count(".") < _LONG or not each.endswith(".local")}
        short = [f"{each.name}.{each.namespace}" for each in self.mesh.services if each.kubernetes]
        same = [each for each in short if each.partition(".")[0] == host] if first.role is Role.SIDECAR else []
        if same:
            return f"did you mean {' or '.join(f'`{each}`' for each in same[:_SAID])}?"
        return did_you_mean(host, sorted(known))

    def is_external(self, decision: Decision, caller: Proxy) -> bool:
        """As ServiceEntries say."""
        destination = parse_outbound(decision.cluster)
        service = self.mesh.service(destination.host, caller.namespace) if destination is not None else None
        return service is not None and service.external
