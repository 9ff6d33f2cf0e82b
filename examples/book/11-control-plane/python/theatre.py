"""The lesson in Python: less for istiod to do, and a hundred halls of which the box office need not know."""

from collections.abc import Iterator
from typing import Any

from meshgen import Mesh, Service, Workload


def service(name: str, namespace: str = "theatre", **more: Any) -> Service:  # noqa: ANN401 (whatever the kind has)
    """A service on port 80, with an account of its name."""
    return Service(name, namespace=namespace, ports=[80], workload=Workload(selector={"app": name}, service_account=name), **more)


plays = service("plays")
payments = service("payments", "money")
boxoffice = service("boxoffice", calls=[plays, payments])


def halls() -> Iterator[Service]:
    """A hundred of them."""
    for number in range(100):
        name = f"hall-{number}"
        yield Service(name, namespace="halls", ports=[80], workload=Workload(selector={"app": name}))


less = Mesh(
    "mesh",
    sidecar=["./*", "istio-system/*", "monitoring/*"],
    outbound="registryOnly",
    discovery=[{"not": {"istio-exclude": "true"}}],
    install={
        "version": "1.31.0",
        "istiod": {
            "replicas": 2,
            "autoscale": False,
            "resources": {"requests": {"cpu": "2", "memory": "2Gi"}},
            "tuning": {"debounce": "2500ms", "debounceMax": "10s", "pushThrottle": 50, "gatewayClusters": "referenced"},
        },
    },
)

mesh = [less, boxoffice, plays, payments, *halls()]
