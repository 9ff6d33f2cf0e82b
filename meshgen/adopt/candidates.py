"""Which intents may give which native objects: the ways, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from meshgen.adopt import (
    access,
    authentication,
    extension,
    external_service,
    gateway,
    proxy,
    sidecar,
    telemetry,
    virtual_machines,
    virtual_service,
)
from meshgen.adopt.reader import Native, Proposal, ServiceKey, Surroundings, Unsaid

Way: TypeAlias = Callable[[], Proposal]
"""Makes a proposal; raises Unsaid where there is none."""

_ALONE: Mapping[str, Callable[[Native, Surroundings], Iterator[Proposal]]] = {
    "AuthorizationPolicy": access.access,
    "DestinationRule": virtual_service.traffic_policy,
    "EnvoyFilter": extension.envoy_filter,
    "Gateway": gateway.gateway,
    "PeerAuthentication": authentication.authentication,
    "ProxyConfig": proxy.proxy,
    "RequestAuthentication": authentication.authentication,
    "ServiceEntry": external_service.external_service,
    "Sidecar": sidecar.sidecar,
    "Telemetry": telemetry.telemetry,
    "TrafficExtension": extension.extension,
    "VirtualService": virtual_service.route,
    "WasmPlugin": extension.extension,
    "WorkloadGroup": virtual_machines.virtual_machines,
}
"""By kind, the intent that gives one object by itself."""


def alone(native: Native, beside: Surroundings) -> Iterator[Proposal | Unsaid]:
    """The intents that may give one object."""
    key = virtual_service.own_service(native) if native.kind == "DestinationRule" else None
    if key is not None:
        yield _tried(lambda: virtual_service.service(key, (native,), beside))
    make = _ALONE.get(native.kind)
    if make is None:
        yield Unsaid(f"no intent gives the kind {native.kind}")
        return
    yield _tried(lambda: next(make(native, beside)))


def together(natives: Sequence[Native], beside: Surroundings) -> Iterator[Proposal]:
    """The intents that may give several objects at once, or one in a way that needs to know of the others."""
    for key, group in virtual_service.grouped(natives).items():
        proposal = _tried(lambda key=key, group=group: virtual_service.service(key, group, beside))  # type: ignore[misc]  # bound now
        if isinstance(proposal, Proposal):
            yield proposal
    yield from external_service.together(natives)
    yield from virtual_machines.together(natives)
    policies = [native for native in natives if native.kind == "AuthorizationPolicy"]
    yield from _all_said(access.together, policies, beside)
    authentications = [native for native in natives if native.kind in {"PeerAuthentication", "RequestAuthentication"}]
    yield from authentication.together(authentications, beside)


def _all_said(
    make: Callable[[Iterable[Native], Surroundings], Iterator[Proposal]], natives: Sequence[Native], beside: Surroundings
) -> Iterator[Proposal]:
    """All proposals, or none where one of the objects cannot be said: each is then tried by itself."""
    try:
        yield from list(make(natives, beside))
    except Unsaid:
        return


def _tried(way: Way) -> Proposal | Unsaid:
    try:
        return way()
    except Unsaid as why:
        return why


def services_to_be(natives: Sequence[Native]) -> tuple[dict[ServiceKey, frozenset[str]], frozenset[ServiceKey]]:
    """Versions of the Services that the natives may become, and which of them get rules of their own."""
    versions: dict[ServiceKey, frozenset[str]] = {}
    routed: set[ServiceKey] = set()
    for key, group in virtual_service.grouped(natives).items():
        by_kind = {native.kind: native for native in group}
        rule = by_kind.get("DestinationRule")
        versions[key] = frozenset(subset.name for subset in rule.spec.subsets or ()) if rule is not None else frozenset()
        if "VirtualService" in by_kind:
            routed.add(key)
    return versions, frozenset(routed)
