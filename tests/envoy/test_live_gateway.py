"""A gateway in a real Envoy: redirect to HTTPS, TLS termination, client certificates, tokens."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest
from certificates import Authority
from cryptography.hazmat.primitives.asymmetric import rsa
from harness import EchoServer, Response, free_port, http_request, start_envoy
from mesh_text import mesh_of
from meshes import bootstrap, echo_endpoint, gateway, service

pytestmark = pytest.mark.envoy

ISSUER = "https://login.shop.example"
OBJECTS = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: shop}}
spec:
  selector: {{istio: edge}}
  servers:
  - port: {{number: {http}, name: http, protocol: HTTP}}
    bind: 127.0.0.1
    hosts: [shop.example]
    tls: {{httpsRedirect: true}}
  - port: {{number: {https}, name: https, protocol: HTTPS}}
    bind: 127.0.0.1
    hosts: [shop.example]
    tls: {{mode: SIMPLE, credentialName: shop-cert}}
  - port: {{number: {https}, name: https-partner, protocol: HTTPS}}
    bind: 127.0.0.1
    hosts: [partner.example]
    tls: {{mode: MUTUAL, credentialName: partner-cert, subjectAltNames: [client.partner.example]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: shop}}
spec:
  hosts: [shop.example, partner.example]
  gateways: [edge]
  http: [{{route: [{{destination: {{host: catalog}}}}]}}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: tokens, namespace: shop}}
spec:
  selector: {{matchLabels: {{istio: edge}}}}
  jwtRules:
  - issuer: {issuer}
    audiences: [shop]
    jwks: '{keys}'
    outputClaimToHeaders: [{{header: x-user, claim: sub}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: edge, namespace: shop}}
spec:
  selector: {{matchLabels: {{istio: edge}}}}
  rules:
  - to: [{{operation: {{paths: [/public*]}}}}]
  - from: [{{source: {{requestPrincipals: ['{issuer}/*']}}}}]
    to: [{{operation: {{paths: [/orders]}}}}]
  - from: [{{source: {{requestPrincipals: ['{issuer}/*']}}}}]
    to: [{{operation: {{paths: [/admin]}}}}]
    when: [{{key: 'request.auth.claims[groups]', values: [admins]}}]
"""


@dataclass
class Edge:
    """The gateway's ports, who signed its certificates, and the key that signs tokens."""

    http: int
    https: int
    authority: Authority
    key: rsa.RSAPrivateKey
    directory: Path

    def context(self) -> ssl.SSLContext:
        """A client that trusts the authority alone."""
        return ssl.create_default_context(cadata=self.authority.pem.decode())

    def get(self, path: str, *, token: str | None = None, host: str = "shop.example", sni: str | None = None) -> Response:
        headers = [("authorization", f"Bearer {token}")] if token else []
        return http_request(self.https, path, host=host, headers=headers, tls=self.context(), sni=sni)

    def token(self, *, key: rsa.RSAPrivateKey | None = None, **claims: object) -> str:
        payload = {"iss": ISSUER, "sub": "ann", "aud": "shop", "exp": 4_000_000_000, **claims}
        return jwt.encode(payload, key or self.key, algorithm="RS256", headers={"kid": "one"})


def _key_set(key: rsa.RSAPrivateKey) -> str:
    numbers = key.public_key().public_numbers()

    def field(number: int) -> str:
        return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()

    fields = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", "n": field(numbers.n), "e": field(numbers.e)}
    return json.dumps({"keys": [fields]})


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    root, authority = tmp_path_factory.mktemp("edge"), Authority()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = Edge(free_port(), free_port(), authority, key, root)
    authority.credential(root / "shop-cert", "shop.example")
    authority.credential(root / "partner-cert", "partner.example")
    objects = OBJECTS.format(http=made.http, https=made.https, issuer=ISSUER, keys=_key_set(key))
    with ExitStack() as stack:
        echo = stack.enter_context(EchoServer("catalog"))
        mesh = mesh_of(objects, service("catalog", 8000), *echo_endpoint("catalog", echo))
        stack.enter_context(start_envoy(bootstrap(mesh, gateway(), root), root / "envoy"))
        yield made


def test_plain_http_is_redirected_to_https(edge: Edge):
    answer = http_request(edge.http, "/public?a=b", host="shop.example")
    assert (answer.status, answer.header("location")) == (301, "https://shop.example/public?a=b")


def test_tls_is_terminated_with_the_credential(edge: Edge):
    answer = edge.get("/public")
    assert (answer.status, answer.json()["server"], answer.json()["host"]) == (200, "catalog", "shop.example")


def test_the_certificate_is_checked_by_the_client(edge: Edge):
    stranger = ssl.create_default_context(cadata=Authority("elsewhere").pem.decode())
    with pytest.raises(ssl.SSLCertVerificationError):
        http_request(edge.https, "/public", host="shop.example", tls=stranger)


def test_a_host_of_another_certificate_is_not_served(edge: Edge):
    assert edge.get("/public", host="partner.example", sni="shop.example").status == 404


def test_a_server_name_that_no_server_has_gets_no_connection(edge: Edge):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        edge.get("/public", host="other.example")


def test_a_mutual_server_wants_a_client_certificate_with_a_name_that_it_knows(edge: Edge):
    def statuses(name: str | None) -> int:
        context = edge.context()
        if name:
            files = edge.authority.credential(edge.directory / f"client-{name}", name)
            context.load_cert_chain(files / "tls.crt", files / "tls.key")
        return http_request(edge.https, "/public", host="partner.example", tls=context).status

    assert statuses("client.partner.example") == 200
    for refused in (None, "other.partner.example"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            statuses(refused)


def test_a_good_token_is_let_in_and_its_claim_is_handed_on(edge: Edge):
    answer = edge.get("/orders", token=edge.token())
    headers = dict(answer.json()["headers"])
    assert (answer.status, headers["x-user"]) == (200, "ann")
    assert "authorization" not in headers  # Istio takes the token away unless `forwardOriginalToken`


def test_a_missing_token_is_refused_where_one_is_required(edge: Edge):
    assert (edge.get("/orders").status, edge.get("/public").status) == (403, 200)


def test_a_bad_token_is_refused_everywhere(edge: Edge):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    bad = {
        "another key": edge.token(key=other),
        "another issuer": edge.token(iss="https://evil.example"),
        "another audience": edge.token(aud="bank"),
        "expired": edge.token(exp=1_000_000_000),
        "garbage": "no.token.atall",
    }
    statuses = {why: edge.get("/public", token=token).status for why, token in bad.items()}
    assert statuses == {
        "another key": 401,
        "another issuer": 401,
        "another audience": 403,
        "expired": 401,
        "garbage": 401,
    }


def test_a_claim_decides(edge: Edge):
    assert edge.get("/admin", token=edge.token(groups=["staff"])).status == 403
    assert edge.get("/admin", token=edge.token(groups=["staff", "admins"])).status == 200
    assert edge.get("/admin", token=edge.token(groups="admins")).status == 200
