"""Which listeners, chains, routes and clusters an EnvoyFilter's `match` means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from meshgen.emit.envoy.names import INBOUND_PASSTHROUGH, parse_outbound
from meshgen.istio.envoy_filter import (
    ClusterMatch,
    EnvoyConfigObjectMatch,
    FilterChainMatch,
    ListenerMatch,
    RouteConfigurationMatch,
    RouteMatch,
)
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Proxy

VIRTUAL_INBOUND: Final = "virtualInbound"
_ACTIONS: Final = {"ROUTE": "route", "REDIRECT": "redirect", "DIRECT_RESPONSE": "direct_response"}
_GATEWAY_TABLE = re.compile(r"https?\.([0-9]+)")

# Names that filters had before Envoy 1.14, which EnvoyFilters may still use.
_OLD_NAMES: Final = {
    "envoy.http_connection_manager": "envoy.filters.network.http_connection_manager",
    "envoy.tcp_proxy": "envoy.filters.network.tcp_proxy",
    "envoy.router": "envoy.filters.http.router",
    "envoy.cors": "envoy.filters.http.cors",
    "envoy.fault": "envoy.filters.http.fault",
    "envoy.grpc_web": "envoy.filters.http.grpc_web",
    "envoy.lua": "envoy.filters.http.lua",
}


def message(value: JsonValue) -> JsonObject:
    """A sub-message, empty where there is none."""
    return value if isinstance(value, dict) else {}


def same_filter(wanted: str, name: JsonValue) -> bool:
    """Whether a filter has this name, in its old spelling too."""
    return name == _OLD_NAMES.get(wanted, wanted)


def context_fits(match: EnvoyConfigObjectMatch | None, proxy: Proxy, *, inbound: bool) -> bool:
    """Whether a patch is for listeners of this direction on this kind of proxy."""
    wanted = (match.context if match else None) or "ANY"
    if wanted == "ANY":
        return True
    if proxy.is_gateway:
        return wanted == "GATEWAY"
    return wanted == ("SIDECAR_INBOUND" if inbound else "SIDECAR_OUTBOUND")


def proxy_fits(match: EnvoyConfigObjectMatch | None, proxy: Proxy) -> bool:
    """Whether a patch is for proxies of this version; ours report no metadata, so a patch that asks for some is for others."""
    wanted = match.proxy if match else None
    if wanted is None:
        return True
    if wanted.metadata:
        return False
    if not wanted.proxy_version:
        return True
    try:
        return re.search(wanted.proxy_version, proxy.istio_version) is not None
    except re.error:
        return False


def listener_fits(wanted: ListenerMatch | None, listener: JsonObject) -> bool:
    """Whether a listener is meant. The port of captured inbound connections is a matter of its chains."""
    if wanted is None:
        return True
    if wanted.name and wanted.name != listener["name"]:
        return False
    return not wanted.port_number or listener["name"] == VIRTUAL_INBOUND or _port(listener) == wanted.port_number


def chain_fits(wanted: ListenerMatch | None, listener: JsonObject, chain: JsonObject) -> bool:
    """Whether a filter chain of such a listener is meant."""
    if wanted is None:
        return True
    match = message(chain.get("filter_chain_match"))
    if wanted.port_number and listener["name"] == VIRTUAL_INBOUND and match.get("destination_port") != wanted.port_number:
        return False
    inner = wanted.filter_chain
    return inner is None or (_conditions_fit(inner, chain, match) and _has_filter(inner, chain))


def _conditions_fit(wanted: FilterChainMatch, chain: JsonObject, match: JsonObject) -> bool:
    names, protocols = match.get("server_names") or [], match.get("application_protocols") or []
    pairs = (
        (wanted.name, wanted.name == chain.get("name")),
        (wanted.sni, isinstance(names, list) and wanted.sni in names),
        (wanted.transport_protocol, wanted.transport_protocol == match.get("transport_protocol")),
        (wanted.application_protocols, (wanted.application_protocols or "").split(",") == protocols),
        (wanted.destination_port, wanted.destination_port == match.get("destination_port")),
        (wanted.transport_socket, wanted.transport_socket == message(chain.get("transport_socket")).get("name")),
    )
    return all(fits for asked, fits in pairs if asked)


def _has_filter(wanted: FilterChainMatch, chain: JsonObject) -> bool:
    if wanted.filter is None or not wanted.filter.name:
        return True
    filters = chain.get("filters")
    return isinstance(filters, list) and any(same_filter(wanted.filter.name, message(one).get("name")) for one in filters)


def _port(listener: JsonObject) -> JsonValue:
    return message(message(listener.get("address")).get("socket_address")).get("port_value")


def table_fits(wanted: RouteConfigurationMatch | None, table: JsonObject) -> bool:
    """Whether a route configuration is meant."""
    if wanted is None:
        return True
    name = str(table["name"])
    if wanted.name and wanted.name != name:
        return False
    if wanted.gateway and not _is_of_gateway(wanted.gateway, name):
        return False
    if wanted.port_name and not (name.startswith("https.") and name.split(".")[2:3] == [wanted.port_name]):
        return False
    return not wanted.port_number or wanted.port_number in _table_ports(table)


def _is_of_gateway(gateway: str, table: str) -> bool:
    """HTTPS tables name their Gateway; a table of plain HTTP may hold several Gateways' hosts."""
    namespace, _, name = gateway.rpartition("/")
    return table.startswith("http.") or table.endswith(f".{name}.{namespace}")


def _table_ports(table: JsonObject) -> set[int]:
    name = str(table["name"])
    listening = _GATEWAY_TABLE.match(name)
    texts = [listening.group(1) if listening else name.split("|")[1] if name.startswith("inbound|") else name.rpartition(":")[2]]
    hosts = table.get("virtual_hosts") if listening else None
    # A Gateway's own port number, where its workload listens on another.
    texts += [str(message(host).get("name")).rpartition(":")[2] for host in (hosts if isinstance(hosts, list) else [])]
    return {int(text) for text in texts if text.isdigit()}


def virtual_host_fits(wanted: RouteConfigurationMatch | None, host: JsonObject) -> bool:
    """Whether a virtual host is meant."""
    inner = wanted.vhost if wanted else None
    if inner is None:
        return True
    domains = host.get("domains")
    if inner.domain_name and not (isinstance(domains, list) and inner.domain_name in domains):
        return False
    return not inner.name or inner.name == host["name"]


def route_fits(wanted: RouteMatch | None, route: JsonObject) -> bool:
    """Whether a route is meant."""
    if wanted is None:
        return True
    if wanted.name and wanted.name != route.get("name"):
        return False
    return wanted.action in {None, "ANY"} or _ACTIONS.get(wanted.action or "", "") in route


def cluster_is_inbound(name: str) -> bool:
    """Whether a cluster is on the server's side."""
    return name.startswith("inbound|") or name == INBOUND_PASSTHROUGH


def cluster_fits(wanted: ClusterMatch | None, cluster: Mapping[str, JsonValue]) -> bool:
    """Whether a cluster is meant."""
    if wanted is None:
        return True
    name = str(cluster["name"])
    if wanted.name:
        return wanted.name == name
    parts = parse_outbound(name)
    if parts is None:  # inbound: only the port can be told
        port = name.split("|")[1] if name.startswith("inbound|") else ""
        return not wanted.service and not wanted.subset and wanted.port_number in {None, 0, int(port or 0)}
    return (
        wanted.service in {None, "", parts.host}
        and wanted.subset in {None, "", parts.subset}
        and wanted.port_number in {None, 0, parts.port}
    )
