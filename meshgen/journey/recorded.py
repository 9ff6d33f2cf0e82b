"""Proxies of which there is a record of their Envoy's configuration: a dump in a file, or what an admin interface gives."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meshgen.diagnostics import did_you_mean
from meshgen.emit.envoy.names import parse_outbound
from meshgen.journey.question import UnanswerableError
from meshgen.journey.scene import NOWHERE, Station, hosts_of
from meshgen.json import JsonObject
from meshgen.mesh import Proxy, Role
from meshgen.trace import Decision, EnvoyConfig, Request
from meshgen.trace.fields import message, messages, snake_case, string, strings
from meshgen.values import is_ip

_SECONDS = 10.0
_LARGEST = 1 << 30  # bytes of an answer; what is larger is no dump of one Envoy
_NODE = re.compile(r"(?P<kind>[a-z]+)~(?P<ip>[^~]*)~(?P<name>[^~]+)\.(?P<namespace>[^~.]+)~.*")
_LISTS = ("listeners", "clusters", "routes", "endpoints")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One proxy with the configuration that its Envoy has."""

    proxy: Proxy
    config: EnvoyConfig
    trust_domain: str = "cluster.local"


class RecordedScene:
    """Proxies with recorded configurations; they find each other by the addresses of their endpoints."""

    def __init__(self, recorded: Iterable[Recorded]) -> None:
        self._recorded = {each.proxy.id: each for each in recorded}
        self.proxies: Sequence[Proxy] = tuple(each.proxy for each in self._recorded.values())

    def find(self, name: str, what: str) -> Proxy:
        """By id or name; of a single record the one there is, whoever is said to call."""
        known = [proxy for proxy in self.proxies if what != "gateway" or proxy.is_gateway]
        short = name.rpartition("/")[2]
        found = [proxy for proxy in known if name in (proxy.id, proxy.name)] or [
            proxy for proxy in known if proxy.name.startswith(f"{short}-") and proxy.id.startswith(name.rpartition("/")[0])
        ]
        if len(found) == 1:
            return found[0]
        ids = [proxy.id for proxy in known]
        if found:
            message_ = f"`{name}` is {len(found)} proxies; say which one is meant: {', '.join(each.id for each in found)}"
            raise UnanswerableError(message_)
        near = did_you_mean(name, ids) or f"recorded are {', '.join(ids) or 'none'}"
        message_ = f"there is no {what} `{name}` in what was read; {near}"
        raise UnanswerableError(message_)

    def config(self, proxy: Proxy, *, inbound: bool = False) -> EnvoyConfig:  # noqa: ARG002 - a record is whole
        """As it was recorded."""
        return self._recorded[proxy.id].config

    def identity(self, proxy: Proxy) -> str:
        """By namespace and service account, as far as the node says."""
        recorded = self._recorded[proxy.id]
        return f"{recorded.trust_domain}/ns/{proxy.namespace}/sa/{proxy.service_account}"

    def address(self, caller: Proxy, host: str) -> str:
        """The address among the domains of the host's virtual host, where istiod writes it."""
        for table in self._recorded[caller.id].config.routes.values():
            for virtual_host in messages(table, "virtual_hosts"):
                domains = strings(virtual_host, "domains")
                if host in domains:
                    return next((domain for domain in domains if is_ip(domain)), NOWHERE)
        return NOWHERE

    def listen_port(self, gateway: Proxy, port: int) -> int:
        """The port itself if something listens there, else the one that Istio's own gateways use for it."""
        bound = self._recorded[gateway.id].config.bound_by_port
        usual = {80: 8080, 443: 8443}.get(port, port)
        return port if port in bound or usual not in bound else usual

    def station(self, caller: Proxy, decision: Decision, request: Request) -> Station | None:  # noqa: ARG002 - as of a mesh
        """The proxy that has the address of an endpoint."""
        for endpoint in decision.endpoints:
            for proxy in self.proxies:
                if proxy.address and proxy.address == endpoint.address and proxy.id != caller.id:
                    return Station(proxy=proxy, port=endpoint.port)
        return None

    def near(self, host: str, port: int, first: Proxy) -> str:  # noqa: ARG002 - domains have no ports
        """Among the domains of its route configurations."""
        return did_you_mean(host, sorted(hosts_of(self.config(first))))

    def is_external(self, decision: Decision, caller: Proxy) -> bool:
        """Never known: a cluster of a host outside looks like any other."""
        parsed = parse_outbound(decision.cluster)
        return bool(caller) and parsed is not None and not parsed.host.endswith(".cluster.local")


