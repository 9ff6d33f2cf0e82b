"""The lesson in Python: who gets which version of the plays, and what of the world outside may be called."""

from collections.abc import Iterator
from typing import Any

from meshgen import (
    Analysis,
    Canary,
    Destination,
    ExternalService,
    Gateway,
    GatewayWorkload,
    Listener,
    Match,
    Mesh,
    Mirror,
    Route,
    Rule,
    Service,
    Version,
    Workload,
)

NAMESPACE = "theatre"

weather = ExternalService(
    "weather",
    namespace=NAMESPACE,
    hosts=["weather.example.org"],
    ports=[80],
    resolution="static",
    endpoints=["192.0.2.7:80"],
    routes=[Rule(to="weather.example.org", timeout="1s", retries=0)],
)
shadow = Service(
    "shadow",
    namespace=NAMESPACE,
    ports=[80],
    workload=Workload(selector={"app": "shadow"}, sidecar=False),
    endpoints=["10.5.0.21:8080"],
)
plays = Service(
    "plays",
    namespace=NAMESPACE,
    ports=[80],
    workload=Workload(selector={"app": "plays"}, service_account="plays", sidecar=False),
    versions=[Version(name="v1", endpoints=["10.5.0.11:8080"]), Version(name="v2", endpoints=["10.5.0.12:8080"])],
    routes=[Rule(match=Match(headers={"x-cohort": "staff"}), to="v2"), Rule(to="v1")],
)
boxoffice = Service(
    "boxoffice",
    namespace=NAMESPACE,
    ports=[80],
    workload=Workload(selector={"app": "boxoffice"}, service_account="boxoffice"),
    calls=[plays, weather],
)
front_door = Gateway(
    "front-door",
    namespace=NAMESPACE,
    workload=GatewayWorkload(selector={"istio": "ingressgateway"}, namespace="istio-ingress"),
    listeners=[Listener(port=80, hosts=["plays.example.com"])],
)
at_the_door = Route(
    "plays-at-the-door",
    namespace=NAMESPACE,
    gateways=[front_door],
    hosts=["plays.example.com"],
    rules=[Rule(to=plays)],
)


def release(weight: int) -> Iterator[object]:
    """Some requests to v2, and a copy of every second one."""
    yield Canary("plays-v2", namespace=NAMESPACE, service=plays, from_="v1", to="v2", weight=weight)
    copy = Destination(service="shadow")
    yield Mirror("plays-shadow", namespace=NAMESPACE, service=plays, from_="v1", to=copy, percent=50)


def by_flagger() -> Iterator[object]:
    """A canary that nobody watches by hand."""
    own = Rule(to=Destination(service="posters"), timeout="2s")
    posters = Service("posters", namespace=NAMESPACE, ports=[80], workload=Workload(selector={"app": "posters"}), routes=[own])
    yield posters
    analysis = Analysis(every="45s", abort_after=5, success_rate=">=99 over 1m", latency="<=500ms over 30s")
    steps = {"by": 10, "to": 50}
    yield Canary("posters", namespace=NAMESPACE, service=posters, engine="flagger", steps=steps, analysis=analysis)


def mesh(env: Any) -> Iterator[object]:  # noqa: ANN401 (what meshgen gives: `env.vars` of meshgen.yaml)
    """Everything, for one environment."""
    yield Mesh("mesh", outbound="registryOnly")
    yield from (boxoffice, plays, shadow, weather, front_door, at_the_door)
    yield from release(env.vars.get("canary_weight", 10))
    yield from by_flagger()
