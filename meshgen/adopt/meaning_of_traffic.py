"""The one form of VirtualServices, DestinationRules, Gateways and Sidecars (see `meaning.py`).

Each takes a spec as JSON without empty lists and maps, and the object's namespace, by which short names are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd
from typing import Any, TypeAlias

from meshgen.istio.hosts import fully_qualified
from meshgen.values import parse_duration

Spec: TypeAlias = dict[str, Any]

MESH = "mesh"


def virtual_service(spec: Spec, namespace: str) -> Spec:
    """Istio: VirtualService."""
    normal = _export(spec)
    if "hosts" in spec:
        normal["hosts"] = sorted({fully_qualified(host, namespace) for host in spec["hosts"]})
    gateways = _gateways(spec.get("gateways", ()), namespace)
    normal["gateways"] = gateways if gateways != [MESH] else None
    normal["http"] = [_http(rule, namespace) for rule in spec.get("http", ())]
    for key in ("tcp", "tls"):
        normal[key] = [_stream(rule, namespace) for rule in spec.get(key, ())]
    return _given(normal)


def _given(spec: Spec) -> Spec:
    return {key: value for key, value in spec.items() if value not in (None, [])}


def _export(spec: Spec) -> Spec:
    normal = dict(spec)
    if "exportTo" in spec:
        normal["exportTo"] = sorted(set(spec["exportTo"]))
    return normal


def _gateways(names: Iterable[str], namespace: str) -> list[str]:
    return sorted({name if name == MESH or "/" in name else f"{namespace}/{name}" for name in names})


def _destination(destination: Spec, namespace: str) -> Spec:
    normal = {**destination, "host": fully_qualified(destination["host"], namespace)}
    return {key: value for key, value in normal.items() if key != "port" or value}


def _matches(rule: Spec, namespace: str) -> list[Spec] | None:
    """The matches of a rule; None where one of them takes everything."""
    found = []
    for match in rule.get("match", ()):
        normal = dict(match)
        if "gateways" in match:
            normal["gateways"] = _gateways(match["gateways"], namespace)
        if "destinationSubnets" in match:
            normal["destinationSubnets"] = sorted(match["destinationSubnets"])
        for key in ("uri", "scheme", "method", "authority"):  # always there
            if match.get(key) == {}:
                del normal[key]
        found.append(normal)
    return found if found and {} not in found else None


def _targets(rule: Spec, namespace: str) -> list[Spec]:
    """Destinations; their weights as a fraction in lowest terms, of one destination none."""
    routes = rule.get("route", [])
    weights = [route.get("weight", 0) for route in routes]
    divisor = gcd(*weights) or 1
    return [
        {
            **{key: value for key, value in route.items() if key != "weight"},
            "destination": _destination(route["destination"], namespace),
            **({"weight": weight // divisor} if len(routes) > 1 else {}),
        }
        for route, weight in zip(routes, weights, strict=True)
    ]


def _stream(rule: Spec, namespace: str) -> Spec:
    return _given({**rule, "match": _matches(rule, namespace), "route": _targets(rule, namespace)})


def _http(rule: Spec, namespace: str) -> Spec:
    normal = {**_mirrored(rule), "match": _matches(rule, namespace), "route": _targets(rule, namespace)}
    if "mirrors" in normal:
        normal["mirrors"] = [
            {**mirror, "destination": _destination(mirror["destination"], namespace)} for mirror in normal["mirrors"]
        ]
    if "delegate" in rule:  # without a namespace that of the root VirtualService
        normal["delegate"] = {"namespace": namespace, **rule["delegate"]}
    if "retries" in rule:
        normal["retries"] = _retries(rule["retries"])
    if "fault" in rule:
        normal["fault"] = {key: _share_of(value) for key, value in rule["fault"].items()}
    if "corsPolicy" in rule:
        normal["corsPolicy"] = _cors(rule["corsPolicy"])
    return _given(normal)


def _mirrored(rule: Spec) -> Spec:
    """`mirror` with one of its three percentages is what `mirrors` says of one destination."""
    old = ("mirror", "mirrorPercentage", "mirrorPercent", "mirror_percent")
    if "mirror" not in rule or "mirrors" in rule:
        return rule
    whole = rule.get("mirrorPercent", rule.get("mirror_percent"))
    percentage = rule.get("mirrorPercentage", None if whole is None else {"value": float(whole)})
    mirror = {"destination": rule["mirror"], **({} if percentage is None else {"percentage": percentage})}
    return {**{key: value for key, value in rule.items() if key not in old}, "mirrors": [mirror]}


def _retries(retries: Spec) -> Spec:
    normal = {"attempts": 0, **retries}
    if "retryOn" in retries:
        normal["retryOn"] = [each.strip() for each in retries["retryOn"].split(",") if each.strip()]
    return _given(normal)


def _share_of(fault: Spec) -> Spec:
    """A fault with its share as a percentage; without one Istio injects none."""
    normal = {key: value for key, value in fault.items() if key != "percent"}
    return {"percentage": {"value": float(fault.get("percent", 0))}, **normal}


def _cors(policy: Spec) -> Spec:
    normal = {key: value for key, value in policy.items() if key != "allowOrigin"}
    if "allowOrigin" in policy and "allowOrigins" not in policy:
        normal["allowOrigins"] = [{"exact": origin} for origin in policy["allowOrigin"]]
    if normal.get("unmatchedPreflights") == "UNSPECIFIED":
        del normal["unmatchedPreflights"]
    return normal


def destination_rule(spec: Spec, namespace: str) -> Spec:
    """Istio: DestinationRule."""
    normal = _export(spec)
    normal["host"] = fully_qualified(spec["host"], namespace)
    normal["trafficPolicy"] = _traffic_policy(spec.get("trafficPolicy", {})) or None
    subsets = [
        _given({**each, "trafficPolicy": _traffic_policy(each.get("trafficPolicy", {})) or None})
        for each in spec.get("subsets", ())
    ]
    normal["subsets"] = sorted(subsets, key=lambda each: each["name"])
    if spec.get("workloadSelector") == {}:
        del normal["workloadSelector"]
    return _given(normal)


def _traffic_policy(policy: Spec) -> Spec:
    normal = dict(policy)
    if "loadBalancer" in policy:
        normal["loadBalancer"] = _load_balancer(policy["loadBalancer"])
    if "retryBudget" in policy and "budgetInterval" in policy["retryBudget"]:
        normal["retryBudget"] = {**policy["retryBudget"], "budgetInterval": _time(policy["retryBudget"]["budgetInterval"])}
    if "outlierDetection" in policy:  # istiod ignores `consecutiveErrors`
        normal["outlierDetection"] = {
            key: value for key, value in policy["outlierDetection"].items() if key != "consecutiveErrors"
        }
    if "portLevelSettings" in policy:
        ports = [_traffic_policy(each) for each in policy["portLevelSettings"]]
        normal["portLevelSettings"] = sorted(ports, key=lambda each: each.get("port", {}).get("number", 0))
    return normal


def _time(text: str) -> int | str:
    try:
        return parse_duration(text)
    except ValueError:
        return text


def _load_balancer(settings: Spec) -> Spec:
    normal = {key: value for key, value in settings.items() if key != "warmupDurationSecs"}
    if settings.get("simple") == "LEAST_CONN":
        normal["simple"] = "LEAST_REQUEST"
    if settings.get("simple") == "UNSPECIFIED":
        del normal["simple"]
    if "warmupDurationSecs" in settings and "warmup" not in settings:
        normal["warmup"] = {"duration": settings["warmupDurationSecs"]}
    cookie = settings.get("consistentHash", {}).get("httpCookie", {})
    if "ttl" in cookie:
        normal["consistentHash"] = {**settings["consistentHash"], "httpCookie": {**cookie, "ttl": _time(cookie["ttl"])}}
    if "backendUtilization" in settings:
        normal["backendUtilization"] = {
            key: _time(value) if isinstance(value, str) else value for key, value in settings["backendUtilization"].items()
        }
    return normal


def gateway(spec: Spec, namespace: str) -> Spec:  # noqa: ARG001 (as the others)
    """Istio: Gateway."""
    return _given({**spec, "servers": [_server(server) for server in spec.get("servers", ())]})


def _server(server: Spec) -> Spec:
    normal = {**server, "port": {**server["port"], "protocol": server["port"]["protocol"].upper()}}
    normal["hosts"] = sorted(server["hosts"])
    if "tls" in server:
        normal["tls"] = _server_tls(server["tls"])
    return normal


def _server_tls(tls: Spec) -> Spec:
    normal = {key: value for key, value in tls.items() if value not in (False, "TLS_AUTO")}
    if normal.keys() != {"httpsRedirect"}:
        normal.setdefault("mode", "PASSTHROUGH")
    return normal


def sidecar(spec: Spec, namespace: str) -> Spec:
    """Istio: Sidecar."""
    normal = dict(spec)
    if spec.get("workloadSelector") == {}:
        del normal["workloadSelector"]
    if "egress" in spec:
        normal["egress"] = [
            {**_listener(listener), "hosts": sorted({_egress_host(host, namespace) for host in listener["hosts"]})}
            for listener in spec["egress"]
        ]
    if "ingress" in spec:
        normal["ingress"] = [_listener(listener) for listener in spec["ingress"]]
    proxy = spec.get("outboundTrafficPolicy", {}).get("egressProxy")
    if proxy is not None:
        normal["outboundTrafficPolicy"] = {**spec["outboundTrafficPolicy"], "egressProxy": _destination(proxy, namespace)}
    return normal


def _listener(listener: Spec) -> Spec:
    """A listener; Istio ignores the `targetPort` of its port."""
    normal = {key: value for key, value in listener.items() if not (key == "captureMode" and value == "DEFAULT")}
    if "port" in listener:
        normal["port"] = {key: value for key, value in listener["port"].items() if key != "targetPort"}
        normal["port"]["protocol"] = normal["port"].get("protocol", "").upper()
    if "tls" in listener:
        normal["tls"] = _server_tls(listener["tls"])
    return normal


def _egress_host(host: str, namespace: str) -> str:
    place, slash, name = host.partition("/")
    if not slash:
        return host
    return f"{namespace if place == '.' else place}/{name}"


def service_entry(spec: Spec, namespace: str) -> Spec:  # noqa: ARG001 (as the others)
    """Istio: ServiceEntry."""
    normal = {"location": "MESH_EXTERNAL", "resolution": "NONE", **_export(spec)}
    if "ports" in spec:
        normal["ports"] = [_service_port(port) for port in spec["ports"]]
    if "endpoints" in spec:
        normal["endpoints"] = [_given(endpoint) for endpoint in spec["endpoints"]]
    return _given(normal)


def _service_port(port: Spec) -> Spec:
    normal = {**port, "protocol": port.get("protocol", "").upper()}
    return {key: value for key, value in normal.items() if not (key == "targetPort" and value in {0, port["number"]})}
