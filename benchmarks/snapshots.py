"""What Envoy's configuration costs: `python snapshots.py PROJECT ROUNDS` prints seconds as JSON; with no round, MiB.

A round links the mesh anew, so that nothing is shared yet, makes one gateway's, one scoped sidecar's and some unscoped sidecars'
snapshots, and serialises each with orjson right after it: that is the floor. Without rounds the snapshots of an unscoped sidecar
of every namespace are made and kept, and the memory is looked at.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path

import orjson

from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.translate import emit_envoy
from meshgen.mesh import Mesh, Proxy, Role, link
from meshgen.pipeline import Result, compile_project

SCOPED = "svc-0"
"""The one service of the workload that says what it calls."""


def values(snapshot: Snapshot) -> list[object]:
    """All that is sent to a proxy."""
    return [snapshot.listeners, snapshot.routes, snapshot.clusters, snapshot.endpoints, snapshot.secrets]


def cost(mesh: Mesh, proxy: Proxy) -> dict[str, float]:
    """Seconds to make a snapshot and to serialise it, and its size in bytes."""
    start = time.perf_counter()
    snapshot, _ = emit_envoy(mesh, proxy)
    made = time.perf_counter()
    content = orjson.dumps(values(snapshot))
    return {"emit": made - start, "floor": time.perf_counter() - made, "bytes": len(content)}


def fresh(result: Result) -> Mesh:
    """The mesh with nothing known yet but its objects."""
    return link(result.mesh.objects, result.mesh.facts, result.mesh.config, result.mesh.networks)


def memory() -> float:
    """What the process has in memory now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def chosen(result: Result) -> tuple[Proxy, Proxy, list[Proxy]]:
    """The gateway, the scoped sidecar, and an unscoped one of each namespace but two of the first."""
    gateway = next(proxy for proxy in result.proxies if proxy.role is Role.GATEWAY)
    sidecars = [proxy for proxy in result.proxies if proxy.role is Role.SIDECAR]
    scoped = next(proxy for proxy in sidecars if proxy.name.startswith(SCOPED))
    rest = [proxy for proxy in sidecars if proxy is not scoped]
    second = next(proxy for proxy in rest[1:] if proxy.namespace == rest[0].namespace)
    others = {proxy.namespace: proxy for proxy in rest if proxy.namespace != rest[0].namespace}
    return gateway, scoped, [rest[0], second, *others.values()]


def main(project: str, rounds: str) -> None:
    """Measure and print."""
    gc.disable()  # as the command line does
    result = compile_project(Path(project))
    assert not result.failed, "the workload compiles"
    gateway, scoped, unscoped = chosen(result)
    printed = in_memory(result, unscoped) if rounds == "0" else in_time(result, int(rounds), gateway, scoped, unscoped)
    sys.stdout.buffer.write(orjson.dumps(printed))
    sys.stdout.flush()
    os._exit(0)  # giving the memory back is no part of it


def in_time(
    result: Result, rounds: int, gateway: Proxy, scoped: Proxy, unscoped: list[Proxy]
) -> dict[str, list[dict[str, float]]]:
    """The costs of each kind of proxy, a round each."""
    kinds = ("gateway", "scoped", "again", "unscoped", "neighbour", "namespace")
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        found["scoped"].append(cost(fresh(result), scoped))
        mesh = fresh(result)
        found["gateway"].append(cost(mesh, gateway))
        found["again"].append(cost(mesh, scoped))
        mesh = fresh(result)
        for name, proxy in zip(("unscoped", "neighbour", "namespace"), unscoped, strict=False):
            found[name].append(cost(mesh, proxy))
        del mesh
        gc.collect()
    return found


def in_memory(result: Result, unscoped: list[Proxy]) -> dict[str, float]:
    """What many unscoped sidecars' snapshots take together, and how many clusters were made for them."""
    mesh = result.mesh
    kept: list[Snapshot] = []
    marks = [memory()]
    for proxy in unscoped:
        kept.append(emit_envoy(mesh, proxy)[0])
        marks.append(memory())
    return {
        "proxies": len(kept),
        "first": marks[1] - marks[0],
        "further": (marks[-1] - marks[1]) / max(len(kept) - 1, 1),
        "named": sum(len(snapshot.clusters) for snapshot in kept),
        "made": len({id(cluster) for snapshot in kept for cluster in snapshot.clusters}),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
