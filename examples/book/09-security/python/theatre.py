"""The lesson in Python: who proves what, who may call whom, whose tokens are believed, and who else decides."""

from collections.abc import Iterator

from meshgen import (
    Access,
    Allow,
    Authentication,
    Caller,
    Condition,
    Deny,
    External,
    Gateway,
    GatewayWorkload,
    JwtCaller,
    JwtIssuer,
    Listener,
    Mesh,
    Operation,
    Route,
    Rule,
    Service,
    Workload,
)

NAMESPACE = "theatre"
ISSUER = "https://login.example.com"
KEY = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "book",
    "alg": "ES256",
    "x": "PteijsZI7c5dW34lL2sqr7tEg1EUoks8qo9xD2SZO8I",
    "y": "VxGjTNySKQgLY58Jl3_rfKkezOFkm_6orYXHKyBq3n4",
}


def workload(name: str) -> Workload:
    """Pods labelled by the service's name, with an account of that name."""
    return Workload(selector={"app": name}, service_account=name)


plays = Service("plays", namespace=NAMESPACE, ports=[80], workload=workload("plays"), endpoints=["10.9.0.21:8080"])
refund_desk = Service(
    "refund-desk",
    namespace=NAMESPACE,
    ports=[8000],
    workload=Workload(selector={"app": "refund-desk"}, sidecar=False),
    endpoints=["10.9.0.31:8000"],
)
boxoffice = Service(
    "boxoffice",
    namespace=NAMESPACE,
    ports=[80],
    workload=workload("boxoffice"),
    endpoints=["10.9.0.11:8080"],
    calls=[plays, refund_desk],
)
front_door = Gateway(
    "front-door",
    namespace=NAMESPACE,
    workload=GatewayWorkload(selector={"istio": "ingressgateway"}, namespace="istio-ingress", service_account="ingressgateway"),
    listeners=[Listener(port=80, hosts=["tickets.example.com"])],
)


def everywhere() -> Iterator[object]:
    """The two decisions that hold everywhere, and who else decides."""
    refunds = {
        "service": "refund-desk.theatre.svc.cluster.local",
        "port": 8000,
        "includeRequestHeadersInCheck": ["x-clerk"],
        "timeout": "2s",
    }
    yield Mesh("mesh", mtls="strict", access="deny", providers=[{"name": "refund-desk", "envoyExtAuthzHttp": refunds}])
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}}}
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "annex"}}


def callers() -> Iterator[object]:
    """Who may call the services."""
    yield Authentication("boxoffice", namespace=NAMESPACE, service=boxoffice, mtls="permissive")
    yield Access(
        "plays-callers",
        namespace=NAMESPACE,
        service=plays,
        allow=[
            Allow(from_=[boxoffice], to=Operation(methods=["GET"], paths=["/plays*"])),
            Allow(from_=[Caller(namespace="staff")], to=Operation(methods=["GET", "PUT"], paths=["/plays/*"])),
            Allow(from_=[Caller(authenticated=True)], to=Operation(methods=["GET"], paths=["*.png"])),
        ],
    )
    till = Condition(key="request.headers[x-till-key]", not_values=["*"])
    yield Access(
        "boxoffice-callers",
        namespace=NAMESPACE,
        service=boxoffice,
        allow=[
            Allow(from_=[front_door]),
            Allow(from_=[Caller(anyone=True)], to=Operation(methods=["GET"], paths=["/opening-hours"])),
        ],
        deny=[Deny(to=Operation(paths=["/till*"]), when=[till])],
        external=[External(provider="refund-desk", to=Operation(paths=["/refunds*"]))],
    )


def visitors() -> Iterator[object]:
    """Whose tokens are believed at the door, and what they open."""
    issuer = JwtIssuer(issuer=ISSUER, jwks={"keys": [KEY]}, forward=True, claims_to_headers={"x-visitor": "sub"})
    yield Authentication("visitors", namespace=NAMESPACE, gateway=front_door, jwt=[issuer])
    member, club = JwtCaller(issuer=ISSUER), JwtCaller(issuer=ISSUER, claims={"group": "club"})
    yield Access(
        "visitors",
        namespace=NAMESPACE,
        gateway=front_door,
        allow=[
            Allow(to=Operation(paths=["/posters*", "/opening-hours"])),
            Allow(from_=[Caller(jwt=member)], to=Operation(methods=["GET"], not_paths=["/club*"])),
            Allow(from_=[Caller(jwt=club)], to=Operation(paths=["/club*"])),
        ],
    )


def mesh(_: object) -> Iterator[object]:
    """Everything."""
    yield from everywhere()
    yield from (boxoffice, plays, refund_desk, front_door)
    yield Route("tickets", namespace=NAMESPACE, gateways=[front_door], hosts=["tickets.example.com"], rules=[Rule(to=boxoffice)])
    yield from callers()
    yield from visitors()
