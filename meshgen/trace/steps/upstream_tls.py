"""What a proxy speaks to a cluster: plaintext or TLS, and which HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome, UpstreamTls
from meshgen.trace.fields import boolean, message, messages, string, strings, typed, typed_config
from meshgen.trace.steps.arrival import split_port

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.decision import Decision

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_MATCH = "envoy.transport_socket_match"
_WORKLOAD = "default"  # the name of the workload's certificate in Istio's secret discovery


def upstream_tls(cluster: JsonObject, endpoint: JsonObject | None, host: str) -> UpstreamTls | None:
    """The TLS to an endpoint of a cluster; None is plaintext.

    An endpoint that is not known (None) is taken for one that the first of `transport_socket_matches` is about. `host` becomes
    the server name where the cluster says so (`auto_sni`).
    """
    name, context = _socket(cluster, endpoint)
    if name.endswith("ProxyProtocolUpstreamTransport"):
        name, context = typed_config(message(context, "transport_socket"))
    if not name.endswith("UpstreamTlsContext"):
        return None
    common = message(context, "common_tls_context")
    secrets = [string(each, "name") for each in messages(common, "tls_certificate_sds_secret_configs")]
    has_certificate = bool(secrets or common.get("tls_certificates"))
    sni = string(context, "sni") or (host if _sets_server_name(cluster) else "")
    return UpstreamTls(
        sni=sni,
        alpn=tuple(strings(common, "alpn_protocols")),
        has_certificate=has_certificate,
        is_workload=_WORKLOAD in secrets,
    )


def sent_to(decision: Decision, cluster: JsonObject, name: str) -> Decision:
    """The decision as it would be with another cluster, to which a copy of the request goes (a mirror's)."""
    host = decision.host
    return replace(
        decision,
        cluster=name,
        weights=(),
        endpoints=(),
        outcome=Outcome.ROUTED if cluster else Outcome.UNAVAILABLE,
        upstream_tls=upstream_tls(cluster, None, split_port(host)[0]),
        upstream_protocol=upstream_protocol(cluster, decision.upstream_protocol),
    )


def _socket(cluster: JsonObject, endpoint: JsonObject | None) -> tuple[str, JsonObject]:
    matches = messages(cluster, "transport_socket_matches")
    wanted = message(endpoint or {}, "metadata", "filter_metadata", _MATCH)
    for each in matches:
        match = message(each, "match")
        if endpoint is None or all(wanted.get(key) == value for key, value in match.items()):
            return typed_config(message(each, "transport_socket"))
    return typed_config(message(cluster, "transport_socket"))


def _options(cluster: JsonObject) -> JsonObject:
    return typed(message(cluster, "typed_extension_protocol_options", HTTP_OPTIONS))[1]


def _sets_server_name(cluster: JsonObject) -> bool:
    upstream = message(_options(cluster), "upstream_http_protocol_options")
    return boolean(upstream, "auto_sni") or boolean(message(cluster, "upstream_http_protocol_options"), "auto_sni")


def upstream_protocol(cluster: JsonObject, downstream: str) -> str:
    """`http` (HTTP/1.1) or `http2`: what is configured, or what the client speaks where that is to be kept."""
    options = _options(cluster)
    if "use_downstream_protocol_config" in options:
        return "http2" if downstream == "http2" else "http"
    explicit = message(options, "explicit_http_config")
    return "http2" if "http2_protocol_options" in explicit or "http2_protocol_options" in cluster else "http"
