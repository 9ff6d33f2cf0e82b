"""Clusters, endpoints, TLS contexts and security filters against what a real istiod generated for every recorded proxy.

Both sides are read by Envoy's own protos, so only meaning is compared. The normalisation takes out what is Istio's alone
(`_WITHOUT` and the functions below say what and why); everything else must be equal, or stand in DIFFERENT with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from envoy_protos import CLUSTER, LOAD_ASSIGNMENT, Json, canonical, canonical_filter, canonical_socket
from normalise import with_successors
from oracle import PROXIES, linked, load_recorded

from meshgen.emit.envoy.clusters import clusters
from meshgen.emit.envoy.endpoints import load_assignments
from meshgen.emit.envoy.filters import ext_authz, jwt_authn, rbac
from meshgen.emit.envoy.tls import downstream_tls, inbound_mutual_tls

each_proxy = pytest.mark.parametrize(("case", "name"), PROXIES)

DIFFERENT: dict[tuple[str, str, str], str] = {
    ("41-envoy-filter", "webapp", "extra"): "an EnvoyFilter adds this cluster",
    ("41-envoy-filter", "webapp", "outbound|8000||forum.shop.svc.cluster.local"): "an EnvoyFilter changes this cluster",
}
"""(case, proxy, cluster): why ours differs."""

_WITHOUT = {
    "filters",  # istio.metadata_exchange, which stock Envoy does not have
    "alt_stat_name",  # a name of statistics
    "metadata",  # istio's own on one side, meshgen's on the other
    "eds_config",  # where endpoints come from is the delivery's; istiod's is ADS
    "sds_config",  # likewise for secrets, whose names are compared
    "runtime_key",  # istiod writes `(`
}
_MESH_ALPN = (["istio-peer-exchange", "istio"], ["istio-peer-exchange", "istio", "h2"])


def _plain(value: Json) -> Json:
    """Without the keys of `_WITHOUT`, and with one ALPN list for mesh TLS, which the istio.alpn filter sets for istiod."""
    if isinstance(value, Mapping):
        kept = {key: _plain(item) for key, item in value.items() if key not in _WITHOUT}
        if "match_typed_subject_alt_names" in kept:  # istiod still writes the deprecated field
            typed = kept.pop("match_typed_subject_alt_names")
            kept["match_subject_alt_names"] = [entry["matcher"] for entry in typed]
        offered = kept.get("alpn_protocols", [])
        if offered in _MESH_ALPN or any(str(name).startswith("istio") for name in offered):
            kept["alpn_protocols"] = ["istio", "h2"] if "h2" in offered else ["istio"]
        return kept
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _cluster(value: Json) -> Json:
    inline = {"load_assignment": _assignment(value["load_assignment"])} if "load_assignment" in value else {}
    return canonical(_plain({**value, **inline}), CLUSTER)


@each_proxy
def test_every_cluster_has_the_recorded_settings(case: str, name: str):
    mesh, _, view = linked(case, name)
    ours = {str(cluster["name"]): _cluster(cluster) for cluster in clusters(mesh, view)}
    recorded = {cluster["name"]: _cluster(cluster) for cluster in load_recorded(case, name)["clusters"]}
    different = [key for key in sorted(ours.keys() | recorded.keys()) if ours.get(key) != recorded.get(key)]
    assert different == [key for (its_case, its_proxy, key) in sorted(DIFFERENT) if (its_case, its_proxy) == (case, name)]


def test_clusters_equal_and_different_in_numbers():
    recorded = [(case, name, c["name"]) for case, name in PROXIES for c in load_recorded(case, name)["clusters"]]
    assert (len(recorded), len(DIFFERENT)) == (608, 2)
    assert set(DIFFERENT) <= set(recorded)


# --- endpoints ------------------------------------------------------------------------------------------------------
def _assignment(value: Json) -> Json:
    """Without names of workloads and the health that Envoy assumes anyway; endpoints of a locality have no order."""
    places = [_place(place) for place in value.get("endpoints", ())]
    return {"cluster_name": value["cluster_name"], "endpoints": [place for place in places if place["lb_endpoints"]]}


def _place(place: Json) -> Json:
    endpoints = [_endpoint(endpoint) for endpoint in place.get("lb_endpoints", ())]
    return {**place, "lb_endpoints": sorted(endpoints, key=str)}


def _endpoint(endpoint: Json) -> Json:
    kept = {key: value for key, value in endpoint.items() if (key, value) != ("health_status", "HEALTHY")}
    metadata = dict(kept.pop("metadata", {}).get("filter_metadata", {}))
    metadata.pop("istio", None)
    return {**kept, "metadata_": metadata} if metadata else kept


def _canonical_assignment(value: Json) -> Json:
    plain = _assignment(value)
    for place in plain["endpoints"]:
        for endpoint in place["lb_endpoints"]:
            if "metadata_" in endpoint:
                endpoint["metadata"] = {"filter_metadata": endpoint.pop("metadata_")}
    return canonical(plain, LOAD_ASSIGNMENT)


@each_proxy
def test_every_load_assignment_is_the_recorded_one(case: str, name: str):
    mesh, _, view = linked(case, name)
    ours = {str(found["cluster_name"]): _canonical_assignment(found) for found in load_assignments(mesh, view)}
    recorded = {found["cluster_name"]: _canonical_assignment(found) for found in load_recorded(case, name)["endpoints"]}
    assert ours == recorded


# --- security filters -----------------------------------------------------------------------------------------------
_SECURITY = ("envoy.filters.http.rbac", "envoy.filters.http.ext_authz", "envoy.filters.http.jwt_authn")
_NETWORK = ("envoy.filters.network.rbac", "envoy.filters.network.ext_authz")


def _filter_lists(value: Json, key: str) -> Iterator[list[Json]]:
    if isinstance(value, Mapping):
        if isinstance(value.get(key), list):
            yield value[key]
        for item in value.values():
            yield from _filter_lists(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _filter_lists(item, key)


def _recorded_filters(case: str, name: str, key: str, names: tuple[str, ...]) -> list[list[Json]]:
    """The distinct security filter lists of a proxy's chains, those without any left out."""
    found: list[list[Json]] = []
    for filters in _filter_lists(load_recorded(case, name)["listeners"], key):
        security = [_security(entry) for entry in filters if entry.get("name") in names]
        if security and security not in found:
            found.append(security)
    return found


