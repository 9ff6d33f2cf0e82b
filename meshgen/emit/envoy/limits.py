"""What stock Envoy, or a delivery, cannot do of what a proxy's objects ask for (codes MG09xx): said, never dropped in silence."""

from __future__ import annotations

import json
from collections.abc import Iterator

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, sort_diagnostics
from meshgen.diagnostics.catalogue.backend import (
    CREDENTIAL_NOT_APPLIED,
    DESTINATION_NOT_RESTORED,
    FIELD_NOT_CARRIED,
    KEYS_NOT_DISCOVERED,
    NO_KNOWN_ENDPOINT,
    SUBSET_WITHOUT_ENDPOINT,
    UNKNOWN_HOSTS_REFUSED,
)
from meshgen.diagnostics.catalogue.envoy_delivery import MANY_WATCHED_FILES
from meshgen.diagnostics.catalogue.extension import TAP_WITHOUT_ADMIN
from meshgen.diagnostics.catalogue.proxies import (
    GATEWAY_ADDRESS_NOT_KNOWN,
    MESH_TLS_AT_EDGE,
    NOT_BEHIND_GATEWAY,
    NOTHING_PASSED_ON,
    OWN_ENDPOINTS_NOT_KNOWN,
)
from meshgen.diagnostics.origin import render_path
from meshgen.emit.envoy.bootstrap import DEFAULTS, BootstrapOptions, dns_stand_in
from meshgen.emit.envoy.delivery import Delivery
from meshgen.emit.envoy.local_cluster import local_cluster, wants_zones
from meshgen.emit.envoy.network_endpoints import unreachable
from meshgen.emit.envoy.shared import once
from meshgen.emit.envoy.targets import Target, is_auto_passthrough, targets
from meshgen.emit.envoy.versions import BUDGET_INTERVAL
from meshgen.envoy_version import EnvoyVersion
from meshgen.istio.destination_rule import PortTrafficPolicy, TrafficPolicy
from meshgen.istio.networks import NETWORK_LABEL
from meshgen.mesh import Capture, Mesh, Proxy, ProxyView, Resolution, Role


def limits(mesh: Mesh, view: ProxyView) -> tuple[Diagnostic, ...]:
    """What does not come over in any delivery for this proxy."""
    found = [*_undiscovered_keys(mesh, view), *_unresolved(view)]
    for target in targets(mesh, view):
        found += [
            *_unapplied_credential(target, view),
            *_not_restored(mesh, target, view),
            *_uncarried(target, view.proxy.envoy_version),
        ]
    found += network_limits(mesh, view)
    if view.proxy.role is Role.EDGE:
        found += _mesh_tls(mesh, view)
    if view.proxy.role is Role.EAST_WEST and not is_auto_passthrough(view):
        message = f"no Gateway tells the east-west gateway `{view.proxy.id}` what to pass on"
        hint = "write a Gateway with `tls: {mode: AUTO_PASSTHROUGH}`, or give the cluster an `eastWest` in the Mesh"
        found.append(NOTHING_PASSED_ON.at(view.proxy.origin, message, help=hint))
    if wants_zones(mesh, view) and not local_cluster(mesh, view):
        message = f"nobody knows where `{view.proxy.id}` and others of its kind run, so `zoneAwareLbSetting` does nothing"
        hint = "give it a `locality` in meshgen.yaml, and its Pods to the sources"
        found.append(OWN_ENDPOINTS_NOT_KNOWN.at(view.proxy.origin, message, help=hint))
    return sort_diagnostics(found)


def cluster_limits(mesh: Mesh) -> tuple[Diagnostic, ...]:
    """Said once for a cluster of several: Envoy without istiod learns of no endpoint in the others."""
    networks = mesh.networks
    if not networks.other_clusters:
        return ()
    names = ", ".join(f"`{name}`" for name in networks.other_clusters)
    message = f"the Envoy configuration has the endpoints of its own cluster, and none of {names}"
    hint = "istiod joins clusters; for stock Envoy declare what is called there as ServiceEntries with addresses"
    return (FIELD_NOT_CARRIED.at(networks.origin, message, help=hint),)


