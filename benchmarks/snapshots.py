"""What Envoy's configuration costs: `python snapshots.py PROJECT ROUNDS` prints seconds as JSON; with no round, MiB.

A round links the mesh anew, so that nothing is shared yet, makes one gateway's, one scoped sidecar's and some unscoped sidecars'
snapshots, and serialises each with orjson right after it: that is the floor. Without rounds the snapshots of an unscoped sidecar
of every namespace are made and kept, and of each the memory is added up that those before it do not hold.
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


def chosen(result: Result) -> tuple[Proxy, Proxy, list[Proxy]]:
    """The gateway, the scoped sidecar, and an unscoped one of each namespace but two of the first."""
    gateway = next(proxy for proxy in result.proxies if proxy.is_gateway)
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
        mesh = fresh(result)
        for name, proxy in zip(("unscoped", "neighbour", "namespace"), unscoped, strict=False):
            found[name].append(cost(mesh, proxy))
        found["again"].append(cost(mesh, scoped))
        del mesh
        gc.collect()
    return found


def in_memory(result: Result, unscoped: list[Proxy]) -> dict[str, float]:
    """What many unscoped sidecars' snapshots take together, and how many clusters were made for them."""
    kept: list[Snapshot] = []
    seen: dict[int, object] = {}
    sizes = []
    for proxy in unscoped:
        kept.append(emit_envoy(result.mesh, proxy)[0])
        sizes.append(new_bytes(values(kept[-1]), seen) / (1 << 20))
    return {
        "proxies": len(kept),
        "first": sizes[0],
        "further": sum(sizes[1:]) / max(len(sizes) - 1, 1),
        "named": sum(len(snapshot.clusters) for snapshot in kept),
        "made": len({id(cluster) for snapshot in kept for cluster in snapshot.clusters}),
    }


def new_bytes(value: object, seen: dict[int, object]) -> int:
    """The memory of all that a value holds and that was not seen yet."""
    total, left = 0, [value]
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen[id(each)] = each
        total += sys.getsizeof(each)
        if isinstance(each, dict):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple):
            left += each
    return total


if __name__ == "__main__":
    main(*sys.argv[1:])
