"""The Mesh's `observability`: monitors and rules for Prometheus, Kiali, and what is given as files instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from meshgen.diagnostics import JsonPath, did_you_mean
from meshgen.diagnostics.catalogue.telemetry import SERVICE_OF_PROVIDER
from meshgen.intent.decode import IntentObject
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.lower.index import Index
from meshgen.lower.mesh.installed import control_plane
from meshgen.lower.result import DeliveryFile, Made, Report, make_other
from meshgen.lower.telemetry.golden_signals import rule_groups
from meshgen.lower.telemetry.runbook import runbook

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.mesh import Mesh
    from meshgen.intent.observability import Dashboards, Kiali, PrometheusScrape

_OPERATOR = "monitoring.coreos.com/v1"
_PROXY_PORT = "http-envoy-prom"  # 15090, of each container that is an Istio proxy
_SIDECAR_LABEL = {"grafana_dashboard": "1"}
_ISTIOD_PORT = "http-monitoring"  # 15014, of istiod's Service


def observability_objects(index: Index, report: Report) -> Iterator[Made]:
    """Objects for the operators of Prometheus and Kiali, and dashboards."""
    mesh = index.mesh
    wanted = mesh.model.observability if mesh is not None else None
    if mesh is None or wanted is None:
        return
    home = control_plane(mesh.model.install)
    if wanted.prometheus is not None and wanted.prometheus.operator:
        yield from _monitors(mesh, wanted.prometheus, home)
    if wanted.dashboards is not None:
        yield from _dashboards(mesh, wanted.dashboards, home)
    if wanted.kiali is not None:
        _check_services(mesh, wanted.kiali, index, report)
        if wanted.kiali.operator:
            yield make_other(
                mesh,
                "kiali.io/v1alpha1",
                "Kiali",
                {"spec": _kiali(wanted.kiali, index.root_namespace)},
                name="kiali",
                namespace=wanted.kiali.namespace or home,
                owner="kiali",
                origin=mesh.at("spec", "observability", "kiali"),
            )


def _dashboards(mesh: IntentObject[Mesh], dashboards: Dashboards, home: str) -> Iterator[Made]:
    for name, text in (dashboards.texts or {}).items():
        yield make_other(
            mesh,
            "v1",
            "ConfigMap",
            {"data": {f"{name}.json": text}},
            name=f"dashboard-{name}",
            namespace=dashboards.namespace or home,
            owner="dashboards",
            labels=_SIDECAR_LABEL if dashboards.labels is None else dashboards.labels,
            origin=mesh.at("spec", "observability", "dashboards", "texts", name),
        )


def observability_files(index: Index, objects: Sequence[IstioObject[IstioStruct]]) -> Iterator[DeliveryFile]:
    """The same for installations without these operators."""
    wanted = index.mesh.model.observability if index.mesh is not None else None
    if index.mesh is None or wanted is None:
        return
    home = control_plane(index.mesh.model.install)
    if wanted.prometheus is not None and not wanted.prometheus.operator:
        yield DeliveryFile(path="prometheus/scrape.yaml", content=_scrape(wanted.prometheus, home))
        if wanted.prometheus.golden_signals is not None:
            groups = rule_groups(wanted.prometheus.golden_signals)
            yield DeliveryFile(path="prometheus/rules.yaml", content={"groups": groups})
    if wanted.runbook:
        yield DeliveryFile(path="runbook.md", content=runbook(index, objects, home))
    if wanted.kiali is not None and not wanted.kiali.operator:
        yield DeliveryFile(path="kiali/values.yaml", content=_kiali(wanted.kiali, index.root_namespace))


# --- Prometheus -----------------------------------------------------------------------------------------------------
def _monitors(mesh: IntentObject[Mesh], scrape: PrometheusScrape, home: str) -> Iterator[Made]:
    every: JsonObject = drop_none({"interval": scrape.interval})
    istiod: JsonObject = {
        "jobLabel": "app",
        "namespaceSelector": {"matchNames": [home]},
        "selector": {"matchLabels": {"app": "istiod"}},
        "endpoints": [{"port": _ISTIOD_PORT, **every}],
    }
    proxies: JsonObject = {
        "namespaceSelector": {"any": True},
        "selector": {"matchExpressions": [{"key": "istio-prometheus-ignore", "operator": "DoesNotExist"}]},
        "podMetricsEndpoints": [{"port": _PROXY_PORT, "path": "/stats/prometheus", **every}],
    }
    found = [("ServiceMonitor", "istiod", istiod), ("PodMonitor", "istio-proxies", proxies)]
    if scrape.golden_signals is not None:
        found.append(("PrometheusRule", "istiod", {"groups": rule_groups(scrape.golden_signals)}))
    for kind, name, spec in found:
        yield make_other(
            mesh,
            _OPERATOR,
            kind,
            {"spec": spec},
            name=name,
            namespace=scrape.namespace or home,
            owner="prometheus",
            labels=scrape.labels,
            origin=mesh.at("spec", "observability", "prometheus"),
        )


def _scrape(scrape: PrometheusScrape, home: str) -> JsonObject:
    """`scrape_configs` of Prometheus; each names what it keeps by the port's name."""
    every: JsonObject = drop_none({"scrape_interval": scrape.interval})
    istiod: JsonObject = {
        "job_name": "istiod",
        **every,
        "kubernetes_sd_configs": [{"role": "endpointslice", "namespaces": {"names": [home]}}],
        "relabel_configs": [
            _keep("__meta_kubernetes_service_label_app", "istiod"),
            _keep("__meta_kubernetes_endpointslice_port_name", _ISTIOD_PORT),
            *_labels({"namespace": "__meta_kubernetes_namespace", "pod": "__meta_kubernetes_pod_name"}),
        ],
    }
    proxies: JsonObject = {
        "job_name": "istio-proxies",
        **every,
        "metrics_path": "/stats/prometheus",
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [
            _keep("__meta_kubernetes_pod_container_port_name", _PROXY_PORT),
            *_labels({"namespace": "__meta_kubernetes_namespace", "pod": "__meta_kubernetes_pod_name"}),
        ],
    }
    return {"scrape_configs": [istiod, proxies]}


