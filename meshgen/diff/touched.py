"""Which proxies a change of objects can touch: those whose configuration need not be made twice are left out.

A proxy is left out only where none of the changed objects is among what its configuration is made of, on either side. What is
not known to be narrow (facts, MeshConfig, ServiceEntries …) touches all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.istio.virtual_service import VirtualService
from meshgen.mesh import Mesh, Proxy, ProxyView, Role

Changed = IstioObject[IstioStruct]


def touched_proxies(before: Mesh, after: Mesh, proxies: Sequence[Proxy]) -> tuple[Proxy, ...]:
    """Those of `proxies`, which are the same on both sides, that the differences between two meshes can touch."""
    if _differ_in_more_than_objects(before, after):
        return tuple(proxies)
    touching = _Touching((before, after), _changed(before, after))
    return tuple(proxy for proxy in proxies if touching.touches(proxy))


def _differ_in_more_than_objects(before: Mesh, after: Mesh) -> bool:
    return before.config != after.config or before.networks != after.networks or before.facts != after.facts


_OUTBOUND = frozenset({"VirtualService", "DestinationRule"})
_BY_LABELS = frozenset({"EnvoyFilter", "ProxyConfig", "Telemetry", "TrafficExtension", "WasmPlugin"})


def alike_proxies(before: Mesh, after: Mesh, proxies: Sequence[Proxy]) -> dict[str, tuple[Proxy, ...]]:
    """Sidecars that a change touches alike, by the id of the first of them, which speaks for the others.

    A change of routes and destinations alone is felt by what a sidecar sends. That is the same for sidecars of one namespace,
    place and Sidecar, unless labels count: then for those with the same labels.
    """
    if _differ_in_more_than_objects(before, after) or not {each.kind for each in _changed(before, after)} <= _OUTBOUND:
        return {}
    labels_count = _labels_count(before) or _labels_count(after)
    groups: dict[tuple[object, ...], list[Proxy]] = {}
    for proxy in proxies:
        if proxy.role is Role.SIDECAR:
            labels = tuple(sorted(proxy.labels.items())) if labels_count else ()
            # A mesh keeps the scopes of a namespace and of a Sidecar, so that they are the same object.
            scopes = tuple(id(mesh.view(proxy).scopes) for mesh in (before, after))
            own = (proxy.locality, proxy.network, proxy.capture, proxy.istio_version, proxy.envoy_version)
            groups.setdefault((proxy.namespace, labels, scopes, own), []).append(proxy)
    return {found[0].id: tuple(found[1:]) for found in groups.values() if len(found) > 1}


def _labels_count(mesh: Mesh) -> bool:
    """Whether anything may look at the labels of a client."""
    if any(each.kind in _BY_LABELS for each in mesh.objects) or mesh.config.locality_lb_setting.failover_priority:
        return True
    rules = (rule for found in mesh.of_kind(VirtualService) for part in _routes(found.spec) for rule in part)
    if any(match.source_labels for rule in rules for match in rule.match or ()):
        return True
    return any(found.spec.workload_selector or _fails_over(found.spec) for found in mesh.of_kind(DestinationRule))


def _routes(spec: VirtualService) -> tuple[Sequence[Any], ...]:
    return (spec.http or (), spec.tcp or (), spec.tls or ())


def _fails_over(spec: DestinationRule) -> bool:
    """Whether a rule says where traffic goes by the client's labels; wherever it stands in it."""
    return b"failoverPriority" in msgspec.json.encode(spec)


def _changed(before: Mesh, after: Mesh) -> list[Changed]:
    """The objects that one side alone has, or that differ; of a changed object both."""
    old, new = ({each.key: each for each in mesh.objects} for mesh in (before, after))
    # Not `!=`, which msgspec answers by identity for a struct that brings an `__eq__` of its own.
    same = {key for key, each in old.items() if key in new and each == new[key]}
    return [each for held in (old, new) for key, each in held.items() if key not in same]


