"""Rules on their way to a VirtualService: destinations resolved, canaries and mirrors not yet in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, Related, did_you_mean
from meshgen.diagnostics.catalogue.lower import UNKNOWN_VERSION
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.intent.reference import ANY_VERSION, Destination
from meshgen.intent.rule import Share
from meshgen.istio import virtual_service as istio
from meshgen.istio.shared import PortSelector
from meshgen.lower.actions import headers
from meshgen.lower.index import Index, ServiceKey, host_of
from meshgen.lower.result import Report

M_co = TypeVar("M_co", bound=istio.HTTPMatchRequest | istio.L4MatchAttributes | istio.TLSMatchAttributes, covariant=True)


class Target(msgspec.Struct, frozen=True):  # made and changed for every rule
    """Where requests go: a host in Istio's words, and which service and version of the intents that is."""

    host: str
    service: ServiceKey | None
    version: str | None
    port: int | None
    follows: bool  # a service without a version: as it routes itself
    weight: int | None = None
    headers: istio.Headers | None = None
    origin: Origin | None = None  # where it differs from the rule's

    def destination(self) -> istio.Destination:
        """Istio's destination."""
        port = None if self.port is None else PortSelector(number=self.port)
        return istio.Destination(host=self.host, subset=self.version, port=port)


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A mirror of a rule."""

    policy: istio.HTTPMirrorPolicy
    origin: Origin


class Draft(msgspec.Struct, Generic[M_co], frozen=True):  # as Target
    """One rule: which requests, where they go, what else is done with them (the other fields of its Istio struct)."""

    matches: tuple[M_co, ...]
    targets: tuple[Target, ...]
    fields: dict[str, object]
    origin: Origin
    mirrors: tuple[Mirrored, ...] = ()
    hedged: bool = False  # Envoy's hedge_policy, for which Istio's API has no field


@dataclass(frozen=True, slots=True)
class Resolver:
    """Makes targets of the destinations of one intent; a finding goes to `report`.

    `own` is the service whose own routes these are. Whether a host exists is for the checks to say, which know natives too.
    """

    intent: IntentObject[Intent]
    own: ServiceKey | None
    index: Index
    report: Report

    def resolve(self, destination: Destination, path: JsonPath) -> Target | None:
        """A destination as a target, None (and a finding) where its version is none of the service's."""
        key = self._key(destination)
        if destination.host is not None and key is None:
            return Target(destination.host, None, destination.version, destination.port, follows=False)
        if key is None:
            hint = "write `service@version`; a version alone is known inside a Service"
            self.report.append(UNKNOWN_VERSION.at(self.intent.at(*path), "the destination names no service", help=hint))
            return None
        version = destination.version
        if version is not None and version != ANY_VERSION:
            problem = unknown_version(version, key, self.intent, path, self.index)
            if problem is not None:
                self.report.append(problem)
                return None
        follows = version is None and key != self.own
        return Target(host_of(key), key, None if version == ANY_VERSION else version, destination.port, follows)

    def _key(self, destination: Destination) -> ServiceKey | None:
        if destination.host is not None:
            return ("", destination.host) if destination.host in self.index.externals else None
        if destination.service is None:
            return self.own
        return self.index.key_of(destination.service, destination.namespace or self.intent.model.namespace)

    def resolve_all(self, destinations: Sequence[Destination], path: JsonPath) -> tuple[Target, ...] | None:
        """The targets of a rule with `to` or `split` under `path`; None where one of them cannot be."""
        if not destinations:
            return ()
        if type(destinations[0]) is Destination:
            target = self.resolve(destinations[0], (*path, "to", "version"))
            return None if target is None else (replace(target, origin=self.intent.at(*path, "to")),)
        found: list[Target] = []
        complete = True
        for position, share in enumerate(destinations):
            place = (*path, "split", position)
            target = self.resolve(share, (*place, "version"))
            if target is None or not isinstance(share, Share):
                complete = False
                continue
            extra = None if share.headers is None else headers(share.headers)
            found.append(replace(target, weight=share.weight, headers=extra, origin=self.intent.at(*place, "weight")))
        return tuple(found) if complete else None


def unknown_version(
    version: str, key: ServiceKey, intent: IntentObject[Intent], path: JsonPath, index: Index
) -> Diagnostic | None:
    """The finding about a version that a service of the intents does not have."""
    service = index.declared(key)
    if service is None:
        return None
    names = [known.name for known in service.model.versions or ()]
    if version in names:
        return None
    message = f"{intent.spoken} names version `{version}` of `{key[1]}`, which has no such version"
    known = f"its versions are {', '.join(f'`{name}`' for name in names)}" if names else "it declares no versions"
    if index.knows_service((key[0], version)):
        known = f"write `{{service: {version}}}` for the service `{version}`"
    place = service.at("spec", "versions") if names else service.origin
    related = [Related(place, f"`{key[1]}` is declared here")]
    return UNKNOWN_VERSION.at(intent.at(*path), message, help=did_you_mean(version, names) or known, related=related)
