"""The storefront: webapp → catalog → forum behind a gateway, the same as the YAML in ../storefront/mesh."""

from collections.abc import Iterator
from typing import Any

from meshgen import (
    Access,
    Allow,
    Authentication,
    Caller,
    Canary,
    Destination,
    Gateway,
    GatewayWorkload,
    JwtCaller,
    JwtIssuer,
    Listener,
    Match,
    Mesh,
    Mirror,
    Operation,
    Outliers,
    Retries,
    Rewrite,
    Route,
    Rule,
    ServerTls,
    Service,
    Traffic,
    Version,
    Workload,
)

NAMESPACE = "shop"
ISSUER = "https://auth.example.com"
PUBLIC_KEY = {
    "kty": "RSA",
    "use": "sig",
    "alg": "RS256",
    "kid": "storefront-test",
    "e": "AQAB",
    "n": (
        "vGMgsg37aKKawG30zcAkYnmbdqu4cdh3ZCDJ0GhXHK59HM-abJ-wB4q5RW0PdN2sZ8pZDcfVWAUiFcwA7I_ZZPlnJvN00DNkA8Nn"
        "re5ep-2c1C0bCyvqOPXG9M4jvjtMUzeXZuIQSf8c5btd4rk8cNghZ7E6iuGlzeEiytOjTjKULamiFFj8LSPt5ezvppzX44Y7hVsz"
        "boVZ7HjFP6js4PKGEFM9B9uDcHMoXIX5PCzRhkhELMIW3p6uLsfxXa2twfWNhWJu1ZqJL70Vox46imWFYUMhyjHQhFJH5p2kRJYL"
        "taH0OUK2uUJyUtUNFwf-2BmX7daM5qB9EJL_8bnL1w"
    ),
}


def workload(name: str) -> Workload:
    """Pods labelled by the service's name, with a service account of that name."""
    return Workload(selector={"app": name}, service_account=name)


forum = Service(
    "forum",
    namespace=NAMESPACE,
    ports=[80],
    workload=workload("forum"),
    endpoints=["10.1.0.31:8080"],
    calls=[],
    routes=[Rule(to=Destination(service="forum"), timeout="1s", retries=2)],
)

catalog = Service(
    "catalog",
    namespace=NAMESPACE,
    ports=[80],
    workload=workload("catalog"),
    versions=[
        Version(name="v1", endpoints=["10.1.0.21:8080", "10.1.0.22:8080"]),
        Version(name="v2", endpoints=["10.1.0.23:8080"]),
    ],
    calls=[forum],
    traffic=Traffic(
        connections={"tcp": {"maxConnections": 100}, "http": {"maxPendingRequests": 10}},
        outliers=Outliers(consecutive_5xx=5, interval="5s", eject_for="30s", max_ejected="100%"),
    ),
    routes=[
        Rule(match=Match(headers={"x-cohort": "internal"}), to="v2"),
        Rule(to="v1", timeout="2s", retries=Retries(attempts=3, per_try_timeout="500ms", on=["5xx", "connect-failure"])),
    ],
)

webapp = Service(
    "webapp",
    namespace=NAMESPACE,
    ports=[80],
    workload=workload("webapp"),
    endpoints=["10.1.0.11:8080"],
    calls=[catalog],
)

storefront = Gateway(
    "storefront",
    namespace=NAMESPACE,
    workload=GatewayWorkload(selector={"istio": "ingressgateway"}, namespace="istio-ingress", service_account="ingressgateway"),
    listeners=[
        Listener(port=80, hosts=["shop.example.com"], redirect_to_https=True),
        Listener(port=443, hosts=["shop.example.com"], tls=ServerTls(mode="simple", credential="shop-cert")),
    ],
)


def kubernetes() -> Iterator[dict[str, Any]]:
    """Core objects that are read as facts."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}}}
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-ingress"}}
    secret = {"name": "shop-cert", "namespace": "istio-ingress"}
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": secret, "type": "kubernetes.io/tls"}


def callers(service: Service, *rules: Allow) -> Access:
    """The access of a service: denied to all but those who are named."""
    return Access(f"{service.name}-callers", namespace=NAMESPACE, service=service, default="deny", allow=list(rules))


def security() -> Iterator[Access | Authentication]:
    """Who may call whom, and whose tokens are believed."""
    yield callers(webapp, Allow(from_=[storefront]))
    yield callers(catalog, Allow(from_=[webapp, storefront], to=Operation(methods=["GET"], paths=["/items*"])))
    yield callers(forum, Allow(from_=[catalog], to=Operation(methods=["GET", "POST"])))
    yield Authentication(
        "storefront-users",
        namespace=NAMESPACE,
        gateway=storefront,
        jwt=[JwtIssuer(issuer=ISSUER, forward=True, jwks={"keys": [PUBLIC_KEY]})],
    )
    admin = Caller(jwt=JwtCaller(issuer=ISSUER, claims={"group": "admin"}))
    yield Access(
        "storefront-visitors",
        namespace=NAMESPACE,
        gateway=storefront,
        allow=[Allow(to=Operation(not_paths=["/admin*"])), Allow(from_=admin, to=Operation(paths=["/admin*"]))],
    )


def mesh(env: Any) -> Iterator[object]:  # noqa: ANN401 (what meshgen gives: `env.vars` of meshgen.yaml)
    """Everything, for one environment."""
    yield Mesh("mesh", mtls="strict", access="deny", access_log={"file": "/dev/stdout", "encoding": "json"})
    yield from kubernetes()
    yield from (webapp, catalog, forum, storefront)
    weight = env.vars.get("canary_weight", 10)
    yield Canary("catalog-v2", namespace=NAMESPACE, service=catalog, from_="v1", to="v2", weight=weight)
    yield Mirror("catalog-shadow", namespace=NAMESPACE, service=catalog, from_="v1", to="v2", percent=25)
    yield Route(
        "storefront",
        namespace=NAMESPACE,
        gateways=[storefront],
        hosts=["shop.example.com"],
        rules=[Rule(match=Match(path="/api/*"), to=catalog, rewrite=Rewrite(path="/")), Rule(to=webapp)],
    )
    yield from security()
