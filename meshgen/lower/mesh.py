"""Mesh: the mesh-wide objects in the root namespace. MeshConfig is in `mesh_config.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent import mesh as intent
from meshgen.intent.decode import IntentObject
from meshgen.intent.mesh import Mesh
from meshgen.istio import telemetry
from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.peer_authentication import PeerAuthentication
from meshgen.lower.authentication import mutual_tls
from meshgen.lower.index import Index
from meshgen.lower.result import Made, make

_SIDES: dict[str, Literal["CLIENT", "SERVER", "CLIENT_AND_SERVER"]] = {
    "client": "CLIENT",
    "server": "SERVER",
    "clientAndServer": "CLIENT_AND_SERVER",
}


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
    logging = tracing = None
    if log is not None and (log.providers, log.filter, log.side, log.disabled) != (None, None, None, None):
        logging = (
            telemetry.AccessLogging(
                providers=_providers(log.providers),
                filter=None if log.filter is None else telemetry.AccessLoggingFilter(expression=log.filter),
                match=_side(log.side),
                disabled=log.disabled,
            ),
        )
    if mesh.tracing is not None:
        tracing = (_tracing(mesh.tracing),)
    if logging is None and tracing is None:
        return None
    return telemetry.Telemetry(access_logging=logging, tracing=tracing)


def _tracing(tracing: intent.MeshTracing) -> telemetry.Tracing:
    return telemetry.Tracing(
        providers=_providers(tracing.providers),
        random_sampling_percentage=tracing.sampling,
        disable_span_reporting=tracing.disabled,
        custom_tags=None if tracing.tags is None else {name: _tag(tag) for name, tag in tracing.tags.items()},
        match=_side(tracing.side),
        use_request_id_for_trace_sampling=tracing.use_request_id,
        enable_istio_tags=tracing.enable_istio_tags,
    )


def _providers(names: Sequence[str] | None) -> tuple[telemetry.ProviderRef, ...] | None:
    return None if names is None else tuple(telemetry.ProviderRef(name=name) for name in names)


def _side(side: str | None) -> telemetry.ModeMatch | None:
    return None if side is None else telemetry.ModeMatch(mode=_SIDES[side])


def _tag(tag: intent.TagSource) -> telemetry.CustomTag:
    if tag.literal is not None:
        return telemetry.CustomTag(literal=telemetry.LiteralTag(value=tag.literal))
    if tag.formatter is not None:
        return telemetry.CustomTag(formatter=telemetry.LiteralTag(value=tag.formatter))
    if tag.environment is not None:
        return telemetry.CustomTag(environment=telemetry.NamedTag(name=tag.environment, default_value=tag.default))
    return telemetry.CustomTag(header=telemetry.NamedTag(name=tag.header or "", default_value=tag.default))
