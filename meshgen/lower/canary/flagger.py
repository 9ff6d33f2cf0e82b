"""Flagger: the Canary and MetricTemplates that an intent gives, and what Flagger makes of a Canary in the cluster.

Source: fluxcd/flagger, pkg/router/istio.go: a VirtualService of the Service's name (here a delegate), a Service and a
DestinationRule each for `-primary` and `-canary`; before a release the primary has everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from meshgen import kubernetes as core
from meshgen.diagnostics import JsonPath, Origin
from meshgen.diagnostics.catalogue.load import UNKNOWN_FIELD
from meshgen.diagnostics.catalogue.rollout import ENGINE_WORD
from meshgen.intent import analysis as words
from meshgen.intent.canary import Canary, Stickiness
from meshgen.intent.decode import IntentObject
from meshgen.intent.match import Match
from meshgen.intent.service import Service
from meshgen.istio import virtual_service as istio
from meshgen.istio.decode import struct_violations
from meshgen.istio.destination_rule import DestinationRule, TrafficPolicy
from meshgen.istio.hosts import fully_qualified, service_host
from meshgen.istio.object import IstioObject
from meshgen.istio.shared import PortSelector
from meshgen.istio.struct import IstioStruct, wire_name
from meshgen.lower.canary.service import service_ports
from meshgen.lower.canary.stickiness import SAME_SITE
from meshgen.lower.destination_rule import traffic_policy
from meshgen.lower.index import Index, ServiceKey
from meshgen.lower.matches import PRESENT, http_match
from meshgen.lower.result import Made, Report, make_other
from meshgen.progressive import flagger
from meshgen.progressive.plain import to_json
from meshgen.values import SECOND, parse_duration

API_VERSION = "flagger.app/v1beta1"
_SELECTOR_LABELS = ("app", "name", "app.kubernetes.io/name")  # Flagger's `-selector-labels`

S = TypeVar("S", bound=IstioStruct)


# --- what an intent gives -------------------------------------------------------------------------------------------
def canary_spec(canary: IntentObject[Canary], key: ServiceKey, index: Index, report: Report) -> flagger.CanarySpec:
    """`spec` of Flagger's Canary."""
    model, service = canary.model, index.services[key]
    target = model.target or key[1]
    port, name, target_port = _port(key, index)
    analysis = model.analysis or words.Analysis()
    return flagger.CanarySpec(
        provider="istio",
        metrics_server=analysis.prometheus,
        target_ref=flagger.TargetReference(api_version="apps/v1", kind="Deployment", name=target),
        service=flagger.CanaryService(
            name=None if target == key[1] else key[1],
            port=port,
            port_name=name,
            target_port=target_port,
            port_discovery=True if len(index.ports_of(key)) > 1 else None,
            delegation=True,
            traffic_policy=_traffic(service, report),
        ),
        analysis=_analysis(canary, analysis, report),
    )


def metric_templates(canary: IntentObject[Canary]) -> Iterator[Made]:
    """A MetricTemplate for each query of the analysis."""
    analysis = canary.model.analysis
    for position, metric in enumerate(analysis.metrics or () if analysis is not None else ()):
        if metric.query is None or analysis is None:
            continue
        provider = flagger.MetricProvider(type="prometheus", address=analysis.prometheus)
        spec = flagger.MetricTemplateSpec(provider=provider, query=metric.query)
        place = canary.item("spec", "analysis", "metrics", position)
        name = _template_name(canary.model, metric)
        yield make_other(canary, API_VERSION, "MetricTemplate", {"spec": to_json(spec)}, name=name, origin=place)


def canary_object(canary: IntentObject[Canary], key: ServiceKey, spec: flagger.CanarySpec, index: Index) -> Made:
    """Flagger's Canary."""
    origins: dict[JsonPath, Origin] = {
        ("spec", "analysis"): canary.item("spec", "analysis"),
        ("spec", "service"): index.services[key].origin,
    }
    return make_other(
        canary, API_VERSION, "Canary", {"spec": to_json(spec)}, owner=key[1], origins=origins, others=(index.services[key],)
    )


def _port(key: ServiceKey, index: Index) -> tuple[int, str | None, int | str | None]:
    """The first HTTP port: number, name, the workload's."""
    http = {number for number, protocol in index.ports_of(key) if protocol.is_http}
    port = next(port for port in service_ports(key, index) if port.number in http)
    return port.number, port.name if port.name not in {"", "http"} else None, port.target


def _traffic(service: IntentObject[Service], report: Report) -> flagger.TrafficPolicy | None:
    if service.model.traffic is None:
        return None
    value: Any = to_json(traffic_policy(service.model.traffic))
    found = list(struct_violations(value, flagger.TrafficPolicy))
    for violation in found:
        field = ".".join(str(part) for part in violation.path)
        detail = (
            f"Flagger's Canary has no `{field}`" if violation.code is UNKNOWN_FIELD else f"Flagger's Canary: {violation.message}"
        )
        message = f"the traffic policy of `{service.model.name}` does not go into what Flagger makes: {detail}"
        hint = "leave it out; Flagger writes the DestinationRules of its service itself"
        report.append(ENGINE_WORD.at(service.at("spec", "traffic"), message, help=hint))
    return None if found else msgspec.convert(value, flagger.TrafficPolicy)


