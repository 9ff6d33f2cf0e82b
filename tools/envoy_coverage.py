"""Which case shows that a field of Istio's API acts in the Envoy output, found out by changing the field.

For each leaf field of each kind, and of MeshConfig, an object of a golden case (or of tests/data/adopt) that has it is compiled
to Envoy twice: as it is, and with another value there. A field that is carried over changes the snapshots of some case; one that
is reported changes the findings. The cases that were found are kept in tests/data/envoy_proofs.json, which the page
docs/envoy-coverage.md and its test read.

Usage: python tools/envoy_coverage.py [CASE]…  (looks for what has no case yet, and writes the file)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from istio_coverage import PathOf, _at, _corpus, _leaves, _likes, _occurrences, _with
from msgspec import inspect

from meshgen.emit.envoy.coverage import Coverage, Fate, coverage
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.istio.decode import decode_object
from meshgen.istio.kinds import KINDS
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.versions import NEWEST
from meshgen.mesh import Mesh, Proxy, link
from meshgen.mesh.proxies import derive_proxies
from meshgen.testing.golden import find_cases, read_case
from meshgen.testing.outputs import compile_case_clusters

ROOT = Path(__file__).resolve().parent.parent
PROOFS = ROOT / "tests/data/envoy_proofs.json"
ADOPTED = "tests/data/adopt"
CONFIG = "MeshConfig"
PROXIES = 20
"""Proxies of a case that are looked at."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A mesh of the corpus and its proxies."""

    case: str
    mesh: Mesh
    proxies: tuple[Proxy, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Where a field can be changed so that the output changes."""

    case: str
    object: str  # `Kind/namespace/name`, or `MeshConfig`
    path: str  # JSON of the path below `spec`


@cache
def type_of(kind: str) -> inspect.Type:
    """The type of a kind's `spec`, or of MeshConfig."""
    return inspect.type_info(MeshConfig if kind == CONFIG else KINDS[kind].spec)


@cache
def leaves() -> tuple[str, ...]:
    """Every leaf field, in the order of the kinds and of their fields; MeshConfig last."""
    return tuple(leaf for kind in (*sorted(KINDS), CONFIG) for leaf in _leaves(type_of(kind), kind))


# --- the corpus -----------------------------------------------------------------------------------------------------
@cache
def scenes(case: str) -> tuple[Scene, ...]:
    """The meshes of a case: one for each cluster."""
    if case == ADOPTED:
        natives, facts = _corpus()
        mesh = link(natives, facts, MeshConfig())
        return (Scene(case, mesh, derive_proxies(mesh)),)
    results = compile_case_clusters(read_case(ROOT / case))
    return tuple(Scene(case, result.mesh, result.proxies[:PROXIES]) for result in results if not result.failed)


def corpus() -> list[str]:
    """The cases, those of Envoy itself first, then those that show its output."""
    found = [path.relative_to(ROOT).as_posix() for name in ("golden", "examples") for path in find_cases(ROOT / name)]
    showing = {case for case in found if '"envoy"' in (ROOT / case / "case.toml").read_text()}
    return [*sorted(found, key=lambda case: (not case.startswith("golden/envoy/"), case not in showing, case)), ADOPTED]


def _specs(scene: Scene) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The name, the kind and the spec of what a scene is made of."""
    yield CONFIG, CONFIG, json.loads(msgspec.json.encode(scene.mesh.config))
    for found in scene.mesh.objects:
        yield "/".join(found.key), found.kind, json.loads(msgspec.json.encode(found.spec))


def _mesh(scene: Scene, name: str, spec: dict[str, Any]) -> Mesh | None:
    """The mesh with another spec of one object; None where that is no such spec."""
    mesh = scene.mesh
    if name == CONFIG:
        try:
            return Mesh(mesh.objects, mesh.facts, msgspec.convert(spec, MeshConfig), mesh.networks)
        except msgspec.ValidationError:
            return None
    objects = []
    for found in mesh.objects:
        if "/".join(found.key) == name:
            changed, _ = decode_object({**found.to_json(), "spec": spec}, found.origin, None, NEWEST)
            if changed is None:
                return None
            objects.append(msgspec.structs.replace(changed, created=found.created))
        else:
            objects.append(found)
    return Mesh(objects, mesh.facts, mesh.config, mesh.networks)


Emitted: TypeAlias = tuple[tuple[Any, ...], frozenset[tuple[str, str]]]
"""What one proxy is given, and the findings."""


def _emitted(mesh: Mesh, proxy: Proxy) -> Emitted:
    made, found = emit_envoy(mesh, proxy)
    resources = (made.listeners, made.routes, made.clusters, made.endpoints, made.bootstrap, made.secrets)
    return resources, frozenset((each.code.number, each.message) for each in found)


@cache
def _base(case: str) -> tuple[tuple[Emitted, ...], ...]:
    return tuple(tuple(_emitted(scene.mesh, proxy) for proxy in scene.proxies) for scene in scenes(case))


# --- proofs ---------------------------------------------------------------------------------------------------------
def holds(leaf: str, proof: Proof) -> bool:
    """Whether the output (of a reported field: the findings of its code) changes with the field."""
    path: PathOf = tuple(json.loads(proof.path))
    kind = leaf.partition(".")[0]
    for index, scene in enumerate(scenes(proof.case)):
        spec = next((spec for name, _, spec in _specs(scene) if name == proof.object), None)
        if spec is not None and _changes(leaf, scene, index, proof.object, kind, spec, path):
            return True
    return False


def _changes(leaf: str, scene: Scene, index: int, name: str, kind: str, spec: dict[str, Any], path: PathOf) -> bool:
    fate = coverage(leaf)
    for variant in _variants(spec, kind, path, whole=fate.coverage is Coverage.REPORTED):
        mesh = _mesh(scene, name, variant)
        if mesh is None:
            continue
        for proxy, before in zip(scene.proxies, _base(scene.case)[index], strict=True):
            after = _emitted(mesh, proxy)
            if fate.coverage is Coverage.CARRIED and after[0] != before[0]:
                return True
            if fate.coverage is Coverage.REPORTED and fate.code in {code for code, _ in before[1] ^ after[1]}:
                return True
    return False


def _variants(spec: dict[str, Any], kind: str, path: PathOf, *, whole: bool) -> Iterator[dict[str, Any]]:
    """The spec with another value there, or without; of a part that is reported as a whole also without what holds it."""
    value = _at(spec, path)
    yield _with(spec, path, None)
    if kind == CONFIG:
        yield from (_with(spec, path, other) for other in _simple_likes(value))
    else:
        yield from (_with(spec, path, other) for other in list(_likes(value, kind, path))[:3])
    for length in range(len(path) - 1, 0, -1):
        if isinstance(path[length - 1], str) and (whole or length == len(path) - 1):
            yield _with(spec, path[:length], None)


def _simple_likes(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1]
    return [f"{value}x", "7s"] if isinstance(value, str) else []


def search(wanted: set[str], cases: Sequence[str]) -> dict[str, Proof]:
    """A proof for each of these fields that has one somewhere in these cases."""
    found: dict[str, Proof] = {}
    for case in cases:
        for index, scene in enumerate(scenes(case)):
            for name, kind, spec in _specs(scene):
                for leaf, path in _tried(spec, kind):
                    if leaf in wanted and leaf not in found and _changes(leaf, scene, index, name, kind, spec, path):
                        found[leaf] = Proof(case, name, json.dumps(path))
        scenes.cache_clear()
        _base.cache_clear()
    return found


def _tried(spec: dict[str, Any], kind: str) -> Iterator[tuple[str, PathOf]]:
    """The leaves of a spec, each at most three times."""
    seen: dict[str, int] = {}
    for leaf, path in _occurrences(spec, type_of(kind), kind, ()):
        seen[leaf] = seen.get(leaf, 0) + 1
        if seen[leaf] <= 3:
            yield leaf, path


def read_proofs() -> dict[str, Proof]:
    """The proofs that are kept."""
    kept = json.loads(PROOFS.read_text()) if PROOFS.exists() else {}
    return {leaf: Proof(*value) for leaf, value in kept.items()}


def wanted_proofs() -> set[str]:
    """The fields that need a case."""
    return {leaf for leaf in leaves() if coverage(leaf).coverage is not Coverage.NOT_APPLICABLE}


# --- the page -------------------------------------------------------------------------------------------------------
def envoy_coverage_page() -> str:
    """The table as Markdown, a section a kind."""
    proofs = read_proofs()
    fates = {leaf: coverage(leaf) for leaf in leaves()}
    counts = {each: sum(fate.coverage is each for fate in fates.values()) for each in Coverage}
    lines = [
        "# Istio's API in stock Envoy, field by field\n",
        "What becomes of each leaf field in the configuration that `meshgen compile --target envoy` writes for an Envoy without",
        "istiod. A field is *carried* where a case below changes its Envoy output with the field; the case is found by changing",
        "the field (`tools/envoy_coverage.py`), and a test changes it again. *Reported* ones give the code that is named.\n",
        f"{len(fates)} fields: {counts[Coverage.CARRIED]} carried, {counts[Coverage.REPORTED]} reported,",
        f"{counts[Coverage.NOT_APPLICABLE]} not applicable.",
    ]
    kind = ""
    for leaf, fate in fates.items():
        head, _, field = leaf.partition(".")
        if head != kind:
            kind = head
            lines += ["", f"## {kind}\n", "| field | in Envoy | shown by, or why |", "| --- | --- | --- |"]
        lines.append(f"| `{field}` | {_becomes(fate)} | {_because(fate, proofs.get(leaf))} |")
    return "\n".join(lines) + "\n"


def _becomes(fate: Fate) -> str:
    return f"[{fate.code}](codes.md)" if fate.code else fate.coverage.value


def _because(fate: Fate, proof: Proof | None) -> str:
    if fate.coverage is Coverage.CARRIED:
        return f"`{proof.case}`" if proof is not None else ""
    return f"{fate.reason}; {fate.instead}" if fate.instead else fate.reason


def main(cases: list[str]) -> int:
    """Looks for what has no case yet, in these cases or in all, and says what is left. The test checks those that are kept."""
    wanted = wanted_proofs()
    kept = {leaf: proof for leaf, proof in read_proofs().items() if leaf in wanted}
    kept |= search(wanted - kept.keys(), cases or corpus())
    lines = [
        f"  {json.dumps(leaf)}: {json.dumps([kept[leaf].case, kept[leaf].object, kept[leaf].path])}" for leaf in sorted(kept)
    ]
    PROOFS.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    missing = [leaf for leaf in leaves() if leaf in wanted - kept.keys()]
    print(f"{len(kept)} fields have a case, {len(missing)} have none")
    print("\n".join(missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
