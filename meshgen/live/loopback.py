"""Emitted configuration led to loopback: the same listeners, filters, routes and policies between other addresses.

What changes: addresses and ports of sockets and endpoints, files of certificates and keys of tokens, access logs (one of ours
in place of the configured ones). What goes: what a stub cannot be: tracing, health checks, outlier detection, whom gRPC asks.
iptables is played by the PROXY protocol, which tells a listener where the client meant to connect.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from meshgen.emit.envoy.names import INBOUND_PASSTHROUGH, PASSTHROUGH, TYPE
from meshgen.json import JsonObject, JsonValue
from meshgen.live.process import LOOPBACK
from meshgen.trace.fields import boolean, integer, message, messages, string

_EXTENSIONS: Final = f"{TYPE}envoy.extensions."
_PROXY_PROTOCOL: Final[JsonObject] = {
    "name": "envoy.filters.listener.proxy_protocol",
    "typed_config": {
        "@type": f"{_EXTENSIONS}filters.listener.proxy_protocol.v3.ProxyProtocol",
        "allow_requests_without_proxy_protocol": True,
    },
}
_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_HTTP1: Final[JsonObject] = {_OPTIONS: {"@type": f"{TYPE}{_OPTIONS}", "explicit_http_config": {"http_protocol_options": {}}}}
_KEPT: Final = (
    "name",
    "connect_timeout",
    "lb_policy",
    "common_lb_config",
    "transport_socket",
    "transport_socket_matches",
    "typed_extension_protocol_options",
    "load_balancing_policy",
)
"""What stays of a cluster; circuit breakers go, since tests send faster than clients."""

_LOG: Final = {
    "test": "%REQ(X-MESHGEN-TEST)%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream": "%UPSTREAM_HOST%",
    "port": "%DOWNSTREAM_LOCAL_PORT%",
    "authority": "%REQ(:AUTHORITY)%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "code": "%RESPONSE_CODE%",
    "peer": "%DOWNSTREAM_PEER_URI_SAN%",
    "tls": "%DOWNSTREAM_TLS_VERSION%",
    "route": "%ROUTE_NAME%",
    "timeout": "%REQ(X-ENVOY-EXPECTED-RQ-TIMEOUT-MS)%",
}
_SHORT_DELAY: Final = "0.001s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Where the addresses of one proxy lead."""

    outbound: int  # the port that stands for 15001
    inbound: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # workload port → ports that stand for it
    listeners: Mapping[int, int] = field(default_factory=dict)  # a gateway's port → the one that stands for it
    application: Callable[[int], int]  # a workload port → the port of its stub
    upstream: Callable[[JsonObject, str, int, bool], tuple[int, bool]]
    """Cluster, address, port, whether TLS is spoken → port, and whether a stub answers there and not a proxy."""
    log: str
    jwks: str
    file_of: Callable[[str, str], str]  # `trusted_ca`, `certificate_chain` or `private_key`, and its file → what stands for it


def on_loopback(bootstrap: JsonObject, wiring: Wiring) -> JsonObject:
    """The static bootstrap of a proxy, on loopback."""
    static = message(bootstrap, "static_resources")
    listeners = [led for listener in messages(static, "listeners") for led in _listener(listener, wiring)]
    resources: JsonObject = {
        "listeners": [_content(listener, wiring) for listener in listeners],
        "clusters": [_content(_cluster(cluster, wiring), wiring) for cluster in messages(static, "clusters")],
        "secrets": [_content(secret, wiring) for secret in messages(static, "secrets")],
    }
    admin: JsonObject = {"address": _address(0)}
    return {
        "node": bootstrap["node"],
        "layered_runtime": bootstrap["layered_runtime"],
        "admin": admin,
        "static_resources": resources,
    }


def _address(port: int) -> JsonObject:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


# --- listeners ------------------------------------------------------------------------------------------------------
def _listener(listener: JsonObject, wiring: Wiring) -> Iterator[JsonObject]:
    kept = {key: value for key, value in listener.items() if key not in {"access_log", "additional_addresses"}}
    socket = message(listener, "address", "socket_address")
    filters = messages(listener, "listener_filters")
    if not boolean(listener, "bind_to_port", default=True):
        yield kept
    elif boolean(listener, "use_original_dst"):
        yield {**kept, "address": _address(wiring.outbound), "listener_filters": [_PROXY_PROTOCOL, *filters]}
    elif any(string(each, "name").endswith("original_dst") for each in filters):
        yield from _inbound(kept, filters, wiring)
    elif integer(socket, "port_value") in wiring.listeners and string(socket, "protocol") != "UDP":
        port = wiring.listeners[integer(socket, "port_value")]
        yield {**kept, "address": _address(port), "listener_filters": [_PROXY_PROTOCOL, *filters]}


def _inbound(listener: JsonObject, filters: list[JsonObject], wiring: Wiring) -> Iterator[JsonObject]:
    """The server's listener: a socket for each port that stands for one of the workload's, and its filter chains for it."""
    ports = [port for several in wiring.inbound.values() for port in several]
    if not ports:
        return
    chains: list[JsonValue] = []
    for chain in messages(listener, "filter_chains"):
        wanted = integer(message(chain, "filter_chain_match"), "destination_port")
        chains += [_at_port(chain, wanted, port) for port in wiring.inbound.get(wanted, ())] if wanted else [chain]
    kept: list[JsonValue] = [each for each in filters if not string(each, "name").endswith("original_dst")]
    others: list[JsonValue] = [{"address": _address(port)} for port in ports[1:]]
    yield {
        **listener,
        "address": _address(ports[0]),
        **({"additional_addresses": others} if others else {}),
        "listener_filters": [_PROXY_PROTOCOL, *kept],
        "filter_chains": chains,
    }


