"""Rate limits: Envoy's filters and the rules that tell requests apart (Envoy: `RateLimit.Action`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from meshgen.diagnostics.catalogue.extension import NOT_IN_TARGET
from meshgen.intent.leaves import StringMatch
from meshgen.intent.limits import SECONDS, AddressMask, LocalRateLimit
from meshgen.istio.envoy_filter import EnvoyConfigObjectPatch
from meshgen.istio.versions import IstioVersion
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.lower import envoy_patches as patches
from meshgen.lower.envoy_patches import Table, Where, typed
from meshgen.lower.extension.place import Place, grpc_service, header_match
from meshgen.values import duration_to_envoy

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.limits import Limit, LimitKey, Rate, RateLimit

LOCAL: Final = "envoy.filters.http.local_ratelimit"
GLOBAL: Final = "envoy.filters.http.ratelimit"
_LOCAL_TYPE: Final = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_GLOBAL_TYPE: Final = "envoy.extensions.filters.http.ratelimit.v3.RateLimit"

_EMBEDDED: Final = IstioVersion(1, 26)  # Envoy 1.34: rules in the local filter; it warns of those that stand with routes
_DYNAMIC: Final = IstioVersion(1, 26)  # Envoy 1.34: a bucket for each value that comes
_QUERY_PARAMETERS: Final = IstioVersion(1, 27)  # Envoy 1.35: `query_parameters`

Entry = tuple[str, str]
"""Key and value of a descriptor's entry; an empty value is any."""


# --- the filters ----------------------------------------------------------------------------------------------------
def local_patches(place: Place, limit: LocalRateLimit) -> Iterator[EnvoyConfigObjectPatch]:
    """The filter, the rules that its descriptors need, and the limits of single routes."""
    _check_target(place, limit)
    embeds = place.index.target >= _EMBEDDED
    rules = _rules(limit.limits, None if embeds else limit.stage)
    config = _local_config(limit, limit.limit, limit.limits)
    if embeds and rules:
        config["rate_limits"] = rules
    beside, position = place.beside
    for where in place.listeners("inbound"):
        value: JsonObject = {"name": LOCAL, "typed_config": typed(_LOCAL_TYPE, config)}
        yield patches.insert_http_filter(where, value, beside=beside, position=position)
        if rules and not embeds:
            yield patches.merge_virtual_host(_of_tables(where), {"rate_limits": rules}, Table())
        for name, rate in (limit.routes or {}).items():
            own: JsonObject = {LOCAL: typed(_LOCAL_TYPE, _local_config(limit, rate, None))}
            yield patches.merge_route(_of_tables(where), {"typed_per_filter_config": own}, Table(route=name))


def global_patches(place: Place, limit: RateLimit) -> Iterator[EnvoyConfigObjectPatch]:
    """The filter, and the rules on all virtual hosts or on some of them, or on some routes."""
    _check_target(place, limit)
    upstream = place.upstream(limit.service, "spec", "rateLimit", "service")
    if upstream is None:
        return
    service: JsonObject = {"grpc_service": grpc_service(upstream), "transport_api_version": "V3"}
    config = drop_none({
        "domain": domain_of(place, limit),
        "stage": limit.stage,
        "request_type": limit.requests,
        "timeout": None if limit.timeout is None else duration_to_envoy(limit.timeout),
        "failure_mode_deny": None if limit.fail is None else limit.fail == "closed",
        "rate_limited_as_resource_exhausted": limit.resource_exhausted,
        "rate_limit_service": service,
        "enable_x_ratelimit_headers": _draft(limit.rate_limit_headers),
        "rate_limited_status": _status(limit.status),
        "response_headers_to_add": _headers(limit.headers),
        "status_on_error": _status(limit.fail_status),
        "stat_prefix": limit.stat_prefix,
    })
    beside, position = place.beside
    rules = _rules(limit.limits, limit.stage)
    for where in place.listeners("inbound"):
        value: JsonObject = {"name": GLOBAL, "typed_config": typed(_GLOBAL_TYPE, config)}
        yield patches.insert_http_filter(where, value, beside=beside, position=position)
        for host in limit.hosts or (None,):
            for route in limit.routes or ():
                table = Table(virtual_host=host, route=route)
                yield patches.merge_route(_of_tables(where), {"route": {"rate_limits": rules}}, table)
            if limit.routes is None:
                yield patches.merge_virtual_host(_of_tables(where), {"rate_limits": rules}, Table(virtual_host=host))


