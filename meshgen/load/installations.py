"""Installations of Istio that stand in the tree: IstioOperators, Flux's HelmReleases and Argo CD's Applications of its charts.

They are checked against their types, and what they say of MeshConfig counts as istiod's ConfigMap would. They make no output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from meshgen.diagnostics import Diagnostic, Origin, did_you_mean
from meshgen.diagnostics.catalogue.load import INVALID_FIELD
from meshgen.diagnostics.catalogue.mesh import OPERATOR_ONLY
from meshgen.istio.chart_values import base_findings, gateway_findings, istiod_findings
from meshgen.istio.decode import struct_diagnostics
from meshgen.istio.operator import API_VERSION, PROFILES, IstioOperator
from meshgen.json import JsonObject, JsonValue, merge_patch
from meshgen.kubernetes import MeshConfigMap, ObjectMeta

# Where the settings of an IstioOperator's `k8s` are in the values of Istio's charts.
_OF_ISTIOD: Final = {
    "env": "`env`",
    "hpaSpec": "`autoscaleMin` and `autoscaleMax`",
    "overlays": "a post-renderer",
    "priorityClassName": "`global.priorityClassName`",
    "replicaCount": "`replicaCount` and `autoscaleEnabled: false`",
    "strategy": "`rollingMaxSurge` and `rollingMaxUnavailable`",
}
_OF_GATEWAY: Final = {
    "hpaSpec": "`autoscaling`",
    "overlays": "a post-renderer",
    "serviceAnnotations": "`service.annotations`",
}

Read = tuple[tuple[MeshConfigMap, ...], tuple[Diagnostic, ...]]


def read_installations(documents: Iterable[tuple[JsonObject, Origin]]) -> Read:
    """The MeshConfig that each installation among some documents gives, and what is wrong with it."""
    configs: list[MeshConfigMap] = []
    diagnostics: list[Diagnostic] = []
    for value, origin in documents:
        group = str(value.get("apiVersion")).partition("/")[0]
        if group == "install.istio.io":
            configs += _operator(value, origin, diagnostics)
        elif (group, value.get("kind")) in _OWNERS:
            for chart, values, place in _releases(value, origin):
                configs += _release(chart, values, place, value, diagnostics)
    return tuple(configs), tuple(diagnostics)


# --- IstioOperator --------------------------------------------------------------------------------------------------------
def _operator(value: JsonObject, origin: Origin, diagnostics: list[Diagnostic]) -> Iterator[MeshConfigMap]:
    if value.get("apiVersion") != API_VERSION or value.get("kind") != "IstioOperator":
        message = f"`{value.get('apiVersion')}` has no kind `{value.get('kind')}`"
        diagnostics.append(INVALID_FIELD.at(origin.at("kind"), message, help=f"write `IstioOperator` of `{API_VERSION}`"))
        return
    spec, place = value.get("spec") or {}, origin.at("spec")
    wrong = list(struct_diagnostics(spec, IstioOperator, place))
    if not isinstance(spec, dict) or wrong:
        diagnostics += wrong
        return
    diagnostics += _profile(spec, place)
    diagnostics += _only_operators(spec, place)
    values = _map(spec.get("values"))
    found = list(istiod_findings(values, place.at("values"))) if values else []
    diagnostics += found
    beside = {} if found else _map(values.get("meshConfig"))
    own = _map(spec.get("meshConfig"))
    if own or beside:
        name = "istio" if not spec.get("revision") else f"istio-{spec['revision']}"
        metadata = _map(value.get("metadata"))
        namespace = str(spec.get("namespace") or metadata.get("namespace") or "istio-system")
        at = place.at("meshConfig") if own else place.at("values", "meshConfig")
        yield MeshConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), mesh=merge_patch(beside, own), origin=at)


def _profile(spec: JsonObject, place: Origin) -> Iterator[Diagnostic]:
    profile = spec.get("profile")
    if isinstance(profile, str) and profile not in PROFILES and "/" not in profile and "." not in profile:
        hint = did_you_mean(profile, PROFILES) or f"istioctl has {', '.join(f'`{name}`' for name in PROFILES)}"
        yield INVALID_FIELD.at(place.at("profile"), f"istioctl has no profile `{profile}`", help=hint)


def _only_operators(spec: JsonObject, place: Origin) -> Iterator[Diagnostic]:
    """Settings that Helm has elsewhere: `k8s` of components."""
    components = _map(spec.get("components"))
    for name, chart, successors in (("pilot", "istiod", _OF_ISTIOD), ("cni", "cni", {}), ("ztunnel", "ztunnel", {})):
        settings = _map(_map(components.get(name)).get("k8s"))
        if settings:
            yield _elsewhere(place.at("components", name, "k8s"), f"components.{name}.k8s", chart, settings, successors)
    for name in ("ingressGateways", "egressGateways"):
        some = components.get(name)
        for index, gateway in enumerate(some if isinstance(some, list) else ()):
            settings = _map(_map(gateway).get("k8s"))
            if settings:
                at = place.at("components", name, index, "k8s")
                yield _elsewhere(at, f"components.{name}[{index}].k8s", "gateway", settings, _OF_GATEWAY)


def _elsewhere(place: Origin, path: str, chart: str, settings: JsonObject, successors: dict[str, str]) -> Diagnostic:
    told = ", ".join(f"`{name}` is {successors.get(name, f'`{name}`')}" for name in settings)
    word = {"istiod": "install.istiod", "gateway": "install.gateways"}.get(chart)
    hint = f"in the values of the chart `{chart}` {told}" + (f"; a Mesh says it once for both under `{word}`" if word else "")
    return OPERATOR_ONLY.at(place, f"`{path}` is for istioctl only", help=hint)


# --- Helm -----------------------------------------------------------------------------------------------------------------
_OWNERS: Final = {("helm.toolkit.fluxcd.io", "HelmRelease"), ("argoproj.io", "Application")}
_CHARTS: Final = {"istiod": "istiod", "istio-discovery": "istiod", "base": "base", "istio-base": "base", "gateway": "gateway"}
Release = tuple[str, JsonObject, Origin]
"""A chart of Istio's, its values, and where they stand."""


