"""MG0110: a selector matches no workload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Inventory, Lacking, Rule
from meshgen.diagnostics import JsonPath
from meshgen.diagnostics.catalogue.link import SELECTS_NOTHING
from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.envoy_filter import EnvoyFilter
from meshgen.istio.object import IstioObject
from meshgen.istio.peer_authentication import PeerAuthentication
from meshgen.istio.request_authentication import RequestAuthentication
from meshgen.istio.sidecar import Sidecar
from meshgen.istio.struct import IstioStruct
from meshgen.istio.telemetry import Telemetry


def find(context: Context) -> Iterator[Answer]:
    """Selectors of policies, Sidecars and EnvoyFilters that pick nothing in a namespace whose workloads are known."""
    root = context.mesh.config.root_namespace
    for holder, path, labels in _selectors(context):
        if not labels or holder.namespace == root or context.is_selected(holder.namespace, labels):
            continue
        if holder.namespace not in context.populated:
            yield Lacking(f"workloads of namespace {holder.namespace}")
        else:
            shown = ", ".join(f"{key}={value}" for key, value in labels.items())
            yield SELECTS_NOTHING.at(
                holder.origin_of(*path),
                f"{holder.kind} `{holder.name}` selects no workload of namespace `{holder.namespace}`",
                label=f"nothing carries {shown}",
                help=_near(context, holder.namespace, labels),
            )


_KINDS: tuple[type[AuthorizationPolicy | PeerAuthentication | RequestAuthentication | Telemetry], ...] = (
    AuthorizationPolicy,
    PeerAuthentication,
    RequestAuthentication,
    Telemetry,
)


def _selectors(context: Context) -> Iterator[tuple[IstioObject[IstioStruct], JsonPath, Mapping[str, str]]]:
    for kind in _KINDS:
        for policy in context.mesh.of_kind(kind):
            if policy.spec.selector is not None:
                yield policy, ("spec", "selector", "matchLabels"), policy.spec.selector.match_labels or {}
    for sidecar in context.mesh.of_kind(Sidecar):
        if sidecar.spec.workload_selector is not None:
            yield sidecar, ("spec", "workloadSelector", "labels"), sidecar.spec.workload_selector.labels or {}
    for envoy_filter in context.mesh.of_kind(EnvoyFilter):
        if envoy_filter.spec.workload_selector is not None:
            yield envoy_filter, ("spec", "workloadSelector", "labels"), envoy_filter.spec.workload_selector.labels or {}


def _near(context: Context, namespace: str, labels: Mapping[str, str]) -> str:
    workloads = context.mesh.workloads_in(namespace, {})
    for key, value in labels.items():
        values = tuple(sorted({workload.labels[key] for workload in workloads if key in workload.labels}))
        if value not in values:
            return context.near(value, values) or f"no workload there has `{key}: {value}`"
    return "no workload there has all of these labels at once"


RULE = Rule(code=SELECTS_NOTHING, find=find, needs=(Inventory.WORKLOADS,))
