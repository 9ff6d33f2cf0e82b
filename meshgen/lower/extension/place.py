"""Where an Extension stands: its Pods, their traffic, the services that it calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meshgen.diagnostics import Diagnostic, JsonPath
from meshgen.diagnostics.catalogue.extension import NOT_IN_TARGET, PORT_LEFT_OPEN
from meshgen.diagnostics.catalogue.lower import UNKNOWN_INTENT_REFERENCE
from meshgen.intent.decode import IntentObject
from meshgen.intent.envoy import POSITIONS, Envoy
from meshgen.intent.extension import ExtendedTraffic
from meshgen.intent.leaves import StringMatch
from meshgen.intent.reference import ANY_VERSION, Destination, split_service
from meshgen.json import JsonObject
from meshgen.lower.draft import unknown_version
from meshgen.lower.envoy_patches import Context, Position, Where
from meshgen.lower.index import Index, ServiceKey, host_of
from meshgen.lower.result import Report
from meshgen.lower.target import Scope
from meshgen.values import duration_to_envoy

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.extension import Extension

_CONTEXTS: Final[dict[str | None, tuple[Context, ...]]] = {
    "inbound": ("SIDECAR_INBOUND",),
    "outbound": ("SIDECAR_OUTBOUND",),
    "both": ("SIDECAR_INBOUND", "SIDECAR_OUTBOUND"),
    "gateway": ("GATEWAY",),
    None: ("ANY",),
}


@dataclass(frozen=True, slots=True)
class Upstream:
    """A cluster of Istio's that a filter sends to."""

    cluster: str
    host: str


@dataclass(frozen=True, slots=True)
class Place:
    """One Extension, with what its lowering needs."""

    intent: IntentObject[Extension]
    scope: Scope
    index: Index
    report: Report

    def say(self, diagnostic: Diagnostic) -> None:
        """Leaves a finding."""
        self.report.append(diagnostic)

    def listeners(self, usual: str | None) -> Iterator[Where]:
        """The listeners of its traffic; `usual` is the direction where none is said, None for all there are."""
        model = self.intent.model
        if model.gateway is not None or model.targets is not None:
            usual = "gateway"
        for traffic in model.traffic or (ExtendedTraffic(),):
            direction = "gateway" if model.gateway is not None else traffic.direction or usual
            for context in _CONTEXTS[direction]:
                for port in traffic.ports or (None,):
                    yield Where(context=context, port=port)

    def cluster_listeners(self, usual: str | None) -> Iterator[Where]:
        """Where a cluster of its own is added: once on each kind of proxy, since sidecars have one list for both directions."""
        contexts = {where.context for where in self.listeners(usual)}
        if contexts & {"ANY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND"}:
            yield Where(context="SIDECAR_OUTBOUND")
        if contexts & {"ANY", "GATEWAY"} and self.intent.model.service is None:
            yield Where(context="GATEWAY")

    @property
    def beside(self) -> tuple[str, Position]:
        """The filter that it stands beside, and on which side."""
        model = self.intent.model
        name = model.after or model.before or "router"
        return POSITIONS.get(name, name), "INSERT_AFTER" if model.after is not None else "INSERT_BEFORE"

    def behind_waypoint(self, means: str) -> bool:
        """Whether it is for services behind a waypoint, for which there are no patches here (and a finding).

        Raw patches may be for waypoints, where they say so.
        """
        if _is_for_waypoints(self.intent.model.envoy):
            return False
        for position, ref in enumerate(self.intent.model.targets or ()):
            if ref.kind in {"Service", "ServiceEntry"}:
                message = (
                    f"{self.intent.spoken}: `{means}` gives an EnvoyFilter for gateways, and `{ref.kind}/{ref.name}` is none"
                )
                hint = "name the Gateway, or write patches with `match: {context: WAYPOINT}` under `envoy.raw`"
                self.say(NOT_IN_TARGET.at(self.intent.at("spec", "targets", position), message, help=hint))
                return True
        return False

    def upstream(self, destination: Destination, *path: str | int) -> Upstream | None:
        """The cluster of a service that it calls; None (and a finding) where there is none."""
        if destination.host is not None:
            if destination.port is None:
                self._no_port(destination.host, path, "write `host` and `port`")
                return None
            return _upstream(destination.port, destination.version, destination.host)
        key = self.key_of(destination)
        if not self.index.knows_service(key):
            message = f"{self.intent.spoken} calls the service `{key[1]}`, which nobody declares"
            self.say(UNKNOWN_INTENT_REFERENCE.at(self.intent.at(*path), message, help=self.index.suggestion(key)))
            return None
        if destination.version is not None:
            problem = unknown_version(destination.version, key, self.intent, path, self.index)
            if problem is not None and destination.version != ANY_VERSION:
                self.say(problem)
                return None
        ports = [number for number, _ in self.index.ports_of(key)]
        port = destination.port or (ports[0] if len(ports) == 1 else None)
        if port is None or (ports and port not in ports):
            known = f"its ports are {', '.join(f'`{number}`' for number in ports)}" if ports else f"write `{key[1]}:8080`"
            self._no_port(key[1], path, known, port)
            return None
        return _upstream(port, destination.version, host_of(key))

    def key_of(self, destination: Destination) -> ServiceKey:
        """Namespace and name of a service that it calls."""
        return destination.namespace or self.intent.model.namespace, destination.service or ""

    def _no_port(self, name: str, path: JsonPath, hint: str, port: int | None = None) -> None:
        what = f"port {port} of `{name}`, which has none" if port is not None else f"`{name}`, and does not say on which port"
        self.say(PORT_LEFT_OPEN.at(self.intent.at(*path), f"{self.intent.spoken} calls {what}", help=hint))


