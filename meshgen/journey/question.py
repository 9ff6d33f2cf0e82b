"""A request as people ask for it, and as the simulator takes it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from meshgen.diagnostics import suggest
from meshgen.json import JsonObject
from meshgen.trace import Request

OUTSIDE = "203.0.113.7"
"""The address of a client outside of the mesh that names none: of TEST-NET-3, which nobody has."""

SCHEMES = {"http": 80, "https": 443, "ws": 80, "wss": 443, "grpc": 80, "grpcs": 443, "tcp": 0, "tls": 0}
"""The schemes that are asked for, each with its port; 0 is none."""

_SECURE = frozenset({"https", "wss", "grpcs", "tls"})
_VERSIONS = {"1.0": "http1.0", "1.1": "http", "2": "http2"}
_UPGRADE = (("connection", "Upgrade"), ("upgrade", "websocket"))


class UnanswerableError(ValueError):
    """A question that cannot be read, or that names what the mesh does not have. The text is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request as people ask for it.

    `claims` are payloads of tokens whose signatures are assumed to be valid; the same is assumed of tokens in headers, unless
    `verifies` says that signatures are checked where the keys are known. `notes` say what the reader of the request could not
    take into account, or has assumed.
    """

    url: str  # http://catalog/items?x=1, https://shop.example.com/, grpc://, ws://, tcp://db:5432, tls://
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    source: str = ""  # the caller's proxy, "shop/webapp"; empty for a client outside of the mesh, at a gateway
    gateway: str = ""  # the gateway's proxy, where more than one serves the host
    client_certificate: str = ""  # the SPIFFE identity that an outside client presents, without its scheme
    has_certificate: bool = False  # whether an outside client presents a certificate of no such identity
    claims: tuple[JsonObject, ...] = ()
    verifies: bool = False
    remote_address: str = ""  # the IP that the connection comes from; OUTSIDE if a client outside says none
    sni: str | None = None  # in TLS; the URL's host if None, and "" is none
    http: str = "1.1"  # 1.0, 1.1 or 2
    connect_to: tuple[str, int | None] = ("", None)  # host or address, and port, that are dialled in place of the URL's
    to: str = ""  # of a split: the version, subset or cluster that is followed; the biggest share if empty
    notes: tuple[str, ...] = ()

    def request(self) -> Request:
        """What the simulator takes, as a client outside of the mesh sends it.

        Raises:
            UnanswerableError: for a URL or a field that no request can have.
        """
        parts, port = self._parts()
        secure, scheme = parts.scheme in _SECURE, parts.scheme
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = tuple((name.lower(), value) for name, value in self.headers)
        host = next((value for name, value in headers if name == "host"), parts.netloc.rpartition("@")[2])
        has_certificate = bool(self.client_certificate or self.has_certificate)
        return Request(
            method="POST" if scheme.startswith("grpc") else self.method,
            host=host,
            path=path,
            headers=(*(pair for pair in headers if pair[0] != "host"), *_implied(parts, headers)),
            port=port,
            protocol=self._protocol(scheme),
            tls=("mtls" if has_certificate else "tls") if secure else "none",
            sni=(parts.hostname if self.sni is None else self.sni) if secure else None,
            alpn=self._alpn(scheme) if secure else None,
            principal=self.client_certificate.removeprefix("spiffe://"),
            source_ip=self.remote_address or OUTSIDE,
            claims=_by_issuer(self.claims),
            verifies_tokens=self.verifies,
        )

    def _parts(self) -> tuple[SplitResult, int]:
        """The URL taken apart, and the port that the client connects to."""
        try:
            parts = urlsplit(self.url if "://" in self.url else f"http://{self.url}")
            given = parts.port
        except ValueError as error:
            message = f"`{self.url}` is no address of a request: {str(error)[:1].lower()}{str(error)[1:]}"
            raise UnanswerableError(message) from error
        if parts.scheme not in SCHEMES:
            help_ = suggest(parts.scheme, SCHEMES)
            message = f"`{self.url}` is no address of a request: `{parts.scheme}` is not a scheme that is traced; {help_}"
            raise UnanswerableError(message)
        if not parts.hostname:
            message = f"`{self.url}` is no address of a request; write one as in `http://catalog/items`"
            raise UnanswerableError(message)
        port = self.connect_to[1] or given or SCHEMES[parts.scheme]
        if not port:
            message = f"`{self.url}` names no port; write one as in `{parts.scheme}://{parts.hostname}:5432`"
            raise UnanswerableError(message)
        return parts, port

    def _protocol(self, scheme: str) -> str:
        if scheme in ("tcp", "tls"):
            return "tcp"
        if scheme.startswith("grpc"):
            return "http2"
        if self.http not in _VERSIONS:
            message = f"`{self.http}` is no version of HTTP that is traced; known are {', '.join(_VERSIONS)}"
            raise UnanswerableError(message)
        return _VERSIONS[self.http]

    def _alpn(self, scheme: str) -> tuple[str, ...]:
        if scheme == "tls":
            return ()
        return {"1.0": ("http/1.0",)}.get(self.http, ("h2", "http/1.1"))


def _implied(parts: SplitResult, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The headers that a scheme or a user in the URL brings, unless they are given."""
    implied: list[tuple[str, str]] = []
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        implied.append(("authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    if parts.scheme.startswith("grpc"):
        implied += [("content-type", "application/grpc"), ("te", "trailers")]
    if parts.scheme in ("ws", "wss"):
        implied += _UPGRADE
    given = {name for name, _ in headers}
    return tuple(pair for pair in implied if pair[0] not in given)


def _by_issuer(payloads: Iterable[JsonObject]) -> dict[str, JsonObject]:
    found: dict[str, JsonObject] = {}
    for payload in payloads:
        issuer = payload.get("iss")
        if not isinstance(issuer, str) or not issuer:
            message = "a token names its issuer, which decides who may accept it: add the claim `iss`"
            raise UnanswerableError(message)
        if issuer in found:
            message = f"two tokens are of the issuer `{issuer}`; a request is traced with one of each"
            raise UnanswerableError(message)
        found[issuer] = payload
    return found
