"""Services, endpoints and workloads as the mesh sees them, whatever declared them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from meshgen.diagnostics import UNKNOWN, Origin
from meshgen.values import Protocol


class Resolution(StrEnum):
    """How a client finds endpoints (ServiceEntry.resolution, and the kinds of Kubernetes Services)."""

    CLUSTER_IP = "CLUSTER_IP"  # a Kubernetes Service with an address: endpoints by EDS
    HEADLESS = "HEADLESS"  # clusterIP: None
    STATIC = "STATIC"
    DNS = "DNS"
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    NONE = "NONE"
    DYNAMIC_DNS = "DYNAMIC_DNS"
    ALIAS = "ALIAS"  # an ExternalName Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of a service."""

    number: int
    name: str
    protocol: Protocol
    target: int | str  # the workload's port, or its name; the number itself where nothing is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of the registry: from a core Service, a ServiceEntry (one for each of its hosts) or intent."""

    host: str  # "catalog.shop.svc.cluster.local", or a ServiceEntry's host, perhaps "*.example.com"
    name: str  # the declaring object's name
    namespace: str
    ports: tuple[Port, ...]
    resolution: Resolution
    addresses: tuple[str, ...] = ()  # virtual IPs or CIDRs; empty where there is none
    selector: Mapping[str, str] = field(default_factory=dict)  # of workloads in its namespace; empty: endpoints are listed
    kubernetes: bool = True  # a core Service (its host has short aliases); False for a ServiceEntry
    external: bool = False  # MESH_EXTERNAL
    export_to: tuple[str, ...] = ("*",)
    subject_alt_names: tuple[str, ...] = ()
    alias_of: str = ""  # the externalName of an ALIAS
    aliases: tuple[str, ...] = ()  # hosts of ExternalName Services that point here
    labels: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    origin: Origin = field(default=UNKNOWN, compare=False)

    def port(self, number: int) -> Port | None:
        """The port of this number."""
        return next((port for port in self.ports if port.number == number), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One address that takes a service's requests on one port."""

    address: str  # an IP, a host name (DNS services), or a Unix socket's path
    port: int
    labels: Mapping[str, str] = field(default_factory=dict)
    locality: str = ""  # "region/zone/subzone"
    weight: int = 1
    service_account: str = ""
    namespace: str = ""
    workload: str = ""
    network: str = ""
    mutual_tls: bool = False  # whether a sidecar there terminates Istio mutual TLS (tlsMode: istio)
    healthy: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Something that runs with labels: a Pod, a Deployment's template, a WorkloadEntry or an intent's workload."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    kind: str = "Pod"  # Pod, Deployment (or its like), WorkloadEntry or WorkloadGroup
    service_account: str = ""
    address: str = ""
    locality: str = ""
    network: str = ""
    named_ports: Mapping[str, int] = field(
        default_factory=dict
    )  # of the containers; a WorkloadEntry's go by the service's port name
    injected: bool = True  # whether a sidecar stands beside it, as far as labels tell
    created: str = ""
    origin: Origin = field(default=UNKNOWN, compare=False)