def _behind_gateways(mesh: Mesh) -> frozenset[str]:
    labelled = (service.labels[NETWORK_LABEL] for service in mesh.services if NETWORK_LABEL in service.labels)
    return mesh.networks.behind_gateways.union(labelled)


def network_limits(mesh: Mesh, view: ProxyView) -> Iterator[Diagnostic]:
    """Endpoints on a network behind a gateway that cannot be reached through it."""
    gateways = once(mesh, ("networks behind gateways",), None, lambda: _behind_gateways(mesh))
    if not gateways:
        return
    own = view.proxy.network or mesh.networks.own
    for target in targets(mesh, view):
        if target.subset is not None or target.sni_dnat:
            continue
        far = {endpoint.network for endpoint in target.endpoints if endpoint.network in gateways} - {own}
        for network in sorted(far - mesh.network_gateways.keys()):
            message = f"`{target.service.host}` has endpoints on the network `{network}`, whose gateway has no address here"
            hint = "say its `address` in the Mesh's `clusters` or in MeshNetworks; until then the endpoints themselves are called"
            yield GATEWAY_ADDRESS_NOT_KNOWN.at(target.service.origin, message, help=hint)
        for network in sorted(set(unreachable(mesh, view.proxy, target.endpoints))):
            message = (
                f"endpoints of `{target.service.host}` on the network `{network}` take no mesh TLS, so no gateway passes them on"
            )
            hint = "give them a sidecar; istiod leaves such endpoints out as well"
            yield NOT_BEHIND_GATEWAY.at(target.service.origin, message, help=hint)


def delivery_limits(
    mesh: Mesh, view: ProxyView, delivery: Delivery, options: BootstrapOptions = DEFAULTS
) -> tuple[Diagnostic, ...]:
    """What this delivery cannot tell Envoy: services whose endpoints nobody declares, taps that nobody could ask for."""
    found = (_without_endpoint(target, delivery, options) for target in targets(mesh, view))
    taps = _unasked_taps(mesh, view) if options.admin_port < 0 else ()
    return sort_diagnostics([*(diagnostic for diagnostic in found if diagnostic), *taps])


_INSTANCES = 128
"""`fs.inotify.max_user_instances` of Linux, for all processes of a user."""

_SPARE = 16  # for what else the user runs


def watch_limits(proxy: Proxy, files: int) -> tuple[Diagnostic, ...]:
    """Whether so many files are more than an Envoy can follow on a machine as it comes."""
    if files <= _INSTANCES - _SPARE:
        return ()
    message = f"`{proxy.id}` follows {files} files, each with an inotify instance, and Linux gives a user {_INSTANCES}"
    advice = "raise `fs.inotify.max_user_instances` there, or let the proxy see less"
    return (MANY_WATCHED_FILES.at(proxy.origin, message, help=advice),)


# --- taps -----------------------------------------------------------------------------------------------------------
def _unasked_taps(mesh: Mesh, view: ProxyView) -> Iterator[Diagnostic]:
    """Taps for the admin interface, which end an Envoy that has none."""
    for found in mesh.envoy_filters(view.proxy):
        for position, patch in enumerate(found.spec.config_patches or ()):
            value = json.dumps(patch.patch.value) if patch.patch is not None else ""
            if "envoy.extensions.filters.http.tap.v3.Tap" in value and "admin_config" in value:
                message = f"the tap of EnvoyFilter `{found.name}` waits for an admin interface, and the proxy has none"
                hint = "give `outputs.envoy` an `adminPort`, or let the tap write files"
                yield TAP_WITHOUT_ADMIN.at(found.origin_of("spec", "configPatches", position), message, help=hint)