def _releases(value: JsonObject, origin: Origin) -> Iterator[Release]:
    spec = _map(value.get("spec"))
    if value.get("kind") == "HelmRelease":
        chart = str(_map(_map(spec.get("chart")).get("spec")).get("chart"))
        yield chart, _map(spec.get("values")), origin.at("spec", "values")
        return
    sources = spec.get("sources")
    places: list[tuple[JsonValue, Origin]] = [(spec.get("source"), origin.at("spec", "source"))]
    if isinstance(sources, list):
        places += [(each, origin.at("spec", "sources", index)) for index, each in enumerate(sources)]
    for source, place in places:
        held = _map(source)
        yield str(held.get("chart")), _map(_map(held.get("helm")).get("valuesObject")), place.at("helm", "valuesObject")


def _release(
    chart: str, values: JsonObject, place: Origin, owner: JsonObject, diagnostics: list[Diagnostic]
) -> Iterator[MeshConfigMap]:
    kind = _CHARTS.get(chart.rpartition("/")[2])
    if kind is None or not values:
        return
    if kind != "istiod":
        diagnostics += base_findings(values, place) if kind == "base" else gateway_findings(values, place)
        return
    diagnostics += istiod_findings({key: item for key, item in values.items() if key != "meshConfig"}, place)
    config = _map(values.get("meshConfig"))
    if config:
        revision = values.get("revision")
        name = f"istio-{revision}" if revision else "istio"
        namespace = str(_map(values.get("global")).get("istioNamespace") or _map(owner.get("metadata")).get("namespace") or "")
        yield MeshConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), mesh=config, origin=place.at("meshConfig"))


def _map(value: Any) -> JsonObject:  # noqa: ANN401 (a stranger's value)
    """A map, empty where it is none."""
    return value if isinstance(value, dict) else {}
