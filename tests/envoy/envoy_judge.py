"""Generated meshes on real Envoys: an edge gateway, a client's sidecar and a server's sidecar, each beside its simulation."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jwt
from certificates import Authority
from cryptography.hazmat.primitives.asymmetric import rsa
from generated import ORDERS_ADDRESS, Port
from generated_calls import IDENTITIES, TOKENS, Call, principal
from harness import EchoServer, Response, free_port, http_request, start_envoy
from mesh_text import mesh_of
from meshes import bootstrap, gateway, sidecar

from meshgen.journey import Journeys, Question
from meshgen.mesh import Capture, Mesh, Proxy
from meshgen.trace import Decision, EnvoyConfig, Outcome, Request, trace
from meshgen.trace.decision import Endpoint, UpstreamTls

Json = dict[str, Any]
UPSTREAMS = {
    Port.CATALOG_1: "catalog-v1",
    Port.CATALOG_2: "catalog-v2",
    Port.ORDERS: "orders",
    Port.LEDGER: "ledger",
    Port.VAULT: "vault",
    Port.VAULT_2: "vault-deep",
}
# Random, the codec's, and what holds a certificate's digest.
NOT_TOLD = ("x-request-id", "content-length", "x-forwarded-client-cert")
_CORS = [f"access-control-{name}" for name in (
    "allow-origin", "allow-methods", "allow-headers", "allow-credentials", "expose-headers", "max-age",
)]  # fmt: skip
TOLD_OF_ANSWERS = ("location", "x-r", "x-q", "www-authenticate", *_CORS)
CLOSED: Json = {"closed": True}


class Bench:
    """What all meshes of a run share: upstreams, ports, certificates and the key of tokens."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        self.authority = Authority()
        self.directory = directory
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.tokens = {name: self._token(self.key, claims) for name, claims in TOKENS.items()}
        self.tokens |= {"forged": self._token(other, TOKENS["ann"]), "garbage": "no.token.atall", "": ""}
        credential = self.authority.credential(directory / "cert", "shop.example")
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(credential / "tls.crt", credential / "tls.key")
        secured = (Port.VAULT, Port.VAULT_2)
        self.echoes = {
            port: stack.enter_context(EchoServer(name, tls=server if port in secured else None))
            for port, name in UPSTREAMS.items()
        }
        self.ports = {port: self.echoes[port].port if port in self.echoes else free_port() for port in Port}
        self._contexts: dict[tuple[str, tuple[str, ...]], ssl.SSLContext] = {}
        self.clients = {identity: self._client(identity) for identity in ("", *IDENTITIES)}

    def _token(self, key: rsa.RSAPrivateKey, claims: Json) -> str:
        return jwt.encode({"exp": 4_000_000_000, **claims}, key, algorithm="RS256", headers={"kid": "one"})

    def _client(self, identity: str) -> Path | None:
        if not identity:
            return None
        return self.authority.workload(self.directory / f"client-{identity.replace('/', '-')}", principal(identity)) / "workload"

    def context(self, call: Call) -> ssl.SSLContext | None:
        """The client's TLS; who the server is was tested elsewhere."""
        if not call.tls:
            return None
        key = (call.identity, call.alpn or ("http/1.1",))
        if key not in self._contexts:
            self._contexts[key] = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            files = self.clients[call.identity]
            if files is not None:
                context.load_cert_chain(files / "cert-chain.pem", files / "key.pem")
            context.set_alpn_protocols(list(key[1]))
        return self._contexts[key]

    def jwks(self) -> str:
        """The key set that the mesh trusts."""
        numbers = self.key.public_key().public_numbers()

        def field(number: int) -> str:
            return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()

        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", "n": field(numbers.n), "e": field(numbers.e)}
        return json.dumps({"keys": [key]})

    def real(self, text: str) -> str:
        """A text with this run's ports for the symbolic ones."""
        for symbol, port in self.ports.items():
            text = text.replace(str(int(symbol)), str(port))
        return text

    def mesh(self, documents: list[Json]) -> Mesh:
        """The documents compiled, at this run's ports and with its keys; one of kind MeshConfig is the mesh's."""
        text = self.real(json.dumps(documents)).replace('"JWKS"', json.dumps(self.jwks()))
        made = json.loads(text)
        config = [each["mesh"] for each in made if each["kind"] == "MeshConfig"]
        return mesh_of(
            "", *(each for each in made if each["kind"] != "MeshConfig"), config=json.dumps(config[0]) if config else None
        )

    def sent(self, call: Call) -> Call:
        """A call as it goes out: with this run's ports and its token in place."""
        token = self.tokens[call.token]
        headers, path = call.headers, self.real(call.path)
        if token and call.carrier == "param":
            path += f"{'&' if '?' in path else '?'}token={token}"
        elif token and call.carrier == "cookie":
            headers = (*headers, ("cookie", f"session={token}"))
        elif token:
            name, _, prefix = call.carrier.partition(" ")
            value = f"Bearer {token}" if name == "authorization" else f"{prefix} {token}".strip()
            headers = (*headers, (name, value))
        return replace(call, host=self.real(call.host), path=path, headers=headers, sni=self.real(call.sni))


