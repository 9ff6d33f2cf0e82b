"""The lesson in Python: where spans go, how many requests leave some, and what each span says."""

from collections.abc import Iterator

from meshgen import (
    Kiali,
    KialiGrafana,
    KialiTracing,
    Mesh,
    Observability,
    Port,
    Service,
    TagSource,
    Telemetry,
    Tracing,
    Workload,
)

NAMESPACE = "theatre"

boxoffice = Service(
    "boxoffice",
    namespace=NAMESPACE,
    ports=[80],
    workload=Workload(selector={"app": "boxoffice"}, service_account="boxoffice"),
)


def everywhere() -> Iterator[object]:
    """Providers, the mesh's own sampling, and Kiali."""
    kiali = Kiali(
        operator=True,
        auth="anonymous",
        prometheus="http://prometheus.monitoring:9090",
        tracing=KialiTracing(provider="jaeger", url="http://jaeger.observe:16685", grpc=True),
        grafana=KialiGrafana(url="http://grafana.monitoring"),
    )
    yield Mesh(
        "mesh",
        providers=[
            {"name": "collector", "opentelemetry": {"service": "collector.observe.svc.cluster.local", "port": 4317}},
            {"name": "old-zipkin", "zipkin": {"service": "zipkin.observe.svc.cluster.local", "port": 9411}},
        ],
        tracing=Tracing(providers="collector", sampling=1),
        observability=Observability(kiali=kiali, runbook=True),
    )
    yield Service("collector", namespace="observe", ports=[Port(name="grpc", port=4317)])
    yield Service("zipkin", namespace="observe", ports=[Port(name="http", port=9411)])


def narrower() -> Iterator[Telemetry]:
    """A namespace, and one service of it."""
    tags: dict[str, TagSource | str] = {
        "visitor": TagSource(header="x-visitor", default="nobody"),
        "hall": TagSource(environment="HALL", default="main"),
        "lesson": "8",
    }
    yield Telemetry("theatre", namespace=NAMESPACE, tracing=Tracing(sampling=10, tags=tags))
    yield Telemetry(
        "boxoffice",
        namespace=NAMESPACE,
        service=boxoffice,
        tracing=Tracing(providers="old-zipkin", sampling=100),
        bootstrap={"stats_flush_interval": "5s"},
    )


mesh = [*everywhere(), boxoffice, *narrower()]
