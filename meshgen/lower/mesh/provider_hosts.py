"""Where extension providers send to: the service must be one that istiod knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meshgen.diagnostics import UNKNOWN, Origin, did_you_mean
from meshgen.diagnostics.catalogue.telemetry import SERVICE_OF_PROVIDER
from meshgen.istio.hosts import SERVICE_SUFFIX, covering, fully_qualified
from meshgen.istio.mesh_defaults import providers_by_name
from meshgen.istio.object import IstioObject
from meshgen.istio.service_entry import ServiceEntry
from meshgen.istio.struct import IstioStruct
from meshgen.lower.index import Index, host_of
from meshgen.lower.result import Report


def check_providers(index: Index, objects: Iterable[IstioObject[IstioStruct]], report: Report) -> None:
    """Says which providers send to a service that neither a Service nor a ServiceEntry declares."""
    if not index.config.extension_providers:
        return
    entries = {host for found in objects if isinstance(found.spec, ServiceEntry) for host in found.spec.hosts}
    services = {host_of(key) for key in (*index.services, *index.core_services)}
    namespaces = {key[0] for key in (*index.services, *index.core_services)}
    for position, (name, provider) in enumerate(providers_by_name(index.config).items()):
        for host in _hosts(provider):
            if host in services or any(each in entries for each in covering(host)):
                continue
            inside = host.endswith(SERVICE_SUFFIX)
            if inside and host.removesuffix(SERVICE_SUFFIX).rpartition(".")[2] not in namespaces:
                continue
            message = f"provider `{name}` sends to `{host}`, which nobody declares"
            hint = did_you_mean(host, services | entries) or "declare it, or write the service's fully qualified host"
            report.append(SERVICE_OF_PROVIDER.at(_place(index, name, position), message, help=hint))


def _hosts(provider: Mapping[str, object]) -> Iterator[str]:
    """The hosts of a provider; `namespace/host` is a host of a namespace."""
    for settings in provider.values():
        if isinstance(settings, Mapping) and isinstance(settings.get("service"), str) and settings["service"]:
            namespace, slash, host = settings["service"].rpartition("/")
            yield fully_qualified(host, namespace) if slash else host


def _place(index: Index, name: str, position: int) -> Origin:
    if index.mesh is not None:
        spec = index.mesh.value.get("spec")
        listed = isinstance(spec, dict) and isinstance(spec.get("providers"), list)
        return index.mesh.at("spec", "providers", position if listed else name)
    return index.facts.mesh_configs[0].origin if index.facts.mesh_configs else UNKNOWN
