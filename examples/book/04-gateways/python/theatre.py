"""The lesson in Python: a front door of the platform's, what the theatre does behind it, and a door of its own."""

from collections.abc import Iterator
from typing import Any

from meshgen import (
    Gateway,
    GatewayDeployment,
    GatewayWorkload,
    Listener,
    Match,
    Port,
    Redirect,
    Route,
    Rule,
    ServerTls,
    Service,
    TcpMatch,
    TcpRule,
    Telemetry,
    TlsMatch,
    TlsRule,
    Workload,
)

NAMESPACE = "theatre"


def server(name: str, port: int | Port, endpoint: str) -> Service:
    """A service without sidecars."""
    workload = Workload(selector={"app": name}, sidecar=False)
    return Service(name, namespace=NAMESPACE, ports=[port], workload=workload, endpoints=[endpoint])


boxoffice = server("boxoffice", 80, "10.4.0.11:8080")
plays = server("plays", 80, "10.4.0.21:8080")
printer = server("printer", Port(name="tcp-print", port=9100), "10.4.0.31:9100")
contracts = server("contracts", Port(name="https", port=443), "10.4.0.41:8443")

front_door = Gateway(
    "front-door",
    namespace="platform",
    workload=GatewayWorkload(selector={"istio": "ingressgateway"}, namespace="istio-ingress"),
    listeners=[
        Listener(port=80, hosts=["theatre/*.example.com"], redirect_to_https=True),
        Listener(
            port=443,
            certificates={"theatre/tickets.example.com": "tickets-cert", "theatre/plays.example.com": "plays-cert"},
        ),
        Listener(
            port=443,
            hosts=["theatre/partners.example.com"],
            tls=ServerTls(mode="mutual", credential="partners-cert"),
        ),
        Listener(port=9100, protocol="TCP", hosts=["theatre/*"]),
        Listener(port=8443, hosts=["theatre/contracts.example.com"], tls="passthrough"),
    ],
)
stage_door = Gateway(
    "stage-door",
    namespace=NAMESPACE,
    deploy=GatewayDeployment(service="ClusterIP", replicas=2),
    listeners=[Listener(port=80, hosts=["artists.example.com"])],
)


def secret(name: str, kind: str = "") -> dict[str, object]:
    """A Secret of the gateway's namespace, of which meshgen wants the name only."""
    metadata = {"name": name, "namespace": "istio-ingress"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **({"type": kind} if kind else {})}


def route(name: str, gateway: Gateway, hosts: list[str], **rules: Any) -> Route:  # noqa: ANN401 (whatever the kind has)
    """What the theatre does with some hosts of a gateway."""
    return Route(name, namespace=NAMESPACE, gateways=[gateway], hosts=hosts, **rules)


def behind_the_doors() -> Iterator[Route]:
    """One Route a purpose."""
    yield route("tickets", front_door, ["tickets.example.com", "partners.example.com"], rules=[Rule(to=boxoffice)])
    old = Rule(match=Match(path="/old*"), redirect=Redirect(path="/", code=301))
    yield route("plays", front_door, ["plays.example.com"], rules=[old, Rule(to=plays)])
    yield route("printer", front_door, ["*"], tcp=[TcpRule(match=TcpMatch(port=9100), to="printer:9100")])
    by_name = TlsMatch(sni_hosts=["contracts.example.com"], port=8443)
    yield route("contracts", front_door, ["contracts.example.com"], tls=[TlsRule(match=by_name, to="contracts:443")])
    yield route("artists", stage_door, ["artists.example.com"], rules=[Rule(to=plays)])


mesh = [
    boxoffice,
    plays,
    printer,
    contracts,
    front_door,
    Telemetry("front-door", namespace="platform", gateway=front_door, access_log="envoy"),
    secret("tickets-cert", "kubernetes.io/tls"),
    secret("plays-cert", "kubernetes.io/tls"),
    secret("partners-cert"),
    stage_door,
    *behind_the_doors(),
]
