"""The results of several clusters as one answer: findings once, and which results belong together in a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from meshgen.check.engine import NotChecked
from meshgen.diagnostics import Diagnostic, sort_diagnostics
from meshgen.istio.mesh_config import MeshConfig
from meshgen.kubernetes import CoreFacts
from meshgen.mesh import link
from meshgen.pipeline import Result


def findings(results: Sequence[Result]) -> tuple[Diagnostic, ...]:
    """The findings of one compile, each once; one that only some of the clusters have says which."""
    if len(results) == 1:
        return results[0].diagnostics
    clusters: dict[Diagnostic, list[str]] = {}
    for result in results:
        for diagnostic in dict.fromkeys(result.diagnostics):
            clusters.setdefault(diagnostic, []).append(result.cluster)
    return sort_diagnostics(
        each if len(names) == len(results) or _says(each, names) else _of(each, names) for each, names in clusters.items()
    )


def _says(diagnostic: Diagnostic, names: Sequence[str]) -> bool:
    return all(f"`{name}`" in diagnostic.message for name in names)


def _of(diagnostic: Diagnostic, names: Sequence[str]) -> Diagnostic:
    return replace(diagnostic, message=f"{diagnostic.message} (in {', '.join(f'`{name}`' for name in names)})")


def not_checked(results: Sequence[Result]) -> tuple[NotChecked, ...]:
    """What could not be checked in some cluster; the most places that one of them has."""
    found: dict[tuple[str, str], NotChecked] = {}
    for each in (each for result in results for each in result.not_checked):
        key = (each.code.number, each.lacking)
        found[key] = max(found.get(key, each), each, key=lambda one: one.count)
    return tuple(found[key] for key in sorted(found))


def pairs(before: Sequence[Result], after: Sequence[Result]) -> Iterator[tuple[Result, Result]]:
    """The two sides of each cluster, by name.

    A side that has no clusters yet is compared with each cluster of the other; a cluster that one side has alone, with nothing.
    """
    first, second = ({result.cluster: result for result in side} for side in (before, after))
    for name in sorted((first.keys() | second.keys()) - ({""} if len(first.keys() | second.keys()) > 1 else set())):
        old, new = (side.get(name) or side.get("") for side in (first, second))
        yield old or _nothing(after[0]), new or replace(_nothing(after[0]), cluster=name)


def _nothing(like: Result) -> Result:
    return Result(root=like.root, mesh=link((), CoreFacts(), MeshConfig()), project=like.project, environment=like.environment)
