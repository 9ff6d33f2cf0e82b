"""A hundred halls, so that there is something to leave out."""

from meshgen import Service, Workload

mesh = [
    Service(f"hall-{number}", namespace="halls", ports=[80], workload=Workload(selector={"app": f"hall-{number}"}))
    for number in range(100)
]
