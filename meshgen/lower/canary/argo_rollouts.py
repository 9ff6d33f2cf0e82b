"""Argo Rollouts: the Rollout with its steps, the delegate whose weights it moves, two Services and the AnalysisTemplate.

Requests are split between a stable and a canary Service, whose selectors the controller narrows to a ReplicaSet each; so all
that it writes are those selectors and the delegate's `http`. With subsets it would write into a list of the DestinationRule that
is Git's for the rest. Source: the documentation of Argo Rollouts, traffic management with Istio.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.diagnostics import JsonPath, Origin
from meshgen.diagnostics.catalogue.rollout import ENGINE_WORD
from meshgen.intent import analysis as words
from meshgen.intent.canary import Canary, CanaryStep
from meshgen.intent.decode import IntentObject
from meshgen.intent.match import Match
from meshgen.istio import virtual_service as istio
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.hosts import service_host
from meshgen.json import JsonObject, JsonValue
from meshgen.kubernetes import OwnedElsewhere
from meshgen.lower.canary.flagger import interval
from meshgen.lower.canary.handover import WEIGHTS
from meshgen.lower.canary.service import ServicePort, owned_replicas, owned_selector, service_ports
from meshgen.lower.destination_rule import traffic_policy
from meshgen.lower.index import Index, ServiceKey
from meshgen.lower.matches import PRESENT, http_match
from meshgen.lower.result import Made, Report, make, make_other
from meshgen.progressive import argo_rollouts as argo
from meshgen.progressive.plain import to_json

API_VERSION = "argoproj.io/v1alpha1"
_HASH = "canary-hash"


def stable_name(key: ServiceKey) -> str:
    """The Service of the version that is there."""
    return f"{key[1]}-stable"


def canary_name(key: ServiceKey) -> str:
    """The Service of the version that comes."""
    return f"{key[1]}-canary"


def objects(canary: IntentObject[Canary], key: ServiceKey, index: Index, report: Report) -> Iterator[Made]:
    """All that a Canary of this engine gives."""
    service = index.services[key]
    others = (service,)
    content: JsonObject = {"spec": to_json(rollout_spec(canary, key, report))}
    origins: dict[JsonPath, Origin] = {("spec", "strategy", "canary", "steps"): canary.item("spec", "steps")}
    name = canary.model.target or key[1]
    yield make_other(canary, API_VERSION, "Rollout", content, name=name, owner=key[1], origins=origins, others=others)
    template = analysis_template(canary.model, key)
    if template is not None:
        place = canary.item("spec", "analysis")
        yield make_other(canary, API_VERSION, "AnalysisTemplate", {"spec": to_json(template)}, owner=key[1], origin=place)
    delegate = istio.VirtualService(http=(istio.HTTPRoute(name=WEIGHTS, route=_weights(key)),))
    yield make(canary, delegate, owner=key[1], others=others)
    for part in (stable_name(key), canary_name(key)):
        yield make_other(canary, "v1", "Service", {"spec": _service(key, index)}, name=part, owner=key[1], others=others)
        if service.model.traffic is not None:
            rule = DestinationRule(
                host=service_host(part, key[0]),
                traffic_policy=traffic_policy(service.model.traffic),
                export_to=service.model.export_to,
            )
            place = service.item("spec", "traffic")
            yield make(canary, rule, name=part, owner=key[1], origin=place, others=others)


def owned(canary: Canary, key: ServiceKey) -> Iterator[OwnedElsewhere]:
    """What the controller writes."""
    namespace = key[0]
    yield OwnedElsewhere(
        group="networking.istio.io", kind="VirtualService", name=canary.name, namespace=namespace, json_pointers=("/spec/http",)
    )
    for name in (stable_name(key), canary_name(key)):
        yield owned_selector(name, namespace)
    yield owned_replicas(canary.target or key[1], namespace)


def _weights(key: ServiceKey) -> tuple[istio.HTTPRouteDestination, ...]:
    return tuple(
        istio.HTTPRouteDestination(destination=istio.Destination(host=service_host(name, key[0])), weight=weight)
        for name, weight in ((stable_name(key), 100), (canary_name(key), 0))
    )


def _service(key: ServiceKey, index: Index) -> JsonObject:
    """`spec` of a core Service with the ports and the selector of the service."""
    ports: list[JsonValue] = [_service_port(port) for port in service_ports(key, index)]
    return {"selector": dict[str, JsonValue](index.labels_of(key)), "ports": ports}


def _service_port(port: ServicePort) -> JsonObject:
    found: JsonObject = {"name": port.name} if port.name else {}
    found |= {"port": port.number, "protocol": port.protocol}
    return {**found, "targetPort": port.target} if port.target is not None else found


# --- the Rollout ----------------------------------------------------------------------------------------------------
def rollout_spec(canary: IntentObject[Canary], key: ServiceKey, report: Report) -> argo.RolloutSpec:
    """`spec` of the Rollout. It takes the Deployment's Pod template, and scales the Deployment down once it is healthy."""
    model = canary.model
    target = model.target or key[1]
    managed = [
        name for name, asked in ((_match_route(model), model.match), (_mirror_route(model), model.mirror)) if asked is not None
    ]
    routing = argo.TrafficRouting(
        managed_routes=tuple(argo.ManagedRoute(name=name) for name in managed) or None,
        istio=argo.IstioTrafficRouting(virtual_service=argo.IstioVirtualService(name=model.name, routes=(WEIGHTS,))),
    )
    strategy = argo.CanaryStrategy(
        stable_service=stable_name(key),
        canary_service=canary_name(key),
        traffic_routing=routing,
        steps=tuple(_steps(canary, report)),
        analysis=_background(model),
    )
    return argo.RolloutSpec(
        replicas=model.replicas,
        workload_ref=argo.WorkloadReference(api_version="apps/v1", kind="Deployment", name=target, scale_down="onsuccess"),
        strategy=argo.Strategy(canary=strategy),
    )


