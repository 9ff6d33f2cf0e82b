"""The bounds of the Mesh: what owners of services may not do, judged on the objects that they and their intents give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from meshgen.diagnostics import Diagnostic, JsonPath, Related
from meshgen.diagnostics.catalogue.mesh import OUT_OF_BOUNDS
from meshgen.istio.authorization_policy import AuthorizationPolicy, Rule
from meshgen.istio.destination_rule import ClientTLSSettings, DestinationRule
from meshgen.istio.envoy_filter import EnvoyFilter
from meshgen.istio.gateway import Gateway
from meshgen.istio.hosts import SERVICE_SUFFIX, fully_qualified
from meshgen.istio.object import IstioObject
from meshgen.istio.peer_authentication import PeerAuthentication
from meshgen.istio.sidecar import Sidecar
from meshgen.istio.struct import IstioStruct
from meshgen.istio.virtual_service import HTTPRoute, VirtualService
from meshgen.lower.index import Index
from meshgen.lower.result import Report
from meshgen.values import parse_duration

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.mesh_settings import Bounds

Broken = Iterator[tuple[JsonPath, str, str]]
"""Where in an object, the field of the bounds, and what is wrong."""


def check_bounds(index: Index, objects: Sequence[IstioObject[IstioStruct]], report: Report) -> None:
    """A finding for each object outside of the root namespace that leaves the bounds."""
    mesh = index.mesh
    bounds = mesh.model.bounds if mesh is not None else None
    if mesh is None or bounds is None:
        return
    exempt = {index.root_namespace, *(bounds.exempt or ())}
    doors = _gateway_selectors(objects) if bounds.anyone else []
    for each in objects:
        rule = _RULES.get(each.kind)
        if rule is None or each.namespace in exempt or _selects_gateway(each, doors) or _is_outside(each):
            continue
        for path, name, message in rule(each.spec, bounds):
            related = [Related(mesh.at("spec", "bounds", name), "the bound")]
            hint = f"stay within the bound, or have `{each.namespace}` named under `bounds.exempt`"
            report.append(_finding(each, path, message, hint, related))


def _finding(each: IstioObject[IstioStruct], path: JsonPath, message: str, hint: str, related: Sequence[Related]) -> Diagnostic:
    return OUT_OF_BOUNDS.at(each.origin_of(*path), f"{each.kind} `{each.name}`: {message}", help=hint, related=related)


def _gateway_selectors(objects: Iterable[IstioObject[IstioStruct]]) -> list[dict[str, str]]:
    return [each.spec.selector for each in objects if isinstance(each.spec, Gateway) and each.spec.selector]


def _selects_gateway(each: IstioObject[IstioStruct], doors: Sequence[dict[str, str]]) -> bool:
    """Whether a policy guards a gateway, through which everybody may come."""
    spec = each.spec
    if not isinstance(spec, AuthorizationPolicy):
        return False
    labels = (spec.selector.match_labels if spec.selector is not None else None) or {}
    to_gateway = any(ref.kind == "Gateway" for ref in spec.target_refs or ())
    return to_gateway or any(door.items() <= labels.items() or labels.items() <= door.items() for door in doors if labels)


def _is_outside(each: IstioObject[IstioStruct]) -> bool:
    """Whether a DestinationRule is about a host outside of the mesh: what it speaks is not for us to say."""
    spec = each.spec
    return isinstance(spec, DestinationRule) and not fully_qualified(spec.host, each.namespace).endswith(SERVICE_SUFFIX)


def _virtual_service(spec: VirtualService, bounds: Bounds) -> Broken:
    for index, route in enumerate(spec.http or ()):
        for path, name, message in _route(route, bounds):
            yield ("spec", "http", index, *path), name, message


def _route(route: HTTPRoute, bounds: Bounds) -> Broken:
    longest, most = bounds.max_timeout, bounds.max_retries
    if longest is not None and _sends(route):
        wanted = parse_duration(route.timeout or "0s")
        if wanted == 0:
            yield ("timeout",), "maxTimeout", f"a rule without a timeout waits for ever; the bound is `{longest}`"
        elif wanted > parse_duration(longest):
            yield ("timeout",), "maxTimeout", f"the timeout `{route.timeout}` is longer than `{longest}`"
    attempts = route.retries.attempts if route.retries is not None else None
    if most is not None and attempts is not None and attempts > most:
        yield ("retries",), "maxRetries", f"{attempts} retries, and at most {most} are allowed"


def _sends(route: HTTPRoute) -> bool:
    """Whether a rule waits for a service; what it hands over to another virtual service is judged there."""
    return route.redirect is None and route.direct_response is None and route.delegate is None


def _destination_rule(spec: DestinationRule, bounds: Bounds) -> Broken:
    if not bounds.plaintext:
        return
    policy = spec.traffic_policy
    if policy is not None:
        yield from _tls(policy.tls, ("spec", "trafficPolicy", "tls"))
        for index, port in enumerate(policy.port_level_settings or ()):
            yield from _tls(port.tls, ("spec", "trafficPolicy", "portLevelSettings", index, "tls"))
    for number, subset in enumerate(spec.subsets or ()):
        if subset.traffic_policy is not None:
            yield from _tls(subset.traffic_policy.tls, ("spec", "subsets", number, "trafficPolicy", "tls"))


def _tls(tls: ClientTLSSettings | None, path: JsonPath) -> Broken:
    if tls is not None and tls.mode == "DISABLE":
        yield path, "plaintext", "clients send in plain text"


def _peer_authentication(spec: PeerAuthentication, bounds: Bounds) -> Broken:
    if not bounds.plaintext:
        return
    mode = spec.mtls.mode if spec.mtls is not None else None
    if mode in {"DISABLE", "PERMISSIVE"}:
        yield ("spec", "mtls"), "plaintext", f"mTLS is `{mode}`: callers may send in plain text"
    for port, settings in (spec.port_level_mtls or {}).items():
        if settings.mode in {"DISABLE", "PERMISSIVE"}:
            message = f"mTLS of port {port} is `{settings.mode}`: callers may send in plain text"
            yield ("spec", "portLevelMtls", port), "plaintext", message


def _authorization_policy(spec: AuthorizationPolicy, bounds: Bounds) -> Broken:
    if not bounds.anyone or spec.action not in {None, "ALLOW"}:
        return
    for index, rule in enumerate(spec.rules or ()):
        if _lets_everybody_in(rule):
            yield ("spec", "rules", index), "anyone", "a rule lets everybody in, whoever calls"


def _lets_everybody_in(rule: Rule) -> bool:
    """Whether a rule asks neither who calls nor for anything about the caller."""
    if any(condition.key.startswith(("source.", "request.auth.")) for condition in rule.when or ()):
        return False
    sources = [entry.source for entry in rule.from_ or ()]
    return not sources or any(source is None or not any(_asked(source)) for source in sources)


def _asked(source: IstioStruct) -> Iterator[bool]:
    """Whether each field that names callers does so: those that must not call leave everybody else."""
    for name in source.__struct_fields__:
        held = getattr(source, name)
        yield bool(held) and not name.startswith("not_")


def _sidecar(spec: Sidecar, bounds: Bounds) -> Broken:
    policy = spec.outbound_traffic_policy
    if bounds.unknown_hosts and policy is not None and policy.mode not in {None, "REGISTRY_ONLY"}:
        yield ("spec", "outboundTrafficPolicy"), "unknownHosts", "workloads may call hosts that the mesh does not know"


def _envoy_filter(_: EnvoyFilter, bounds: Bounds) -> Broken:
    if bounds.envoy_patches:
        yield ("spec",), "envoyPatches", "Envoy's configuration is patched"


_RULES: dict[str, Callable[..., Broken]] = {
    "AuthorizationPolicy": _authorization_policy,
    "DestinationRule": _destination_rule,
    "EnvoyFilter": _envoy_filter,
    "PeerAuthentication": _peer_authentication,
    "Sidecar": _sidecar,
    "VirtualService": _virtual_service,
}