ENTRIES = {
    "edge": ("edge", Port.EDGE_HTTP, "127.0.0.1"),
    "edge-tls": ("edge", Port.EDGE_HTTPS, "127.0.0.1"),
    "edge-tcp": ("edge", Port.EDGE_TCP, "127.0.0.1"),
    "webapp": ("webapp", Port.MESH_HTTP, "127.0.0.1"),
    "orders": ("orders", Port.ORDERS, ORDERS_ADDRESS),
}
PROXIES: dict[str, Proxy] = {
    "edge": replace(gateway(), service_account="edge"),
    "webapp": sidecar("webapp", "127.0.0.42"),
    "orders": sidecar("orders", ORDERS_ADDRESS),
}


@contextmanager
def running(bench: Bench, documents: list[Json]) -> Iterator[Stage]:
    """Three Envoys with the mesh's configuration, until the block ends."""
    mesh = bench.mesh(documents)
    made = {name: _only_own_side(name, bootstrap(mesh, proxy, _certificates(bench, name))) for name, proxy in PROXIES.items()}
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        starts = [start_envoy(configuration, root / name) for name, configuration in made.items()]
        with ThreadPoolExecutor(len(starts)) as pool:
            pending = [pool.submit(stack.enter_context, start) for start in starts]
        for each in pending:
            each.result()
        journeys = Journeys(mesh, [replace(proxy, capture=Capture.IPTABLES) for proxy in PROXIES.values()])
        yield Stage(bench, journeys, {name: EnvoyConfig.from_bootstrap(configuration) for name, configuration in made.items()})


def _certificates(bench: Bench, name: str) -> Path:
    place = bench.directory
    if name != "edge":
        place = bench.directory / f"proxy-{name}"
    if not (place / "workload").exists():
        bench.authority.workload(place, principal(f"shop/{name}"))
    return place


def _only_own_side(name: str, configuration: Json) -> Json:
    """Without the server's outbound side: all sidecars share the machine's loopback addresses."""
    resources = configuration["static_resources"]
    if name == "orders":
        resources["listeners"] = [each for each in resources["listeners"] if each.get("traffic_direction") != "OUTBOUND"]
    return configuration


