"""The lesson in Python: machines in the cellar that take part in the mesh."""

from typing import Any

from meshgen import (
    Access,
    Allow,
    Cluster,
    EastWest,
    MachineService,
    MachineTemplate,
    Mesh,
    Port,
    Probe,
    Service,
    VirtualMachines,
    Workload,
)

NAMESPACE = "theatre"


def workload(name: str) -> Workload:
    """Pods or machines labelled by the service's name, with an account of that name."""
    return Workload(selector={"app": name}, service_account=name)


def template(name: str, port: int, **more: Any) -> MachineTemplate:  # noqa: ANN401 (whatever the kind has)
    """Machines labelled by their name, with an account of that name."""
    return MachineTemplate(labels={"app": name}, service_account=name, ports={"http": port}, **more)


house = Cluster(network="house-network", east_west=EastWest(expose_istiod=True, address="203.0.113.9"))

mesh = [
    Mesh("mesh", mesh_id="theatres", mtls="strict", access="deny", proxy={"dns": True}, clusters={"house": house}),
    VirtualMachines(
        "archive",
        namespace=NAMESPACE,
        template=template("archive", 8080, network="cellar"),
        probe=Probe(http="8080/healthy", every="5s", delay="1s"),
        auto_register=True,
    ),
    VirtualMachines(
        "microfilm",
        namespace=NAMESPACE,
        template=template("microfilm", 9000),
        addresses=["192.0.2.40"],
        service=MachineService(hosts=["microfilm.theatre.internal"], ports=[80]),
    ),
    Service(
        "archive",
        namespace=NAMESPACE,
        ports=[Port(name="http", port=80, target_port=8080)],
        workload=workload("archive"),
    ),
    Service("boxoffice", namespace=NAMESPACE, ports=[80], workload=workload("boxoffice")),
    Access("archive-callers", namespace=NAMESPACE, service="archive", allow=[Allow(from_=["boxoffice"])]),
]