def _at_port(chain: JsonObject, workload_port: int, port: int) -> JsonObject:
    """The filter chain at the port that stands for the workload's: in its match and in the rules of policies."""

    def led(value: JsonValue) -> JsonValue:
        if isinstance(value, list):
            return [led(item) for item in value]
        if not isinstance(value, dict):
            return value
        found = {key: led(item) for key, item in value.items()}
        if found.get("destination_port") == workload_port:
            found["destination_port"] = port
        return found

    moved = led(chain)
    assert isinstance(moved, dict)  # noqa: S101 - a dict stays one
    return {**moved, "name": f"{string(chain, 'name')}_{port}"}


# --- clusters -------------------------------------------------------------------------------------------------------
def _cluster(cluster: JsonObject, wiring: Wiring) -> JsonObject:
    name = string(cluster, "name")
    kept: JsonObject = {key: cluster[key] for key in _KEPT if key in cluster}
    if kept.get("lb_policy") == "CLUSTER_PROVIDED":
        kept["lb_policy"] = "ROUND_ROBIN"
    if name.startswith("inbound|") or name in {PASSTHROUGH, INBOUND_PASSTHROUGH}:
        port = wiring.application(int(name.split("|")[1])) if "|" in name else wiring.upstream(cluster, "", 0, False)[0]
        groups: list[JsonValue] = [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}]
        return _static({**kept, "typed_extension_protocol_options": _HTTP1}, name, groups)
    is_stub = False
    found: list[JsonValue] = []
    for group in messages(message(cluster, "load_assignment"), "endpoints"):
        endpoints: list[JsonValue] = []
        for endpoint in messages(group, "lb_endpoints"):
            led, stub = _endpoint(cluster, endpoint, wiring)
            is_stub = is_stub or stub
            endpoints.append(led)
        found.append({**group, "lb_endpoints": endpoints})
    if is_stub:
        kept["typed_extension_protocol_options"] = _HTTP1
    return _static(kept, name, found)


def _static(kept: JsonObject, name: str, groups: list[JsonValue]) -> JsonObject:
    return {**kept, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": groups}}


def _endpoint(cluster: JsonObject, endpoint: JsonObject, wiring: Wiring) -> tuple[JsonObject, bool]:
    socket = message(endpoint, "endpoint", "address", "socket_address")
    matched = string(message(endpoint, "metadata", "filter_metadata", "envoy.transport_socket_match"), "tlsMode") == "istio"
    is_tls = bool(matched and cluster.get("transport_socket_matches")) or "tls" in string(
        message(cluster, "transport_socket"), "name"
    )
    port, stub = wiring.upstream(cluster, string(socket, "address"), integer(socket, "port_value"), is_tls)
    return {**endpoint, "endpoint": {"address": _address(port)}}, stub


# --- what stands anywhere -------------------------------------------------------------------------------------------
def _content(value: JsonObject, wiring: Wiring) -> JsonObject:
    led = _led(value, wiring)
    assert isinstance(led, dict)  # noqa: S101 - a dict stays one
    return led


def _led(value: JsonValue, wiring: Wiring) -> JsonValue:
    if isinstance(value, list):
        return [_led(item, wiring) for item in value if not _asks_grpc(item)]
    if not isinstance(value, dict):
        return value
    found: JsonObject = {key: _led(item, wiring) for key, item in value.items() if key not in _DROPPED}
    kind = string(found, "@type").rpartition(".")[2]
    if kind == "HttpConnectionManager":
        found = {key: item for key, item in found.items() if key != "tracing"} | {"access_log": [_log(wiring)]}
    elif kind == "TcpProxy":
        found["access_log"] = [_log(wiring)]
    if string(found, "@type").endswith("filters.http.rbac.v3.RBAC"):
        found["track_per_rule_stats"] = True
    if "issuer" in found and ("remote_jwks" in found or "local_jwks" in found):
        found = {key: item for key, item in found.items() if key != "remote_jwks"}
        found["local_jwks"] = {"inline_string": wiring.jwks}
    if "fixed_delay" in found:
        found["fixed_delay"] = _SHORT_DELAY
    if "disable_shadow_host_suffix_append" in found:
        found["disable_shadow_host_suffix_append"] = False  # copies are told from requests by their host
    for key in _FILES & found.keys():
        found[key] = {"filename": wiring.file_of(key, string(message(found, key), "filename"))}
    return found


_FILES: Final = frozenset({"trusted_ca", "certificate_chain", "private_key"})


_DROPPED: Final = frozenset({"crl", "verify_certificate_spki", "verify_certificate_hash"})
"""What speaks of certificates that are not here."""


def _asks_grpc(item: JsonValue) -> bool:
    """Whether it is the filter of somebody who is asked by gRPC, which no stub speaks: he counts as one who agrees."""
    config = message(item, "typed_config") if isinstance(item, dict) else {}
    return string(config, "@type").endswith(_ASKING) and ("grpc_service" in config or "rate_limit_service" in config)


_ASKING: Final = ("ext_authz.v3.ExtAuthz", "ratelimit.v3.RateLimit", "ext_proc.v3.ExternalProcessor")


def _log(wiring: Wiring) -> JsonObject:
    fields: JsonObject = dict(_LOG)
    kind = f"{_EXTENSIONS}access_loggers.file.v3.FileAccessLog"
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {"@type": kind, "path": wiring.log, "log_format": {"json_format": fields}},
    }


def read_log(text: str) -> list[dict[str, str]]:
    """The entries of an access log; fields that are not known are empty."""
    entries = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [{key: "" if value is None else str(value) for key, value in entry.items()} for entry in entries]
