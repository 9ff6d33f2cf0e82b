"""The request that is traced: what a client sends, and over what kind of connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from meshgen.json import JsonObject


class Capture(StrEnum):
    """How the connection comes to the proxy: to a port of its own, or redirected by iptables on its way out or in."""

    NONE = "none"
    OUTBOUND = "outbound"
    INBOUND = "inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, or one TCP connection with `protocol="tcp"`.

    `port` and `address` are where the client connects to: the original destination of a captured connection. Headers are
    pairs with lower-case names, without `host`. `principal` is the SPIFFE identity of the client certificate without its
    scheme, empty where no certificate is sent. `claims` are verified JWT payloads by issuer: the way to trace with a token
    that nobody has signed; raw tokens stand in headers, cookies or the query, as on the wire, and their signatures count as
    valid unless `verifies_tokens` has them checked where the keys are inline. `now` (Unix seconds) judges the expiry of raw
    tokens; without it they are taken as current.
    """

    method: str = "GET"
    host: str = ""
    path: str = "/"  # with the query
    headers: tuple[tuple[str, str], ...] = ()
    port: int = 80
    address: str | None = None
    capture: Capture = Capture.NONE
    protocol: str = "http"  # http, http1.0, http2, tcp
    tls: str = "none"  # none, tls, mtls
    sni: str | None = None  # with TLS the host if None
    alpn: tuple[str, ...] | None = None  # with TLS what such a client offers if None
    principal: str = ""
    source_ip: str = "127.0.0.1"
    source_port: int = 0
    claims: Mapping[str, JsonObject] = field(default_factory=dict)
    verifies_tokens: bool = True
    now: int | None = None
    # What filters answer that Envoy asks or runs and nobody can read: `allow`, `deny` or a status, by filter name.
    answers: Mapping[str, str | int] = field(default_factory=dict)
    # The cluster of a split that is taken; which one it is stays open if empty.
    taken: str = ""
    # Which request this is since the proxy's local rate limits were last filled: 1 is the first.
    nth: int = 1

    @property
    def is_http(self) -> bool:
        """Whether the client speaks HTTP."""
        return self.protocol in ("http", "http1.0", "http2")

    @property
    def is_tls(self) -> bool:
        """Whether the client speaks TLS."""
        return self.tls in ("tls", "mtls")

    @property
    def has_certificate(self) -> bool:
        """Whether the client presents a certificate."""
        return self.tls == "mtls"

    @property
    def server_name(self) -> str:
        """The SNI, lower-case; empty without TLS."""
        if not self.is_tls:
            return ""
        name = self.sni if self.sni is not None else self.host if self.tls == "tls" else ""
        return name.lower()

    @property
    def offered_protocols(self) -> tuple[str, ...]:
        """The ALPN list: what is given, else what a sidecar (mtls) or a usual client (tls) offers."""
        if not self.is_tls:
            return ()
        if self.alpn is not None:
            return self.alpn
        if self.tls == "mtls":
            return ({"http": "istio-http/1.1", "http1.0": "istio-http/1.0", "http2": "istio-h2"}.get(self.protocol, "istio"),)
        return {"http": ("http/1.1",), "http1.0": ("http/1.0",), "http2": ("h2",)}.get(self.protocol, ())
