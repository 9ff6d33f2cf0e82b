"""Which rules of routes and policies, and which versions, tests reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from meshgen.emit.envoy.names import parse_outbound
from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.istio.virtual_service import VirtualService
from meshgen.journey import Hop, parse_path
from meshgen.load.positions import locate
from meshgen.mesh import Mesh
from meshgen.pipeline import Result
from meshgen.traffic_tests.run import TrafficReport

KINDS = ("route rule", "policy rule", "version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Something that a test can reach: the lines of a source that say it, and the objects that came of them."""

    kind: str  # of KINDS
    file: str
    line: int | None
    column: int | None
    names: tuple[str, ...]  # `VirtualService shop/catalog spec.http[1]`
    reached: bool

    @property
    def place(self) -> str:
        """`mesh/catalog.yaml:14`."""
        return f"{self.file}:{self.line}" if self.line is not None else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """All units, by their places."""

    units: tuple[Unit, ...] = ()

    @property
    def percent(self) -> float:
        """Of all units those that are reached; 100 where there is none."""
        return 100 * sum(unit.reached for unit in self.units) / len(self.units) if self.units else 100.0

    @property
    def missed(self) -> tuple[Unit, ...]:
        """Those that no test reaches."""
        return tuple(unit for unit in self.units if not unit.reached)

    def counts(self) -> Iterator[tuple[str, int, int]]:
        """Of each kind how many are reached, of how many."""
        total = Counter(unit.kind for unit in self.units)
        reached = Counter(unit.kind for unit in self.units if unit.reached)
        for kind in KINDS:
            if total[kind]:
                yield kind, reached[kind], total[kind]


_Key = tuple[str, str, str, str]  # kind, namespace, name, path


def coverage(results: Iterable[Result], report: TrafficReport) -> Coverage:
    """What the requests of a run reached, of all that they could have."""
    reached: dict[str, set[_Key]] = {}
    for outcome in report.outcomes:
        known = reached.setdefault(outcome.result.cluster, set())
        known.update(_reached(outcome.hops, outcome.result.mesh))
    found: dict[tuple[str, int, int, str], Unit] = {}
    for result in results:
        for unit in _units(result, reached.get(result.cluster, set())):
            key = (unit.file, unit.line or 0, unit.column or 0, unit.kind)
            before = found.get(key)
            if before is None:
                found[key] = unit
            else:
                names = tuple(dict.fromkeys((*before.names, *unit.names)))
                found[key] = replace(before, names=names, reached=before.reached or unit.reached)
    return Coverage(units=tuple(found[key] for key in sorted(found)))


def _reached(hops: Iterable[Hop], mesh: Mesh) -> Iterator[_Key]:
    for hop in hops:
        decision = hop.decision
        for step in decision.steps:
            if step.source is not None:
                yield (step.source.kind, step.source.namespace, step.source.name, step.source.path)
        clusters = [weight.cluster for weight in decision.weights if weight.weight]
        clusters += [decision.cluster, *(mirror.cluster for mirror in decision.mirrors)]
        for cluster in clusters:
            name = parse_outbound(cluster)
            if name is not None and name.subset:
                yield from _subset_keys(mesh, name.host, name.subset)


def _subset_keys(mesh: Mesh, host: str, subset: str) -> Iterator[_Key]:
    for rule in mesh.of_kind(DestinationRule):
        if mesh.fqdn(rule.spec.host, rule.namespace) == host:
            for index, each in enumerate(rule.spec.subsets or ()):
                if each.name == subset:
                    yield (rule.kind, rule.namespace, rule.name, f"spec.subsets[{index}]")


def _units(result: Result, reached: set[_Key]) -> Iterator[Unit]:
    for object_ in result.objects:
        for kind, path in _parts(object_):
            origin = object_.origin_of(*parse_path(path))
            text = result.texts.get(origin.file)
            place = locate(text, origin) if text is not None else origin
            key = (object_.kind, object_.namespace, object_.name, path)
            name = f"{object_.kind} {object_.namespace}/{object_.name} {path}"
            yield Unit(kind=kind, file=origin.file, line=place.line, column=place.column, names=(name,), reached=key in reached)


def _parts(object_: IstioObject[IstioStruct]) -> Iterator[tuple[str, str]]:
    spec = object_.spec
    if isinstance(spec, VirtualService):
        for name in ("http", "tls", "tcp"):
            for index in range(len(getattr(spec, name) or ())):
                yield "route rule", f"spec.{name}[{index}]"
    elif isinstance(spec, AuthorizationPolicy):
        for index in range(len(spec.rules or ())):
            yield "policy rule", f"spec.rules[{index}]"
    elif isinstance(spec, DestinationRule):
        for index in range(len(spec.subsets or ())):
            yield "version", f"spec.subsets[{index}]"