# --- reading --------------------------------------------------------------------------------------------------------
def read_records(files: Iterable[str], admin: Iterable[str]) -> RecordedScene:
    """The proxies of dumps in files and of admin interfaces.

    A file holds a whole dump (`/config_dump`, `istioctl proxy-config all -o json`, `pilot-agent request GET config_dump`), a
    bootstrap, or a list of listeners, clusters, routes or endpoints (`istioctl proxy-config listeners -o json`); all lists
    together are one proxy.

    Raises:
        UnanswerableError: for what cannot be read, or is none of these.
    """
    recorded: list[Recorded] = []
    parts: dict[str, list[JsonObject]] = {}
    for file in files:
        value = _parsed(_read(file), file)
        if isinstance(value, list):
            _add_list(parts, value, file)
        else:
            recorded.append(_record_of(value, file))
    if parts:
        recorded.append(_recorded(EnvoyConfig.from_record(parts), "recorded"))
    recorded += [_live(address) for address in admin]
    return RecordedScene(_distinct(recorded))


def _distinct(recorded: Iterable[Recorded]) -> list[Recorded]:
    found: dict[str, Recorded] = {}
    for each in recorded:
        if each.proxy.id in found:
            message_ = f"two of the dumps are of `{each.proxy.id}`; give one for each proxy"
            raise UnanswerableError(message_)
        found[each.proxy.id] = each
    return list(found.values())


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        message_ = f"`{file}` cannot be read: {_reason(error)}"
        raise UnanswerableError(message_) from error


def _parsed(data: bytes, source: str) -> Any:  # noqa: ANN401 - JSON of a stranger
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        message_ = f"what `{source}` gives is no JSON: {_reason(error)}"
        raise UnanswerableError(message_) from error


def _reason(error: Exception) -> str:
    text = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return f"{text[:1].lower()}{text[1:]}"


def _add_list(parts: dict[str, list[JsonObject]], values: list[Any], file: str) -> None:
    """Lists are told apart by the fields that only one kind of resource has."""
    resources = [each for each in snake_case(values) if isinstance(each, dict)]
    fields = {name for each in resources for name in each}
    if "virtual_hosts" in fields:
        kind = "routes"
    elif fields & {"filter_chains", "listener_filters", "traffic_direction", "default_filter_chain"}:
        kind = "listeners"
    elif fields & {"host_statuses", "cluster_name"}:
        kind = "endpoints"
        resources = [_assignment(each) if "host_statuses" in each else each for each in resources]
    elif fields & {"connect_timeout", "lb_policy", "eds_cluster_config", "load_assignment", "type"}:
        kind = "clusters"
    else:
        message_ = f"`{file}` holds a list, but not of listeners, clusters, routes or endpoints"
        raise UnanswerableError(message_)
    parts.setdefault(kind, []).extend(resources)


def _record_of(value: Any, source: str) -> Recorded:  # noqa: ANN401 - JSON of a stranger
    name = Path(source).stem
    if isinstance(value, dict) and isinstance(value.get("configs"), list):
        return _recorded(EnvoyConfig.from_config_dump(value), name)
    if isinstance(value, dict) and any(isinstance(value.get(each), list) for each in _LISTS):
        return _recorded(EnvoyConfig.from_record(value), name, message(value, "proxy"))
    if isinstance(value, dict) and ("static_resources" in value or "staticResources" in value):
        return _recorded(EnvoyConfig.from_bootstrap(value), name)
    message_ = f"what `{source}` gives is no configuration dump of Envoy: it has neither `configs` nor `static_resources`"
    raise UnanswerableError(message_)


def _recorded(config: EnvoyConfig, name: str, said: JsonObject | None = None) -> Recorded:
    node, said = config.node, said or {}
    metadata = message(node, "metadata")
    labels = message(metadata, "LABELS") or message(said, "labels")
    found = _NODE.fullmatch(string(node, "id"))
    kind = found["kind"] if found else string(said, "type")
    ip = found["ip"] if found else string(said, "ip")
    is_sidecar = kind == "sidecar" or (
        not kind and any(each in config.listeners for each in ("virtualOutbound", "virtualInbound"))
    )
    proxy = Proxy(
        name=string(metadata, "NAME") or (found["name"] if found else string(said, "name") or name),
        namespace=string(metadata, "NAMESPACE") or (found["namespace"] if found else string(said, "namespace") or "default"),
        role=Role.SIDECAR if is_sidecar else Role.INGRESS,
        labels={key: value for key, value in labels.items() if isinstance(value, str)},
        service_account=string(metadata, "SERVICE_ACCOUNT") or "default",
        address=ip if is_ip(ip) else "",
    )
    trust_domain = string(message(metadata, "PROXY_CONFIG"), "trust_domain") or "cluster.local"
    return Recorded(proxy=proxy, config=config, trust_domain=trust_domain)


