"""Chapter 9 of examples/book on three real Envoys: the front door, the box office's sidecar and the plays' sidecar."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import jwt
import pytest
from certificates import Authority
from cryptography.hazmat.primitives.asymmetric import ec
from harness import Answer, EchoServer, Received, Response, free_port, http_request, named_headers, start_envoy
from lessons import lesson, on_loopback

pytestmark = pytest.mark.envoy

BOXOFFICE, PLAYS = "127.0.0.31", "127.0.0.32"
HOST = "tickets.example.com"


def coordinate(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()


def desk(request: Received) -> Answer:
    """The authorizer: refunds need a clerk."""
    return (200, (), b"") if request.header("x-clerk") == "ann" else (403, (), b"ask a clerk")


@dataclass
class Theatre:
    door: int
    inside: int
    boxoffice: EchoServer
    plays: EchoServer
    key: ec.EllipticCurvePrivateKey

    def visit(self, path: str, *, token: str = "", method: str = "GET", **headers: str) -> Response:
        named = named_headers(headers) + ([("authorization", f"Bearer {token}")] if token else [])
        return http_request(self.door, path, method=method, host=HOST, headers=named)

    def token(self, key: ec.EllipticCurvePrivateKey | None = None, **claims: object) -> str:
        payload = {"iss": "https://login.example.com", "sub": "ann", "exp": 4_000_000_000, **claims}
        return jwt.encode(payload, key or self.key, algorithm="ES256", headers={"kid": "book"})


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    root, authority, key = tmp_path_factory.mktemp("theatre"), Authority(), ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    with ExitStack() as stack:
        boxoffice, plays = stack.enter_context(EchoServer("boxoffice")), stack.enter_context(EchoServer("plays"))
        refunds = stack.enter_context(EchoServer("refund-desk", desk))

        def start(name: str, account: str, address: str) -> dict[str, int]:
            """A proxy with ports of its own for what it calls: there is no iptables to keep them apart."""
            ports = {each: free_port() for each in ("door", "inside", "asked")}
            here = {
                "{port: 80, hosts: [tickets": f"{{port: {ports['door']}, hosts: [tickets",
                "ports: [80]": f"ports: [{{name: http, port: {ports['inside']}}}]",
                "ports: [8000]": f"ports: [{{name: http, port: {ports['asked']}}}]",
                "port: 8000": f"port: {ports['asked']}",
                "10.9.0.11:8080": f"{BOXOFFICE}:{boxoffice.port}",
                "10.9.0.21:8080": f"{PLAYS}:{plays.port}",
                "10.9.0.31:8000": f"127.0.0.1:{refunds.port}",
                "PteijsZI7c5dW34lL2sqr7tEg1EUoks8qo9xD2SZO8I": coordinate(numbers.x),
                "VxGjTNySKQgLY58Jl3_rfKkezOFkm_6orYXHKyBq3n4": coordinate(numbers.y),
            }
            place = root / name.replace("/", "-")
            result = lesson("09-security", place, here)
            certificates = authority.workload(place, f"cluster.local/ns/{account}")
            stack.enter_context(start_envoy(on_loopback(result, name, certificates, address), place))
            return ports

        start("theatre/plays", "theatre/sa/plays", PLAYS)
        inside = start("theatre/boxoffice", "theatre/sa/boxoffice", BOXOFFICE)["inside"]
        door = start("istio-ingress/front-door", "istio-ingress/sa/ingressgateway", "127.0.0.1")["door"]
        yield Theatre(door, inside, boxoffice, plays, key)


def test_9_the_poster_wall_is_open_and_the_rest_asks_for_a_token(theatre: Theatre):
    assert [theatre.visit(path).status for path in ("/posters/hamlet.png", "/opening-hours", "/seats")] == [200, 200, 403]
    answer = theatre.visit("/seats", token=theatre.token())
    assert (answer.status, dict(answer.json()["headers"])["x-visitor"]) == (200, "ann")
    assert theatre.visit("/seats", token=theatre.token(), method="POST").status == 403


def test_9_a_token_of_another_key_is_refused(theatre: Theatre):
    forged = theatre.token(ec.generate_private_key(ec.SECP256R1()))
    assert theatre.visit("/posters/hamlet.png", token=forged).status == 401


def test_9_a_claim_opens_the_club(theatre: Theatre):
    assert theatre.visit("/club/dinner", token=theatre.token()).status == 403
    assert theatre.visit("/club/dinner", token=theatre.token(group="club"), method="POST").status == 200


def test_9_the_box_office_reads_plays_and_does_not_change_them(theatre: Theatre):
    def statuses(method: str, path: str) -> int:
        return http_request(theatre.inside, path, method=method, host="plays").status

    assert (statuses("GET", "/plays/hamlet"), statuses("DELETE", "/plays/hamlet"), statuses("GET", "/staff")) == (200, 403, 403)
    assert statuses("GET", "/art/hamlet.png") == 200
    identity = theatre.plays.received[-1].header("x-forwarded-client-cert") or ""
    assert "URI=spiffe://cluster.local/ns/theatre/sa/boxoffice" in identity


def test_9_plaintext_gets_the_one_thing_that_is_for_everybody(theatre: Theatre):
    def plain(path: str) -> int:
        return http_request(theatre.boxoffice.port, path, address=BOXOFFICE, host="boxoffice").status

    assert (plain("/opening-hours"), plain("/seats")) == (200, 403)


def test_9_plaintext_gets_no_connection_where_the_mesh_is_strict(theatre: Theatre):
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        http_request(theatre.plays.port, "/plays/hamlet", address=PLAYS, host="plays")


def test_9_what_is_denied_stays_denied_to_those_who_are_allowed(theatre: Theatre):
    token = theatre.token()
    assert (theatre.visit("/till", token=token).status, theatre.visit("/till", token=token, x_till_key="k").status) == (403, 200)


def test_9_somebody_else_decides_about_refunds(theatre: Theatre):
    token = theatre.token()
    refused, granted = theatre.visit("/refunds/1", token=token), theatre.visit("/refunds/1", token=token, x_clerk="ann")
    assert (refused.status, refused.body, granted.status) == (403, b"ask a clerk", 200)
