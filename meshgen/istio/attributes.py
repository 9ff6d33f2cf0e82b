"""The attributes that CEL expressions of Telemetry may ask for.

Source: Envoy's documentation (Attributes), and the fields under which Istio's proxies keep what they know of a peer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from meshgen.diagnostics import did_you_mean
from meshgen.istio.expressions import AttributePath

_CERTIFICATE: Final = (
    "tls_version subject_local_certificate subject_peer_certificate dns_san_local_certificate dns_san_peer_certificate"
    " uri_san_local_certificate uri_san_peer_certificate sha256_peer_certificate_digest peer_certificate"
    " transport_failure_reason"
)
_FIELDS: Final[Mapping[str, str]] = {
    "request": (
        "path url_path host scheme method headers headers_bytes referer useragent time id protocol query duration size total_size"
    ),
    "response": "code code_details flags grpc_status headers headers_bytes trailers size total_size backend_latency",
    "source": "address port",
    "destination": "address port",
    "connection": f"id mtls requested_server_name termination_details {_CERTIFICATE}",
    "upstream": (
        f"address num_endpoints port local_address request_attempt_count cx_pool_ready_duration locality {_CERTIFICATE}"
    ),
    "xds": (
        "node cluster_name cluster_metadata listener_direction listener_metadata route_name route_metadata virtual_host_name"
        " virtual_host_metadata upstream_host_metadata upstream_host_locality_metadata filter_chain_name"
    ),
    "metadata": "",
    "filter_state": "",
    "upstream_filter_state": "",
}
"""By the first name: the second ones; whatever filters put there where none is listed."""

PEERS: Final = ("upstream_peer", "downstream_peer")
_PEER: Final = "app version service revision name namespace type workload cluster labels identity region availability_zone"

_MOVED: Final[Mapping[str, str]] = {
    "node": "xds.node",
    "upstream_peer": "filter_state.upstream_peer",
    "downstream_peer": "filter_state.downstream_peer",
    **{
        name: f"xds.{name}" for name in ("cluster_name", "route_name", "listener_direction", "cluster_metadata", "route_metadata")
    },
}
"""Names of Istio before 1.24, and where they went."""


def unknown_attribute(path: AttributePath) -> tuple[str, str] | None:
    """What no proxy knows of an attribute, and what to write instead; None for one that may be there."""
    first, rest = path[0], path[1:]
    if first in _MOVED:
        return first, f"write `{'.'.join((_MOVED[first], *rest))}`"
    if first not in _FIELDS:
        return first, did_you_mean(first, _FIELDS) or f"attributes begin with {', '.join(f'`{name}`' for name in _FIELDS)}"
    if rest and first == "filter_state":
        return _unknown_peer(rest)
    known = _FIELDS[first].split()
    if not rest or not known or rest[0] in known:
        return None
    return f"{first}.{rest[0]}", _instead(first, rest[0], known)


def _unknown_peer(rest: AttributePath) -> tuple[str, str] | None:
    key = rest[0]
    if key.removeprefix("wasm.") in PEERS and key not in PEERS:
        return f"filter_state['{key}']", f"write `filter_state.{key.removeprefix('wasm.')}`"
    if key not in PEERS or len(rest) == 1 or rest[1] in _PEER.split():
        return None
    return f"filter_state.{key}.{rest[1]}", _instead(f"filter_state.{key}", rest[1], _PEER.split())


def _instead(before: str, name: str, known: list[str]) -> str:
    near = did_you_mean(name, known)
    return near or f"`{before}` has {', '.join(f'`{each}`' for each in known)}"


_TAGS: Final = (
    "reporter source_workload source_workload_namespace source_principal source_app source_version source_canonical_service"
    " source_canonical_revision source_cluster destination_workload destination_workload_namespace destination_principal"
    " destination_app destination_version destination_service destination_service_name destination_service_namespace"
    " destination_canonical_service destination_canonical_revision destination_cluster request_protocol response_flags"
    " connection_security_policy response_code grpc_response_status"
)
STANDARD_TAGS: Final = frozenset(_TAGS.split())
"""The tags that Istio's metrics have; only these can be removed."""
