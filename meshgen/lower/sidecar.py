"""Sidecars: what the clients of a service's Pods may see, from the calls that the service declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgen.diagnostics import JsonPath, Origin, Related
from meshgen.diagnostics.catalogue.lower import NO_WORKLOAD
from meshgen.intent.access import Access
from meshgen.intent.decode import IntentObject
from meshgen.intent.extension import Extension
from meshgen.intent.reference import split_service
from meshgen.intent.service import Call, Service
from meshgen.istio import sidecar as istio
from meshgen.istio.hosts import covering
from meshgen.lower.extension_place import called, concerns
from meshgen.lower.index import Index, ServiceKey, host_of
from meshgen.lower.result import Made, Report, make


def sidecars(index: Index, report: Report) -> Iterator[Made]:
    """One for each service that declares its calls, be it none."""
    declaring = [(key, service) for key, service in index.services.items() if service.model.calls is not None]
    admitted = _admitted(index) if declaring else {}
    for key, service in declaring:
        labels = index.labels_of(key)
        if labels:
            yield _sidecar(key, service, labels, admitted.get(key, {}), index)
        else:
            message = f"Service `{key[1]}` declares its calls, and nothing says which Pods it has"
            hint = f"add `workload: {{selector: {{app: {key[1]}}}}}`, or the core Service to the tree"
            related = [Related(service.origin, "declared here")]
            report.append(NO_WORKLOAD.at(service.at("spec", "calls"), message, help=hint, related=related))


def _sidecar(
    key: ServiceKey,
    service: IntentObject[Service],
    labels: Mapping[str, str],
    admitted: Mapping[ServiceKey, Origin],
    index: Index,
) -> Made:
    namespace = key[0]
    hosts: dict[str, Origin] = {}
    for position, call in enumerate(service.model.calls or ()):
        hosts.setdefault(_egress_host(call, namespace, index), service.item("spec", "calls", position))
    for callee, origin in sorted(admitted.items(), key=lambda item: item[0]):
        hosts.setdefault(f"{callee[0]}/{host_of(callee)}", origin)
    hosts.setdefault(f"{index.root_namespace}/*", service.item("spec", "calls"))
    origins: dict[JsonPath, Origin] = {
        ("spec", "egress", 0, "hosts", position): origin for position, origin in enumerate(hosts.values())
    }
    spec = istio.Sidecar(
        workload_selector=istio.NetworkingWorkloadSelector(labels=dict(labels)),
        egress=(istio.IstioEgressListener(hosts=tuple(hosts)),),
    )
    return make(service, spec, origins=origins)


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
    for access in index.of(Access):
        model = access.model
        if model.service is None:
            continue
        callee = split_service(model.service, model.namespace)
        for position, rule in enumerate(model.allow or ()):
            for number, caller in enumerate(rule.from_ or ()):
                for key in _callers(caller.service, caller.service_account, caller.namespace or model.namespace, index):
                    found.setdefault(key, {}).setdefault(callee, access.at("spec", "allow", position, "from", number))
    for extension in index.of(Extension):
        for destination, place in called(extension.model):
            callee = (destination.namespace or extension.model.namespace, destination.service or "")
            for key in index.services if destination.service is not None else ():
                if concerns(extension.model, key, index):
                    found.setdefault(key, {}).setdefault(callee, extension.at(*place))
    return found


def _callers(service: str | None, account: str | None, namespace: str, index: Index) -> list[ServiceKey]:
    if service is not None:
        return [split_service(service, namespace)]
    return index.services_by_account.get((namespace, account), []) if account is not None else []
