"""Chapter 4 of examples/book on a real Envoy: one front door with certificates, redirects, TCP and TLS that is passed on."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates import Authority
from harness import EchoServer, Response, free_port, http_request, start_envoy
from lessons import lesson, on_loopback

pytestmark = pytest.mark.envoy

PORTS = ("80", "443", "9100", "8443")
CONTRACTS = "contracts.example.com"


@dataclass
class Door:
    ports: dict[str, int]
    authority: Authority
    directory: Path

    def client(self, certificate: str = "") -> ssl.SSLContext:
        """A client that trusts the authority, with a certificate of its own if asked."""
        context = ssl.create_default_context(cadata=self.authority.pem.decode())
        if certificate:
            files = self.authority.credential(self.directory / certificate, certificate)
            context.load_cert_chain(files / "tls.crt", files / "tls.key")
        return context

    def https(self, host: str, path: str = "/", certificate: str = "", port: str = "443") -> Response:
        return http_request(self.ports[port], path, host=host, tls=self.client(certificate))


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    root, authority = tmp_path_factory.mktemp("door"), Authority()
    made = Door({name: free_port() for name in PORTS}, authority, root)
    for name in ("tickets", "plays", "partners"):
        authority.credential(root / f"{name}-cert", f"{name}.example.com")
    files = authority.credential(root / "contracts", CONTRACTS)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(files / "tls.crt", files / "tls.key")
    with ExitStack() as stack:
        servers = {name: stack.enter_context(EchoServer(name)) for name in ("boxoffice", "plays", "printer")}
        contracts = stack.enter_context(EchoServer("contracts", tls=own))
        here = {
            '{port: 80, hosts: ["theatre': f'{{port: {made.ports["80"]}, hosts: ["theatre',
            "- port: 443\n": f"- port: {made.ports['443']}\n",
            "{port: 443, ": f"{{port: {made.ports['443']}, ",
            "{port: 9100, ": f"{{port: {made.ports['9100']}, ",
            "{port: 8443, ": f"{{port: {made.ports['8443']}, ",
            "match: {port: 9100}": f"match: {{port: {made.ports['9100']}}}",
            "[contracts.example.com], port: 8443": f"[contracts.example.com], port: {made.ports['8443']}",
            "10.4.0.11:8080": f"127.0.0.1:{servers['boxoffice'].port}",
            "10.4.0.21:8080": f"127.0.0.1:{servers['plays'].port}",
            "10.4.0.31:9100": f"127.0.0.1:{servers['printer'].port}",
            "10.4.0.41:8443": f"127.0.0.1:{contracts.port}",
        }
        result = lesson("04-gateways", root, here)
        stack.enter_context(start_envoy(on_loopback(result, "istio-ingress/front-door", root), root))
        yield made


def test_4_plain_http_is_sent_to_https(door: Door):
    answer = http_request(door.ports["80"], "/seats?row=1", host="tickets.example.com")
    assert (answer.status, answer.header("location")) == (301, "https://tickets.example.com/seats?row=1")


def test_4_each_host_has_its_certificate_and_its_service(door: Door):
    assert {host: door.https(f"{host}.example.com").json()["server"] for host in ("tickets", "plays")} == {
        "tickets": "boxoffice",
        "plays": "plays",
    }


def test_4_an_old_path_is_redirected(door: Door):
    assert door.https("plays.example.com", "/old/hamlet").header("location") == "https://plays.example.com/"


def test_4_a_partner_shows_a_certificate(door: Door):
    assert door.https("partners.example.com", certificate="partner").json()["server"] == "boxoffice"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        door.https("partners.example.com")


def test_4_a_name_without_a_listener_gets_no_connection(door: Door):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        door.https("reviews.example.com")


def test_4_what_is_not_http_is_carried_as_it_is(door: Door):
    assert http_request(door.ports["9100"], "/page", host="whoever").json()["server"] == "printer"


def test_4_tls_is_passed_on_to_who_ends_it(door: Door):
    answer = door.https(CONTRACTS, "/hamlet", port="8443")
    assert (answer.json()["server"], answer.json()["host"]) == ("contracts", CONTRACTS)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        door.https("tickets.example.com", port="8443")