def _match_route(canary: Canary) -> str:
    return f"{canary.name}-match"


def _mirror_route(canary: Canary) -> str:
    return f"{canary.name}-mirror"


def _steps(canary: IntentObject[Canary], report: Report) -> Iterator[argo.CanaryStep]:
    """Copies first, then those who match, then the weights. Pods are there before requests are."""
    model = canary.model
    every = model.analysis.every if model.analysis is not None else None
    hold = argo.CanaryStep(pause=argo.Pause(duration=every))
    if model.mirror is not None or model.match is not None:
        yield argo.CanaryStep(set_canary_scale=argo.CanaryScale(replicas=1))
    if model.mirror is not None:
        name, everything = _mirror_route(model), argo.RouteMatch(path=argo.StringMatch(prefix="/"))
        yield argo.CanaryStep(set_mirror_route=argo.SetMirrorRoute(name=name, percentage=model.mirror, match=(everything,)))
        yield hold
        yield argo.CanaryStep(set_mirror_route=argo.SetMirrorRoute(name=name))
    if model.match is not None:
        headers = [_header(canary, position, match, report) for position, match in enumerate(model.match)]
        route = argo.SetHeaderRoute(name=_match_route(model), match=tuple(each for each in headers if each is not None))
        yield argo.CanaryStep(set_header_route=route)
        yield hold
    if model.mirror is not None or model.match is not None:
        yield argo.CanaryStep(set_canary_scale=argo.CanaryScale(match_traffic_weight=True))
    for step in model.steps or ():
        yield argo.CanaryStep(set_weight=step.weight)
        yield argo.CanaryStep(pause=_pause(step, every))


def _pause(step: CanaryStep, every: str | None) -> argo.Pause:
    return argo.Pause() if step.approval else argo.Pause(duration=step.pause or every)


