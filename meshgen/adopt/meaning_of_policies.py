"""The one form of AuthorizationPolicies, PeerAuthentications and RequestAuthentications (see `meaning.py`)."""

from __future__ import annotations

import json
from itertools import product
from typing import Any, TypeAlias

Spec: TypeAlias = dict[str, Any]

MAX_SOURCES = 256
"""Combinations of a source's values up to which they are written out one by one."""


def authorization_policy(spec: Spec, namespace: str) -> Spec:
    """Istio: AuthorizationPolicy. Neither its rules nor what they list has an order: all are alternatives."""
    normal = {**_selected(spec), "action": spec.get("action", "ALLOW")}
    if "rules" in spec:
        normal["rules"] = _sorted([_rule(rule, namespace) for rule in spec["rules"]])
    return normal


def _selected(spec: Spec) -> Spec:
    """A selector without labels selects as no selector does; one `targetRef` is a list of one."""
    normal = {key: value for key, value in spec.items() if not (key == "selector" and value == {}) and key != "targetRef"}
    references = spec.get("targetRefs", [spec["targetRef"]] if "targetRef" in spec else [])
    if references:
        normal["targetRefs"] = _sorted([{"group": "", **{k: v for k, v in reference.items() if v}} for reference in references])
    return normal


def _sorted(values: list[Any]) -> list[Any]:
    """Without order and repetition."""
    unique = {json.dumps(value, sort_keys=True): value for value in values}
    return [value for _, value in sorted(unique.items())]


def _rule(rule: Spec, namespace: str) -> Spec:
    normal: Spec = {}
    if "from" in rule:
        sources = [_placed(each.get("source", {}), namespace) for each in rule["from"]]
        normal["from"] = _sorted([single for source in sources for single in _singles(source)])
    if "to" in rule:
        normal["to"] = _sorted([_unordered(each.get("operation", {})) for each in rule["to"]])
    if "when" in rule:
        normal["when"] = _sorted([_unordered(each) for each in rule["when"]])
    return normal


_ACCOUNTS = {"serviceAccounts", "notServiceAccounts"}


def _placed(source: Spec, namespace: str) -> Spec:
    """A source with its service accounts in a namespace: the policy's own where they name none."""
    return {
        key: [name if "/" in name else f"{namespace}/{name}" for name in values] if key in _ACCOUNTS else values
        for key, values in source.items()
    }


def _unordered(values: Spec) -> Spec:
    return {key: sorted(set(value)) if isinstance(value, list) else value for key, value in values.items()}


def _singles(source: Spec) -> list[Spec]:
    """A source as alternatives that each name one value a field: `principals: [a, b]` is two sources."""
    source = _unordered(source)
    excluded = {key: value for key, value in source.items() if key.startswith("not")}
    named = {key: value for key, value in source.items() if not key.startswith("not")}
    count = 1
    for values in named.values():
        count *= len(values)
    if count > MAX_SOURCES:
        return [source]
    return [{**dict(zip(named, values, strict=True)), **excluded} for values in product(*named.values())]


def peer_authentication(spec: Spec, namespace: str) -> Spec:  # noqa: ARG001 (as the others)
    """Istio: PeerAuthentication. An unset mode is that of the next wider policy, as no mode is."""
    normal = _selected(spec)
    if normal.get("mtls", {}).get("mode", "UNSET") == "UNSET":
        normal.pop("mtls", None)
    return normal


def request_authentication(spec: Spec, namespace: str) -> Spec:  # noqa: ARG001 (as the others)
    """Istio: RequestAuthentication."""
    normal = _selected(spec)
    if "jwtRules" in spec:
        normal["jwtRules"] = [_issuer(rule) for rule in spec["jwtRules"]]
    return normal


def _issuer(rule: Spec) -> Spec:
    normal = {key: value for key, value in rule.items() if value is not False and value != "UNSPECIFIED" and key != "jwks_uri"}
    if "jwks_uri" in rule:
        normal.setdefault("jwksUri", rule["jwks_uri"])
    if "jwks" in rule:
        try:
            normal["jwks"] = json.loads(rule["jwks"])
        except ValueError:
            normal["jwks"] = rule["jwks"]
    if "outputClaimToHeaders" in rule:
        normal["outputClaimToHeaders"] = _sorted(rule["outputClaimToHeaders"])
    return normal


def telemetry(spec: Spec, namespace: str) -> Spec:  # noqa: ARG001 (as the others)
    """Istio: Telemetry. Later changes of a metric win, so their order stays."""
    normal = _selected(spec)
    if "metrics" in spec:
        normal["metrics"] = [_metrics(each) for each in spec["metrics"]]
    for key in ("accessLogging", "tracing"):
        if key in spec:
            normal[key] = [_sided(each) for each in spec[key]]
    return normal


def _metrics(metrics: Spec) -> Spec:
    normal = dict(metrics)
    if "overrides" in metrics:
        normal["overrides"] = [_override(each) for each in metrics["overrides"]]
    return normal


def _override(override: Spec) -> Spec:
    match = {"mode": "CLIENT_AND_SERVER", **override.get("match", {})}
    if "customMetric" not in match:
        match.setdefault("metric", "ALL_METRICS")
    normal = {**override, "match": match}
    if "tagOverrides" in override:
        normal["tagOverrides"] = {name: _tag(tag) for name, tag in override["tagOverrides"].items()}
    return normal


def _tag(tag: Spec) -> Spec:
    """A tag that is removed has no value, whatever is written."""
    return {"operation": "REMOVE"} if tag.get("operation") == "REMOVE" else {"operation": "UPSERT", **tag}


def _sided(entry: Spec) -> Spec:
    """An access log or a trace of both sides where nothing is said."""
    normal = {**entry, "match": {"mode": "CLIENT_AND_SERVER", **entry.get("match", {})}}
    if entry.get("filter") == {}:
        del normal["filter"]
    return normal


_NOTHING = {"UNSPECIFIED", "UNSPECIFIED_PHASE", "UNSPECIFIED_POLICY", "UNSPECIFIED_PLUGIN_TYPE"}


def extension(spec: Spec, namespace: str) -> Spec:  # noqa: ARG001 (as the others)
    """Istio: WasmPlugin, TrafficExtension and ProxyConfig."""
    normal = _module(_selected(spec))
    if "wasm" in spec:
        normal["wasm"] = _module(spec["wasm"])
    if normal.get("priority") == 0:
        del normal["priority"]
    if "match" in spec:
        normal["match"] = [{key: value for key, value in each.items() if value != "UNDEFINED"} for each in spec["match"]]
    return normal


def _module(module: Spec) -> Spec:
    """A Wasm module: an unset enum is none, and a variable is given inline where nothing else is said."""
    normal = {key: value for key, value in module.items() if not (isinstance(value, str) and value in _NOTHING)}
    variables = module.get("vmConfig", {}).get("env", [])
    if variables:
        normal["vmConfig"] = {"env": [{"valueFrom": "INLINE", "value": "", **variable} for variable in variables]}
    return normal


def envoy_filter(spec: Spec, namespace: str) -> Spec:  # noqa: ARG001 (as the others)
    """Istio: EnvoyFilter."""
    normal = {"priority": 0, **_selected(spec)}
    if spec.get("workloadSelector") == {}:
        del normal["workloadSelector"]
    return normal
