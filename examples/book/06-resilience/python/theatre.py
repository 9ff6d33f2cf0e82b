"""The lesson in Python: how the clients of seven services treat them."""

from meshgen import (
    Connections,
    ConsistentHash,
    Destination,
    Endpoint,
    HttpConnections,
    LoadBalancer,
    Locality,
    LocalityDistribute,
    LocalityFailover,
    Match,
    Outliers,
    Retries,
    RetryBudget,
    Rule,
    Service,
    TcpConnections,
    Traffic,
    Workload,
)

NAMESPACE = "theatre"
NEAR, NEXT_DOOR, FAR = "europe/north/a", "europe/north/b", "america/east/a"


def server(name: str, endpoints: list[str | Endpoint], traffic: Traffic, routes: list[Rule] | None = None) -> Service:
    """A service without sidecars, on port 80."""
    workload = Workload(selector={"app": name}, sidecar=False)
    return Service(name, namespace=NAMESPACE, ports=[80], workload=workload, endpoints=endpoints, traffic=traffic, routes=routes)


def itself(name: str) -> Destination:
    """The service whose rule this is."""
    return Destination(service=name)


plays = server("plays", ["10.6.0.11:8080", "10.6.0.12:8080"], Traffic(load_balancer="roundRobin"))
seats = server(
    "seats",
    ["10.6.0.21:8080", "10.6.0.22:8080", "10.6.0.23:8080"],
    Traffic(load_balancer=LoadBalancer(consistent_hash=ConsistentHash(http_header_name="x-visitor"))),
)

archive = server(
    "archive",
    [
        Endpoint(address="10.6.0.31", port=8080, locality=NEAR),
        Endpoint(address="10.6.0.32", port=8080, locality=NEXT_DOOR),
        Endpoint(address="10.6.0.33", port=8080, locality=FAR),
    ],
    Traffic(
        locality=Locality(distribute=[LocalityDistribute(from_=NEAR, to={NEAR: 70, NEXT_DOOR: 30})]),
        outliers=Outliers(consecutive_5xx=1, interval="5s", eject_for="30s", max_ejected="100%"),
    ),
)
posters = server(
    "posters",
    [
        Endpoint(address="10.6.0.61", port=8080, locality=NEAR),
        Endpoint(address="10.6.0.62", port=8080, locality=FAR),
    ],
    Traffic(
        locality=Locality(failover=[LocalityFailover(from_="europe", to="america")]),
        outliers=Outliers(consecutive_5xx=1, interval="5s", eject_for="60s", max_ejected="100%"),
    ),
    [Rule(to=itself("posters"), retries=0)],
)

hurry = Retries(attempts=1, per_try_timeout="200ms", on=["5xx"], hedge=True)
patience = Retries(attempts=2, per_try_timeout="600ms", on=["5xx", 408, 429], backoff="10ms", remote_localities=True)
reviews = server(
    "reviews",
    ["10.6.0.41:8080"],
    Traffic(retry_budget=RetryBudget(percent=20, min_retry_concurrency=3)),
    [
        Rule(match=Match(path="/reviews/slow*"), to=itself("reviews"), timeout="500ms", retries=0),
        Rule(match=Match(path="/reviews/best*"), to=itself("reviews"), timeout="2s", retries=hurry),
        Rule(to=itself("reviews"), timeout="2s", retries=patience),
    ],
)

payments = server(
    "payments",
    ["10.6.0.51:8080"],
    Traffic(
        connections=Connections(
            tcp=TcpConnections(max_connections=1, connect_timeout="1s"),
            http=HttpConnections(max_pending_requests=1, max_requests_per_connection=1, max_retries=1),
        ),
    ),
    [Rule(to=itself("payments"), retries=0)],
)
vouchers = server(
    "vouchers",
    ["10.6.0.71:8080", "10.6.0.72:8080"],
    Traffic(outliers=Outliers(consecutive_5xx=1, interval="5s", eject_for="5s", max_ejected="100%")),
    [Rule(to=itself("vouchers"), retries=0)],
)

boxoffice = Service(
    "boxoffice",
    namespace=NAMESPACE,
    ports=[80],
    workload=Workload(selector={"app": "boxoffice"}, service_account="boxoffice"),
    calls=[plays, seats, archive, posters, reviews, payments, vouchers],
)

mesh = [boxoffice, plays, seats, archive, posters, reviews, payments, vouchers]