# --- endpoints ------------------------------------------------------------------------------------------------------
def _without_endpoint(target: Target, delivery: Delivery, options: BootstrapOptions) -> Diagnostic | None:
    if target.endpoints or target.discovery != "EDS" or target.sni_dnat:
        return None
    host = target.service.host
    if delivery is Delivery.FILESYSTEM:
        message = f"no endpoint of `{target.name}` is known, so its endpoints file is empty and requests get 503"
        return NO_KNOWN_ENDPOINT.at(target.service.origin, message, help="declare endpoints, or let something fill the file")
    if target.subset is not None:
        message = f"no endpoint of subset `{target.subset.name}` of `{host}` is known, and DNS cannot tell subsets apart"
        advice = "provide EndpointSlices with their Pods, WorkloadEntries or endpoints in the intent, or deliver files"
        return SUBSET_WITHOUT_ENDPOINT.at(_subset_origin(target), message, help=advice)
    if dns_stand_in(target.name, options.cluster_domain):
        message = f"no endpoint of `{host}` port {target.port.number} is known, so Envoy resolves the name"
    else:
        message = f"no endpoint of `{host}` port {target.port.number} is known, so requests get 503"
    return NO_KNOWN_ENDPOINT.at(target.service.origin, message, help="declare endpoints to have them balanced one by one")


def _subset_origin(target: Target) -> Origin:
    assert target.rule is not None  # noqa: S101 - a subset has a rule
    index = (target.rule.spec.subsets or ()).index(target.subset) if target.subset else 0
    return target.rule.origin_of("spec", "subsets", index)


# --- destinations ---------------------------------------------------------------------------------------------------
def _not_restored(mesh: Mesh, target: Target, view: ProxyView) -> Iterator[Diagnostic]:
    """Services that Istio reaches at the client's own destination, which only iptables restores."""
    balancing = target.policy.load_balancer
    passes = balancing is not None and balancing.simple == "PASSTHROUGH"
    wanted = passes or target.service.resolution in {Resolution.HEADLESS, Resolution.NONE}
    if not wanted or target.discovery == "ORIGINAL_DST" or target.subset or target.sni_dnat:
        return
    if mesh.endpoints(target.service, target.port):
        return  # balanced among its endpoints instead, as istiod has it on gateways
    where = "a gateway" if view.proxy.is_gateway else "loopback capture"
    message = f"`{target.service.host}` is reached at the client's own destination, which {where} does not know"
    yield DESTINATION_NOT_RESTORED.at(target.service.origin, message, help="give it a resolution with endpoints or DNS")


def _unresolved(view: ProxyView) -> Iterator[Diagnostic]:
    for service in view.imported_services:
        if service.resolution is Resolution.DYNAMIC_DNS:
            message = f"`{service.host}` is resolved for each request (`DYNAMIC_DNS`), which is not carried over yet"
            yield FIELD_NOT_CARRIED.at(service.origin, message, help="name the hosts, each with `resolution: DNS`")
    if view.outbound_mode != "REGISTRY_ONLY" and view.proxy.role is Role.SIDECAR and view.proxy.capture is Capture.LOOPBACK:
        message = f"hosts that the mesh does not know get 502 at `{view.proxy.id}`: loopback capture has nowhere to pass them to"
        yield UNKNOWN_HOSTS_REFUSED.at(view.proxy.origin, message, help="declare what is called as ServiceEntries")


# --- security -------------------------------------------------------------------------------------------------------
def _unapplied_credential(target: Target, view: ProxyView) -> Iterator[Diagnostic]:
    tls, rule = target.policy.tls, target.rule
    if rule is None or tls is None or not tls.credential_name or rule.spec.workload_selector:
        return
    if view.proxy.role is Role.SIDECAR:
        message = f"`credentialName: {tls.credential_name}` is not applied in sidecars, so `{target.service.host}` gets plaintext"
        advice = "give the rule a `workloadSelector`, or name the files"
        yield CREDENTIAL_NOT_APPLIED.at(rule.origin_of("spec", "trafficPolicy", "tls"), message, help=advice)


