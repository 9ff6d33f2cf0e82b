"""The lesson's mesh in Python: a box office, its plays in two versions, and the way in."""

from meshgen import Gateway, GatewayWorkload, Listener, Match, Retries, Route, Rule, Service, Workload

NAMESPACE = "theatre"


def workload(name: str) -> Workload:
    """Pods labelled by the service's name, with an account of that name."""
    return Workload(selector={"app": name}, service_account=name)


boxoffice = Service("boxoffice", namespace=NAMESPACE, ports=[80], workload=workload("boxoffice"))

plays = Service(
    "plays",
    namespace=NAMESPACE,
    ports=[80],
    workload=workload("plays"),
    versions=["v1", "v2"],
    routes=[
        Rule(match=Match(headers={"x-dark-launch": "v2"}), to="v2"),
        Rule(to="v1", retries=Retries(attempts=3, per_try_timeout="2s", on=["5xx"])),
    ],
)

front_door = Gateway(
    "front-door",
    namespace=NAMESPACE,
    workload=GatewayWorkload(selector={"istio": "ingressgateway"}, namespace="istio-system"),
    listeners=[Listener(port=80, hosts=["tickets.example.com"])],
)

tickets = Route(
    "tickets",
    namespace=NAMESPACE,
    gateways=[front_door],
    hosts=["tickets.example.com"],
    rules=[Rule(match=Match(path="/plays*"), to=plays), Rule(to=boxoffice)],
)

mesh = [boxoffice, plays, front_door, tickets]
