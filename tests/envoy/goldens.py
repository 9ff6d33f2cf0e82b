"""Every golden case and every example, compiled once for all tests of a run that look at them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.envoy_version import EnvoyVersion
from meshgen.pipeline import Result, envoy_snapshots
from meshgen.testing.golden import Case, find_cases, read_case
from meshgen.testing.outputs import compile_case, compile_case_clusters

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "golden"
CASES = [path.relative_to(ROOT).as_posix() for root in (GOLDEN, ROOT / "examples") for path in find_cases(root)]
"""All of `golden/` and `examples/`, by their folders."""


@cache
def case_of(name: str) -> Case:
    return read_case(ROOT / name)


@cache
def compiled(name: str) -> Result:
    return compile_case(case_of(name))


@cache
def snapshots(name: str) -> tuple[Snapshot, ...]:
    """Of all proxies of the case's first cluster, for the Envoy that the case targets."""
    result = compiled(name)
    return () if result.failed or result.mesh is None else envoy_snapshots(result.mesh, result.proxies)[0]


def of_other_clusters(name: str) -> Iterator[Snapshot]:
    """The proxies of a mesh's other clusters than the first."""
    for result in _other_clusters(name):
        yield from envoy_snapshots(result.mesh, result.proxies)[0]


def for_envoy(name: str, version: EnvoyVersion) -> Iterator[Snapshot]:
    """All proxies of all clusters of a case, as for a project that targets this Envoy."""
    results = () if compiled(name).failed else (compiled(name), *_other_clusters(name))
    for result in results:
        yield from envoy_snapshots(result.mesh, [replace(proxy, envoy_version=version) for proxy in result.proxies])[0]


@cache
def _other_clusters(name: str) -> tuple[Result, ...]:
    found = compile_case_clusters(case_of(name))[1:] if compiled(name).cluster else ()
    return tuple(result for result in found if not result.failed)


SOUND = [name for name in CASES if not compiled(name).failed]
"""Cases that give output."""
