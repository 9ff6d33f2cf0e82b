"""One Envoy at the edge of a theatre that has no Istio: what listens, where requests go, and the servers behind it."""

from meshgen import Gateway, GatewayWorkload, Listener, Match, Retries, Route, Rule, Service, Traffic, Workload

NAMESPACE = "theatre"
NO_SIDECAR = Workload(sidecar=False)

plays = Service(
    "plays",
    namespace=NAMESPACE,
    ports=[80],
    workload=NO_SIDECAR,
    endpoints=["10.2.0.11:8000", "10.2.0.12:8000"],
    traffic=Traffic(load_balancer="roundRobin"),
)
reviews = Service("reviews", namespace=NAMESPACE, ports=[80], workload=NO_SIDECAR, endpoints=["10.2.0.21:8000"])

edge = Gateway(
    "edge",
    namespace=NAMESPACE,
    workload=GatewayWorkload(selector={"proxy": "edge"}),
    listeners=[Listener(port=15001, hosts=["*"])],
)
patience = Retries(attempts=3, per_try_timeout="500ms", on=["5xx", "reset"])
routes = Route(
    "edge",
    namespace=NAMESPACE,
    gateways=[edge],
    hosts=["*"],
    rules=[Rule(match=Match(path="/reviews*"), to=reviews, timeout="2s", retries=patience), Rule(to=plays)],
)

mesh = [plays, reviews, edge, routes]