def _keep(label: str, value: str) -> JsonObject:
    return {"source_labels": [label], "regex": value, "action": "keep"}


def _labels(sources: Mapping[str, str]) -> Iterator[JsonValue]:
    for target, source in sources.items():
        yield {"source_labels": [source], "target_label": target}


# --- Kiali ----------------------------------------------------------------------------------------------------------
def _kiali(kiali: Kiali, root: str) -> JsonObject:
    """The configuration that Kiali's operator and its Helm chart share."""
    services: JsonObject = {"istio": {"root_namespace": root}, "prometheus": {"url": kiali.prometheus}}
    if kiali.tracing is not None:
        tracing = kiali.tracing
        services["tracing"] = drop_none({
            "enabled": True,
            "provider": tracing.provider,
            "internal_url": tracing.url,
            "external_url": tracing.external_url,
            "use_grpc": tracing.grpc,
        })
    if kiali.grafana is not None:
        services["grafana"] = drop_none({
            "enabled": True,
            "internal_url": kiali.grafana.url,
            "external_url": kiali.grafana.external_url,
        })
    auth: JsonObject = {} if kiali.auth is None else {"auth": {"strategy": kiali.auth}}
    return {**auth, "external_services": services}


class _Asked(NamedTuple):
    what: str
    url: str
    place: JsonPath


def _check_services(mesh: IntentObject[Mesh], kiali: Kiali, index: Index, report: Report) -> None:
    """Says which of the tools that Kiali asks are Services that nobody declares, in namespaces of which some are."""
    asked = [_Asked("Prometheus", kiali.prometheus, ("prometheus",))]
    asked += [_Asked("the tracing system", kiali.tracing.url, ("tracing", "url"))] if kiali.tracing is not None else []
    asked += [_Asked("Grafana", kiali.grafana.url, ("grafana", "url"))] if kiali.grafana is not None else []
    for each in asked:
        name, _, rest = (urlsplit(each.url).hostname or "").partition(".")
        namespace, _, domain = rest.partition(".")
        names = [other for where, other in index.core_services if where == namespace]
        if domain not in {"", "svc", "svc.cluster.local"} or not names or index.knows_service((namespace, name)):
            continue
        message = f"Kiali looks for {each.what} at the service `{name}` of namespace `{namespace}`, which nobody declares"
        place = mesh.at("spec", "observability", "kiali", *each.place)
        report.append(SERVICE_OF_PROVIDER.at(place, message, help=did_you_mean(name, names) or f"write one of {namespace}'s"))
