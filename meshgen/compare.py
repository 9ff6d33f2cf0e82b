"""Two meshes side by side: what differs as objects, and for requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from meshgen.diagnostics import Diagnostic
from meshgen.diff.changes import Changes, ObjectKey
from meshgen.diff.impact import Impact, LeftOut, impact
from meshgen.diff.objects import Comparable, diff_objects
from meshgen.diff.touched import alike_proxies, touched_proxies
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.istio.mesh_defaults import in_full
from meshgen.journey import Journeys
from meshgen.json import JsonObject
from meshgen.mesh import Proxy
from meshgen.pipeline import Result, envoy_snapshots


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a change does. `impact` is None where only objects were compared."""

    changes: Changes
    impact: Impact | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything differs that can mean something to a mesh."""
        return self.changes.means_something or (self.impact is not None and self.impact.means_something)


Watch: TypeAlias = Callable[[Sequence[Proxy], str], Iterable[Proxy]]
"""Hands out proxies one by one, so that somebody can follow how many are done; the text says what is being done."""


def _unwatched(proxies: Sequence[Proxy], _label: str) -> Iterable[Proxy]:
    return proxies


def compare(before: Result, after: Result, *, traffic: bool = True, watch: Watch = _unwatched) -> Comparison:
    """Compares two compiles; with `traffic`, also what becomes of requests at every proxy."""
    # The objects, not the artifacts: they know the line of each field.
    changes = diff_objects(_objects(before, after), _objects(after, before))
    same_facts = before.mesh.facts == after.mesh.facts
    if not traffic or (same_facts and not changes.means_something):
        return Comparison(changes=changes)
    left_out = _left_out(before, after)
    skipped = {proxy.id for found in (left_out.proxies, *left_out.alike.values()) for proxy in found}
    sides = ((before, "Envoy configuration before"), (after, "Envoy configuration after"))
    old, new = (_translated(side, skipped, watch, label) for side, label in sides)
    found = impact(old, new, left_out, after.mesh.config.trust_domain)
    if found.findings:
        from meshgen.journey.replay import replayed  # noqa: PLC0415 (only where something changes)

        found = replayed(found, Journeys(before.mesh, before.proxies), Journeys(after.mesh, after.proxies))
    # Facts that only moved to another line do nothing to requests, and there is nothing to say of them.
    return Comparison(changes=changes, impact=found if changes or found.means_something else None)


def _translated(result: Result, skipped: Collection[str], watch: Watch, label: str) -> tuple[Snapshot, ...]:
    proxies = [proxy for proxy in result.proxies if proxy.id not in skipped]
    return envoy_snapshots(result.mesh, watch(proxies, label))[0]


def _left_out(before: Result, after: Result) -> LeftOut:
    """The proxies that are the same on both sides, and that nothing that differs can touch."""
    old = {proxy.id: proxy for proxy in before.proxies}
    same = [proxy for proxy in after.proxies if old.get(proxy.id) == proxy]
    touched = {proxy.id for proxy in touched_proxies(before.mesh, after.mesh, same)}
    left_out = tuple(proxy for proxy in same if proxy.id not in touched)
    alike = alike_proxies(before.mesh, after.mesh, [proxy for proxy in same if proxy.id in touched])
    return LeftOut(proxies=left_out, alike=alike, sees=lambda proxy, host: after.mesh.view(proxy).service(host) is not None)


def _objects(result: Result, other: Result) -> tuple[Comparable, ...]:
    return (*result.objects, *result.others, *_mesh_config(result, other))


def _mesh_config(result: Result, other: Result) -> tuple[JsonObject, ...]:
    """The MeshConfig as an object beside the others, where the two sides have not the same one."""
    if result.mesh.config == other.mesh.config:
        return ()
    identity: JsonObject = {"apiVersion": "mesh.istio.io/v1alpha1", "kind": "MeshConfig", "metadata": {"name": "istio"}}
    return ({**identity, **in_full(result.mesh.config)},)


def compare_live(after: Result, kubeconfig: Path, context: str | None, owned: Collection[ObjectKey] = ()) -> Comparison:
    """Compares a live cluster with a compile: what applying the compiled objects would change."""
    from meshgen.diff.live import diff_live, read_cluster  # noqa: PLC0415 (a client that only this needs)

    kinds = {artifact.kind for artifact in after.artifacts} | {key.kind for key in owned}
    live, diagnostics = read_cluster(str(kubeconfig), context, sorted(kinds))
    changes, notes = diff_live(live, (*after.objects, *after.others), owned, after.owned_elsewhere)
    return Comparison(changes=changes, diagnostics=(*diagnostics, *notes))


def compare_envoy(after: Result, proxy: Proxy, source: str) -> Comparison:
    """Compares a running Envoy (its admin address, or a saved `/config_dump`) with what the mesh makes for a proxy."""
    from meshgen.diff.envoy import EnvoyResources, diff_envoy, read_config_dump  # noqa: PLC0415 (as above)

    dump = read_config_dump(source)
    if isinstance(dump, Diagnostic):
        return Comparison(changes=diff_objects((), ()), diagnostics=(dump,))
    snapshots, diagnostics = envoy_snapshots(after.mesh, (proxy,))
    changes = diff_envoy(EnvoyResources.from_config_dump(dump), EnvoyResources.from_snapshot(snapshots[0]))
    return Comparison(changes=changes, diagnostics=diagnostics)


def owned_objects(result: Result) -> frozenset[ObjectKey]:
    """The objects that the last `meshgen compile` wrote: live ones among them that are compiled no longer count as removed."""
    from meshgen.deliver.manifest import MANIFEST, parse_manifest  # noqa: PLC0415 (only the live diff asks)
    from meshgen.diff.objects import key_of  # noqa: PLC0415 (as above)
    from meshgen.load.yaml import parse_documents  # noqa: PLC0415 (as above)

    output = result.project.outputs.istio if result.project is not None else None
    directory = result.root / (output.directory if output is not None else "")
    try:
        manifest = parse_manifest((directory / MANIFEST).read_bytes())
        own = f"{result.cluster}/" if result.cluster else ""
        texts = [(directory / path).read_bytes() for path in manifest.files if path.startswith(own)]
    except (OSError, ValueError):
        return frozenset()
    documents = (document for text in texts for document in parse_documents(text, "")[0])
    return frozenset(key_of(document.value) for document in documents if ".istio.io/" in document.api_version)
