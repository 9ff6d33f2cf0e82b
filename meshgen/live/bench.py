"""Some proxies of a mesh as real Envoys, wired to each other and to stub applications on loopback."""

from __future__ import annotations

import re
import ssl
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from meshgen.emit.envoy.bootstrap import BootstrapOptions, static_bootstrap
from meshgen.emit.envoy.names import parse_outbound
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.json import JsonObject, JsonValue
from meshgen.live.authority import Authority
from meshgen.live.loopback import Wiring, on_loopback, read_log
from meshgen.live.process import EnvoyProcess, free_port, launch, running
from meshgen.live.tokens import Signer
from meshgen.mesh import Capture, Mesh, Proxy, Role
from meshgen.trace.fields import integer, message, messages, string

ASSUMED = "192.0.2.1"
"""Stands for an endpoint of which the sources do not tell (TEST-NET-1)."""

_CERTIFICATES = "/certificates"
_SECONDS = 60.0
_ALLOWED = re.compile(r"rbac\.policy\.(?P<name>.*)\.allowed: (?P<count>\d+)$")
ELSEWHERE = "elsewhere"
"""The stub behind everything that no test asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """An application on a port of loopback; with `names` it speaks TLS, with a certificate for them."""

    name: str
    port: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a port of loopback stands for: an address (empty for one that is assumed), and the clusters that have it."""

    address: str
    clusters: list[str] = field(default_factory=list)


