"""The lesson in Python: what the proxies of a theatre count, and who reads it."""

from collections.abc import Iterator
from typing import Any

from meshgen import (
    GoldenSignals,
    Mesh,
    MetricChange,
    Metrics,
    MetricTag,
    Observability,
    PrometheusScrape,
    ProxyStats,
    Service,
    Telemetry,
    Workload,
)

NAMESPACE = "theatre"


def service(name: str, **more: Any) -> Service:  # noqa: ANN401 (whatever the kind has)
    """A service of the theatre on port 80, with an account of its name."""
    return Service(name, namespace=NAMESPACE, ports=[80], workload=Workload(selector={"app": name}, service_account=name), **more)


boxoffice = service("boxoffice")
plays = service("plays", versions=["v1", "v2"])

deployment = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "boxoffice", "namespace": NAMESPACE},
    "spec": {"template": {"metadata": {"labels": {"app": "boxoffice"}}, "spec": {"serviceAccountName": "boxoffice"}}},
}


def everywhere() -> Iterator[object]:
    """What holds for every proxy, and who reads what they count."""
    scrape = PrometheusScrape(operator=True, interval="15s", labels={"release": "prometheus"}, golden_signals=GoldenSignals())
    yield Mesh("mesh", observability=Observability(prometheus=scrape, runbook=True))
    tags = {
        "upstream_version": "filter_state.upstream_peer.version",
        "source_mesh": "xds.node.metadata['MESH_ID']",
        "request_protocol": "remove",
    }
    yield Telemetry("everywhere", mesh=True, metrics=[Metrics(request_count=[MetricChange(tags=tags)])])


def narrower() -> Iterator[object]:
    """What holds for one service."""
    operation = MetricTag(
        classes={
            "listPlays": "request.url_path == '/plays' && request.method == 'GET'",
            "readPlay": "request.url_path.startsWith('/plays/') && request.method == 'GET'",
        },
        otherwise="other",
    )
    kinds = MetricChange(tags={"operation": operation})
    gets = Metrics(request_count=[kinds], new={"get_calls": "request.method == 'GET' ? 1 : 0"})
    yield Telemetry("plays", namespace=NAMESPACE, service=plays, metrics=[gets])
    stats = ProxyStats(prefixes=["cluster.outbound|80||plays.theatre"])
    yield Telemetry("boxoffice", namespace=NAMESPACE, service=boxoffice, stats=stats)


mesh = [boxoffice, plays, deployment, *everywhere(), *narrower()]
