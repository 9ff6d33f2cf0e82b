"""Canaries and mirrors: what they do to every rule that sends to the version they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from meshgen.diagnostics import Related, did_you_mean
from meshgen.diagnostics.catalogue.lower import (
    CANARIES_OVER_ONE_VERSION,
    CANARY_OVER_SPLIT,
    CANARY_WITHOUT_RULE,
    CANNOT_COMBINE,
    UNKNOWN_INTENT_REFERENCE,
)
from meshgen.intent.decode import IntentObject
from meshgen.intent.kind import Intent
from meshgen.istio import virtual_service as istio
from meshgen.lower.actions import percent
from meshgen.lower.canary.handover import engine_of, handed_over
from meshgen.lower.canary.stickiness import sticky_shares
from meshgen.lower.draft import Draft, Mirrored, Resolver, Target, unknown_version
from meshgen.lower.index import Declared, Index, ServiceKey
from meshgen.lower.matches import Inexpressible, Matches, both
from meshgen.lower.result import Report
from meshgen.lower.rules import HttpDraft, RuleSet, http_matches

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.canary import Canary
    from meshgen.intent.mirror import Mirror

D = TypeVar("D", bound=Draft[istio.L4MatchAttributes] | Draft[istio.TLSMatchAttributes])


@dataclass
class Changes:
    """The canaries and mirrors of a run, each checked once; remembers which of them changed a rule."""

    index: Index
    report: Report
    canaries: dict[ServiceKey, list[IntentObject[Canary]]] = field(default_factory=dict)
    engines: dict[ServiceKey, IntentObject[Canary]] = field(default_factory=dict)
    mirrors: dict[ServiceKey, list[tuple[IntentObject[Mirror], Mirrored]]] = field(default_factory=dict)
    _used: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        for key, canaries in self.index.canaries.items():
            known = [canary for canary in canaries if self._check(canary, key)]
            weighted = [canary for canary in known if canary.model.engine == "weights" and self._check_versions(canary, key)]
            if weighted:
                self.canaries[key] = self._alone(weighted)
            engine = engine_of([canary for canary in known if canary.model.engine != "weights"], key, self.index, self.report)
            if engine is not None:
                self.engines[key] = engine
        for key, mirrors in self.index.mirrors.items():
            self.mirrors[key] = [pair for mirror in mirrors for pair in self._prepare(mirror, key)]

    # --- what is wrong with them by themselves -----------------------------------------------------------------

    def _check(self, change: IntentObject[Canary] | IntentObject[Mirror], key: ServiceKey) -> bool:
        if self.index.knows_service(key):
            return True
        message = f"{change.spoken} is about the service `{key[1]}`, which nobody declares"
        self.report.append(UNKNOWN_INTENT_REFERENCE.at(change.at("spec", "service"), message, help=self.index.suggestion(key)))
        return False

    def _check_versions(self, canary: IntentObject[Canary], key: ServiceKey) -> bool:
        found = [
            unknown_version(version or "", key, canary, ("spec", name), self.index)
            for name, version in (("from", canary.model.from_), ("to", canary.model.to))
        ]
        self.report.extend(problem for problem in found if problem is not None)
        return found == [None, None]

    def _alone(self, canaries: Sequence[IntentObject[Canary]]) -> list[IntentObject[Canary]]:
        """The canaries without those that contradict an earlier one."""
        kept: list[IntentObject[Canary]] = []
        owners: dict[str, IntentObject[Canary]] = {}
        for canary in canaries:
            if canary.model.match is None:
                first = owners.setdefault(canary.model.from_ or "", canary)
                if first is not canary:
                    message = f"{canary.spoken} and {first.spoken} both take requests from `{canary.model.from_}`"
                    related = [Related(first.at("spec", "from"), f"`{first.model.name}` takes them here")]
                    hint = "run one after the other, or write the shares as a `split` in the Service's routes"
                    self.report.append(
                        CANARIES_OVER_ONE_VERSION.at(canary.at("spec", "from"), message, help=hint, related=related)
                    )
                    continue
            kept.append(canary)
        return kept

    def _prepare(self, mirror: IntentObject[Mirror], key: ServiceKey) -> Iterator[tuple[IntentObject[Mirror], Mirrored]]:
        model = mirror.model
        if not self._check(mirror, key):
            return
        problem = None if model.from_ is None else unknown_version(model.from_, key, mirror, ("spec", "from"), self.index)
        if problem is not None:
            self.report.append(problem)
            return
        own = key if model.to.service is None and model.to.host is None else None
        target = Resolver(mirror, own, self.index, self.report).resolve(model.to, ("spec", "to"))
        if target is not None:
            policy = istio.HTTPMirrorPolicy(destination=target.destination(), percentage=percent(model.percent))
            yield mirror, Mirrored(policy, mirror.at("spec", "to"))

    # --- what they do to rules ---------------------------------------------------------------------------------

    def apply(self, rules: RuleSet) -> RuleSet:
        """The rules with every canary and mirror in that concerns them."""
        if not self.canaries and not self.mirrors and not self.engines:
            return rules
        return RuleSet(
            tuple(changed for draft in rules.http for changed in self._http(draft)),
            tuple(self._stream(draft) for draft in rules.tcp),
            tuple(self._stream(draft) for draft in rules.tls),
        )

    def unused(self) -> None:
        """Reports the canaries and mirrors that no rule was concerned by."""
        changes: list[IntentObject[Canary] | IntentObject[Mirror]] = [c for some in self.canaries.values() for c in some]
        changes += self.engines.values()
        changes += [mirror for some in self.mirrors.values() for mirror, _ in some]
        for change in changes:
            if id(change) not in self._used:
                version = change.model.from_
                what = f"version `{version}` of `{change.model.service}`" if version else f"`{change.model.service}`"
                what += " without a version" if id(change) in {id(each) for each in self.engines.values()} else ""
                message = f"no rule sends to {what}, which {change.spoken} is about"
                hint = self._help(change)
                self.report.append(
                    CANARY_WITHOUT_RULE.at(change.at("spec", "from" if version else "service"), message, help=hint)
                )

    def _help(self, change: IntentObject[Canary] | IntentObject[Mirror]) -> str:
        if any(change is engine for engine in self.engines.values()):
            name = change.model.service.partition(".")[0]
            return f"write a rule of the Service with `to: {{service: {name}}}`"
        named = {key[1]: intent for key, intent in self.index.services.items()}
        service: Declared | None = named.get(change.model.service) or self.index.externals.get(change.model.service)
        names = [version.name for version in service.model.versions or ()] if service is not None else []
        others = [name for name in names if name != change.model.from_]
        return did_you_mean(change.model.from_ or "", others) or "name the version that has the requests now"

    def _http(self, draft: HttpDraft) -> Iterator[HttpDraft]:
        """The rules that take one rule's place."""
        handed = handed_over(draft, self.engines, self.index, self.report) if self.engines else draft
        if handed is not draft:
            self._used.update(id(self.engines[t.service]) for t in draft.targets if t.service in self.engines)
            yield from self._with_mirrors(handed, draft) if handed is not None else ()
            return
        for changed in self._with_canaries(draft):
            yield from self._with_mirrors(changed, draft)

    def _with_canaries(self, draft: HttpDraft) -> Iterator[HttpDraft]:
        rest: Iterable[HttpDraft] = (draft,)
        for canary in self._concerning(draft):
            if len(draft.targets) > 1:
                self._refuse_split(canary, draft)
            elif canary.model.match is None:
                rest = self._shares(draft, canary)
            else:
                narrowed = self._narrowed(draft, canary, http_matches(canary.model.match, canary.model.namespace))
                if narrowed is not None:
                    yield from self._shares(replace(narrowed, origin=canary.origin), canary)
        yield from rest

    def _shares(self, draft: HttpDraft, canary: IntentObject[Canary]) -> Iterator[HttpDraft]:
        """The rule with the canary's shares; with stickiness behind rules for those who were here before."""
        if canary.model.stickiness is None or canary.model.weight in {0, 100}:
            yield replace(draft, targets=_split(draft.targets[0], canary))
            return
        for match, targets in sticky_shares(draft.targets[0], canary):
            narrowed = draft if match is None else self._narrowed(draft, canary, (match,))
            if narrowed is not None:
                yield replace(narrowed, targets=targets)

    def _concerning(self, draft: Draft[istio.HTTPMatchRequest]) -> Iterator[IntentObject[Canary]]:
        """The canaries over a version that the rule sends to."""
        for service in dict.fromkeys(target.service for target in draft.targets if target.service is not None):
            for canary in self.canaries.get(service, ()):
                if any(t.service == service and t.version == canary.model.from_ for t in draft.targets):
                    self._used.add(id(canary))
                    yield canary

    def _with_mirrors(self, draft: HttpDraft, before: HttpDraft) -> Iterator[HttpDraft]:
        """The rule with the mirrors that concern it as it was before canaries came over it."""
        drafts = [draft]
        for service in dict.fromkeys(target.service for target in before.targets if target.service is not None):
            for mirror, mirrored in self.mirrors.get(service, ()):
                version = mirror.model.from_
                if any(t.service == service and version in {None, t.version} for t in before.targets):
                    self._used.add(id(mirror))
                    drafts = [changed for each in drafts for changed in self._mirrored(each, mirror, mirrored)]
        yield from drafts

    def _mirrored(self, draft: HttpDraft, mirror: IntentObject[Mirror], mirrored: Mirrored) -> Iterator[HttpDraft]:
        if mirror.model.match is None:
            yield replace(draft, mirrors=(*draft.mirrors, mirrored))
            return
        narrowed = self._narrowed(draft, mirror, http_matches(mirror.model.match, mirror.model.namespace))
        if narrowed is not None:
            yield replace(narrowed, mirrors=(*draft.mirrors, mirrored))
        yield draft

    def _narrowed(self, draft: HttpDraft, change: IntentObject[Intent], match: Matches) -> HttpDraft | None:
        """The rule for those of its requests that a change's match takes; None where there are none."""
        try:
            matches = both(draft.matches, match)
        except Inexpressible as what:
            message = f"{change.spoken} and a rule that it is about both speak of the {what}"
            related = [Related(draft.origin, "the rule")]
            hint = "write the canary's rule out before this one"
            key = "match" if getattr(change.model, "match", None) is not None else "stickiness"
            self.report.append(CANNOT_COMBINE.at(change.at("spec", key), message, help=hint, related=related))
            return None
        return None if matches is None else replace(draft, matches=matches)

    def _stream(self, draft: D) -> D:
        """A TCP or TLS rule with its canary; connections have no headers to match, and no mirrors."""
        for service in dict.fromkeys(target.service for target in draft.targets if target.service is not None):
            for canary in self.canaries.get(service, ()):
                concerned = [t for t in draft.targets if t.service == service and t.version == canary.model.from_]
                if not concerned or canary.model.match is not None:
                    continue
                self._used.add(id(canary))
                if len(draft.targets) > 1:
                    self._refuse_split(canary, draft)
                    continue
                return replace(draft, targets=_split(concerned[0], canary))
        return draft

    def _refuse_split(
        self,
        canary: IntentObject[Canary],
        draft: Draft[istio.HTTPMatchRequest] | Draft[istio.L4MatchAttributes] | Draft[istio.TLSMatchAttributes],
    ) -> None:
        version = canary.model.from_
        message = f"{canary.spoken} takes requests from `{version}`, whose share a `split` fixes"
        place = next((t.origin for t in draft.targets if t.version == version and t.origin is not None), draft.origin)
        hint = f"write `to: {version}` in the rule, or remove the canary"
        related = [Related(place, "the split")]
        self.report.append(CANARY_OVER_SPLIT.at(canary.at("spec", "from"), message, help=hint, related=related))


def _split(target: Target, canary: IntentObject[Canary]) -> tuple[Target, Target]:
    """The two shares of a canary."""
    weight, origin = canary.model.weight or 0, canary.at("spec", "weight")
    stays = replace(target, weight=100 - weight, origin=origin)
    return stays, replace(stays, version=canary.model.to, weight=weight)