def _mesh_tls(mesh: Mesh, view: ProxyView) -> Iterator[Diagnostic]:
    """TLS of the mesh at an edge, which has no certificate of it."""
    hint = "name certificates: `SIMPLE` or `MUTUAL`; or give the proxy another role than `edge`"
    for gateway in view.gateways:
        for index, server in enumerate(gateway.spec.servers or ()):
            if server.tls is not None and server.tls.mode in {"ISTIO_MUTUAL", "AUTO_PASSTHROUGH"}:
                message = f"the edge `{view.proxy.id}` has no certificate of a mesh for `{server.tls.mode}`"
                yield MESH_TLS_AT_EDGE.at(gateway.origin_of("spec", "servers", index, "tls", "mode"), message, help=hint)
    for target in targets(mesh, view):
        service, tls = target.service, target.policy.tls
        if target.rule is not None and tls is not None and tls.mode == "ISTIO_MUTUAL":
            message = f"the edge `{view.proxy.id}` has no certificate of a mesh for `{service.host}`"
            yield MESH_TLS_AT_EDGE.at(target.rule.origin_of("spec", "trafficPolicy", "tls"), message, help=hint)
        elif target.subset is None and _takes_mesh_tls_only(mesh, target):
            message = f"`{service.host}` takes mesh TLS only, of which the edge `{view.proxy.id}` has no certificate"
            yield MESH_TLS_AT_EDGE.at(service.origin, message, help="use an ingress gateway of the mesh")


def _takes_mesh_tls_only(mesh: Mesh, target: Target) -> bool:
    service = target.service
    sidecars = not service.external and any(endpoint.mutual_tls for endpoint in target.endpoints)
    return sidecars and mesh.mutual_tls_mode(service.namespace, service.selector) == "STRICT"


def _undiscovered_keys(mesh: Mesh, view: ProxyView) -> Iterator[Diagnostic]:
    for policy in mesh.request_authentications(view.proxy.namespace, view.proxy.labels):
        for index, rule in enumerate(policy.spec.jwt_rules or ()):
            if not (rule.jwks or rule.jwks_uri or rule.jwks_uri_deprecated):
                message = f"the keys of issuer `{rule.issuer or ''}` are not given, so every token of it is refused"
                advice = "write `jwks` or `jwksUri`; istiod asks the issuer's OpenID configuration, Envoy cannot"
                yield KEYS_NOT_DISCOVERED.at(policy.origin_of("spec", "jwtRules", index), message, help=advice)


# --- fields of destination rules ------------------------------------------------------------------------------------
def _uncarried(target: Target, version: EnvoyVersion) -> Iterator[Diagnostic]:
    rule = target.rule
    if rule is None or target.subset or target.sni_dnat:
        return
    levels: list[tuple[JsonPath, TrafficPolicy | None]] = [(("spec", "trafficPolicy"), rule.spec.traffic_policy)]
    for index, subset in enumerate(rule.spec.subsets or ()):
        levels.append((("spec", "subsets", index, "trafficPolicy"), subset.traffic_policy))
    for path, policy in levels:
        for field in _uncarried_fields(policy, version):
            message = f"`{render_path(field)}` is not carried over to stock Envoy"
            yield FIELD_NOT_CARRIED.at(rule.origin_of(*path, *field), message, help="leave it out for proxies without istiod")


def _uncarried_fields(policy: TrafficPolicy | None, version: EnvoyVersion) -> Iterator[JsonPath]:
    if policy is None:
        return
    if policy.retry_budget and policy.retry_budget.budget_interval and not BUDGET_INTERVAL.holds_in(version):
        yield ("retryBudget", "budgetInterval")
    yield from _of_blocks(policy, ())
    for index, level in enumerate(policy.port_level_settings or ()):
        yield from _of_blocks(level, ("portLevelSettings", index))


def _of_blocks(policy: TrafficPolicy | PortTrafficPolicy, path: JsonPath) -> Iterator[JsonPath]:
    outliers = policy.outlier_detection
    if outliers and outliers.consecutive_errors is not None:
        yield (*path, "outlierDetection", "consecutiveErrors")
