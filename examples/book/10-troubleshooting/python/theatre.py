"""The mesh with its mistakes, as native objects that a Python source hands over as they are."""

from collections.abc import Iterator
from typing import Any

NAMESPACE = "theatre"
GROUPS = {
    "AuthorizationPolicy": "security.istio.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "Deployment": "apps/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
}


def native(kind: str, name: str, spec: dict[str, Any] | None = None, namespace: str = NAMESPACE) -> dict[str, Any]:
    """An object of Istio or Kubernetes."""
    version = GROUPS.get(kind, "networking.istio.io/v1")
    given = {} if spec is None else {"spec": spec}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **given}


def pods(labels: dict[str, str], **spec: object) -> dict[str, Any]:
    """The part of a Deployment that meshgen reads."""
    return {"template": {"metadata": {"labels": labels}, **({"spec": spec} if spec else {})}}


def to(host: str, subset: str = "") -> list[dict[str, Any]]:
    """One destination."""
    return [{"destination": {"host": host, **({"subset": subset} if subset else {})}}]


def inventory() -> Iterator[dict[str, Any]]:
    """What really runs."""
    http = [{"name": "http", "port": 80, "targetPort": 8080}]
    yield native("Service", "plays", {"selector": {"app": "plays"}, "ports": http})
    containers = [{"name": "plays", "ports": [{"containerPort": 8080}]}]
    labels = {"app": "plays", "version": "v1"}
    yield native("Deployment", "plays-v1", pods(labels, serviceAccountName="plays", containers=containers))
    yield native("Service", "ledger", {"selector": {"app": "ledger"}, "ports": [{"name": "tcp", "port": 7000}]})
    yield native("Deployment", "ledger", pods({"app": "ledger"}, serviceAccountName="ledger"))
    for account in ("plays", "ledger", "boxoffice"):
        yield native("ServiceAccount", account)
    yield native("Deployment", "ingressgateway", pods({"istio": "ingressgateway"}), "istio-ingress")


def plays() -> Iterator[dict[str, Any]]:
    """A subset without Pods, a subset that does not exist, tries that do not fit, a rule that nothing reaches."""
    subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
    yield native("DestinationRule", "plays", {"host": "plays", "subsets": subsets})
    dark = {"match": [{"headers": {"x-dark-launch": {"exact": "v3"}}}], "route": to("plays", "v3")}
    slow = {"route": to("plays", "v1"), "timeout": "1s", "retries": {"attempts": 3, "perTryTimeout": "2s"}}
    late = {"match": [{"uri": {"prefix": "/reviews"}}], "route": to("plyas")}
    yield native("VirtualService", "plays", {"hosts": ["plays"], "http": [dark, slow, late]})


def door() -> Iterator[dict[str, Any]]:
    """A host that the gateway does not serve, and a gateway that does not exist."""
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    servers = [{"port": port, "hosts": ["tickets.example.com"]}]
    yield native("Gateway", "front-door", {"selector": {"istio": "ingressgateway"}, "servers": servers})
    rules = {"http": [{"route": to("plays")}]}
    yield native("VirtualService", "tickets", {"hosts": ["ticket.example.com"], "gateways": ["front-door"], **rules})
    yield native("VirtualService", "posters", {"hosts": ["posters.example.com"], "gateways": ["frontdoor"], **rules})


def security() -> Iterator[dict[str, Any]]:
    """HTTP rules on a TCP port, and plaintext to servers that insist on mTLS."""
    source = {"principals": ["cluster.local/ns/theatre/sa/boxofice"]}
    rule = {"from": [{"source": source}], "to": [{"operation": {"methods": ["GET"]}}]}
    selector = {"matchLabels": {"app": "ledger"}}
    yield native("AuthorizationPolicy", "ledger", {"selector": selector, "rules": [rule]})
    yield native("PeerAuthentication", "default", {"mtls": {"mode": "STRICT"}})
    yield native("DestinationRule", "ledger", {"host": "ledger", "trafficPolicy": {"tls": {"mode": "DISABLE"}}})


mesh = [*inventory(), *plays(), *door(), *security()]
