"""Metrics that Istio does not have: definitions in its statistics filter (proto `stats.PluginConfig`), by an EnvoyFilter.

Telemetry changes the metrics that there are; new ones have no field of the API. The patch merges into the filter `istio.stats`,
which is there wherever a metrics provider is in effect (by default), and holds for the proxies of the target release alone: what
an EnvoyFilter changes is no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from meshgen.diagnostics import JsonPath, Origin
from meshgen.diagnostics.catalogue.telemetry import EXPRESSION_HELP, UNKNOWN_ATTRIBUTE, UNREADABLE_EXPRESSION
from meshgen.intent.decode import IntentObject
from meshgen.istio.attributes import unknown_attribute
from meshgen.istio.envoy_filter import EnvoyConfigObjectPatch
from meshgen.istio.expressions import ExpressionError, attributes
from meshgen.istio.versions import IstioVersion
from meshgen.json import JsonObject, JsonValue
from meshgen.lower.envoy_patches import Context, Where, envoy_filter, merge_http_filter, proxy_versions, typed
from meshgen.lower.result import Made, Report, make
from meshgen.lower.target import Scope

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.metrics import NewMetric
    from meshgen.intent.telemetry import Telemetry

_FILTER = "istio.stats"
_CONTEXTS: Mapping[str, tuple[Context, ...]] = {
    "client": ("SIDECAR_OUTBOUND", "GATEWAY"),
    "server": ("SIDECAR_INBOUND",),
    "clientAndServer": ("ANY",),
}


def new_metrics(telemetry: IntentObject[Telemetry], scope: Scope, target: IstioVersion, report: Report) -> Iterator[Made]:
    """The EnvoyFilter that defines the new metrics of a Telemetry, if it has any."""
    by_side: dict[str, dict[str, NewMetric]] = {}
    places: dict[str, Origin] = {}
    for position, metrics in enumerate(telemetry.model.metrics or ()):
        for name, metric in (metrics.new or {}).items():
            side: str = metric.side or "clientAndServer"
            by_side.setdefault(side, {})[name] = metric
            place = ("spec", "metrics", position, "new", name)
            places.setdefault(side, telemetry.at(*place))
            _check(f"the value of metric `{name}`", telemetry, metric.value, (*place, "value"), report)
            for tag, source in (metric.tags or {}).items():
                _check(f"the value of tag `{tag}`", telemetry, source.expression or "", (*place, "tags", tag), report)
    if not by_side:
        return
    patches: list[EnvoyConfigObjectPatch] = []
    origins: dict[JsonPath, Origin] = {}
    for side in sorted(by_side):
        for context in _CONTEXTS[side]:
            origins["spec", "configPatches", len(patches)] = places[side]
            where = Where(context=context, proxy_version=proxy_versions(target.minor, target.minor))
            value: JsonObject = {"name": _FILTER, "typed_config": typed("stats.PluginConfig", _definitions(by_side[side]))}
            patches.append(merge_http_filter(where, _FILTER, value))
    yield make(
        telemetry,
        envoy_filter(patches, scope.selector),
        name=f"{telemetry.model.name}-metrics",
        namespace=scope.namespace,
        owner=scope.owner,
        origins=origins,
    )


def _check(what: str, telemetry: IntentObject[Telemetry], expression: str, place: JsonPath, report: Report) -> None:
    """Says what no proxy can read or know; of other expressions a rule does, which sees no EnvoyFilter's inside."""
    try:
        found = attributes(expression)
    except ExpressionError as error:
        message = f"{what} of {telemetry.spoken} {error}"
        report.append(UNREADABLE_EXPRESSION.at(telemetry.at(*place), message, help=EXPRESSION_HELP))
        return
    for path in found:
        unknown = unknown_attribute(path)
        if unknown is not None:
            message = f"{what} of {telemetry.spoken} asks for `{unknown[0]}`, which no proxy knows"
            report.append(UNKNOWN_ATTRIBUTE.at(telemetry.at(*place), message, help=unknown[1]))


def _definitions(metrics: Mapping[str, NewMetric]) -> dict[str, object]:
    definitions: list[JsonValue] = []
    dimensions: list[JsonValue] = []
    for name, metric in metrics.items():
        kind: JsonObject = {} if metric.type is None else {"type": metric.type.upper()}
        definitions.append({"name": name, "value": metric.value, **kind})
        if metric.tags:
            tags: JsonObject = {tag: source.expression for tag, source in metric.tags.items()}
            dimensions.append({"name": name, "dimensions": tags})
    return {"definitions": definitions, **({"metrics": dimensions} if dimensions else {})}
