"""The mesh that is asked about: its proxies' configurations, its doors, and how people name things in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import orjson

from meshgen.diagnostics import Origin, did_you_mean
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.journey import Journeys, UnanswerableError, source_line
from meshgen.journey.names import find_proxy
from meshgen.load.positions import locate
from meshgen.mesh import Mesh, Port, Proxy, Service
from meshgen.pipeline import Result
from meshgen.query.examples.targets import Target, targets_of
from meshgen.trace import Capture, EnvoyConfig, Request
from meshgen.trace.decision import Source
from meshgen.values import Protocol

_MANY = 12  # names in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One port of a service at one workload's proxy: where policies and mTLS decide."""

    proxy: Proxy
    service: Service
    port: Port
    workload_port: int

    @property
    def is_http(self) -> bool:
        """Whether requests, and not only connections, are told apart here."""
        return self.port.protocol.is_http or self.port.protocol is Protocol.UNSUPPORTED

    def request(self, *, tls: str) -> Request:
        """What arrives if nothing else is asked for; `tls` is `mtls` or `none`."""
        return Request(
            host=self.service.host,
            port=self.workload_port,
            address=self.proxy.address or None,
            capture=Capture.INBOUND,
            protocol="http" if self.is_http else "tcp",
            tls=tls,
            sni=f"outbound_.{self.port.number}_._.{self.service.host}" if tls == "mtls" else None,
        )


class Scene:
    """A compiled mesh, with what questions need of it, each made once."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.mesh: Mesh = result.mesh
        self.proxies = result.proxies
        self.journeys = Journeys(result.mesh, result.proxies)
        self._targets: dict[str, tuple[Target, ...]] = {}
        self._routes: dict[str, bytes] = {}

    # --- proxies ------------------------------------------------------------------------------------------------------
    @cached_property
    def sidecars(self) -> tuple[Proxy, ...]:
        """Those of workloads; proxies that differ in their names alone are one."""
        return tuple(_distinct(proxy for proxy in self.proxies if not proxy.is_gateway))

    @cached_property
    def gateways(self) -> tuple[Proxy, ...]:
        """Those at the edges."""
        return tuple(_distinct(proxy for proxy in self.proxies if proxy.is_gateway))

    def identity(self, proxy: Proxy) -> str:
        """The SPIFFE identity without its scheme."""
        return f"{self.mesh.config.trust_domain}/ns/{proxy.namespace}/sa/{proxy.service_account}"

    def config(self, proxy: Proxy) -> EnvoyConfig:
        """The proxy's Envoy configuration."""
        return self.journeys.config(proxy)

    def targets(self, proxy: Proxy) -> tuple[Target, ...]:
        """The virtual hosts behind the proxy's filter chains."""
        if proxy.id not in self._targets:
            self._targets[proxy.id] = targets_of(self.config(proxy), proxy.name)
        return self._targets[proxy.id]

    def leads_to(self, proxy: Proxy, host: str) -> bool:
        """Whether a route of the proxy names a cluster of this host."""
        if proxy.id not in self._routes:
            config = self.config(proxy)
            self._routes[proxy.id] = orjson.dumps([dict(config.routes), dict(config.listeners)])
        return f'|{host}"'.encode() in self._routes[proxy.id]

    def workload(self, name: str) -> Proxy:
        """The proxy that somebody means.

        Raises:
            UnanswerableError: where there is none, with the nearest, or several.
        """
        return find_proxy(self.mesh, self.proxies, name, "workload")

    # --- services and their doors -------------------------------------------------------------------------------------
    @cached_property
    def doors(self) -> dict[str, tuple[Door, ...]]:
        """By the service's host: its ports at each kind of workload behind it."""
        found: dict[str, list[Door]] = {}
        for proxy in self.sidecars:
            for service, port, workload_port in self.mesh.view(proxy).inbound_services:
                door = Door(proxy=proxy, service=service, port=port, workload_port=workload_port)
                found.setdefault(service.host, []).append(door)
        return {host: tuple(doors) for host, doors in sorted(found.items())}

    def service(self, name: str) -> Service:
        """The service of a short name (`payments`), `namespace/name`, `name.namespace` or host.

        Raises:
            UnanswerableError: where there is none, with the nearest, or several.
        """
        services = [service for services in self._services.values() for service in services]
        found = [service for service in services if name in self._names(service)]
        if not found:
            message = f"there is no service `{name}`; {self._nearest(services, name)}"
            raise UnanswerableError(message)
        hosts = sorted({service.host for service in found})
        if len(hosts) > 1:
            message = f"`{name}` is {len(hosts)} services; say which one is meant: {', '.join(f'`{each}`' for each in hosts)}"
            raise UnanswerableError(message)
        return found[0]

    def _nearest(self, services: Iterable[Service], name: str) -> str:
        shorts = sorted({self.short(service) for service in services})
        names = sorted({each for service in services for each in self._names(service)})
        more = f", and {len(shorts) - _MANY} more" if len(shorts) > _MANY else ""
        return did_you_mean(name, names) or (f"known are {', '.join(shorts[:_MANY])}{more}" if shorts else "the mesh has none")

    @cached_property
    def _services(self) -> dict[str, tuple[Service, ...]]:
        hosts = {service.host for namespace in self._namespaces for service in self.mesh.visible_services(namespace)}
        return {host: self.mesh.services_of(host) for host in sorted(hosts | set(self.doors))}

    @property
    def services(self) -> Iterable[Service]:
        """All services, by host."""
        return (services[0] for services in self._services.values())

    @cached_property
    def _namespaces(self) -> frozenset[str]:
        return frozenset(proxy.namespace for proxy in self.proxies) | {self.mesh.config.root_namespace}

    def _names(self, service: Service) -> set[str]:
        if not service.kubernetes:
            return {service.host}
        short = service.host.partition(".")[0]
        return {service.host, short, f"{service.namespace}/{short}", f"{short}.{service.namespace}"}

    def short(self, service: Service) -> str:
        """`shop/catalog`; a host that is no Kubernetes service is itself."""
        return f"{service.namespace}/{service.host.partition('.')[0]}" if service.kubernetes else service.host

    def services_of_workload(self, name: str) -> tuple[Service, ...]:
        """The services that a workload of this id stands behind; none for a name that is no workload's."""
        found = {door.service.host: door.service for doors in self.doors.values() for door in doors if door.proxy.id == name}
        return tuple(found.values())

    def line_of(self, found: IstioObject[IstioStruct]) -> str:
        """The line where an object begins."""
        return self.line(Source(kind=found.kind, namespace=found.namespace, name=found.name, path="spec"))

    def place(self, origin: Origin) -> str:
        """A place in the sources, `mesh/catalog.yaml:14`; empty where it is unknown."""
        text = self.result.texts.get(origin.file)
        line = locate(text, origin).line if text is not None else origin.line
        return "" if not origin.file or text is None else f"{origin.file}:{line}" if line is not None else origin.file

    def line(self, source: Source | None) -> str:
        """The line of the sources that made a piece of configuration; empty where none is known."""
        return source_line(self.result, source) if source is not None else ""


def _distinct(proxies: Iterable[Proxy]) -> Iterator[Proxy]:
    seen: set[object] = set()
    for proxy in proxies:
        kind = (proxy.namespace, tuple(sorted(proxy.labels.items())), proxy.service_account, proxy.network)
        if kind not in seen:
            seen.add(kind)
            yield proxy
