"""The linked mesh against what a real istiod generated for every recorded proxy: clusters, endpoints, virtual hosts, ports."""

from __future__ import annotations

from typing import Any

import pytest
from oracle import PROXIES, linked, load_recorded

from meshgen.mesh import Mesh, Proxy, ProxyView, Resolution
from meshgen.values import Protocol

each_proxy = pytest.mark.parametrize(("case", "name"), PROXIES)

_DNS = (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)


def _recorded_clusters(case: str, name: str, direction: str) -> set[str]:
    return {c["name"] for c in load_recorded(case, name)["clusters"] if c["name"].startswith(f"{direction}|")}


def _clusters(mesh: Mesh, proxy: Proxy, view: ProxyView) -> set[str]:
    names = set()
    for service in view.imported_services:
        rule = mesh.destination_rule(service.host, proxy, service.namespace)
        subsets = ["", *(subset.name for subset in (rule.spec.subsets or ()))] if rule else [""]
        for port in service.ports:
            if port.protocol is Protocol.UDP or (service.resolution in _DNS and not mesh.endpoints(service, port)):
                continue
            names.update(f"outbound|{port.number}|{subset}|{service.host}" for subset in subsets)
    return names


@each_proxy
def test_the_view_and_destination_rules_give_the_recorded_outbound_clusters(case: str, name: str):
    mesh, proxy, view = linked(case, name)
    assert _clusters(mesh, proxy, view) == _recorded_clusters(case, name, "outbound")


@each_proxy
def test_inbound_services_give_the_recorded_inbound_clusters(case: str, name: str):
    _, proxy, view = linked(case, name)
    recorded = _recorded_clusters(case, name, "inbound")
    if proxy.is_gateway:
        assert recorded == set()
        return
    ingress = view.sidecar.spec.ingress if view.sidecar else None
    ports = {entry.port.number for entry in ingress} if ingress else {number for _, _, number in view.inbound_services}
    assert {f"inbound|{port}||" for port in ports} == recorded


def _of_recorded(cluster: dict[str, Any]) -> set[tuple[str, int, str]]:
    found = set()
    for place in cluster.get("endpoints", ()):
        locality = place.get("locality", {})
        name = "/".join(locality[part] for part in ("region", "zone", "sub_zone") if part in locality)
        for endpoint in place["lb_endpoints"]:
            address = endpoint["endpoint"]["address"]["socket_address"]
            found.add((address["address"], address["port_value"], name))
    return found


def _mutual(cluster: dict[str, Any]) -> set[str]:
    return {
        endpoint["endpoint"]["address"]["socket_address"]["address"]
        for place in cluster.get("endpoints", ())
        for endpoint in place["lb_endpoints"]
        if "envoy.transport_socket_match" in endpoint.get("metadata", {}).get("filter_metadata", {})
    }


@each_proxy
def test_endpoints_are_the_recorded_ones(case: str, name: str):
    mesh, _, view = linked(case, name)
    clusters = [c for c in load_recorded(case, name)["endpoints"] if c["cluster_name"].startswith("outbound|")]
    for recorded in clusters:
        _, number, subset, host = recorded["cluster_name"].split("|")
        service = view.service(host)
        assert service is not None
        port = service.port(int(number))
        assert port is not None
        if not subset:
            endpoints = mesh.endpoints(service, port)
            assert {(e.address, e.port, e.locality) for e in endpoints} == _of_recorded(recorded)
            assert {e.address for e in endpoints if e.mutual_tls} >= _mutual(recorded)


@each_proxy
def test_every_recorded_virtual_host_of_a_sidecar_is_in_scope(case: str, name: str):
    _, proxy, view = linked(case, name)
    recorded = {v["name"] for config in load_recorded(case, name)["routes"] for v in config["virtual_hosts"]}
    seen = {host.rpartition(":")[0] for host in recorded if ":" in host and not host.startswith(("inbound|", "blackhole:"))}
    known = {s.host for scope in view.scopes for s in scope.services}
    known |= {h.lower() for scope in view.scopes for v in scope.virtual_services for h in v.spec.hosts or ()}
    if proxy.is_gateway:
        known = {host for gateway in view.gateways for server in gateway.spec.servers or () for host in server.hosts}
        known = {host.rpartition("/")[2] for host in known}
        seen = {host for host in seen if not any(host == k or (k.startswith("*") and host.endswith(k[1:])) for k in known)}
        assert seen == set()
        return
    assert seen <= known
