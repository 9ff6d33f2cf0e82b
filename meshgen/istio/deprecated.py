"""Forms of Istio's API that have a successor, by struct."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from meshgen.diagnostics.catalogue.admission import API_FOR_PATCH, DEPRECATED_FORM
from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.destination_rule import ConsistentHashLB, LoadBalancerSettings, OutlierDetection
from meshgen.istio.envoy_filter import EnvoyFilter
from meshgen.istio.request_authentication import JWTRule, RequestAuthentication
from meshgen.istio.rules import Rule, Rules, when_given
from meshgen.istio.struct import IstioStruct, wire_name
from meshgen.istio.telemetry import Telemetry
from meshgen.istio.versions import IstioVersion
from meshgen.istio.violation import Violation, show
from meshgen.istio.virtual_service import CorsPolicy, FaultDelay, HTTPRoute, VirtualService
from meshgen.istio.wasm_plugin import WasmPlugin

_TRAFFIC_EXTENSION: Final = IstioVersion(1, 30)


class Form(NamedTuple):
    """An old field, or one word of it, and what to write now."""

    struct: type[IstioStruct]
    attribute: str
    now: str
    value: str = ""


FORMS: Final = (
    Form(HTTPRoute, "mirror_percent", "`mirrorPercentage: {value: …}`"),
    Form(HTTPRoute, "mirror_percent_deprecated", "`mirrorPercentage: {value: …}`"),
    Form(CorsPolicy, "allow_origin", "`allowOrigins: [{exact: …}]`"),
    Form(FaultDelay, "percent", "`percentage: {value: …}`"),
    Form(LoadBalancerSettings, "warmup_duration_secs", "`warmup: {duration: …}`"),
    Form(LoadBalancerSettings, "simple", "`LEAST_REQUEST`", "LEAST_CONN"),
    Form(ConsistentHashLB, "minimum_ring_size", "`ringHash: {minimumRingSize: …}`"),
    Form(OutlierDetection, "consecutive_errors", "`consecutive5xxErrors` or `consecutiveGatewayErrors`"),
    Form(JWTRule, "jwks_uri_deprecated", "`jwksUri`"),
    Form(AuthorizationPolicy, "target_ref", "`targetRefs: [{…}]`"),
    Form(RequestAuthentication, "target_ref", "`targetRefs: [{…}]`"),
    Form(Telemetry, "target_ref", "`targetRefs: [{…}]`"),
    Form(WasmPlugin, "target_ref", "`targetRefs: [{…}]`"),
)


def deprecation_rules(target: IstioVersion) -> Rules:
    """The rules that name what has a successor in a release."""
    table: dict[type[IstioStruct], tuple[Rule, ...]] = {}
    for form in FORMS:
        table[form.struct] = (*table.get(form.struct, ()), _rule(form))
    table[VirtualService] = (_gateway_names,)
    table[EnvoyFilter] = (_lua_or_wasm(target),)
    return table


def _rule(form: Form) -> Rule:
    wire = wire_name(form.struct, form.attribute)
    what = f"`{wire}: {form.value}`" if form.value else f"`{wire}`"
    violation = Violation((wire,), f"{what} is deprecated", f"write {form.now}", DEPRECATED_FORM)
    return when_given(form.attribute, form.value, violation)


def _gateway_names(spec: VirtualService) -> Iterator[Violation]:
    """Gateways that are named as if they were hosts."""
    for index, name in enumerate(spec.gateways or ()):
        if "." in name and "/" not in name:
            gateway, namespace, *_ = name.split(".")
            message = f"{show(name)} names a Gateway as if it were a host"
            yield Violation(("gateways", index), message, f"write `{namespace}/{gateway}`", DEPRECATED_FORM)


def _lua_or_wasm(target: IstioVersion) -> Rule:
    """EnvoyFilters that add a filter for which Istio has a kind now."""
    kinds = {"lua": "TrafficExtension", "wasm": "TrafficExtension"} if target >= _TRAFFIC_EXTENSION else {"wasm": "WasmPlugin"}

    def rule(spec: EnvoyFilter) -> Iterator[Violation]:
        for index, entry in enumerate(spec.config_patches or ()):
            patch = entry.patch
            if entry.apply_to != "HTTP_FILTER" or patch is None or not isinstance(patch.value, dict):
                continue
            if patch.operation in {"MERGE", "REMOVE"}:
                continue
            name = str(patch.value.get("name", ""))
            kind = next((kinds[each] for each in kinds if name.endswith(f".http.{each}") or name == f"envoy.{each}"), "")
            if kind:
                message = f"this patch adds {show(name)}, for which Istio has a kind of its own"
                path = ("configPatches", index, "patch", "value")
                yield Violation(path, message, f"write a `{kind}`: it does not hang on Envoy's filter chain", API_FOR_PATCH)

    return rule
