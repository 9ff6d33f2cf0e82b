from meshgen import Cluster, EastWest, Mesh, Service

mesh = [
    Mesh(
        "mesh", clusters={"west": Cluster(network="w", ca="acme", east_west=EastWest()), "east": Cluster(network="e", ca="acme")}
    ),
    *(
        Service(f"cache-{name}", namespace="shop", clusters=[name], ports=[6379], workload={"selector": {"app": f"cache-{name}"}})
        for name in ("west", "east")
    ),
]