def _analysis(canary: IntentObject[Canary], analysis: words.Analysis, report: Report) -> flagger.CanaryAnalysis:
    model = canary.model
    weights = tuple(float(step.weight) for step in model.steps or ())
    matches = [_match(canary, position, match, report) for position, match in enumerate(model.match or ())]
    return flagger.CanaryAnalysis(
        interval=interval(analysis.every or "1m"),
        threshold=float(analysis.abort_after or 1),
        iterations=None if analysis.iterations is None else float(analysis.iterations),
        step_weights=weights or None,
        max_weight=weights[-1] if weights else None,
        mirror=True if model.mirror is not None else None,
        mirror_weight=None if model.mirror is None else float(model.mirror),
        match=tuple(match for match in matches if match is not None) or None,
        session_affinity=None if model.stickiness is None else _affinity(model.stickiness),
        metrics=tuple(_metrics(model, analysis)) or None,
        webhooks=None if analysis.webhooks is None else tuple(map(_webhook, analysis.webhooks)),
    )


def interval(duration: str) -> str:
    """A duration as Flagger's pattern asks for it, minutes or seconds.

    >>> interval("1h"), interval("1m30s")
    ('60m', '90s')
    """
    seconds = max(1, parse_duration(duration) // SECOND)
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"


def _metrics(canary: Canary, analysis: words.Analysis) -> Iterator[flagger.Metric]:
    """Flagger's two own metrics, and those of the user's."""
    if analysis.success_rate is not None:
        over, least = analysis.success_rate.over, analysis.success_rate.min
        least_range = flagger.ThresholdRange(min=float(least))
        yield flagger.Metric(name="request-success-rate", interval=interval(over or "1m"), threshold_range=least_range)
    if analysis.latency is not None:
        most = flagger.ThresholdRange(max=analysis.latency.milliseconds)
        yield flagger.Metric(name="request-duration", interval=interval(analysis.latency.over or "1m"), threshold_range=most)
    for metric in analysis.metrics or ():
        bounds = flagger.ThresholdRange(min=_float(metric.min), max=_float(metric.max))
        name = _template_name(canary, metric) if metric.template is None else metric.template.name
        namespace = None if metric.template is None else metric.template.namespace
        yield flagger.Metric(
            name=metric.name,
            interval=interval(metric.over or "1m"),
            threshold_range=bounds,
            template_ref=flagger.NamedReference(name=name, namespace=namespace),
            template_variables=metric.variables,
        )


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _template_name(canary: Canary, metric: words.CanaryMetric) -> str:
    return f"{canary.name}-{metric.name}"


def _webhook(webhook: words.Webhook) -> flagger.Webhook:
    return flagger.Webhook(
        name=webhook.name,
        type=webhook.type,
        url=webhook.url,
        timeout=None if webhook.timeout is None else interval(webhook.timeout),
        retries=_float(webhook.retries),
        metadata=webhook.metadata,
    )


def _affinity(sticky: Stickiness) -> flagger.SessionAffinity:
    return flagger.SessionAffinity(
        cookie_name=sticky.cookie,
        max_age=None if sticky.ttl is None else max(1, parse_duration(sticky.ttl) // SECOND),
        path=sticky.path,
        domain=sticky.domain,
        same_site=None if sticky.same_site is None else SAME_SITE[sticky.same_site],
        secure=sticky.secure,
        http_only=sticky.http_only,
    )


_TAKEN = {"headers", "query_params", "source_labels"}


def _match(canary: IntentObject[Canary], position: int, match: Match, report: Report) -> flagger.AnalysisMatch | None:
    """Headers, query parameters and the caller's labels; Flagger's A/B test knows no more."""
    wanted = http_match(match, match.gateways)
    given = {name for name in wanted.__struct_fields__ if getattr(wanted, name) is not None}
    if given - _TAKEN:
        names = ", ".join(f"`{wire_name(wanted, name)}`" for name in sorted(given - _TAKEN))
        message = f"Flagger's A/B test cannot match by {names}"
        hint = "it knows headers, cookies, query parameters and the caller's labels"
        report.append(ENGINE_WORD.at(canary.at("spec", "match", position), message, help=hint))
        return None
    headers = wanted.headers or {}
    return flagger.AnalysisMatch(
        headers={name: _header(value) for name, value in headers.items()} or None,
        query_params={name: _string(value) for name, value in (wanted.query_params or {}).items()} or None,
        source_labels=wanted.source_labels,
    )


def _header(value: istio.StringMatch) -> flagger.HeaderMatch:
    if value == PRESENT:
        return flagger.HeaderMatch(regex=".*")
    return flagger.HeaderMatch(exact=value.exact, prefix=value.prefix, regex=value.regex)


def _string(value: istio.StringMatch) -> flagger.StringMatch:
    return flagger.StringMatch(exact=value.exact, prefix=value.prefix, regex=value.regex)


# --- what Flagger makes of it ---------------------------------------------------------------------------------------
def apex_name(spec: flagger.CanarySpec) -> str:
    """The Service whose name Flagger's VirtualService has, too."""
    return (spec.service.name if spec.service is not None else None) or spec.target_ref.name


def is_istio(spec: flagger.CanarySpec) -> bool:
    """Whether Flagger routes by Istio here; where the Canary says nothing it is how Flagger was installed."""
    return spec.service is not None and spec.provider in {None, "istio"}


def generated(spec: flagger.CanarySpec, namespace: str, origin: Origin) -> Iterator[IstioObject[IstioStruct]]:
    """The VirtualService and DestinationRules that Flagger makes, as they are before a release."""
    apex, service = apex_name(spec), spec.service
    if service is None:
        return
    yield _object(_routes(spec, service, apex, namespace), apex, namespace, origin)
    policy = None if service.traffic_policy is None else _as(service.traffic_policy, TrafficPolicy)
    for name in (f"{apex}-primary", f"{apex}-canary"):
        rule = DestinationRule(host=service_host(name, namespace), traffic_policy=policy)
        yield _object(rule, name, namespace, origin)


def _object(spec: S, name: str, namespace: str, origin: Origin) -> IstioObject[S]:
    return IstioObject(kind=type(spec).__name__, name=name, namespace=namespace, spec=spec, owner=name, origin=origin)


def _as(value: IstioStruct, kind: type[S]) -> S:
    return msgspec.convert(to_json(value), kind)


def _routes(spec: flagger.CanarySpec, service: flagger.CanaryService, apex: str, namespace: str) -> istio.VirtualService:
    ported = service.port_discovery and (service.delegation or (service.gateways or ("mesh",))[0] != "mesh")
    port = PortSelector(number=service.port) if ported else None
    primary, canary = (
        istio.Destination(host=service_host(f"{apex}-{role}", namespace), port=port) for role in ("primary", "canary")
    )
    both = (
        istio.HTTPRouteDestination(destination=primary, weight=100),
        istio.HTTPRouteDestination(destination=canary, weight=0),
    )
    rewrite = service.rewrite
    common: dict[str, Any] = {
        "timeout": service.timeout,
        "retries": None if service.retries is None else _as(service.retries, istio.HTTPRetry),
        "rewrite": None if rewrite is None else istio.HTTPRewrite(uri=rewrite.uri, authority=rewrite.authority),
        "headers": None if service.headers is None else _as(service.headers, istio.Headers),
        "cors_policy": None if service.cors_policy is None else _as(service.cors_policy, istio.CorsPolicy),
    }
    match = tuple(_as(each, istio.HTTPMatchRequest) for each in service.match or ()) or None
    rules = [istio.HTTPRoute(match=match, route=both, **common)]
    if spec.analysis.match:
        tested = tuple(
            istio.HTTPMatchRequest(headers=_tested(each), source_labels=each.source_labels) for each in spec.analysis.match
        )
        rules = [istio.HTTPRoute(match=tested, route=both, **common), istio.HTTPRoute(match=match, route=both[:1], **common)]
    hosts = [fully_qualified(host, namespace) for host in service.hosts or ()]
    own = service_host(apex, namespace)
    return istio.VirtualService(
        hosts=None if service.delegation else tuple(dict.fromkeys((*hosts, own))),
        gateways=None if service.delegation else service.gateways,
        http=tuple(rules),
    )


def _tested(match: flagger.AnalysisMatch) -> dict[str, istio.StringMatch] | None:
    found: dict[str, istio.StringMatch] = {}
    for name, each in (match.headers or {}).items():
        regex = each.regex if each.suffix is None else f".*{each.suffix}"
        found[name] = istio.StringMatch(exact=each.exact, prefix=each.prefix, regex=regex)
    return found or None


def services(spec: flagger.CanarySpec, namespace: str, labels: Mapping[str, str], origin: Origin) -> Iterator[core.Service]:
    """The Services of primary and canary; `labels` select the Pods of the one that Flagger takes over."""
    apex, service = apex_name(spec), spec.service
    if service is None:
        return
    port = core.ServicePort(port=service.port, name=service.port_name or "http", target_port=service.target_port)
    label = next((name for name in _SELECTOR_LABELS if name in labels), "app")
    target = labels.get(label, spec.target_ref.name)
    for role, value in (("primary", f"{target}-primary"), ("canary", target)):
        yield core.Service(
            metadata=core.ObjectMeta(name=f"{apex}-{role}", namespace=namespace),
            spec=core.ServiceSpec(ports=(port,), selector={label: value}),
            origin=origin,
        )
