"""Mesh: the mesh-wide objects in the root namespace. MeshConfig is in `config.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent.decode import IntentObject
from meshgen.intent.mesh_proxy import WorkloadProxy
from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.peer_authentication import PeerAuthentication
from meshgen.istio.sidecar import IstioEgressListener, OutboundTrafficPolicy, Sidecar
from meshgen.istio.telemetry import Telemetry
from meshgen.lower.authentication import mutual_tls
from meshgen.lower.index import Index
from meshgen.lower.proxy import proxy_config
from meshgen.lower.result import Made, make, make_other
from meshgen.lower.sidecar import OUTBOUND_POLICIES
from meshgen.lower.telemetry.observation import access_logging, tracing

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.mesh import Mesh
    from meshgen.intent.mesh_proxy import NamespaceSettings
    from meshgen.intent.mesh_settings import SidecarDefaults


def mesh_objects(index: Index) -> Iterator[Made]:
    """The mesh-wide objects, in the root namespace under the Mesh's name."""
    mesh = index.mesh
    if mesh is None:
        return
    root, model = index.root_namespace, mesh.model
    if model.mtls is not None:
        origins: dict[JsonPath, Origin] = {("spec", "mtls"): mesh.at("spec", "mtls")}
        yield make(mesh, PeerAuthentication(mtls=mutual_tls(model.mtls)), namespace=root, origins=origins)
    if model.access is not None:
        yield make(mesh, AuthorizationPolicy(), namespace=root, origin=mesh.at("spec", "access"))
    if model.sidecar is not None:
        yield _sidecar(mesh, model.sidecar, root)
    if model.proxy is not None and model.proxy.environment is not None:
        spec = proxy_config(WorkloadProxy(environment=model.proxy.environment))
        yield make(mesh, spec, namespace=root, origin=mesh.at("spec", "proxy", "environment"))
    yield from _namespaces(mesh)
    telemetry = _telemetry(model)
    if telemetry is not None:
        yield make(mesh, telemetry, namespace=root, origins=_telemetry_origins(mesh))


def _sidecar(mesh: IntentObject[Mesh], sidecar: SidecarDefaults, root: str) -> Made:
    """The Sidecar that holds in all namespaces which have none."""
    place = ("spec", "sidecar", "hosts")
    origins: dict[JsonPath, Origin] = {
        ("spec", "egress", 0, "hosts", index): mesh.at(*place, index) for index in range(len(sidecar.hosts))
    }
    policy = None if sidecar.outbound is None else OutboundTrafficPolicy(mode=OUTBOUND_POLICIES[sidecar.outbound])
    if policy is not None:
        origins["spec", "outboundTrafficPolicy"] = mesh.at("spec", "sidecar", "outbound")
    spec = Sidecar(egress=(IstioEgressListener(hosts=sidecar.hosts),), outbound_traffic_policy=policy)
    return make(mesh, spec, namespace=root, origin=mesh.at("spec", "sidecar"), origins=origins)


def _namespaces(mesh: IntentObject[Mesh]) -> Iterator[Made]:
    """Namespaces with their labels, and the settings of their proxies; nothing of one that says nothing."""
    for name, settings in (mesh.model.namespaces or {}).items():
        origin = mesh.at("spec", "namespaces", name)
        labels = {**(settings.labels or {}), **_injection(settings)}
        if labels:
            yield make_other(mesh, "v1", "Namespace", {}, name=name, namespace="", labels=labels, origin=origin)
        if settings.proxy is not None:
            yield make(mesh, proxy_config(settings.proxy), namespace=name, origin=mesh.at("spec", "namespaces", name, "proxy"))


def _injection(settings: NamespaceSettings) -> dict[str, str]:
    """The label by which istiod's webhook knows whether to inject, and which istiod's: one of the two, never both."""
    if isinstance(settings.inject, str):
        return {"istio.io/rev": settings.inject}
    return {} if settings.inject is None else {"istio-injection": "enabled" if settings.inject else "disabled"}


def _telemetry_origins(mesh: IntentObject[Mesh]) -> dict[JsonPath, Origin]:
    return {
        ("spec", "accessLogging"): mesh.at("spec", "accessLog"),
        ("spec", "tracing"): mesh.at("spec", "tracing"),
    }


def _telemetry(mesh: Mesh) -> Telemetry | None:
    log = mesh.access_log
    logging = None
    if log is not None and (log.providers, log.filter, log.side, log.disabled) != (None, None, None, None):
        logging = (access_logging(log),)
    if logging is None and mesh.tracing is None:
        return None
    return Telemetry(access_logging=logging, tracing=None if mesh.tracing is None else (tracing(mesh.tracing),))
