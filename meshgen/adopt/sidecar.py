"""Sidecars → Sidecar intents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshgen.adopt.gateway import SERVER_TLS
from meshgen.adopt.reader import Native, Proposal, Surroundings, Table, destination, fields, plain, table_of, word
from meshgen.adopt.traffic import CONNECTIONS
from meshgen.intent.sidecar import Sidecar
from meshgen.json import JsonObject
from meshgen.values import Protocol, parse_protocol


def sidecar(native: Native, beside: Surroundings) -> Iterator[Proposal]:
    """The Sidecar intent that gives a Sidecar."""
    spec = native.spec
    said: JsonObject = {}
    if spec.workload_selector is not None and spec.workload_selector.labels:
        said["workload"] = {"selector": dict(spec.workload_selector.labels)}
    egress = spec.egress or ()
    last = egress[-1] if egress and _is_for_all(egress[-1]) else None
    outbound = egress if last is None else egress[:-1]
    if last is not None:
        said["sees"] = plain(last.hosts)
    if spec.ingress:
        said["inbound"] = [_inbound(listener) for listener in spec.ingress]
    if outbound:
        said["outbound"] = [_outbound(listener) for listener in outbound]
    if spec.outbound_traffic_policy is not None:
        said["unknownHosts"] = _unknown(spec.outbound_traffic_policy, native.namespace, beside)
    yield Proposal(
        kind=Sidecar,
        name=native.name,
        namespace=native.namespace,
        spec=said | fields(spec, {"inbound_connection_pool": ("inboundConnections", table_of(CONNECTIONS))}),
        objects=(native,),
        labels=native.labels,
        annotations=native.annotations,
    )


def _is_for_all(listener: Any) -> bool:  # noqa: ANN401 (IstioEgressListener)
    """Whether a listener says nothing but its hosts."""
    return (listener.port, listener.bind, listener.capture_mode) == (None, None, None)


def _unknown(policy: Any, namespace: str, beside: Surroundings) -> JsonObject:  # noqa: ANN401 (OutboundTrafficPolicy)
    said: JsonObject = {} if policy.mode is None else {"policy": word(policy.mode)}
    if policy.egress_proxy is not None:
        said["through"] = destination(policy.egress_proxy, namespace, beside)
    return said


_COMMON: Table = {"bind": "bind", "capture_mode": ("capture", word)}
_INBOUND: Table = {
    **_COMMON,
    "default_endpoint": "forwardTo",
    "tls": ("tls", lambda tls: {"mode": "passthrough", **fields(tls, SERVER_TLS)}),
    "connection_pool": ("connections", table_of(CONNECTIONS)),
}


def _inbound(listener: Any) -> JsonObject:  # noqa: ANN401 (IstioIngressListener)
    return {**_port(listener.port), **fields(listener, _INBOUND)}


def _outbound(listener: Any) -> JsonObject:  # noqa: ANN401 (IstioEgressListener)
    port = {} if listener.port is None else _port(listener.port)
    return {**port, **fields(listener, {"hosts": "hosts", **_COMMON})}


def _port(port: Any) -> JsonObject:  # noqa: ANN401 (SidecarPort)
    """A port; its protocol and name where they do not follow."""
    number = port.number or 0
    known = parse_protocol(port.protocol or "")
    protocol = port.protocol if known is Protocol.UNSUPPORTED else known.value
    said: JsonObject = {"port": number}
    if protocol and protocol != Protocol.HTTP:
        said["protocol"] = protocol
    if port.name and port.name != f"{(protocol or 'HTTP').lower()}-{number}":
        said["portName"] = port.name
    return said
