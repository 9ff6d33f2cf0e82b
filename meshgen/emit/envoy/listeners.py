"""The parts that all listeners are made of: addresses, filter chains, listener filters."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from meshgen.emit.envoy.extension import extension
from meshgen.istio.mesh_config import MeshConfig
from meshgen.json import JsonObject, JsonValue
from meshgen.values import duration_to_envoy

ANY: Final = "0.0.0.0"  # noqa: S104 - the wildcard address is what a captured connection's listener is bound to
LOOPBACK: Final = "127.0.0.1"

PLAIN_HTTP: Final[JsonObject] = {"transport_protocol": "raw_buffer", "application_protocols": ["http/1.1", "h2c"]}

HTTP_INSPECTOR: Final[JsonObject] = extension(
    "envoy.filters.listener.http_inspector", "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector"
)
TLS_INSPECTOR: Final[JsonObject] = extension(
    "envoy.filters.listener.tls_inspector",
    "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
    {"initial_read_buffer_size": 512},
)
ORIGINAL_DST: Final[JsonObject] = extension(
    "envoy.filters.listener.original_dst", "envoy.extensions.filters.listener.original_dst.v3.OriginalDst"
)
PROXY_PROTOCOL: Final[JsonObject] = extension(
    "envoy.filters.listener.proxy_protocol", "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"
)


def waiting(config: MeshConfig) -> JsonObject:
    """How long to wait for a client's first words before going on without them (MeshConfig.protocolDetectionTimeout)."""
    timeout = duration_to_envoy(config.protocol_detection_timeout)
    return {"listener_filters_timeout": timeout, "continue_on_listener_filters_timeout": True}


def socket_address(address: str, port: int) -> JsonObject:
    """`Listener.address`."""
    return {"socket_address": {"address": address, "port_value": port}}


def filter_chain(
    filters: Sequence[JsonValue], match: JsonObject | None = None, *, name: str = "", handshake: bool = False
) -> JsonObject:
    """A `FilterChain`; without `match` it takes every connection.

    With `handshake` a client that opens TLS and says nothing more is let go after 15 seconds.
    """
    chain: JsonObject = {"filters": list(filters)}
    if handshake:
        chain["transport_socket_connect_timeout"] = "15s"
    if match:
        chain["filter_chain_match"] = match
    return {"name": name, **chain} if name else chain


def prefix_ranges(subnets: Iterable[str]) -> list[JsonValue]:
    """`prefix_ranges` of addresses and subnets; what is neither is left out."""
    found: list[JsonValue] = []
    for subnet in subnets:
        try:
            network = ipaddress.ip_network(subnet, strict=False)
        except ValueError:
            continue
        found.append({"address_prefix": str(network.network_address), "prefix_len": network.prefixlen})
    return found


def inspectors(chains: Iterable[JsonObject]) -> list[JsonValue]:
    """The listener filters that these chains' matches need: TLS before HTTP, as istiod has them."""
    tls = http = False
    for chain in chains:
        match = chain.get("filter_chain_match")
        if isinstance(match, dict):
            tls = tls or needs_tls_inspector(match)
            http = http or needs_http_inspector(match)
    return [*([TLS_INSPECTOR] if tls else ()), *([HTTP_INSPECTOR] if http else ())]


def needs_tls_inspector(match: JsonObject) -> bool:
    """Whether a match looks at what a TLS client says first."""
    return "server_names" in match or match.get("transport_protocol") == "tls"


def needs_http_inspector(match: JsonObject) -> bool:
    """Whether a match looks for HTTP in what came in plain."""
    return match.get("transport_protocol") == "raw_buffer" and "application_protocols" in match