def _is_for_waypoints(envoy: Envoy | None) -> bool:
    """Whether all that it says are raw patches with `match: {context: WAYPOINT}`."""
    if envoy is None or envoy.filters or not envoy.raw:
        return False
    matches = [patch.get("match") for patch in envoy.raw]
    return all(isinstance(match, dict) and match.get("context") == "WAYPOINT" for match in matches)


def _upstream(port: int, version: str | None, host: str) -> Upstream:
    subset = "" if version is None or version == ANY_VERSION else version
    return Upstream(f"outbound|{port}|{subset}|{host}", host)


def grpc_service(upstream: Upstream, timeout: str | None = None) -> JsonObject:
    """A gRPC service by Istio's own cluster, so that mutual TLS and balancing are as for any other call."""
    service: JsonObject = {"envoy_grpc": {"cluster_name": upstream.cluster, "authority": upstream.host}}
    return service if timeout is None else {**service, "timeout": duration_to_envoy(timeout)}


def header_match(match: StringMatch) -> JsonObject:
    """How a header or a query parameter must be (Envoy: `HeaderMatcher`, `QueryParameterMatcher`)."""
    if match.present:
        return {"present_match": True}
    if match.regex is not None:
        return {"string_match": {"safe_regex": {"regex": match.regex}}}
    return {"string_match": {"exact": match.exact} if match.exact is not None else {"prefix": match.prefix}}


def called(extension: Extension) -> Iterator[tuple[Destination, JsonPath]]:
    """The services that an Extension's filters send to, with their places."""
    if extension.lua is not None:
        for name, destination in (extension.lua.calls or {}).items():
            yield destination, ("spec", "lua", "calls", name)
    if extension.rate_limit is not None:
        yield extension.rate_limit.service, ("spec", "rateLimit", "service")
    if extension.external_processor is not None:
        yield extension.external_processor.service, ("spec", "externalProcessor", "service")


def concerns(extension: Extension, key: ServiceKey, index: Index) -> bool:
    """Whether an Extension is for the Pods of a service."""
    if extension.mesh:
        return True
    if extension.service is not None:
        return split_service(extension.service, extension.namespace) == key
    if extension.namespace != key[0] or extension.gateway is not None or extension.targets is not None:
        return False
    return extension.workload is None or extension.workload.selector.items() <= index.labels_of(key).items()


__all__ = ["Place", "Upstream", "called", "concerns", "grpc_service", "header_match"]