def domain_of(place: Place, limit: RateLimit) -> str:
    """The limits' name in the rate limit service."""
    model = place.intent.model
    return limit.domain or f"{model.name}.{model.namespace}"


def _of_tables(where: Where) -> Where:
    """The route tables behind a listener: a sidecar's outbound ones go by names that hold more than a port."""
    return where if where.context != "SIDECAR_OUTBOUND" else Where(context=where.context)


def _local_config(limit: LocalRateLimit, rate: Rate, limits: Sequence[Limit] | None) -> JsonObject:
    descriptors: list[JsonValue] = [
        {"entries": [{"key": key, "value": value} for key, value in entries], "token_bucket": _bucket(each, None)}
        for entries, each in descriptors_of(limits)
    ]
    burst = limit.burst if rate is limit.limit else None
    return drop_none({
        "stat_prefix": limit.stat_prefix or "http_local_rate_limiter",
        "status": _status(limit.status),
        "token_bucket": _bucket(rate, burst),
        "filter_enabled": _share("local_rate_limit_enabled", limit.enabled),
        "filter_enforced": _share("local_rate_limit_enforced", limit.enforced),
        "request_headers_to_add_when_not_enforced": _headers(limit.request_headers),
        "response_headers_to_add": _headers(limit.headers),
        "descriptors": descriptors or None,
        "stage": limit.stage,
        "local_rate_limit_per_downstream_connection": limit.per_connection,
        "enable_x_ratelimit_headers": _draft(limit.rate_limit_headers),
        "rate_limited_as_resource_exhausted": limit.resource_exhausted,
        "max_dynamic_descriptors": limit.distinct_values,
    })


def _bucket(rate: Rate, burst: int | None) -> JsonObject:
    return {
        "max_tokens": burst or rate.requests,
        "tokens_per_fill": rate.requests,
        "fill_interval": f"{SECONDS[rate.per]}s",
    }


def _share(key: str, percent: float | None) -> JsonObject:
    """Envoy's own default is none at all, so it is always said."""
    share = 100 if percent is None else percent
    if isinstance(share, int):
        return {"runtime_key": key, "default_value": {"numerator": share, "denominator": "HUNDRED"}}
    return {"runtime_key": key, "default_value": {"numerator": round(share * 10_000), "denominator": "MILLION"}}


def _status(code: int | None) -> JsonObject | None:
    return None if code is None else {"code": code}


def _headers(headers: dict[str, str] | None) -> list[JsonValue] | None:
    if headers is None:
        return None
    return [
        {"append_action": "OVERWRITE_IF_EXISTS_OR_ADD", "header": {"key": key, "value": value}} for key, value in headers.items()
    ]


def _draft(wanted: bool | None) -> str | None:
    return None if wanted is None else "DRAFT_VERSION_03" if wanted else "OFF"


# --- rules and descriptors ------------------------------------------------------------------------------------------
def _rules(limits: Sequence[Limit] | None, stage: int | None) -> list[JsonValue]:
    """What Envoy makes descriptors of, each rule once: two limits by one key are told apart by their values."""
    found: list[JsonValue] = []
    for limit in limits or ():
        given: list[JsonObject] = []
        if limit.limit is not None or limit.values is not None:
            given.append(drop_none({"stage": stage, "actions": [_action(key) for key in limit.by]}))
        if limit.absent is not None:
            given.append(drop_none({"stage": stage, "actions": [_absence(limit.by[0])]}))
        found += [rule for rule in given if rule not in found]
    return found


def descriptors_of(limits: Sequence[Limit] | None) -> Iterator[tuple[tuple[Entry, ...], Rate]]:
    """The descriptors that the rules give, and what each is limited to."""
    for limit in limits or ():
        keys = tuple((key_name(key), _fixed(key)) for key in limit.by)
        for value, rate in (limit.values or {}).items():
            yield ((keys[0][0], value),), rate
        if limit.absent is not None:
            yield ((_absent_name(limit.by[0]), "true"),), limit.absent
        if limit.limit is not None:
            yield keys, limit.limit


def key_name(key: LimitKey) -> str:
    """The key of its entry: Envoy's, or the one said, or the header's or parameter's name."""
    if key.remote_address is not None:
        return "remote_address" if key.remote_address is True else "masked_remote_address"
    if key.source_cluster or key.destination_cluster:
        return "source_cluster" if key.source_cluster else "destination_cluster"
    if key.name is not None:
        return key.name
    if key.metadata is not None:
        return key.metadata.path[-1]
    if key.header is not None:
        return key.header.lower()
    return key.query or ("path" if key.path else "method" if key.method else "generic_key")


