"""Telemetries → Telemetry intents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshgen.adopt.reader import Native, Proposal, Surroundings, Table, each, fields, scope, table_of, word
from meshgen.intent.telemetry import Telemetry
from meshgen.json import JsonObject, JsonValue

METRICS = (
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
)
"""In the order in which a Telemetry intent writes the changes of single metrics."""


def telemetry(native: Native, beside: Surroundings) -> Iterator[Proposal]:
    """The Telemetry intent that gives a Telemetry."""
    spec = native.spec
    yield Proposal(
        kind=Telemetry,
        name=native.name,
        namespace=native.namespace,
        spec={**scope(native, beside), **fields(spec, _TELEMETRY)},
        objects=(native,),
        labels=native.labels,
        annotations=native.annotations,
    )


def _names(providers: Any) -> list[JsonValue]:  # noqa: ANN401 (ProviderRefs)
    return [provider.name for provider in providers]


def _side(match: Any) -> JsonObject:  # noqa: ANN401 (ModeMatch, MetricSelector)
    return {} if match.mode is None else {"side": word(match.mode)}


def _tag(tag: Any) -> JsonObject:  # noqa: ANN401 (CustomTag)
    if tag.literal is not None:
        return {"literal": tag.literal.value}
    if tag.formatter is not None:
        return {"formatter": tag.formatter.value}
    name = "environment" if tag.environment is not None else "header"
    named = getattr(tag, name)
    if named is None:
        return {}
    return {name: named.name, **({} if named.default_value is None else {"default": named.default_value})}


_LOG: Table = {
    "providers": ("providers", _names),
    "filter": ("", lambda value: {} if value.expression is None else {"filter": value.expression}),
    "match": ("", _side),
    "disabled": "disabled",
}
_TRACING: Table = {
    "providers": ("providers", _names),
    "random_sampling_percentage": ("sampling", float),
    "disable_span_reporting": "disabled",
    "custom_tags": ("tags", lambda tags: {name: _tag(tag) for name, tag in tags.items()}),
    "match": ("", _side),
    "use_request_id_for_trace_sampling": "useRequestId",
    "enable_istio_tags": "enableIstioTags",
    "disable_context_propagation": ("contextPropagation", lambda value: not value),
}


def _metric_tag(tag: Any) -> JsonObject:  # noqa: ANN401 (TagOverride)
    return {"remove": True} if tag.operation == "REMOVE" else {"value": tag.value or ""}


_CHANGE: Table = {
    "match": ("", _side),
    "disabled": "disabled",
    "tag_overrides": ("tags", lambda tags: {name: _metric_tag(tag) for name, tag in tags.items()}),
}


def _metrics(metrics: Any) -> JsonObject:  # noqa: ANN401 (Metrics)
    said = fields(metrics, {"providers": ("providers", _names), "reporting_interval": "reportingInterval"})
    overrides = metrics.overrides or ()
    names = [_metric(override.match) for override in overrides]
    ranks = [METRICS.index(name) for name in names if name in METRICS]
    if len(ranks) == len(names) and ranks == sorted(ranks):
        by_name: dict[str, list[JsonValue]] = {}
        for name, override in zip(names, overrides, strict=True):
            by_name.setdefault(_key(name), []).append(fields(override, _CHANGE))
        return {**said, **by_name}
    return {**said, "overrides": [_override(override) for override in overrides]}


def _metric(match: Any) -> str:  # noqa: ANN401 (MetricSelector)
    """The metric by Istio's name; a custom one is none of them."""
    if match is None:
        return METRICS[0]
    return match.custom_metric or match.metric or METRICS[0]


def _key(metric: str) -> str:
    return "all" if metric == METRICS[0] else word(metric)


def _override(override: Any) -> JsonObject:  # noqa: ANN401 (MetricsOverrides)
    name = _metric(override.match)
    which: JsonObject = {"metric": _key(name)} if name in METRICS else {"custom": name}
    return {**which, **fields(override, _CHANGE)}


_TELEMETRY: Table = {
    "metrics": ("metrics", each(_metrics)),
    "access_logging": ("accessLog", each(table_of(_LOG))),
    "tracing": ("tracing", each(table_of(_TRACING))),
}
