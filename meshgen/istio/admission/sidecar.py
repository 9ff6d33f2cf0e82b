"""What istiod refuses of a Sidecar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from meshgen.istio.admission.hosts import is_label
from meshgen.istio.admission.said import host_faults, ignored, port_faults, wrong
from meshgen.istio.rules import Rules
from meshgen.istio.sidecar import IstioEgressListener, IstioIngressListener, OutboundTrafficPolicy, Sidecar, SidecarPort
from meshgen.istio.violation import Violation, show
from meshgen.values import Protocol, is_ip, parse_protocol

_ENDPOINT = re.compile(r"(127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|):([0-9]{1,5})")


def sidecar(spec: Sidecar) -> Iterator[Violation]:
    """Something, and listeners that differ."""
    if not spec.egress and not spec.ingress and spec.outbound_traffic_policy is None and spec.inbound_connection_pool is None:
        yield wrong("a Sidecar needs `egress`, `ingress`, an `outboundTrafficPolicy` or an `inboundConnectionPool`")
    ports: set[int | None] = set()
    for index, ingress in enumerate(spec.ingress or ()):
        if ingress.port.number in ports:
            yield wrong(f"the port {ingress.port.number} is listened on twice", "ingress", index, "port", "number")
        ports.add(ingress.port.number)
    listeners = spec.egress or ()
    taken: set[int | None] = set()
    for index, egress in enumerate(listeners):
        if egress.port is None and index < len(listeners) - 1:
            yield wrong(
                "only the last `egress` may be without a `port`", "egress", index, help="move it to the end, or make them one"
            )
        if egress.port is not None and egress.port.number:
            if egress.port.number in taken:
                yield wrong(f"the port {egress.port.number} is listened on twice", "egress", index, "port", "number")
            taken.add(egress.port.number)


def ingress(listener: IstioIngressListener) -> Iterator[Violation]:
    """The port, the address, and where it leads."""
    yield from port_faults(listener.port.number, "port", "number")
    yield from _port(listener.port)
    if listener.bind and not is_ip(listener.bind):
        yield wrong(f"`bind` must be an IP address, not {show(listener.bind)}", "bind")
    endpoint = listener.default_endpoint or ""
    if endpoint and not endpoint.startswith("unix://"):
        found = _ENDPOINT.fullmatch(endpoint)
        if found is None or not 1 <= int(found[2]) <= 65535:
            hint = "one of `127.0.0.1:port`, `0.0.0.0:port`, `[::1]:port`, `[::]:port`, `:port` and `unix://…`"
            yield wrong(f"{show(endpoint)} is not where a Sidecar can send to", "defaultEndpoint", help=hint)
    tls = listener.tls
    if tls is None:
        return
    for name, value in (
        ("subjectAltNames", tls.subject_alt_names),
        ("httpsRedirect", tls.https_redirect),
        ("credentialName", tls.credential_name),
        ("credentialNames", tls.credential_names),
        ("tlsCertificates", tls.tls_certificates),
    ):
        if value:
            yield wrong(f"a Sidecar's `tls` takes no `{name}`", "tls", name)
    if tls.mode in {"ISTIO_MUTUAL", "AUTO_PASSTHROUGH"}:
        yield wrong(f"a Sidecar's `tls` has no `mode: {tls.mode}`", "tls", "mode", help="use `SIMPLE` or `MUTUAL`")
    if parse_protocol(listener.port.protocol or "") not in {Protocol.HTTPS, Protocol.TLS}:
        yield wrong("`tls` is for ports of the protocols HTTPS and TLS", "tls")


def _port(port: SidecarPort) -> Iterator[Violation]:
    if port.protocol and parse_protocol(port.protocol) is Protocol.UNSUPPORTED:
        yield wrong(f"{show(port.protocol)} is no protocol that Istio knows", "port", "protocol")
    if port.target_port:
        yield wrong("a Sidecar's port has no `targetPort`", "port", "targetPort", help="it listens on `number`")


def egress(listener: IstioEgressListener) -> Iterator[Violation]:
    """The port, and hosts of the form `namespace/host`."""
    port = listener.port
    if port is not None:
        yield from _port(port)
        socket = (listener.bind or "").startswith("unix://")
        if not port.number and not socket:
            yield wrong("a port with the number 0 is a Unix domain socket's", "port", "number", help="write `bind: unix://…`")
        elif port.number:
            yield from port_faults(port.number, "port", "number")
    if not listener.hosts:
        yield wrong("an `egress` needs at least one host", "hosts", help='write `["*/*"]` for all')
    for index, host in enumerate(listener.hosts):
        yield from _egress_host(host, index)
    if "*/*" in listener.hosts and any(not host.startswith(("*/", "~")) for host in listener.hosts):
        yield ignored("`*/*` takes in all other hosts", "hosts", listener.hosts.index("*/*"), help="keep it alone")


def _egress_host(host: str, index: int) -> Iterator[Violation]:
    namespace, slash, name = host.partition("/")
    if not slash or not namespace or not name:
        yield wrong(f"{show(host)} is not of the form `namespace/host`", "hosts", index, help=f"write `./{host}` or `*/{host}`")
        return
    place = namespace.removeprefix("~")
    if place not in {"", "*", "."} and not is_label(place):
        yield wrong(f"{show(namespace)} is no namespace", "hosts", index)
    if name != "*" and "." not in name:
        yield wrong(f"{show(name)} is a short name, which a Sidecar does not take", "hosts", index, help="write it in full")
    elif "*" in name and name != "*" and not name.startswith("*."):
        yield wrong(f"{show(name)} has its wildcard inside of a label", "hosts", index, help="write `*.` in front, or `*` alone")
    else:
        yield from host_faults(name, "hosts", index)


def outbound(policy: OutboundTrafficPolicy) -> Iterator[Violation]:
    """What becomes of the rest."""
    if policy.egress_proxy is not None:
        if policy.mode != "ALLOW_ANY":
            yield wrong("`egressProxy` takes what `mode: ALLOW_ANY` lets out", "egressProxy", help="write `mode: ALLOW_ANY`")
        elif policy.egress_proxy.port is None:
            yield wrong("`egressProxy` needs a `port`", "egressProxy")


RULES: Final[Rules] = {
    Sidecar: (sidecar,),
    IstioIngressListener: (ingress,),
    IstioEgressListener: (egress,),
    OutboundTrafficPolicy: (outbound,),
}