def _header(canary: IntentObject[Canary], position: int, match: Match, report: Report) -> argo.HeaderRoutingMatch | None:
    """One header: all that a header route of Argo Rollouts knows."""
    wanted = http_match(match, match.gateways)
    given = [name for name in wanted.__struct_fields__ if getattr(wanted, name) is not None]
    if given != ["headers"] or len(wanted.headers or {}) != 1:
        message = (
            "Argo Rollouts can send those to the new version first who have one header, and this match asks for something else"
        )
        hint = "write one header or cookie in each match; any one of several is enough"
        report.append(ENGINE_WORD.at(canary.at("spec", "match", position), message, help=hint))
        return None
    ((name, value),) = (wanted.headers or {}).items()
    text = argo.StringMatch(exact=value.exact, prefix=value.prefix, regex=value.regex)
    return argo.HeaderRoutingMatch(header_name=name, header_value=argo.StringMatch(regex=".*") if value == PRESENT else text)


# --- analysis -------------------------------------------------------------------------------------------------------
def _background(canary: Canary) -> argo.Analysis | None:
    """The analysis that runs while the steps do."""
    analysis = canary.analysis
    if analysis is None:
        return None
    templates = [metric.template.name for metric in analysis.metrics or () if metric.template is not None]
    if _metrics(analysis, "", ""):
        templates.insert(0, canary.name)
    variables = {k: v for metric in analysis.metrics or () for k, v in (metric.variables or {}).items()}
    arguments = [argo.Argument(name=_HASH, value_from=argo.ArgumentSource(pod_template_hash_value="Latest"))]
    arguments += [argo.Argument(name=name, value=value) for name, value in variables.items()]
    if not templates:
        return None
    references = tuple(argo.AnalysisTemplateReference(template_name=name) for name in templates)
    return argo.Analysis(templates=references, args=tuple(arguments))


def analysis_template(canary: Canary, key: ServiceKey) -> argo.AnalysisTemplateSpec | None:
    """`spec` of the AnalysisTemplate; None where nothing is measured."""
    analysis = canary.analysis
    if analysis is None:
        return None
    found = _metrics(analysis, key[0], canary.target or key[1])
    return argo.AnalysisTemplateSpec(args=(argo.Argument(name=_HASH),), metrics=tuple(found)) if found else None


def _metrics(analysis: words.Analysis, namespace: str, rollout: str) -> list[argo.Metric]:
    """The metrics that are asked of Prometheus; no requests are no success."""
    found: list[argo.Metric] = []
    pods = f'destination_workload_namespace="{namespace}",pod=~"{rollout}-{{{{args.{_HASH}}}}}-.*"'
    if analysis.success_rate is not None:
        over = interval(analysis.success_rate.over or "1m")
        series = f'istio_requests_total{{reporter="destination",{pods}'
        query = f'sum(rate({series},response_code!~"5.*"}}[{over}])) / sum(rate({series}}}[{over}])) * 100'
        found.append(_metric("success-rate", query, analysis, least=analysis.success_rate.min))
    if analysis.latency is not None:
        over = interval(analysis.latency.over or "1m")
        series = f'istio_request_duration_milliseconds_bucket{{reporter="destination",{pods}}}'
        query = f"histogram_quantile(0.99, sum(rate({series}[{over}])) by (le))"
        found.append(_metric("latency", query, analysis, most=analysis.latency.milliseconds))
    found += [
        _metric(metric.name, metric.query, analysis, least=metric.min, most=metric.max)
        for metric in analysis.metrics or ()
        if metric.query is not None
    ]
    return found


def _metric(
    name: str, query: str, analysis: words.Analysis, *, least: float | None = None, most: float | None = None
) -> argo.Metric:
    bounds = ["len(result) > 0"]
    bounds += [f"result[0] >= {_short(least)}"] if least is not None else []
    bounds += [f"result[0] <= {_short(most)}"] if most is not None else []
    return argo.Metric(
        name=name,
        interval=analysis.every or "1m",
        success_condition=" && ".join(bounds),
        failure_limit=(analysis.abort_after or 1) - 1,
        provider=argo.MetricProvider(prometheus=argo.PrometheusMetric(address=analysis.prometheus or "", query=query)),
    )


def _short(value: float) -> str:
    return f"{value:g}" if value != int(value) else str(int(value))
