"""The lesson in Python: what the plays' proxy does besides what Istio has words for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meshgen import Extension, Lua, Port, Service, Wasm, Workload

NAMESPACE = "theatre"
FILTERS = Path(__file__).parent.parent / "filters"
DIGEST = "6a4be9b7c0b1b7f7b0a2d8a9ed1e4b1e6a4be9b7c0b1b7f7b0a2d8a9ed1e4b1e"

plays = Service(
    "plays",
    namespace=NAMESPACE,
    ports=[80],
    workload=Workload(selector={"app": "plays"}, service_account="plays"),
    endpoints=["10.14.0.11:8080"],
)
ratelimit = Service(
    "ratelimit",
    namespace=NAMESPACE,
    ports=[Port(name="grpc", port=8081)],
    workload=Workload(selector={"app": "ratelimit"}, sidecar=False),
    endpoints=["10.14.0.21:8081"],
)
trials = Service(
    "trials",
    namespace=NAMESPACE,
    ports=[80],
    workload=Workload(selector={"app": "trials"}, sidecar=False),
    endpoints=["10.14.0.31:8080"],
)


def extension(name: str, **what: Any) -> Extension:  # noqa: ANN401 (whatever the kind has)
    """Something more for the plays' proxies."""
    return Extension(name, namespace=NAMESPACE, service=plays, **what)


def code() -> Iterator[Extension]:
    """Filters of our own: a few lines of Lua, and a module."""
    lua = Lua(code=(FILTERS / "trial.lua").read_text(), calls={"trials": trials})
    yield extension("trial", traffic="inbound", lua=lua)
    url = f"oci://registry.example.com/filters/add-header@sha256:{DIGEST}"
    yield extension("add-header", order=10, wasm=Wasm(url=url, config={"header": "x-hall", "value": "main"}))


def limits() -> Iterator[Extension]:
    """By each proxy for itself, and by one count for the whole house."""
    backstage = {"by": {"path": True, "match": "/backstage*"}, "limit": "2/m"}
    local = {"limit": "5/m", "stage": 1, "limits": backstage}
    yield extension("plays-crowd", traffic="inbound", order=2, local_rate_limit=local)
    loyalty = {"by": {"header": "x-loyalty"}, "values": {"gold": "10/m", "silver": "5/m", "bronze": "3/m"}, "absent": "1/m"}
    counted = {"service": "ratelimit:8081", "domain": "plays", "fail": "closed", "limits": loyalty}
    yield extension("plays-loyalty", traffic="inbound", order=1, rate_limit=counted)


def envoys_own() -> Iterator[Extension]:
    """Filters that Envoy has and Istio does not name."""
    yield extension("look", before="router", traffic="inbound", tap={"id": "look", "headers": {"x-tap": "true"}})
    small = {
        "name": "envoy.filters.http.buffer",
        "type": "envoy.extensions.filters.http.buffer.v3.Buffer",
        "config": {"max_request_bytes": 65536},
    }
    yield extension("small-bodies", traffic="inbound", envoy={"proxyVersions": "1.30 - 1.32", "filters": [small]})


mesh = [plays, ratelimit, trials, *code(), *limits(), *envoys_own()]