def _absent_name(key: LimitKey) -> str:
    """No value of the header: a client that sends one cannot stand for those that send none."""
    return f"{key_name(key)}.absent"


def _fixed(key: LimitKey) -> str:
    """The value of an entry that has only one."""
    if key.match is not None:
        return str(key.match.to_short(key.match.model_dump(exclude_none=True))) if key.match.regex is None else key.match.regex
    return key.generic or ""


def _action(key: LimitKey) -> JsonObject:
    name = key_name(key)
    if key.match is not None:
        return _match_action(key, name, key.match)
    found: dict[str, JsonObject | None] = {
        "request_headers": _header_action(key, name),
        "query_parameters": key.query and {"query_parameter_name": key.query, "descriptor_key": name},  # type: ignore[dict-item]  # text is never empty
        "generic_key": None if key.generic is None else drop_none({"descriptor_value": key.generic, "descriptor_key": key.name}),
        "metadata": None if key.metadata is None else _metadata_action(key, name),
        "remote_address": {} if key.remote_address is True else None,
        "source_cluster": {} if key.source_cluster else None,
        "destination_cluster": {} if key.destination_cluster else None,
    }
    if isinstance(key.remote_address, AddressMask):
        mask = key.remote_address
        found["masked_remote_address"] = drop_none({"v4_prefix_mask_len": mask.v4, "v6_prefix_mask_len": mask.v6})
    return {kind: value for kind, value in found.items() if value is not None}


def _header_of(key: LimitKey) -> str | None:
    return ":path" if key.path else ":method" if key.method else key.header


def _header_action(key: LimitKey, name: str) -> JsonObject | None:
    header = _header_of(key)
    return None if header is None else {"header_name": header, "descriptor_key": name}


def _metadata_action(key: LimitKey, name: str) -> JsonObject | None:
    if key.metadata is None:
        return None
    wanted: JsonObject = {"key": key.metadata.filter, "path": [{"key": part} for part in key.metadata.path]}
    return drop_none({"descriptor_key": name, "metadata_key": wanted, "default_value": key.metadata.default})


def _match_action(key: LimitKey, name: str, match: StringMatch) -> JsonObject:
    value: JsonObject = {"descriptor_key": name, "descriptor_value": _fixed(key)}
    if key.query is not None:
        return {"query_parameter_value_match": {**value, "query_parameters": [{"name": key.query, **header_match(match)}]}}
    return {"header_value_match": {**value, "headers": [{"name": _header_of(key), **header_match(match)}]}}


def _absence(key: LimitKey) -> JsonObject:
    value: JsonObject = {"descriptor_key": _absent_name(key), "descriptor_value": "true", "expect_match": False}
    if key.query is not None:
        return {"query_parameter_value_match": {**value, "query_parameters": [{"name": key.query, "present_match": True}]}}
    return {"header_value_match": {**value, "headers": [{"name": key.header, "present_match": True}]}}


# --- what older proxies lack ----------------------------------------------------------------------------------------
def _check_target(place: Place, limit: LocalRateLimit | RateLimit) -> None:
    """Says what the target's Envoy does not have."""
    means = "localRateLimit" if isinstance(limit, LocalRateLimit) else "rateLimit"
    target = place.index.target
    for position, each in enumerate(limit.limits or ()):
        where = place.intent.at("spec", means, "limits", position)
        if target < _QUERY_PARAMETERS and any(key.query is not None and key.match is None for key in each.by):
            message = f"proxies of Istio {target.release} do not count by the value of a query parameter"
            hint = f"write a `match` for each value, or raise the target to {_QUERY_PARAMETERS.release}"
            place.say(NOT_IN_TARGET.at(where, message, help=hint))
        elif means == "localRateLimit" and target < _DYNAMIC and each.limit is not None and not all(map(_fixed, each.by)):
            message = f"proxies of Istio {target.release} do not count each value of a key by itself"
            hint = f"write the `values`, or a `match`, or raise the target to {_DYNAMIC.release}"
            place.say(NOT_IN_TARGET.at(where, message, help=hint))


__all__ = ["descriptors_of", "domain_of", "global_patches", "key_name", "local_patches"]