# --- a live Envoy ---------------------------------------------------------------------------------------------------
def _live(address: str) -> Recorded:
    """From an admin interface: its configuration, and the endpoints with the health that Envoy sees."""
    parts = _place(address)
    dump = _parsed(_fetch(address, f"{parts}/config_dump?include_eds"), address)
    if not isinstance(dump, dict) or not isinstance(dump.get("configs"), list):
        message_ = f"what `{address}` gives is no configuration dump of Envoy: it has no `configs`"
        raise UnanswerableError(message_)
    recorded = _recorded(EnvoyConfig.from_config_dump(dump), "envoy")
    statuses = _parsed(_fetch(address, f"{parts}/clusters?format=json"), address)
    return replace(recorded, config=_with_health(recorded.config, messages(snake_case(statuses), "cluster_statuses")))


def _place(address: str) -> str:
    """The path of the admin interface; its host may be this machine alone, where a port-forward ends."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        message_ = f"`{address}` is no address of an admin interface: {_reason(error)}"
        raise UnanswerableError(message_) from error
    if parts.scheme != "http" or not host:
        message_ = f"`{address}` is no address of an admin interface; write one as in `http://127.0.0.1:15000`"
        raise UnanswerableError(message_)
    if host != "localhost" and not (is_ip(host) and ipaddress.ip_address(host).is_loopback):
        message_ = f"`{host}` is another machine; forward its port, as in `kubectl port-forward POD 15000`, and give `http://127.0.0.1:15000`"
        raise UnanswerableError(message_)
    return parts.path.rstrip("/")


def _fetch(address: str, path: str) -> bytes:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status != 200:
            message_ = f"`{address}` answers {answer.status} to {path}: it may be no admin interface of Envoy"
            raise UnanswerableError(message_)
        return answer.read(_LARGEST)
    except (OSError, http.client.HTTPException) as error:
        message_ = f"nobody answers at `{address}`: {_reason(error)}"
        raise UnanswerableError(message_) from error
    finally:
        connection.close()


def _assignment(status: JsonObject) -> JsonObject:
    """A `ClusterStatus` of `/clusters?format=json` as a load assignment."""
    groups: list[JsonObject] = []
    for host in messages(status, "host_statuses"):
        entry: JsonObject = {
            "endpoint": {"address": message(host, "address")},
            "health_status": _health(host),
            "load_balancing_weight": host.get("weight", 1),
        }
        groups.append({
            "locality": message(host, "locality"),
            "priority": host.get("priority", 0),
            "lb_endpoints": [entry],
        })
    return {"cluster_name": string(status, "name"), "endpoints": list(groups)}


def _health(host: JsonObject) -> str:
    """What Envoy thinks of an endpoint: discovery's word, and whether checks or outlier detection took it out."""
    health = message(host, "health_status")
    failed = any(health.get(each) is True for each in ("failed_active_health_check", "failed_outlier_check"))
    return "UNHEALTHY" if failed else string(health, "eds_health_status", "HEALTHY")


def _with_health(config: EnvoyConfig, statuses: Iterable[JsonObject]) -> EnvoyConfig:
    """The configuration with the endpoints that Envoy has now: those of discovery keep their metadata."""
    endpoints = dict(config.endpoints)
    for status in statuses:
        name = string(status, "name")
        cluster = config.clusters.get(name)
        if cluster is None:
            continue
        key = string(message(cluster, "eds_cluster_config"), "service_name") or name
        health = {_key(message(host, "address")): _health(host) for host in messages(status, "host_statuses")}
        endpoints[key] = _judged(endpoints[key], health) if key in endpoints else _assignment(status)
    return replace(config, endpoints=endpoints, endpoints_known=True)


def _key(address: JsonObject) -> tuple[str, str]:
    socket = message(address, "socket_address")
    return string(socket, "address") or string(message(address, "pipe"), "path"), str(socket.get("port_value", ""))


def _judged(assignment: JsonObject, health: dict[tuple[str, str], str]) -> JsonObject:
    groups: list[JsonObject] = []
    for group in messages(assignment, "endpoints"):
        entries = [
            {
                **entry,
                "health_status": health.get(
                    _key(message(entry, "endpoint", "address")), string(entry, "health_status", "HEALTHY")
                ),
            }
            for entry in messages(group, "lb_endpoints")
        ]
        groups.append({**group, "lb_endpoints": list(entries)})
    return {**assignment, "endpoints": list(groups)}
