"""Hedged retries: an EnvoyFilter on the routes of the rules that ask for them, since Istio's API has no field for it.

Envoy's `hedge_policy` stands beside the retry policy of a route, so a patch finds the route by its name; a rule without a name
gets one. The routes are in the proxies of all callers, whatever their namespaces: the EnvoyFilter stands in the root namespace,
unless the rules are exported to their own namespace alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from meshgen.diagnostics import Diagnostic
from meshgen.diagnostics.catalogue.rollout import HEDGED_DELEGATE
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.istio import envoy_filter as istio
from meshgen.istio.hosts import SERVICE_SUFFIX
from meshgen.istio.object import IstioObject
from meshgen.istio.virtual_service import VirtualService
from meshgen.json import JsonObject
from meshgen.lower.canary.handover import WEIGHTS
from meshgen.lower.envoy_patches import Table, Where, envoy_filter, merge_route
from meshgen.lower.index import Index
from meshgen.lower.result import Made, Report, make
from meshgen.lower.rules import MESH, HttpDraft

_HEDGE: JsonObject = {"route": {"hedge_policy": {"hedge_on_per_try_timeout": True}}}


def named(drafts: Sequence[HttpDraft], owner: str) -> list[HttpDraft]:
    """The rules, the hedged ones with a name each: `<owner>-hedged`, `<owner>-hedged-2` where they have none."""
    found: list[HttpDraft] = []
    count = 0
    for draft in drafts:
        if draft.hedged and "name" not in draft.fields:
            count += 1
            name = f"{owner}-hedged" if count == 1 else f"{owner}-hedged-{count}"
            found.append(replace(draft, fields={"name": name, **draft.fields}))
        else:
            found.append(draft)
    return found


def hedging(
    intent: IntentObject[Intent], made: IstioObject[VirtualService], drafts: Sequence[HttpDraft], index: Index, report: Report
) -> Iterator[Made]:
    """The EnvoyFilter for the hedged ones among the rules of a VirtualService; none where there are none."""
    hedged = [draft for draft in drafts if draft.hedged]
    if not hedged:
        return
    hosts, gateways = made.spec.hosts or (), made.spec.gateways or (MESH,)
    if not hosts:
        report.extend(_in_delegate(intent, draft) for draft in hedged)
        return
    names = dict.fromkeys(name for draft in hedged for name in _route_names(draft))
    patches = [patch for name in names for patch in _patches(name, hosts, gateways, index)]
    own = made.spec.export_to in {(".",), (made.namespace,)}
    yield make(
        intent,
        envoy_filter(patches, None),
        name=f"{made.name}-hedging" if own else f"{made.name}-{made.namespace}-hedging",
        namespace=made.namespace if own else index.root_namespace,
        origin=hedged[0].origin,
    )


def _in_delegate(intent: IntentObject[Intent], draft: HttpDraft) -> Diagnostic:
    message = f"{intent.spoken} is a delegate, and the name that its routes will have is not known here"
    hint = "give the Route its hosts, or take `hedge` out"
    return HEDGED_DELEGATE.at(draft.origin, message, help=hint)


def _route_names(draft: HttpDraft) -> Iterator[str]:
    """Istio's names of the routes of a rule: a named match comes behind the rule's name, and a delegate's rule behind both."""
    rule = str(draft.fields["name"])
    if "delegate" in draft.fields:  # of Argo Rollouts' delegate; Flagger's has no names
        yield f"{rule}-{WEIGHTS}"
    for match in draft.matches or (None,):
        yield f"{rule}.{match.name}" if match is not None and match.name else rule


def _patches(route: str, hosts: Sequence[str], gateways: Sequence[str], index: Index) -> Iterator[istio.EnvoyConfigObjectPatch]:
    for gateway in gateways:
        if gateway != MESH:
            yield merge_route(Where(context="GATEWAY"), _HEDGE, Table(gateway=gateway, route=route))
            continue
        for host in hosts:
            ports = _http_ports(host, index)
            for port in ports:
                yield merge_route(Where(context="SIDECAR_OUTBOUND"), _HEDGE, Table(virtual_host=f"{host}:{port}", route=route))
            if not ports:
                yield merge_route(Where(context="SIDECAR_OUTBOUND"), _HEDGE, Table(route=route))


def _http_ports(host: str, index: Index) -> list[int]:
    """The HTTP ports of a service of the mesh; none where they are not known."""
    name, _, namespace = host.removesuffix(SERVICE_SUFFIX).rpartition(".")
    if not host.endswith(SERVICE_SUFFIX):
        return []
    return [port for port, protocol in index.ports_of((namespace, name)) if protocol.is_http]