@dataclass(slots=True)
class _Touching:
    """Whether changed objects touch a proxy; what many proxies share is looked at once."""

    meshes: tuple[Mesh, Mesh]
    changed: list[Changed]
    kinds: dict[str, list[Changed]] = field(init=False)
    _shared: dict[tuple[str, int], bool] = field(default_factory=dict)
    _kept: list[object] = field(default_factory=list)  # what ids in `_shared` stand for

    def __post_init__(self) -> None:
        self.kinds = {}
        for each in self.changed:
            self.kinds.setdefault(each.kind, []).append(each)

    def touches(self, proxy: Proxy) -> bool:
        if any(kind not in _NARROW for kind in self.kinds):
            return True
        views: list[ProxyView] = []
        for kind, objects in self.kinds.items():
            if kind in _OF_WORKLOADS:
                if self._is_picked(kind, objects, proxy):
                    return True
                continue
            views = views or [mesh.view(proxy) for mesh in self.meshes]
            if any(_NARROW[kind](self, objects, view) for view in views):
                return True
        return False

    def _is_picked(self, kind: str, objects: Collection[Changed], proxy: Proxy) -> bool:
        picked: Iterable[Any] = (each for mesh in self.meshes for each in _OF_WORKLOADS[kind](mesh, proxy))
        return _has(objects, picked)

    def by_sight(self, what: str, seen: object, look: Callable[[], bool]) -> bool:
        """An answer that hangs on what many proxies have in common."""
        key = (what, id(seen))
        found = self._shared.get(key)
        if found is None:
            self._kept.append(seen)
            found = self._shared[key] = look()
        return found


def _has(objects: Collection[Changed], picked: Iterable[Any]) -> bool:
    keys = {each.key for each in objects}
    return any(each.key in keys for each in picked)


def _sees_route(touching: _Touching, objects: Collection[Changed], view: ProxyView) -> bool:
    """A VirtualService, by the sidecars that see it; a gateway may have it by its gateways, and a delegate through another."""
    if view.proxy.is_gateway or any(not each.spec.hosts for each in objects):  # type: ignore[attr-defined]
        return True
    look = lambda: any(_has(objects, scope.virtual_services) for scope in view.scopes)  # noqa: E731
    return touching.by_sight("routes", view.scopes, look)


def _sees_host(touching: _Touching, objects: Collection[Changed], view: ProxyView) -> bool:
    """A DestinationRule, by the proxies that see a service of its host, or stand in front of one."""

    def look() -> bool:
        return any(_is_of(host, service.host) for service in view.imported_services for host in hosts)

    mesh = touching.meshes[1]
    hosts = [mesh.fqdn(each.spec.host or "", each.namespace) for each in objects]  # type: ignore[attr-defined]
    if any(_is_of(host, service.host) for service, _, _ in view.inbound_services for host in hosts):
        return True
    return touching.by_sight("hosts", view.imported_services, look)


def _is_of(host: str, name: str) -> bool:
    return host == name or "*" in (host[:1], name[:1])  # wildcards are taken to meet everything


def _sees_peer(touching: _Touching, objects: Collection[Changed], view: ProxyView) -> bool:
    """A PeerAuthentication: of its workloads, and of all clients of services in its namespace."""
    spaces = {each.namespace for each in objects}
    if touching.meshes[0].config.root_namespace in spaces or view.proxy.namespace in spaces:
        return True
    return touching.by_sight(
        "peers", view.imported_services, lambda: any(service.namespace in spaces for service in view.imported_services)
    )


def _is_sidecar_of(touching: _Touching, objects: Collection[Changed], view: ProxyView) -> bool:  # noqa: ARG001 - as the others
    return view.sidecar is not None and _has(objects, (view.sidecar,))


def _is_gateway_of(touching: _Touching, objects: Collection[Changed], view: ProxyView) -> bool:  # noqa: ARG001 - as the others
    return view.proxy.is_gateway and _has(objects, view.gateways)


def _in_namespace(touching: _Touching, objects: Collection[Changed], view: ProxyView) -> bool:
    root = touching.meshes[0].config.root_namespace
    return any(each.namespace in (root, view.proxy.namespace) for each in objects)


def _never(touching: _Touching, objects: Collection[Changed], view: ProxyView) -> bool:  # noqa: ARG001 - as the others
    return True


_OF_WORKLOADS: dict[str, Callable[[Mesh, Proxy], Iterable[Any]]] = {
    "AuthorizationPolicy": lambda mesh, proxy: mesh.authorization_policies(proxy.namespace, proxy.labels),
    "RequestAuthentication": lambda mesh, proxy: mesh.request_authentications(proxy.namespace, proxy.labels),
    "Telemetry": lambda mesh, proxy: mesh.telemetries(proxy.namespace, proxy.labels),
    "EnvoyFilter": lambda mesh, proxy: mesh.envoy_filters(proxy),
}
_NARROW: dict[str, Callable[[_Touching, Collection[Changed], ProxyView], bool]] = {
    **dict.fromkeys(_OF_WORKLOADS, _never),
    "VirtualService": _sees_route,
    "DestinationRule": _sees_host,
    "PeerAuthentication": _sees_peer,
    "Sidecar": _is_sidecar_of,
    "Gateway": _is_gateway_of,
    "WasmPlugin": _in_namespace,
    "ProxyConfig": _in_namespace,
}
"""How far a change of a kind reaches; other kinds reach everywhere."""
