"""The lesson in Python: one mesh on two clusters."""

from meshgen import Access, Allow, Cluster, Destination, EastWest, Mesh, Outliers, Retries, Rule, Service, Traffic, Workload

NAMESPACE = "theatre"
ROOT = "theatres-root-2026"


def cluster(name: str) -> Cluster:
    """A cluster on a network of its own, signed for by the one root, with a door to the others."""
    return Cluster(network=f"{name}-network", ca=ROOT, east_west=EastWest())


def workload(name: str) -> Workload:
    """Pods labelled by the service's name, with an account of that name."""
    return Workload(selector={"app": name}, service_account=name)


again = Retries(attempts=3, on=["5xx"], remote_localities=True)

mesh = [
    Mesh("mesh", mesh_id="theatres", mtls="strict", access="deny", clusters={"west": cluster("west"), "east": cluster("east")}),
    Service("boxoffice", namespace=NAMESPACE, clusters=["west"], ports=[80], workload=workload("boxoffice")),
    Service(
        "plays",
        namespace=NAMESPACE,
        ports=[80],
        workload=workload("plays"),
        traffic=Traffic(outliers=Outliers(consecutive_5xx=1, interval="20s", eject_for="30s")),
        routes=[Rule(to=Destination(service="plays"), retries=again)],
    ),
    Access("plays-callers", namespace=NAMESPACE, service="plays", allow=[Allow(from_=["boxoffice"])]),
]
