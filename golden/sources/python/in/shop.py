from collections.abc import Iterator

from meshgen import Access, Allow, Canary, Match, Operation, Rule, Service

catalog = Service(
    "catalog",
    namespace="shop",
    ports=[80],
    workload={"selector": {"app": "catalog"}, "serviceAccount": "catalog"},
    versions=["v1", "v2"],
    routes=[Rule(match=Match(headers={"x-cohort": "internal"}), to="v2"), Rule(to="v1", timeout="2s")],
)


def mesh() -> Iterator[object]:
    yield catalog
    yield Canary("catalog-v2", namespace="shop", service=catalog, from_="v1", to="v2", weight=10)
    yield Access(
        "catalog-callers",
        namespace="shop",
        service=catalog,
        default="deny",
        allow=[Allow(from_=["webapp"], to=Operation(methods=["GET"], paths=["/items*"]))],
    )