def _security(entry: Json) -> Json:
    """One filter without a prefix of statistics for shadow rules that are not there, and with ids up to the provider's name."""
    config = dict(entry["typed_config"])
    if "shadow_rules" not in config:
        config.pop("shadow_rules_stat_prefix", None)
    metadata = config.get("filter_enabled_metadata")
    if metadata:
        prefix = metadata["value"]["string_match"]["prefix"].removesuffix("-ns[")
        config["filter_enabled_metadata"] = {**metadata, "value": {"string_match": {"prefix": prefix}}}
    return _unwrapped(canonical_filter({**entry, "typed_config": config}))


def _unwrapped(value: Json) -> Json:
    """An OR of one thing is that thing: istiod wraps most fields of one value, but not those of tokens."""
    if isinstance(value, Mapping):
        value = with_successors(value)
        ids = value["or_ids"]["ids"] if set(value) == {"or_ids"} else ()
        return _unwrapped(ids[0]) if len(ids) == 1 else {key: _unwrapped(item) for key, item in value.items()}
    return [_unwrapped(item) for item in value] if isinstance(value, list) else value


@each_proxy
def test_http_security_filters_are_the_recorded_ones(case: str, name: str):
    mesh, proxy, _ = linked(case, name)
    token = jwt_authn.http_filter(mesh, proxy)
    ours = [*ext_authz.http_filters(mesh, proxy), *([token] if token else []), *rbac.http_filters(mesh, proxy)]
    recorded = _recorded_filters(case, name, "http_filters", _SECURITY)
    assert recorded in ([], [[_security(entry) for entry in ours]])
    assert bool(recorded) == bool(ours)


@each_proxy
def test_network_security_filters_are_the_recorded_ones(case: str, name: str):
    mesh, proxy, _ = linked(case, name)
    ours = [*ext_authz.network_filters(mesh, proxy), *rbac.network_filters(mesh, proxy)]
    recorded = _recorded_filters(case, name, "filters", _NETWORK)
    assert recorded in ([], [[_security(entry) for entry in ours]])


def test_how_many_filter_lists_were_compared():
    http = [found for case, name in PROXIES for found in _recorded_filters(case, name, "http_filters", _SECURITY)]
    network = [found for case, name in PROXIES for found in _recorded_filters(case, name, "filters", _NETWORK)]
    assert (len(http), len(network)) == (16, 15)


# --- TLS that is terminated -----------------------------------------------------------------------------------------
def _chains(case: str, name: str) -> Iterator[tuple[str, Json]]:
    for listener in load_recorded(case, name)["listeners"]:
        for chain in (*listener.get("filter_chains", ()), listener.get("default_filter_chain") or {}):
            if "transport_socket" in chain:
                yield listener["name"], chain["transport_socket"]


def _socket(value: Json) -> Json:
    """istiod also answers `istio-peer-exchange`, which promises a protocol that stock Envoy does not speak."""
    plain = _plain(value)
    offered = value["typed_config"]["common_tls_context"]["alpn_protocols"]
    plain["typed_config"]["common_tls_context"]["alpn_protocols"] = [name for name in offered if name != "istio-peer-exchange"]
    return canonical_socket(plain)


@each_proxy
def test_every_terminated_tls_context_is_the_recorded_one(case: str, name: str):
    mesh, _, view = linked(case, name)
    alpn = ("h2", "http/1.1")
    servers = [server.tls for gateway in view.gateways for server in gateway.spec.servers or () if server.tls]
    terminating = [tls for tls in servers if tls.mode and "PASSTHROUGH" not in tls.mode]
    ours = [_socket(downstream_tls(tls, mesh.config, alpn=alpn)) for tls in terminating]
    inbound = _socket(inbound_mutual_tls(mesh.config, alpn=alpn))
    for listener, socket in _chains(case, name):
        assert _socket(socket) in ([inbound] if listener == "virtualInbound" else ours)
