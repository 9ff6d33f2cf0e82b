"""The proxies that a mesh calls for: one sidecar a workload identity, one gateway a selector of Gateways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce

from meshgen.diagnostics import Origin
from meshgen.istio.gateway import Gateway
from meshgen.istio.object import IstioObject
from meshgen.mesh.mesh import Mesh
from meshgen.mesh.proxy import Proxy, Role
from meshgen.mesh.selection import selects
from meshgen.mesh.service import Resolution, Workload

_NAME_LABELS = ("app", "app.kubernetes.io/name", "service.istio.io/canonical-name")

_INJECT = "sidecar.istio.io/inject"  # istio.io: resource labels; "false" keeps the sidecar away

_Selector = tuple[tuple[str, str], ...]


def derive_proxies(mesh: Mesh) -> tuple[Proxy, ...]:
    """Gateways, then sidecars, each by namespace and name.

    A workload that is told to have no sidecar has none. A sidecar stands for all others of one `app` label (else of the service
    that they back, else of one name) in a namespace. Its labels are those that they share, so a match on `version` as a source
    needs a proxy that the user declares. A gateway stands for one selector; its namespace is that of a workload or Service with
    those labels, else the Gateway's own.
    """
    gateways = _by_selector(mesh.of_kind(Gateway))
    routers = _distinct(_gateway(mesh, selector, found) for selector, found in gateways.items())
    taken = {proxy.id for proxy in routers}
    sidecars = [proxy for proxy in _sidecars(mesh, [dict(selector) for selector in gateways]) if proxy.id not in taken]
    return (*sorted(routers, key=_place), *sorted(sidecars, key=_place))


def _place(proxy: Proxy) -> tuple[str, str]:
    return (proxy.namespace, proxy.name)


# --- gateways ---------------------------------------------------------------------------------------------------------
def _by_selector(gateways: Iterable[IstioObject[Gateway]]) -> dict[_Selector, list[IstioObject[Gateway]]]:
    found: dict[_Selector, list[IstioObject[Gateway]]] = {}
    for gateway in sorted(gateways, key=lambda g: (g.namespace, g.name)):
        if gateway.spec.selector:
            found.setdefault(tuple(sorted(gateway.spec.selector.items())), []).append(gateway)
    return found


def _gateway(mesh: Mesh, selector: _Selector, gateways: Sequence[IstioObject[Gateway]]) -> Proxy:
    wanted = dict(selector)
    workload = min(
        (found for found in mesh.workloads if selects(wanted, found.labels)),
        key=lambda found: (found.namespace, found.name),
        default=None,
    )
    service = next((found for found in mesh.services if found.kubernetes and selects(wanted, found.selector)), None)
    first = gateways[0]
    namespace = workload.namespace if workload else service.namespace if service else first.namespace
    return Proxy(
        name=first.name,
        namespace=namespace,
        role=_role(gateways),
        labels=workload.labels if workload else service.selector if service else wanted,
        service_account=(workload.service_account if workload else "") or "default",
        address=workload.address if workload else "",
        locality=workload.locality if workload else "",
        network=workload.network if workload else "",
        origin=first.origin,
    )


def _role(gateways: Sequence[IstioObject[Gateway]]) -> Role:
    """What the servers of a gateway are for: TLS that is passed on by its SNI, TLS of the mesh's own, anything else."""
    modes = {server.tls.mode for found in gateways for server in found.spec.servers or () if server.tls is not None}
    if "AUTO_PASSTHROUGH" in modes:
        return Role.EAST_WEST
    return Role.EGRESS if modes == {"ISTIO_MUTUAL"} else Role.INGRESS


def _distinct(proxies: Iterable[Proxy]) -> list[Proxy]:
    """The proxies with a number behind a name that is taken, in the order of the selectors."""
    found: dict[str, Proxy] = {}
    for proxy in proxies:
        name, number = proxy.name, 2
        while f"{proxy.namespace}/{name}" in found:
            name, number = f"{proxy.name}-{number}", number + 1
        found[f"{proxy.namespace}/{name}"] = replace(proxy, name=name)
    return list(found.values())


# --- sidecars ---------------------------------------------------------------------------------------------------------
def _sidecars(mesh: Mesh, gateway_selectors: Sequence[Mapping[str, str]]) -> list[Proxy]:
    groups: dict[tuple[str, str], list[Workload]] = {}
    for workload in mesh.workloads:
        if workload.labels.get(_INJECT) != "false" and not _serves_a_gateway(workload.labels, gateway_selectors):
            groups.setdefault((workload.namespace, _identity(mesh, workload)), []).append(workload)
    proxies = {key: _sidecar(*key, workloads) for key, workloads in groups.items()}
    for service in mesh.services:
        if not service.selector or service.resolution is Resolution.ALIAS:
            continue
        key = (service.namespace, _named(service.selector) or service.name)
        known = key in proxies or bool(mesh.workloads_in(service.namespace, service.selector))
        if not known and not _serves_a_gateway(service.selector, gateway_selectors):
            proxies[key] = _bare_sidecar(*key, service.selector, service.origin)
    return list(proxies.values())


def _serves_a_gateway(labels: Mapping[str, str], selectors: Iterable[Mapping[str, str]]) -> bool:
    return any(selects(selector, labels) for selector in selectors)


def _named(labels: Mapping[str, str]) -> str:
    return next((labels[label] for label in _NAME_LABELS if labels.get(label)), "")


def _identity(mesh: Mesh, workload: Workload) -> str:
    name = _named(workload.labels)
    if name:
        return name
    backed = mesh.services_backed_by(workload.namespace, workload.labels)
    return backed[0].name if backed else workload.name


def _sidecar(namespace: str, name: str, workloads: Sequence[Workload]) -> Proxy:
    accounts = {workload.service_account for workload in workloads}
    only = workloads[0] if len(workloads) == 1 else None
    return Proxy(
        name=name,
        namespace=namespace,
        role=Role.SIDECAR,
        labels=reduce(_shared, (workload.labels for workload in workloads)),
        service_account=(workloads[0].service_account if len(accounts) == 1 else "") or "default",
        address=only.address if only else "",
        locality=_same(workload.locality for workload in workloads),
        network=_same(workload.network for workload in workloads),
        origin=workloads[0].origin,
    )


def _bare_sidecar(namespace: str, name: str, labels: Mapping[str, str], origin: Origin) -> Proxy:
    return Proxy(name=name, namespace=namespace, role=Role.SIDECAR, labels=labels, origin=origin)


def _shared(first: Mapping[str, str], second: Mapping[str, str]) -> Mapping[str, str]:
    return {key: value for key, value in first.items() if second.get(key) == value}


def _same(values: Iterable[str]) -> str:
    found = set(values)
    return found.pop() if len(found) == 1 else ""