class Bench:
    """The plan: which port stands for what. `used` are the clusters that requests may take; all others lead elsewhere."""

    def __init__(self, mesh: Mesh, used: Iterable[str], unlisted: Iterable[str], directory: Path) -> None:
        self.mesh = mesh
        self.directory = directory
        self.authority, self.signer = Authority(), Signer()
        self.endpoints: dict[int, Endpoint] = {}  # by the port that stands for it
        self.stubs: dict[tuple[str, str], Stub] = {}
        self.inbound: dict[str, dict[int, dict[str, int]]] = {}  # proxy → workload port → address or cluster → port
        self.listeners: dict[str, dict[int, int]] = {}  # gateway → port → the one that stands for it
        self.outbound: dict[str, int] = {}  # proxy → the port that stands for 15001
        self._used, self._unlisted = frozenset(used), frozenset(unlisted)
        self._servers: dict[tuple[str, int], tuple[Proxy, int]] = {}
        self._proxies: dict[str, Proxy] = {}
        self._elsewhere = self._stub(ELSEWHERE, ())
        self._running: list[EnvoyProcess] = []

    def add(self, proxies: Sequence[Proxy], known: Iterable[Proxy]) -> None:
        """The proxies that take part, and of all that are known those behind the clusters that are used."""
        self._proxies |= {proxy.id: proxy for proxy in proxies}
        for proxy in known:
            for service, port, workload_port in self.mesh.view(proxy).inbound_services:
                self._servers.setdefault((service.host, port.number), (proxy, workload_port))
        for name in map(parse_outbound, sorted(self._used)):
            server = self._servers.get((name.host, name.port)) if name is not None else None
            if server is not None:
                self._proxies.setdefault(server[0].id, server[0])

    def server_port(self, proxy: Proxy, workload_port: int, address: str) -> int:
        """The port that stands for a workload's, as a client has it from `address`."""
        known = self.inbound.setdefault(proxy.id, {}).setdefault(workload_port, {})
        return known.setdefault(address, free_port()) if address not in known else known[address]

    def is_inbound(self, proxy: str, port: int) -> bool:
        """Whether a port of a proxy is one on which its application is asked."""
        return any(port in known.values() for known in self.inbound.get(proxy, {}).values())

    @contextmanager
    def start(self, envoy: Path) -> Iterator[None]:
        """Runs an Envoy for each proxy until the block ends.

        Raises:
            EnvoyError: where one of them does not start.
        """
        plans = [(proxy, self._bootstrap(proxy)) for proxy in self._proxies.values()]
        for proxy, bootstrap in plans:
            on_loopback(bootstrap, self._wiring(proxy))  # once to learn what leads where, and then for good
        with running(self._launch(envoy, plans), _SECONDS):
            yield

    def _launch(self, envoy: Path, plans: Iterable[tuple[Proxy, JsonObject]]) -> Iterator[EnvoyProcess]:
        for proxy, bootstrap in plans:
            led = on_loopback(bootstrap, self._wiring(proxy))
            process = launch(envoy, led, self._place(proxy.id))
            self._running.append(process)
            yield process

    def allowed(self) -> Counter[str]:
        """How often each rule of a policy has allowed a request so far, by Envoy's name for it."""
        found: Counter[str] = Counter()
        for process in self._running:
            for line in process.admin("/stats?filter=rbac%5C.policy").splitlines():
                match = _ALLOWED.search(line)
                if match is not None:
                    found[match["name"]] += int(match["count"])
        return found

    def logs(self) -> Mapping[str, list[dict[str, str]]]:
        """The access logs by proxy, once the Envoys are stopped."""
        files = {name: self._place(name) / "access.log" for name in self._proxies}
        return {name: read_log(file.read_text()) if file.exists() else [] for name, file in files.items()}

    def _place(self, proxy: str) -> Path:
        return self.directory / proxy.replace("/", "~")

    def _bootstrap(self, proxy: Proxy) -> JsonObject:
        snapshot, _ = emit_envoy(self.mesh, replace(proxy, capture=Capture.IPTABLES))
        if proxy.is_gateway:
            self._open(proxy, snapshot)
        self.outbound.setdefault(proxy.id, free_port())
        # Without a domain whose names stand in for endpoints: a service that has none has none.
        options = BootstrapOptions(admin_port=0, certificates=_CERTIFICATES, cluster_domain="invalid")
        return static_bootstrap(replace(snapshot, endpoints=self._with_assumed(snapshot)), options)

    def _open(self, proxy: Proxy, snapshot: Snapshot) -> None:
        known = self.listeners.setdefault(proxy.id, {})
        for listener in snapshot.listeners:
            port = integer(message(listener, "address", "socket_address"), "port_value")
            known.setdefault(port, free_port())

    def _with_assumed(self, snapshot: Snapshot) -> tuple[JsonObject, ...]:
        """The endpoints, and one for each used cluster of which the sources do not tell who serves it."""
        listed = {string(each, "cluster_name") for each in snapshot.endpoints if each.get("endpoints")}
        kept = [each for each in snapshot.endpoints if each.get("endpoints")]
        for cluster in snapshot.clusters:
            name = string(cluster, "name")
            parsed = parse_outbound(name)
            if name in listed or name not in self._unlisted or name not in self._used or parsed is None:
                continue
            address: JsonObject = {"socket_address": {"address": ASSUMED, "port_value": parsed.port}}
            endpoint: JsonObject = {"endpoint": {"address": address}}
            server = self._servers.get((parsed.host, parsed.port))
            if server is not None and server[0].role is Role.SIDECAR:
                endpoint["metadata"] = {"filter_metadata": {"envoy.transport_socket_match": {"tlsMode": "istio"}}}
            kept.append({"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]})
        return tuple(kept)

    def _wiring(self, proxy: Proxy) -> Wiring:
        inbound = self.inbound.get(proxy.id, {})
        return Wiring(
            outbound=self.outbound[proxy.id],
            inbound={port: tuple(known.values()) for port, known in inbound.items()},
            listeners=self.listeners.get(proxy.id, {}),
            application=lambda port: self._stub(f"{proxy.id}:{port}", ()).port,
            upstream=self._upstream,
            log=str(self._place(proxy.id) / "access.log"),
            jwks=self.signer.jwks,
            file_of=partial(self._file, proxy),
        )

    def _upstream(self, cluster: JsonObject, address: str, port: int, is_tls: bool) -> tuple[int, bool]:
        name = string(cluster, "name")
        if name not in self._used:
            return self._elsewhere.port, True
        parsed = parse_outbound(name)
        server = self._servers.get((parsed.host, parsed.port)) if parsed is not None else None
        identity = name if address in {"", ASSUMED} else f"{address}:{port}"
        is_stub = server is None
        if server is None:
            found = self._stub(identity, _names_in(cluster) if is_tls else ()).port
        elif server[0].role is Role.SIDECAR:
            found = self.server_port(server[0], server[1], identity)
        else:
            found = self.listeners.get(server[0].id, {}).get(server[1], self._elsewhere.port)
        known = self.endpoints.setdefault(found, Endpoint("" if identity == name else identity))
        if name not in known.clusters:
            known.clusters.append(name)
        return found, is_stub

    def _stub(self, name: str, names: tuple[str, ...]) -> Stub:
        key = (name, ",".join(names))
        if key not in self.stubs:
            self.stubs[key] = Stub(name=name, port=free_port(), names=names)
        return self.stubs[key]

    # --- certificates -----------------------------------------------------------------------------------------------
    def _file(self, proxy: Proxy, kind: str, path: str) -> str:
        """The file that stands for one of a proxy's: all are of one authority."""
        place = self._place(proxy.id)
        workload, credential = place / "workload", place / "credential"
        if not workload.exists():
            domain = self.mesh.config.trust_domain
            self.authority.workload(place, f"{domain}/ns/{proxy.namespace}/sa/{proxy.service_account}")
            self.authority.credential(credential, "*")
        if kind == "trusted_ca":
            return str(workload / "root-cert.pem")
        if PurePosixPath(path).is_relative_to(f"{_CERTIFICATES}/workload"):
            return str(workload / ("key.pem" if kind == "private_key" else "cert-chain.pem"))
        return str(credential / ("tls.key" if kind == "private_key" else "tls.crt"))

    def server_context(self, stub: Stub) -> ssl.SSLContext:
        """The TLS of a stub."""
        place = self.directory / "stubs" / str(stub.port)
        self.authority.credential(place, *stub.names)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(place / "tls.crt", place / "tls.key")
        return context

    def client_context(self, identity: str, *, certificate: bool) -> ssl.SSLContext:
        """The TLS of a client outside, perhaps with a certificate for a SPIFFE identity."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        if certificate:
            place = self.directory / "clients" / (identity.replace("/", "~") or "nobody")
            if not place.exists():
                self.authority.workload(place, identity or "nobody")
            context.load_cert_chain(place / "workload/cert-chain.pem", place / "workload/key.pem")
        return context


def _names_in(value: JsonValue) -> tuple[str, ...]:
    """The names that a client's TLS asks for: its server names, and the subject alternative names that it takes."""
    found: list[str] = []

    def look(item: JsonValue) -> None:
        if isinstance(item, list):
            for each in item:
                look(each)
        elif isinstance(item, dict):
            found.extend(value for key, value in item.items() if key == "sni" and isinstance(value, str))
            for matcher in messages(item, "match_typed_subject_alt_names"):
                wanted = message(matcher, "matcher")
                found.extend(text for kind in ("exact", "prefix") if (text := string(wanted, kind)))
            for each in item.values():
                look(each)

    look(value)
    return tuple(dict.fromkeys(found)) or ("stub",)