@dataclass(frozen=True, slots=True)
class Stage:
    """Running Envoys, and what the simulator knows of them: the same configuration."""

    bench: Bench
    journeys: Journeys
    configs: dict[str, EnvoyConfig]

    # --- what Envoy does ---------------------------------------------------------------------------------------------
    def seen(self, call: Call) -> Json:
        """What becomes of a call in reality."""
        sent = self.bench.sent(call)
        _, port, address = ENTRIES[call.entry]
        try:
            answer = http_request(
                self.bench.ports[port],
                sent.path,
                method=sent.method,
                host=sent.host,
                headers=sent.headers,
                tls=self.bench.context(call),
                sni=sent.sni,
                address=address,
                source=sent.source,
            )
        except (ConnectionError, ssl.SSLError, http.client.HTTPException):
            return CLOSED
        return _observed(answer)

    # --- what the simulator says -------------------------------------------------------------------------------------
    def told(self, call: Call) -> list[Json]:
        """What may become of a call; several where a split or a choice of endpoints leaves it open."""
        sent = self.bench.sent(call)
        name, port, address = ENTRIES[call.entry]
        request = Request(
            method=sent.method,
            host=sent.host,
            path=sent.path,
            headers=tuple((key.lower(), value) for key, value in sent.headers),
            port=self.bench.ports[port],
            address=address,
            protocol="tcp" if call.entry == "edge-tcp" else "http",
            tls=("mtls" if sent.identity else "tls") if sent.tls else "none",
            sni=sent.sni,
            alpn=(sent.alpn or ("http/1.1",)) if sent.tls else None,
            principal=principal(sent.identity),
            source_ip=sent.source,
            now=int(time.time()),
        )
        return self._followed(name, request)

    def journey(self, call: Call) -> int | None:
        """The status at the end of the journey that `meshgen trace` tells; None is a closed connection."""
        sent, outside = self.bench.sent(call), call.entry != "webapp"
        port = self.bench.ports[ENTRIES[call.entry][1]]
        question = Question(
            url=f"http{'s' if sent.tls else ''}://{sent.host.partition(':')[0]}:{port}{sent.path}",
            method=sent.method,
            headers=(*sent.headers, ("host", sent.host)),
            source="" if outside else "shop/webapp",
            gateway="shop/edge" if outside else "",
            client_certificate=principal(sent.identity),
            verifies=True,
            remote_address=sent.source,
            sni=sent.sni if sent.tls else None,
        )
        journey = self.journeys.follow(question)
        decision = journey.last.decision
        if decision.outcome is Outcome.ROUTED:
            return 200
        return decision.status or (503 if len(journey.hops) > 1 else None)

    def _followed(self, name: str, request: Request) -> list[Json]:
        decision = trace(self.configs[name], request)
        taken = self._taken(name, decision) or [""]
        return [each for cluster in taken for each in self._arrived(name, replace(request, taken=cluster))]

    def _taken(self, name: str, decision: Decision) -> list[str]:
        """The clusters of the split, if it is one; also where a filter answers, which a split adds its headers to."""
        for host in _hosts(self.configs[name]):
            if host["name"] == decision.virtual_host and decision.route is not None:
                action = host["routes"][decision.route.index].get("route", {})
                clusters = action.get("weighted_clusters", {}).get("clusters", [])
                return [each["name"] for each in clusters if each.get("weight")]
        return [weight.cluster for weight in decision.weights if weight.share > 0]

    def _arrived(self, name: str, request: Request) -> list[Json]:
        return self._after(name, request, trace(self.configs[name], request))

    def _after(self, name: str, request: Request, decision: Decision) -> list[Json]:
        if decision.outcome is not Outcome.ROUTED:
            return [_answered(decision, request)]
        found = []
        for endpoint in decision.endpoints:
            if endpoint.address.startswith("nobody"):  # a name that is asked for and that nobody has
                failed = replace(decision, outcome=Outcome.UNAVAILABLE, status=503, body="no healthy upstream")
                found.append(_answered(failed, request))
            elif endpoint.address == ORDERS_ADDRESS:
                found += [
                    _joined(decision, each)
                    for each in self._followed("orders", self._handed_on(name, request, decision, endpoint))
                ]
            else:
                found.append(self._routed(request, decision, endpoint))
        return found

    def _handed_on(self, name: str, request: Request, decision: Decision, endpoint: Endpoint) -> Request:
        tls: UpstreamTls | None = decision.upstream_tls
        return replace(
            request,
            method=decision.method,
            path=decision.path,
            host=decision.host,
            headers=decision.request_headers,
            port=endpoint.port,
            address=endpoint.address,
            tls="none" if tls is None else "mtls" if tls.has_certificate else "tls",
            sni=tls.sni if tls else None,
            alpn=tls.alpn if tls else None,
            principal=principal(f"shop/{name}") if tls and tls.is_workload else "",
            source_ip="127.0.0.1",
            taken="",
        )

    def _routed(self, request: Request, decision: Decision, endpoint: Endpoint) -> Json:
        server = next(name for port, name in UPSTREAMS.items() if self.bench.ports[port] == endpoint.port)
        if not decision.method:  # a connection: what goes through it is what the client wrote
            kept = sorted(pair for pair in request.headers if pair[0] not in NOT_TOLD)
            sent = {"method": request.method, "path": request.path, "host": request.host, "sent": kept}
        else:
            kept = sorted(pair for pair in decision.request_headers if pair[0] not in NOT_TOLD)
            sent = {"method": decision.method, "path": decision.path, "host": decision.host, "sent": kept}
        told = {"status": 200, "headers": _told(decision.response_headers), "server": server, **sent}
        return told if sent["method"] != "HEAD" else {key: told[key] for key in ("status", "headers")}


def _hosts(config: EnvoyConfig) -> Iterator[Json]:
    """All virtual hosts of a configuration whose route tables stand inline; their names hold host and port."""
    pending: list[Any] = list(config.listeners.values())
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield from value.get("virtual_hosts", ())
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def _told(headers: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return sorted(pair for pair in headers if pair[0] in TOLD_OF_ANSWERS)


def _answered(decision: Decision, request: Request) -> Json:
    closes = (Outcome.CLOSED, Outcome.NO_LISTENER)
    if decision.outcome in closes or decision.status is None:
        return CLOSED
    body = "" if request.method == "HEAD" else decision.body
    return {"status": decision.status, "headers": _told(decision.response_headers), "body": body}


def _joined(first: Decision, second: Json) -> Json:
    """The answer as the client gets it through the first proxy; a connection that the second one closes is a 503."""
    if second is CLOSED:
        return {"status": 503, "headers": _told(first.response_headers), "body": None}
    return {**second, "headers": sorted([*second["headers"], *_told(first.response_headers)])}


def _observed(answer: Response) -> Json:
    headers = _told(answer.headers)
    if answer.header("content-type") != "application/json" or not answer.body:
        return {"status": answer.status, "headers": headers, "body": answer.body.decode()}
    seen = answer.json()
    if "server" not in seen:
        return {"status": answer.status, "headers": headers, "body": answer.body.decode()}
    kept = sorted((name, value) for name, value in seen["headers"] if name not in NOT_TOLD)
    sent = {"method": seen["method"], "path": seen["path"], "host": seen["host"], "sent": kept}
    return {"status": answer.status, "headers": headers, "server": seen["server"], **sent}


def agree(real: Json, told: list[Json]) -> bool:
    """Whether what was seen is one of the things that may be. A body that nobody can foretell is None."""
    seen = {"body": "", **real}
    may_be = [{"body": "", **each} for each in told]
    return any(each in (seen, {**seen, "body": None}) for each in may_be)
