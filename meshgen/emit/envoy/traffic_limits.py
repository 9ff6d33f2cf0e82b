"""What listeners and routes do not carry over of a proxy's objects (codes MG09xx): said, never dropped in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from meshgen.diagnostics import Diagnostic, JsonPath, Related
from meshgen.diagnostics.catalogue.backend import (
    ADDRESS_NOT_KNOWN,
    FIELD_NOT_CARRIED,
    MODULE_ELSEWHERE,
    NO_SOCKET,
    PATCH_NOT_CARRIED,
    REDIRECT_CODE,
    SERVER_NOT_SERVED,
)
from meshgen.diagnostics.origin import render_path
from meshgen.emit.envoy.actions import REDIRECT_CODES
from meshgen.emit.envoy.filters.extensions import modules_elsewhere
from meshgen.emit.envoy.gateway_servers import MergedServers
from meshgen.emit.envoy.inbound_ports import inbound_ports
from meshgen.emit.envoy.log_services import LOG_PROVIDERS
from meshgen.emit.envoy.mesh_limits import mesh_limits
from meshgen.emit.envoy.patches import is_carried
from meshgen.emit.envoy.sidecar_listeners import is_served
from meshgen.emit.envoy.tracers import TRACERS, is_known
from meshgen.emit.envoy.versions import CONTEXT_PROPAGATION, FORMATTER_TAGS
from meshgen.istio.mesh_defaults import providers_by_name
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.istio.virtual_service import HTTPRoute, VirtualService
from meshgen.mesh import Capture, Mesh, ProxyView, Resolution, Role, Service
from meshgen.values import Protocol

_LEAVE_OUT: Final = "leave it out for proxies without istiod"


def traffic_limits(mesh: Mesh, view: ProxyView) -> tuple[Diagnostic, ...]:
    """What the listeners and routes of this proxy leave out."""
    found = [
        *_virtual_services(mesh, view),
        *_servers(view),
        *_sidecar(view),
        *_sockets(view),
        *_crowded(view),
        *_mesh_config(mesh, view),
        *_modules(mesh, view),
        *_patches(mesh, view),
        *_telemetry(mesh, view),
    ]
    return tuple(found)


def _not_carried(found: IstioObject[IstioStruct], *path: str | int) -> Diagnostic:
    message = f"`{render_path(path[1:])}` is not carried over to Envoy"
    return FIELD_NOT_CARRIED.at(found.origin_of(*path), message, help=_LEAVE_OUT)


# --- virtual services -----------------------------------------------------------------------------------------------
def _virtual_services(mesh: Mesh, view: ProxyView) -> Iterator[Diagnostic]:
    for found in _in_effect(mesh, view):
        for index, rule in enumerate(found.spec.http or ()):
            yield from _rule(found, index, rule)
        for index, tcp in enumerate(found.spec.tcp or ()):
            for position, match in enumerate(tcp.match or ()):
                if match.source_subnet:
                    yield _not_carried(found, "spec", "tcp", index, "match", position, "sourceSubnet")


def _in_effect(mesh: Mesh, view: ProxyView) -> Iterable[IstioObject[VirtualService]]:
    if view.proxy.is_gateway:
        every = [found for gateway in view.gateways for found in mesh.virtual_services_on(gateway, view.proxy)]
    else:
        every = [found for scope in view.scopes for found in scope.virtual_services]
    return {found.key: found for found in every}.values()


def _rule(found: IstioObject[VirtualService], index: int, rule: HTTPRoute) -> Iterator[Diagnostic]:
    where: JsonPath = ("spec", "http", index)
    if rule.redirect is not None and (rule.redirect.redirect_code or 301) not in REDIRECT_CODES:
        message = f"Envoy cannot redirect with {rule.redirect.redirect_code}"
        origin = found.origin_of(*where, "redirect", "redirectCode")
        yield REDIRECT_CODE.at(origin, message, help="use 301, 302, 303, 307 or 308")
    if rule.fault is not None and rule.fault.delay is not None and rule.fault.delay.exponential_delay:
        yield _not_carried(found, *where, "fault", "delay", "exponentialDelay")
    if rule.fault is not None and rule.fault.abort is not None and rule.fault.abort.http2_error:
        yield _not_carried(found, *where, "fault", "abort", "http2Error")


# --- gateways and sidecars ------------------------------------------------------------------------------------------
def _servers(view: ProxyView) -> Iterator[Diagnostic]:
    if not view.proxy.is_gateway:
        return
    for refused in MergedServers(view).refused:
        server = refused.server
        origin = server.gateway.origin_of("spec", "servers", server.index)
        message = f"server `{server.server.port.name}` of port {server.server.port.number} is not served: {refused.reason}"
        yield SERVER_NOT_SERVED.at(origin, message, help="give it a port or a host of its own")
    for gateway in view.gateways:
        for index, declared in enumerate(gateway.spec.servers or ()):
            if declared.default_endpoint:
                yield _not_carried(gateway, "spec", "servers", index, "defaultEndpoint")


def _sidecar(view: ProxyView) -> Iterator[Diagnostic]:
    sidecar = view.sidecar
    if sidecar is None:
        return
    for index, scope in enumerate(view.scopes):
        if not is_served(scope, view):
            part = "bind" if scope.bind.startswith(("unix:", "/")) else "port"
            yield _not_carried(sidecar, "spec", "egress", index, part)


def _mesh_config(mesh: Mesh, view: ProxyView) -> Iterator[Diagnostic]:
    if view.outbound_mode == "ALLOW_ANY_DYNAMIC_DNS" and view.proxy.role is Role.SIDECAR:
        message = "outbound mode `ALLOW_ANY_DYNAMIC_DNS` is carried over as `ALLOW_ANY`"
        yield FIELD_NOT_CARRIED.at(view.proxy.origin, message, help="use `ALLOW_ANY` or `REGISTRY_ONLY`")
    yield from mesh_limits(mesh, view)


def _crowded(view: ProxyView) -> Iterator[Diagnostic]:
    """TCP services behind the wildcard address of one port, of which only the first is served."""
    if view.proxy.role is not Role.SIDECAR or view.proxy.capture is not Capture.IPTABLES:
        return
    first: dict[int, Service] = {}
    for service in (service for scope in view.scopes if scope.port is None for service in scope.services):
        if service.addresses or service.resolution is Resolution.HEADLESS:
            continue
        for port in service.ports:
            if port.protocol.is_http or port.protocol.is_tls or port.protocol is Protocol.UDP:
                continue
            owner = first.setdefault(port.number, service)
            if owner is not service:
                message = f"`{service.host}` and `{owner.host}` share port {port.number} and no address tells them apart"
                related = [Related(owner.origin, "this one is served")]
                advice = "write `clusterIP` or `addresses`, or capture on loopback"
                yield ADDRESS_NOT_KNOWN.at(service.origin, message, help=advice, related=related)


def _sockets(view: ProxyView) -> Iterator[Diagnostic]:
    if view.proxy.role is Role.SIDECAR and view.proxy.capture is Capture.LOOPBACK:
        unbound = [port.number for port in inbound_ports(view) if not port.bind]
        if unbound:
            message = f"`{view.proxy.id}` has no address, so nothing stands before its port {unbound[0]}"
            yield NO_SOCKET.at(view.proxy.origin, message, help="give the proxy's address, or a Sidecar with `ingress`")


# --- extensions, patches, telemetry ---------------------------------------------------------------------------------
def _modules(mesh: Mesh, view: ProxyView) -> Iterator[Diagnostic]:
    for found in modules_elsewhere(mesh, view.proxy):
        message = f"Envoy cannot load the module of `{found.name}`, so the extension is left out"
        yield MODULE_ELSEWHERE.at(found.origin_of("spec"), message, help="put the module into a file: `url: file:///…`")


def _patches(mesh: Mesh, view: ProxyView) -> Iterator[Diagnostic]:
    for found in mesh.envoy_filters(view.proxy):
        for index, patch in enumerate(found.spec.config_patches or ()):
            elsewhere = patch.match is not None and patch.match.context == "WAYPOINT"
            if not elsewhere and not is_carried(patch):
                message = f"the `{patch.apply_to or 'INVALID'}` patch of `{found.name}` is not carried over to stock Envoy"
                yield PATCH_NOT_CARRIED.at(found.origin_of("spec", "configPatches", index), message, help=_LEAVE_OUT)
            elif patch.patch is not None and patch.patch.filter_class not in {None, "UNSPECIFIED"}:
                yield _not_carried(found, "spec", "configPatches", index, "patch", "filterClass")


def _telemetry(mesh: Mesh, view: ProxyView) -> Iterator[Diagnostic]:
    known = providers_by_name(mesh.config).items()
    kinds = {name: settings.keys() for name, settings in known if is_known(mesh, view.proxy, settings)}
    for found in mesh.telemetries(view.proxy.namespace, view.proxy.labels):
        if found.spec.metrics:
            yield _not_carried(found, "spec", "metrics")
        for index, log in enumerate(found.spec.access_logging or ()):
            names = [ref.name for ref in log.providers or () if ref.name != "envoy"]
            if not log.disabled and any(not kinds.get(name, frozenset()) & LOG_PROVIDERS for name in names):
                yield _not_carried(found, "spec", "accessLogging", index, "providers")
        for index, entry in enumerate(found.spec.tracing or ()):
            names = [ref.name for ref in entry.providers or ()]
            if any(not kinds.get(name, frozenset()) & TRACERS for name in names):
                yield _not_carried(found, "spec", "tracing", index, "providers")
            if entry.disable_context_propagation and not CONTEXT_PROPAGATION.holds_in(view.proxy.envoy_version):
                yield _not_carried(found, "spec", "tracing", index, "disableContextPropagation")
            formatted = any(tag.formatter is not None for tag in (entry.custom_tags or {}).values())
            if formatted and not FORMATTER_TAGS.holds_in(view.proxy.envoy_version):
                yield _not_carried(found, "spec", "tracing", index, "customTags")
