"""Mesh: the mesh-wide objects in the root namespace. MeshConfig is in `mesh_config.py`."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent.decode import IntentObject
from meshgen.intent.mesh import Mesh
from meshgen.istio import telemetry
from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.peer_authentication import PeerAuthentication
from meshgen.lower.authentication import mutual_tls
from meshgen.lower.index import Index
from meshgen.lower.result import Made, make
from meshgen.lower.telemetry import access_logging, tracing


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
    spec = _telemetry(model)
    if spec is not None:
        yield make(mesh, spec, namespace=root, origins=_telemetry_origins(mesh))


def _telemetry_origins(mesh: IntentObject[Mesh]) -> dict[JsonPath, Origin]:
    return {
        ("spec", "accessLogging"): mesh.at("spec", "accessLog"),
        ("spec", "tracing"): mesh.at("spec", "tracing"),
    }


def _telemetry(mesh: Mesh) -> telemetry.Telemetry | None:
    log = mesh.access_log
    logging = None
    if log is not None and (log.providers, log.filter, log.side, log.disabled) != (None, None, None, None):
        logging = (access_logging(log),)
    if logging is None and mesh.tracing is None:
        return None
    return telemetry.Telemetry(access_logging=logging, tracing=None if mesh.tracing is None else (tracing(mesh.tracing),))
