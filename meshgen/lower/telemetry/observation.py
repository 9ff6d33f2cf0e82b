"""Access logs and traces, which a Telemetry and the Mesh say in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from meshgen.istio import telemetry as istio

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.observation import LogRule, TagSource, Tracing

SIDES: dict[str, Literal["CLIENT", "SERVER", "CLIENT_AND_SERVER"]] = {
    "client": "CLIENT",
    "server": "SERVER",
    "clientAndServer": "CLIENT_AND_SERVER",
}


def access_logging(rule: LogRule) -> istio.AccessLogging:
    """A rule for access logs in Istio's words."""
    return istio.AccessLogging(
        providers=provider_refs(rule.providers),
        filter=None if rule.filter is None else istio.AccessLoggingFilter(expression=rule.filter),
        match=_side(rule.side),
        disabled=rule.disabled,
    )


def tracing(tracing: Tracing) -> istio.Tracing:
    """What is said of traces in Istio's words."""
    propagation = tracing.context_propagation
    return istio.Tracing(
        providers=provider_refs(tracing.providers),
        random_sampling_percentage=tracing.sampling,
        disable_span_reporting=tracing.disabled,
        custom_tags=None if tracing.tags is None else {name: _tag(tag) for name, tag in tracing.tags.items()},
        match=_side(tracing.side),
        use_request_id_for_trace_sampling=tracing.use_request_id,
        enable_istio_tags=tracing.enable_istio_tags,
        disable_context_propagation=None if propagation is None else not propagation,
    )


def provider_refs(names: Sequence[str] | None) -> tuple[istio.ProviderRef, ...] | None:
    """Extension providers by their names."""
    return None if names is None else tuple(istio.ProviderRef(name=name) for name in names)


def _side(side: str | None) -> istio.ModeMatch | None:
    return None if side is None else istio.ModeMatch(mode=SIDES[side])


def _tag(tag: TagSource) -> istio.CustomTag:
    if tag.literal is not None:
        return istio.CustomTag(literal=istio.LiteralTag(value=tag.literal))
    if tag.formatter is not None:
        return istio.CustomTag(formatter=istio.LiteralTag(value=tag.formatter))
    if tag.environment is not None:
        return istio.CustomTag(environment=istio.NamedTag(name=tag.environment, default_value=tag.default))
    return istio.CustomTag(header=istio.NamedTag(name=tag.header or "", default_value=tag.default))
