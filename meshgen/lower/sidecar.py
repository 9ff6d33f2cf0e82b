"""Sidecars: what the clients of a service's Pods may see, from the calls that the service declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal, cast

from msgspec.structs import replace

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.intent.reference import split_service
from meshgen.istio import sidecar as istio
from meshgen.istio.hosts import covering
from meshgen.lower.destination_rule import connection_pool
from meshgen.lower.draft import Resolver
from meshgen.lower.gateway import server_tls
from meshgen.lower.index import Index, ServiceKey, host_of
from meshgen.lower.result import Made, Report, make
from meshgen.lower.target import pods_unknown

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.access import Access
    from meshgen.intent.extension import Extension
    from meshgen.intent.service import Call, Service
    from meshgen.intent.sidecar import InboundListener, OutboundListener, Sidecar, SidecarSettings, UnknownHosts

_CAPTURES: dict[str, Literal["DEFAULT", "IPTABLES", "NONE"]] = {"default": "DEFAULT", "iptables": "IPTABLES", "none": "NONE"}
OUTBOUND_POLICIES: dict[str, Literal["REGISTRY_ONLY", "ALLOW_ANY"]] = {"registryOnly": "REGISTRY_ONLY", "allowAny": "ALLOW_ANY"}


def sidecars(index: Index, report: Report) -> Iterator[Made]:
    """One for each service that declares its calls, be it none, or says what its sidecars do; and one for each Sidecar."""
    declaring = [(key, found) for key, found in index.services.items() if found.model.calls is not None or found.model.sidecar]
    admitted = _admitted(index) if any(found.model.calls is not None for _, found in declaring) else {}
    for key, service in declaring:
        labels = index.labels_of(key)
        if labels:
            yield _of_service(key, service, labels, admitted.get(key, {}), index, report)
            continue
        field, says = ("calls", "declares its calls") if service.model.calls is not None else ("sidecar", "has a `sidecar`")
        report.append(pods_unknown(service, field, says))
    for sidecar in cast("list[IntentObject[Sidecar]]", index.by_kind.get("Sidecar", [])):
        yield _of_sidecar(sidecar, index, report)


def _of_service(
    key: ServiceKey,
    service: IntentObject[Service],
    labels: Mapping[str, str],
    admitted: Mapping[ServiceKey, Origin],
    index: Index,
    report: Report,
) -> Made:
    namespace = key[0]
    hosts: dict[str, Origin] = {}
    if service.model.calls is not None:
        for position, call in enumerate(service.model.calls):
            hosts.setdefault(_egress_host(call, namespace, index), service.item("spec", "calls", position))
        for callee, origin in sorted(admitted.items(), key=lambda item: item[0]):
            hosts.setdefault(f"{callee[0]}/{host_of(callee)}", origin)
        hosts.setdefault(f"{index.root_namespace}/*", service.item("spec", "calls"))
    settings, place = service.model.sidecar, ("spec", "sidecar")
    origins = {} if settings is None else _origins(service, place, settings)
    first = 0 if settings is None else len(settings.outbound or ())
    for position, origin in enumerate(hosts.values()):
        origins["spec", "egress", first, "hosts", position] = origin
    if settings is None:
        spec = istio.Sidecar(workload_selector=_selector(labels), egress=_listener_for(hosts))
    else:
        spec = _spec(labels, settings, tuple(hosts), Resolver(service, None, index, report), place)
    return make(service, spec, origins=origins)


def _of_sidecar(sidecar: IntentObject[Sidecar], index: Index, report: Report) -> Made:
    model, resolver = sidecar.model, Resolver(sidecar, None, index, report)
    origins = _origins(sidecar, ("spec",), model.settings)
    origins["spec", "egress", len(model.outbound or ())] = sidecar.at("spec", "sees")
    labels = None if model.workload is None else model.workload.selector
    return make(sidecar, _spec(labels, model.settings, model.sees or (), resolver, ("spec",)), origins=origins)


def _origins(intent: IntentObject[Intent], path: JsonPath, settings: SidecarSettings) -> dict[JsonPath, Origin]:
    origins: dict[JsonPath, Origin] = {}
    for name, field, listeners in (("ingress", "inbound", settings.inbound), ("egress", "outbound", settings.outbound)):
        for position in range(len(listeners or ())):
            origins["spec", name, position] = intent.at(*path, field, position)
    return origins


def _spec(
    labels: Mapping[str, str] | None, settings: SidecarSettings, hosts: tuple[str, ...], resolver: Resolver, path: JsonPath
) -> istio.Sidecar:
    """`spec`; the listener for all hosts comes last, as Istio asks."""
    outbound = tuple(map(_outbound, settings.outbound or ()))
    inbound = settings.inbound
    return istio.Sidecar(
        workload_selector=None if labels is None else _selector(labels),
        ingress=None if inbound is None else tuple(map(_inbound, inbound)),
        egress=(*outbound, *(_listener_for(hosts) or ())) or None,
        outbound_traffic_policy=_unknown_hosts(settings.unknown_hosts, resolver, path),
        inbound_connection_pool=connection_pool(settings.inbound_connections),
    )


def _selector(labels: Mapping[str, str]) -> istio.NetworkingWorkloadSelector:
    return istio.NetworkingWorkloadSelector(labels=dict(labels))


def _listener_for(hosts: Iterable[str]) -> tuple[istio.IstioEgressListener, ...] | None:
    """The listener for all hosts, if there are any."""
    listed = tuple(hosts)
    return (istio.IstioEgressListener(hosts=listed),) if listed else None


def _inbound(listener: InboundListener) -> istio.IstioIngressListener:
    return istio.IstioIngressListener(
        port=_port(listener.port, listener),
        bind=listener.bind,
        capture_mode=None if listener.capture is None else _CAPTURES[listener.capture],
        default_endpoint=listener.forward_to,
        tls=None if listener.tls is None else server_tls(listener.tls),
        connection_pool=connection_pool(listener.connections),
    )


def _outbound(listener: OutboundListener) -> istio.IstioEgressListener:
    port = None if listener.port is None else replace(_port(listener.port, listener), target_port=listener.target_port)
    return istio.IstioEgressListener(
        hosts=listener.hosts,
        port=port,
        bind=listener.bind,
        capture_mode=None if listener.capture is None else _CAPTURES[listener.capture],
    )


def _port(number: int, listener: InboundListener | OutboundListener) -> istio.SidecarPort:
    protocol = listener.protocol or "HTTP"
    return istio.SidecarPort(name=listener.port_name or f"{protocol.lower()}-{number}", number=number, protocol=protocol)


def _unknown_hosts(value: UnknownHosts | None, resolver: Resolver, path: JsonPath) -> istio.OutboundTrafficPolicy | None:
    if value is None:
        return None
    target = None if value.through is None else resolver.resolve(value.through, (*path, "unknownHosts", "through"))
    return istio.OutboundTrafficPolicy(
        mode=None if value.policy is None else OUTBOUND_POLICIES[value.policy],
        egress_proxy=None if target is None else target.destination(),
    )


def _egress_host(call: Call, namespace: str, index: Index) -> str:
    """`namespace/host`, as a Sidecar writes it; a host that no ServiceEntry names may be declared in any namespace."""
    key = index.key_of(call.service or "", call.namespace or namespace) if call.host is None else ("", call.host)
    if key[0]:
        return f"{key[0]}/{host_of(key)}"
    known = next((host for host in covering(key[1]) if host in index.entries), None)  # `*.example.com` is imported as a whole
    return f"*/{key[1]}" if known is None else f"{index.entries[known]}/{known}"


def _admitted(index: Index) -> dict[ServiceKey, dict[ServiceKey, Origin]]:
    """By caller, the services whose Access lets it in by name, and those that its Extensions call: it sees what it may call."""
    found: dict[ServiceKey, dict[ServiceKey, Origin]] = {}
    for access in cast("list[IntentObject[Access]]", index.by_kind.get("Access", [])):
        model = access.model
        if model.service is None:
            continue
        callee = split_service(model.service, model.namespace)
        for position, rule in enumerate(model.allow or ()):
            for number, caller in enumerate(rule.from_ or ()):
                for key in _callers(caller.service, caller.service_account, caller.namespace or model.namespace, index):
                    found.setdefault(key, {}).setdefault(callee, access.at("spec", "allow", position, "from", number))
    if "Extension" in index.by_kind:
        _admit_called(index, found)
    return found


def _admit_called(index: Index, found: dict[ServiceKey, dict[ServiceKey, Origin]]) -> None:
    from meshgen.lower.extension.place import called, concerns  # noqa: PLC0415 (only where there are Extensions)

    for extension in cast("list[IntentObject[Extension]]", index.by_kind["Extension"]):
        for destination, place in called(extension.model):
            callee = (destination.namespace or extension.model.namespace, destination.service or "")
            for key in index.services if destination.service is not None else ():
                if concerns(extension.model, key, index):
                    found.setdefault(key, {}).setdefault(callee, extension.at(*place))


def _callers(service: str | None, account: str | None, namespace: str, index: Index) -> list[ServiceKey]:
    if service is not None:
        return [split_service(service, namespace)]
    return index.services_by_account.get((namespace, account), []) if account is not None else []
