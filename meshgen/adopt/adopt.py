"""Native Istio objects to intent: propose, compile, compare, and keep only what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from meshgen.adopt.candidates import alone, services_to_be, together
from meshgen.adopt.differences import differences, patch_for, spoken
from meshgen.adopt.mesh import mesh_of
from meshgen.adopt.reader import Native, Proposal, ServiceKey, Surroundings, Unsaid
from meshgen.diagnostics import Diagnostic, Origin, Severity
from meshgen.diagnostics.catalogue.lower import HIDDEN_BY_MERGE, MERGED, OBJECT_REFUSED
from meshgen.intent.decode import IntentObject, decode_intents
from meshgen.intent.kind import Intent
from meshgen.intent.mesh import Mesh
from meshgen.intent.service import Service
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.istio.versions import DEFAULT_TARGET, IstioVersion
from meshgen.json import JsonObject
from meshgen.kubernetes import CoreFacts, KubernetesObject
from meshgen.load.document import Document
from meshgen.lower.lower import lower
from meshgen.lower.mesh.config import mesh_settings

_MERGED = "another VirtualService speaks of the same hosts on the same gateways, and intent would make one of both"
_FILE = "<adopted>"
"""The file that proposals are said to stand in; the document is their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """An object that an intent gives; `patched` where a patch gives a part of it."""

    object: Native
    intent: IntentObject[Intent]
    patched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """An object that stays native, and why."""

    object: Native
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What became of the native objects, each in the order of kind, namespace and name."""

    intents: tuple[IntentObject[Intent], ...] = ()
    adopted: tuple[Adopted, ...] = ()
    left: tuple[Left, ...] = ()
    mesh: IntentObject[Intent] | None = None  # of istiod's ConfigMap, which is no object of Istio's API

    def documents(self, *, short: bool = True) -> Iterator[JsonObject]:
        """The intents, then what stays native, as it was written."""
        for intent in (self.mesh, *self.intents) if self.mesh is not None else self.intents:
            yield intent.model.to_document(short=short)
        for left in self.left:
            yield left.object.to_json()


def adopt(
    natives: Sequence[IstioObject[IstioStruct]],
    intents: Sequence[IntentObject[Intent]],
    facts: CoreFacts,
    target: IstioVersion = DEFAULT_TARGET,
) -> Adoption:
    """Turns native objects into intents that compile to the same, and leaves the rest.

    `intents` are those of the tree already; `facts` are the core objects beside them. Nothing is adopted unchecked: what the
    compiler gives for the intents is compared with every object that they take the place of.
    """
    beside = _surroundings(natives, intents, facts)
    while True:
        adoption = _Run(natives, intents, facts, target, beside).to_the_end()
        routed = _routed((*intents, *adoption.intents))
        if routed >= beside.routed:
            return replace(adoption, mesh=mesh_of(facts.mesh_configs, intents))
        beside = replace(beside, routed=routed)  # fewer Services have rules than was thought: their names say the same now


def _routed(intents: Iterable[IntentObject[Intent]]) -> frozenset[ServiceKey]:
    """Services that have rules of their own."""
    models = [intent.model for intent in intents]
    return frozenset(
        (each.namespace, each.name) for each in models if isinstance(each, Service) and (each.routes or each.tcp or each.tls)
    )


def _surroundings(natives: Sequence[Native], intents: Sequence[IntentObject[Intent]], facts: CoreFacts) -> Surroundings:
    mesh = next((cast("IntentObject[Mesh]", intent) for intent in intents if isinstance(intent.model, Mesh)), None)
    config = mesh_settings(mesh, facts.mesh_configs, []).config
    selectors: dict[str, dict[str, Mapping[str, str]]] = {}
    for fact in facts.services:
        if fact.spec.selector:
            selectors.setdefault(fact.metadata.namespace, {})[fact.metadata.name] = fact.spec.selector
    versions, routed = services_to_be(natives)
    for intent in intents:
        if isinstance(intent.model, Service):
            key: ServiceKey = (intent.model.namespace, intent.model.name)
            versions[key] = frozenset(version.name for version in intent.model.versions or ())
    return Surroundings(config.trust_domain, config.root_namespace, selectors, versions, routed | _routed(intents))


@dataclass
class _Run:
    """One adoption: the proposals that stand, and what was tried for each object."""

    natives: Sequence[Native]
    intents: Sequence[IntentObject[Intent]]
    facts: CoreFacts
    target: IstioVersion
    beside: Surroundings
    standing: list[Proposal] = field(default_factory=list)
    patched: set[int] = field(default_factory=set)  # proposals, by id, that were given a patch
    ways: dict[tuple[str, str, str], Iterator[Proposal | Unsaid]] = field(default_factory=dict)
    reasons: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def to_the_end(self) -> Adoption:
        """Proposes, compiles and compares until everything that stands comes back; each round gives up one way at least."""
        self.ways = {native.key: alone(native, self.beside) for native in self.natives}
        covered: set[tuple[str, str, str]] = set()
        for proposal in together(self.natives, self.beside):
            self.standing.append(proposal)
            covered |= {native.key for native in proposal.objects}
        for native in self.natives:
            if native.key not in covered:
                self._next_way(native)
        decoded: dict[int, IntentObject[Intent]] = {}
        while True:
            decoded = self._decoded()
            failures = self._failures(decoded)
            if not failures:
                break
            for proposal, (reason, given) in failures:
                self._give_up(proposal, reason, given)
        return self._result(decoded)

    def _next_way(self, native: Native) -> None:
        for proposal in self.ways[native.key]:
            if isinstance(proposal, Proposal):
                self.standing.append(proposal)
                return
            self.reasons[native.key] = str(proposal)

    def _decoded(self) -> dict[int, IntentObject[Intent]]:
        """The proposals as intents, by their number; those that the language refuses are given up until none is left."""
        while True:
            documents = [Document(each.document(), Origin(_FILE, number)) for number, each in enumerate(self.standing)]
            intents, diagnostics = decode_intents(documents)
            if not diagnostics:
                return {intent.origin.document: intent for intent in intents}
            refused = {found.origin.document: found.message for found in reversed(diagnostics)}
            for proposal, reason in [(self.standing[number], reason) for number, reason in sorted(refused.items())]:
                self._give_up(proposal, reason, ())

    def _failures(self, decoded: Mapping[int, IntentObject[Intent]]) -> list[tuple[Proposal, tuple[str, tuple[Native, ...]]]]:
        """Proposals that do not give what they are for, with the reason and what they give instead."""
        taken = {native.key for proposal in self.standing for native in proposal.objects}
        left = [native for native in self.natives if native.key not in taken]
        lowered, diagnostics = lower((*self.intents, *decoded.values()), left, self.facts, self.target)
        given: dict[int, list[Native]] = {}
        extra: dict[int, KubernetesObject] = {}
        for each in lowered.objects:
            if each.origin.file == _FILE and each.native is None:
                given.setdefault(each.origin.document, []).append(each)
        for other in lowered.others:
            if other.origin.file == _FILE:
                extra.setdefault(other.origin.document, other)
        errors = _errors(diagnostics)
        if errors:  # first what is refused: without it the rest may come back
            return [(self.standing[number], (reason, ())) for number, reason in sorted(errors.items())]
        found = []
        for number, proposal in enumerate(self.standing):
            own = tuple(given.get(number, ()))
            reason = _difference(proposal, own, extra.get(number))
            if reason is not None:
                found.append((proposal, (reason, own)))
        return found

    def _give_up(self, proposal: Proposal, reason: str, given: tuple[Native, ...]) -> None:
        """Gives the missing fields by a patch where that is all; else tries the objects in their next ways."""
        position = next(i for i, each in enumerate(self.standing) if each is proposal)
        mended = _mended(proposal, given) if id(proposal) not in self.patched else None
        if mended is not None:
            self.patched.add(id(mended))
            self.standing[position] = mended
            return
        del self.standing[position]
        for native in proposal.objects:
            self.reasons[native.key] = reason
            self._next_way(native)

    def _result(self, decoded: Mapping[int, IntentObject[Intent]]) -> Adoption:
        adopted = [
            Adopted(object=native, intent=decoded[number], patched=_is_patched(proposal, native))
            for number, proposal in enumerate(self.standing)
            for native in proposal.objects
        ]
        taken = {each.object.key for each in adopted}
        left = [
            Left(object=native, reason=self.reasons.get(native.key, "")) for native in self.natives if native.key not in taken
        ]
        return Adoption(
            intents=tuple(sorted(decoded.values(), key=lambda each: (each.model.namespace, each.model.KIND, each.model.name))),
            adopted=tuple(sorted(adopted, key=lambda each: each.object.key)),
            left=tuple(sorted(left, key=lambda each: each.object.key)),
        )


def _errors(diagnostics: Iterable[Diagnostic]) -> dict[int, str]:
    """What the compiler refuses, or would make one object of with another, by the number of the proposal."""
    found: dict[int, str] = {}
    for each in diagnostics:
        if each.origin.file != _FILE:
            continue
        if each.code in (MERGED, HIDDEN_BY_MERGE):
            found.setdefault(each.origin.document, _MERGED)
        elif each.severity is Severity.ERROR and each.code is not OBJECT_REFUSED:  # the native is refused as well, and so it said
            found.setdefault(each.origin.document, each.message)
    return found


def _difference(proposal: Proposal, given: Sequence[Native], extra: KubernetesObject | None) -> str | None:
    """Why the objects that were given are not those that were wanted; None where they are."""
    by_key = {each.key: each for each in given}
    for native in proposal.objects:
        twin = by_key.pop(native.key, None)
        if twin is None:
            return _MERGED
        paths = differences(native, twin)
        if paths:
            return f"intent has no word for {spoken(paths)}"
    for key in (*by_key, *([extra.key] if extra is not None else [])):
        return f"a {proposal.kind.KIND} would give the {key[0]} `{key[1]}/{key[2]}` as well"
    return None


def _mended(proposal: Proposal, given: Sequence[Native]) -> Proposal | None:
    """The proposal with patches that give what it lacks; None where they would have to give more than single fields."""
    by_key = {each.key: each for each in given}
    if len(by_key) != len(proposal.objects):
        return None
    patches: list[JsonObject] = []
    for native in proposal.objects:
        twin = by_key.get(native.key)
        if twin is None:
            return None
        if not differences(native, twin):
            continue
        patch = patch_for(native, twin)
        if patch is None:
            return None
        name: JsonObject = {"name": native.name} if sum(each.kind == native.kind for each in given) > 1 else {}
        patches.append({"kind": native.kind, **name, "patch": patch})
    return replace(proposal, spec={**proposal.spec, "patches": list(patches)}) if patches else None


def _is_patched(proposal: Proposal, native: Native) -> bool:
    patches = proposal.spec.get("patches")
    return isinstance(patches, list) and any(
        isinstance(patch, dict) and patch["kind"] == native.kind and patch.get("name", native.name) == native.name
        for patch in patches
    )
