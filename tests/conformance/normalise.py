"""Brings istiod's record and our output to one form, so that what still differs would decide something.

Left out on both sides, each for a reason:

- filters of Istio's own Envoy build (`istio.*`), and ours in the place of `istio.alpn`: stock Envoy has none of them
  (envoy-mapping.md §0);
- `stat_prefix`, decorators, tracing, access logs, the request id's extension: they name, count or observe, and decide nothing;
- `metadata`: where something came from;
- config sources (`ads`, SDS): a delivery's business;
- of transport sockets all but certificates, roots and ALPN: `test_envoy_settings.py` compares their contexts whole;
- fields that Envoy has deprecated and istiod still writes, whose successors meshgen writes: `max_grpc_timeout` and
  `max_stream_duration.grpc_timeout_header_max`, RBAC's `metadata` and `sourced_metadata`;
- durations `0.050s` and `0.05s`, int64 as text, empty lists, zero numerators: two spellings of one thing.

Filter chains are a set to Envoy (the most specific match wins), so they are sorted.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""JSON of any shape."""

_DURATION = re.compile(r"^[0-9]+(\.[0-9]+)?s$")
_IN_PLACE_OF_ALPN = "envoy.filters.http.set_filter_state"
_OBSERVING = frozenset({
    "stat_prefix",
    "decorator",
    "tracing",
    "request_id_extension",
    "access_log",
    "shadow_rules_stat_prefix",
})
_SOURCES = frozenset({"config_source", "initial_fetch_timeout", "filter_enabled_metadata"})
_CODES = {503: "ServiceUnavailable", 403: "Forbidden"}
_TEXT_NUMBERS = frozenset({"host_selection_retry_max_attempts"})


def normalised(resource: Json) -> Json:
    """A listener or route configuration in the common form."""
    return _value("", resource)


def _value(key: str, value: Json) -> Json:
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, list):
        return _list(key, value)
    if isinstance(value, str):
        if key in _TEXT_NUMBERS:
            return int(value)
        if _DURATION.match(value):
            return f"{float(value[:-1]):g}s"
    return value


def _object(value: Json) -> Json:
    found = {key: _field(key, item) for key, item in with_successors(value).items() if not _is_silent(key, item)}
    _unify_fraction(found)
    _unwrap_single(found)
    if found.get("action") == "ALLOW":
        found.pop("action")
    # What protobuf's JSON leaves out where it has the default.
    return {key: item for key, item in found.items() if item not in ([], "", {}, None, False) or key in _MEANT}


def with_successors(value: Json) -> Json:
    """Deprecated fields in the form that followed them, where both say the same."""
    if "max_grpc_timeout" in value:
        if value["max_grpc_timeout"] == "0s":  # else Envoy would not look at `timeout`
            value = {**value, "max_stream_duration": {"grpc_timeout_header_max": "0s"}}
        value = {name: each for name, each in value.items() if name != "max_grpc_timeout"}
    if "filter" in value.get("metadata", {}):
        value = {**value, "sourced_metadata": {"metadata_matcher": value["metadata"]}}
        del value["metadata"]
    return value


def _is_silent(key: str, item: Json) -> bool:
    return key in _OBSERVING or key in _SOURCES or (key == "metadata" and "filter_metadata" in item)


def _field(key: str, item: Json) -> Json:
    if key == "transport_socket":
        return _socket(item)
    return _CODES.get(item, item) if key == "code" else _value(key, item)


def _socket(item: Json) -> Json:
    """Which certificate is shown and who is asked for one; `istio-peer-exchange` promises a protocol that stock Envoy lacks."""
    context = item["typed_config"]
    common = context["common_tls_context"]
    validation = common.get("combined_validation_context", {}).get("validation_context_sds_secret_config", {})
    return {
        "certificates": [one["name"] for one in common.get("tls_certificate_sds_secret_configs", [])],
        "root": validation.get("name", ""),
        "require_client_certificate": context.get("require_client_certificate", False),
        "alpn": [one for one in common.get("alpn_protocols", []) if one != "istio-peer-exchange"],
    }


def _unify_fraction(found: Json) -> None:
    """Whole percents, however they are written; a zero is the default."""
    if found.get("denominator") == "MILLION" and found.get("numerator", 0) % 10_000 == 0:
        found["numerator"] = found.get("numerator", 0) // 10_000
        del found["denominator"]
    if not found.get("numerator", True):
        del found["numerator"]


def _unwrap_single(found: Json) -> None:
    """One of one is that one."""
    for key in ("or_ids", "or_rules"):
        inner = found.get(key)
        if isinstance(inner, dict):
            only = inner.get("ids", inner.get("rules", []))
            if len(only) == 1:
                del found[key]
                found.update(only[0])


_MEANT = frozenset({"percentage", "typed_config", "match", "case_sensitive", "value", "prefix", "exact"})


def _list(key: str, value: Json) -> Json:
    items = [_value(key, item) for item in value if not (isinstance(item, dict) and _is_istio_only(item))]
    if key == "filter_chains":
        items.sort(key=lambda item: json.dumps(item.get("filter_chain_match", {}), sort_keys=True))
    if key in {"query_parameters", "server_names"}:
        items.sort(key=lambda item: json.dumps(item, sort_keys=True))
    return items


def _is_istio_only(item: Json) -> bool:
    return str(item.get("name", "")).startswith("istio.") or item.get("name") == _IN_PLACE_OF_ALPN
