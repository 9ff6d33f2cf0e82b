"""Telemetries of Istio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent.decode import IntentObject
from meshgen.intent.metrics import MetricOverride, Metrics
from meshgen.intent.telemetry import Telemetry
from meshgen.istio import telemetry as istio
from meshgen.kubernetes import CoreFacts, CustomBootstrap
from meshgen.lower.index import Index
from meshgen.lower.result import Made, Report, make
from meshgen.lower.target import Scope, scope_of
from meshgen.lower.telemetry.new_metrics import new_metrics
from meshgen.lower.telemetry.observation import SIDES, access_logging, provider_refs, tracing
from meshgen.lower.telemetry.pods import PodChange, bootstrap, bootstrap_fact, pod_change

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.metrics import MetricChange, MetricName, MetricTag

_Metric = Literal[
    "ALL_METRICS",
    "REQUEST_COUNT",
    "REQUEST_DURATION",
    "REQUEST_SIZE",
    "RESPONSE_SIZE",
    "TCP_OPENED_CONNECTIONS",
    "TCP_CLOSED_CONNECTIONS",
    "TCP_SENT_BYTES",
    "TCP_RECEIVED_BYTES",
    "GRPC_REQUEST_MESSAGES",
    "GRPC_RESPONSE_MESSAGES",
]
_METRICS: dict[MetricName, _Metric] = {
    "all": "ALL_METRICS",
    "requestCount": "REQUEST_COUNT",
    "requestDuration": "REQUEST_DURATION",
    "requestSize": "REQUEST_SIZE",
    "responseSize": "RESPONSE_SIZE",
    "tcpOpenedConnections": "TCP_OPENED_CONNECTIONS",
    "tcpClosedConnections": "TCP_CLOSED_CONNECTIONS",
    "tcpSentBytes": "TCP_SENT_BYTES",
    "tcpReceivedBytes": "TCP_RECEIVED_BYTES",
    "grpcRequestMessages": "GRPC_REQUEST_MESSAGES",
    "grpcResponseMessages": "GRPC_RESPONSE_MESSAGES",
}
"""In the order in which the changes of single metrics are written: all of them first, as Istio advises."""


def telemetries(index: Index, report: Report, changes: list[PodChange]) -> Iterator[Made]:
    """The objects of all Telemetry intents; what they want of Pods is added to `changes`."""
    for telemetry in index.of(Telemetry):
        scope = scope_of(telemetry, index, report)
        if scope is None:
            continue
        model = telemetry.model
        if model.access_log is not None or model.tracing is not None or any(map(_says_something, model.metrics or ())):
            yield _telemetry(telemetry, scope)
        yield from new_metrics(telemetry, scope, index.target, report)
        if model.bootstrap is not None:
            yield bootstrap(telemetry, model.bootstrap, scope)
        if model.stats is not None or model.bootstrap is not None:
            changes.append(pod_change(telemetry, scope))


def with_bootstraps(facts: CoreFacts, index: Index) -> CoreFacts:
    """The facts, and the bootstraps that Telemetry intents give; what is wrong with their targets has been said."""
    found: list[CustomBootstrap] = []
    for telemetry in index.of(Telemetry):
        scope = scope_of(telemetry, index, []) if telemetry.model.bootstrap is not None else None
        if scope is not None and telemetry.model.bootstrap is not None:
            found.append(bootstrap_fact(telemetry, telemetry.model.bootstrap, scope))
    return msgspec.structs.replace(facts, bootstraps=tuple(found)) if found else facts


def _says_something(metrics: Metrics) -> bool:
    """Whether there is anything but new metrics, which no Telemetry can say; `{}` is the default provider turned on."""
    return metrics.model_fields_set != {"new"}


def _telemetry(telemetry: IntentObject[Telemetry], scope: Scope) -> Made:
    model = telemetry.model
    origins: dict[JsonPath, Origin] = {}
    spec = istio.Telemetry(
        selector=scope.selector,
        target_refs=scope.targets,
        metrics=tuple(_all_metrics(telemetry, origins)) or None,
        access_logging=None if model.access_log is None else tuple(map(access_logging, model.access_log)),
        tracing=None if model.tracing is None else tuple(map(tracing, model.tracing)),
    )
    for position, log in enumerate(model.access_log or ()):
        _place(telemetry, ("accessLogging", position), ("accessLog", position), log.providers, origins)
        origins["spec", "accessLogging", position, "filter"] = telemetry.at("spec", "accessLog", position, "filter")
    for position, trace in enumerate(model.tracing or ()):
        _place(telemetry, ("tracing", position), ("tracing", position), trace.providers, origins)
    return make(telemetry, spec, namespace=scope.namespace, owner=scope.owner, origins=origins)


def _all_metrics(telemetry: IntentObject[Telemetry], origins: dict[JsonPath, Origin]) -> Iterator[istio.Metrics]:
    number = 0
    for position, entry in enumerate(telemetry.model.metrics or ()):
        if not _says_something(entry):
            continue
        _place(telemetry, ("metrics", number), ("metrics", position), entry.providers, origins)
        overrides = list(_overrides(entry))
        for index, (place, override) in enumerate(overrides):
            path: JsonPath = ("spec", "metrics", number, "overrides", index)
            origins[path] = telemetry.at("spec", "metrics", position, *place)
            for name in override.tags or ():
                origins[*path, "tagOverrides", name] = telemetry.at("spec", "metrics", position, *place, "tags", name)
        yield _metrics(entry, [override for _, override in overrides])
        number += 1


def _place(
    telemetry: IntentObject[Telemetry],
    path: JsonPath,
    written: JsonPath,
    providers: Sequence[str] | None,
    origins: dict[JsonPath, Origin],
) -> None:
    """Where an entry was written, and the providers that it names."""
    origins["spec", *path] = telemetry.at("spec", *written)
    for position in range(len(providers or ())):
        origins["spec", *path, "providers", position] = telemetry.at("spec", *written, "providers", position)


# --- metrics --------------------------------------------------------------------------------------------------------
def _overrides(metrics: Metrics) -> Iterator[tuple[JsonPath, MetricOverride]]:
    """All changes in the order in which they act, with their places below the entry."""
    for name in _METRICS:
        for position, change in enumerate(_changes(metrics, name)):
            yield (
                (name, position),
                MetricOverride.model_construct(
                    change.model_fields_set | {"metric"},
                    metric=name,
                    side=change.side,
                    disabled=change.disabled,
                    tags=change.tags,
                ),
            )
    for position, override in enumerate(metrics.overrides or ()):
        yield ("overrides", position), override


_FIELDS = {field.alias: name for name, field in Metrics.model_fields.items()}


def _changes(metrics: Metrics, name: MetricName) -> Sequence[MetricChange]:
    found: Sequence[MetricChange] | None = getattr(metrics, _FIELDS[name])
    return found or ()


def _metrics(metrics: Metrics, overrides: Sequence[MetricOverride]) -> istio.Metrics:
    return istio.Metrics(
        providers=provider_refs(metrics.providers),
        reporting_interval=metrics.reporting_interval,
        overrides=tuple(map(_override, overrides)) or None,
    )


def _override(override: MetricOverride) -> istio.MetricsOverrides:
    match = None
    if (override.metric, override.custom, override.side) != (None, None, None):
        match = istio.MetricSelector(
            metric=None if override.metric is None else _METRICS[override.metric],
            custom_metric=override.custom,
            mode=None if override.side is None else SIDES[override.side],
        )
    tags = None if override.tags is None else {name: _tag_override(tag) for name, tag in override.tags.items()}
    return istio.MetricsOverrides(match=match, disabled=override.disabled, tag_overrides=tags)


def _tag_override(tag: MetricTag) -> istio.TagOverride:
    return istio.TagOverride(operation="REMOVE") if tag.remove else istio.TagOverride(value=tag.expression)
