"""What istiod refuses of ServiceEntries, WorkloadEntries and WorkloadGroups."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from meshgen.istio.admission.hosts import is_label, is_name, is_subnet
from meshgen.istio.admission.said import host_faults, ignored, wrong
from meshgen.istio.rules import Rules
from meshgen.istio.service_entry import ServiceEntry
from meshgen.istio.shared import WorkloadEntry
from meshgen.istio.violation import Violation, show
from meshgen.istio.workload_group import HTTPHealthCheckConfig, ReadinessProbe, WorkloadGroup
from meshgen.values import Protocol, is_ip, parse_protocol

_DNS: Final = frozenset({"DNS", "DNS_ROUND_ROBIN"})
_PROBE_HEADER = re.compile(r"[-A-Za-z0-9]+")


def service_entry(spec: ServiceEntry) -> Iterator[Violation]:
    """Hosts, addresses, ports, and endpoints that go with the resolution."""
    yield from _hosts(spec)
    for index, address in enumerate(spec.addresses or ()):
        if not is_subnet(address):
            yield wrong(f"{show(address)} is no IP address and no range of them", "addresses", index)
    yield from _ports(spec)
    if spec.resolution == "DYNAMIC_DNS":
        yield from _dynamic(spec)
    for index, endpoint in enumerate(spec.endpoints or ()) if spec.resolution == "STATIC" else ():
        address = endpoint.address or ""
        if address and not address.startswith("unix://") and not is_ip(address):
            message = f"{show(address)} is no IP address, which `STATIC` asks for"
            yield wrong(message, "endpoints", index, "address", help="use `resolution: DNS` for names")
    yield from _endpoint_ports(spec)


def _hosts(spec: ServiceEntry) -> Iterator[Violation]:
    looked_up = spec.resolution in _DNS and not spec.endpoints and spec.workload_selector is None
    for index, host in enumerate(spec.hosts):
        if host == "*":  # the CRD refuses it
            continue
        yield from host_faults(host, "hosts", index)
        if "*" in host and not host.startswith("*.") and spec.resolution != "DYNAMIC_DNS":
            yield ignored(f"{show(host)} has its wildcard inside of a label, and matches nothing", "hosts", index)
        if looked_up and host.isascii() and not is_name(host):
            hint = "name the `endpoints`, or use `resolution: NONE` or `DYNAMIC_DNS`"
            yield wrong(f"{show(host)} cannot be looked up", "hosts", index, help=hint)


def _ports(spec: ServiceEntry) -> Iterator[Violation]:
    many = spec.resolution not in {None, "NONE"} and len(spec.hosts) > 1
    for index, port in enumerate(spec.ports or ()):
        protocol = parse_protocol(port.protocol or "")
        if port.protocol and protocol is Protocol.UNSUPPORTED:
            yield wrong(f"{show(port.protocol)} is no protocol that Istio knows", "ports", index, "protocol")
        if not is_label(port.name):
            yield wrong(f"{show(port.name)} is no name of a port", "ports", index, "name", help="letters, digits and `-`")
        if many and not protocol.is_http and protocol not in {Protocol.HTTPS, Protocol.TLS}:
            hint = "make it a ServiceEntry a host"
            yield wrong("several hosts cannot be told apart on a port that is neither HTTP nor TLS", "ports", index, help=hint)


def _dynamic(spec: ServiceEntry) -> Iterator[Violation]:
    if len(spec.hosts) != 1 or not spec.hosts[0].startswith("*"):
        yield wrong("`resolution: DYNAMIC_DNS` is for one host with a wildcard", "hosts", help="as `*.example.com`")
    for name, value in (("addresses", spec.addresses), ("endpoints", spec.endpoints)):
        if value:
            yield wrong(f"`resolution: DYNAMIC_DNS` looks up what is asked for, and takes no `{name}`", name)
    for index, port in enumerate(spec.ports or ()):
        if parse_protocol(port.protocol or "") not in {Protocol.HTTP, Protocol.HTTP2, Protocol.GRPC, Protocol.TLS}:
            yield wrong("`resolution: DYNAMIC_DNS` is for HTTP, HTTP2, GRPC and TLS", "ports", index, "protocol")


def _endpoint_ports(spec: ServiceEntry) -> Iterator[Violation]:
    names = {port.name for port in spec.ports or ()}
    for index, endpoint in enumerate(spec.endpoints or ()):
        for name in endpoint.ports or ():
            if name not in names:
                yield wrong(f"the ServiceEntry has no port {show(name)}", "endpoints", index, "ports", name)


def workload(spec: WorkloadEntry) -> Iterator[Violation]:
    """The address."""
    address = spec.address or ""
    if address and not address.startswith("unix://") and not is_ip(address) and not is_name(address):
        yield wrong(f"{show(address)} is no name of a host and no IP address", "address")


def workload_group(spec: WorkloadGroup) -> Iterator[Violation]:
    """A template."""
    if spec.template is None:
        yield wrong("a WorkloadGroup needs a `template`", help="write `template: {}` where nothing is to be said")


def probe(spec: ReadinessProbe) -> Iterator[Violation]:
    """One method, and times at or above zero."""
    if spec.http_get is None and spec.tcp_socket is None and spec.exec_ is None and spec.grpc is None:
        yield wrong("a `probe` needs `httpGet`, `tcpSocket`, `exec` or `grpc`")
    if spec.exec_ is not None and not spec.exec_.command:
        yield wrong("`exec` needs a `command`", "exec")


def http_probe(spec: HTTPHealthCheckConfig) -> Iterator[Violation]:
    """Names of headers."""
    for index, header in enumerate(spec.http_headers or ()):
        if _PROBE_HEADER.fullmatch(header.name or "") is None:
            yield wrong(f"{show(header.name or '')} is no name of a header", "httpHeaders", index, "name")


RULES: Final[Rules] = {
    ServiceEntry: (service_entry,),
    WorkloadEntry: (workload,),
    WorkloadGroup: (workload_group,),
    ReadinessProbe: (probe,),
    HTTPHealthCheckConfig: (http_probe,),
}
