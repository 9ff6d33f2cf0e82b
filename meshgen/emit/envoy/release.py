"""What may be released next to Envoys that get all their files at once (decision 6).

Nothing orders the files of one swap, so each release must be right whatever order Envoy reads them in, and beside the release
before it, for Pods and parts of a volume change at different moments:

- clusters that routes will send to come one release before those routes;
- clusters that routes sent to go one release after them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from meshgen.emit.envoy.delivery import response
from meshgen.emit.envoy.volume import CLUSTERS, LISTENERS
from meshgen.json import JsonObject

Files = Mapping[str, JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The files to release now; `waits_for` are the clusters that come first, and all else is for the release after it."""

    files: Files
    waits_for: tuple[str, ...] = ()


def next_release(released: Files, wanted: Files) -> Release:
    """The release after `released` on the way to `wanted`; that itself where nothing was released yet.

    The same two trees give the same release, and what is released and needs no other stays as it is.
    """
    if not released or CLUSTERS not in released:
        return Release(files=wanted)
    before, after = _clusters(released), _clusters(wanted)
    coming = tuple(sorted((after.keys() & _named(wanted)) - before.keys()))
    if coming:
        return Release(files=_with_clusters(_switching(wanted, released), {**before, **after}, released), waits_for=coming)
    if _is_there(released, wanted):
        return Release(files=released)
    leaving = (before.keys() & _named(released)) - after.keys()
    return Release(files=_with_clusters(wanted, {**{name: before[name] for name in leaving}, **after}, released))


def _is_there(released: Files, wanted: Files) -> bool:
    """Whether all that is wanted is released, whatever else still stands beside it."""
    after, before = _clusters(wanted), _clusters(released)
    rest = (released.get(name) == content for name, content in wanted.items() if name != CLUSTERS)
    routes = {name for name in released if name.startswith("rds.")}
    return routes <= wanted.keys() and all(rest) and all(before.get(name) == cluster for name, cluster in after.items())


def _switching(wanted: Files, released: Files) -> Files:
    """What is wanted, with the listeners and routes as they are released."""
    kept = {name: content for name, content in released.items() if _decides(name)}
    return {**{name: content for name, content in wanted.items() if not _decides(name)}, **kept}


def _decides(name: str) -> bool:
    return name == LISTENERS or name.startswith("rds.")


def _with_clusters(files: Files, clusters: Mapping[str, JsonObject], released: Files) -> Files:
    """The files with these clusters, and the secrets of those that are not wanted any more."""
    together = response("cds", (clusters[name] for name in sorted(clusters)))
    paths = _strings((together, *(content for name, content in files.items() if _decides(name))))
    named = {path.rpartition("/")[2] for path in paths if "/sds." in path}
    kept = {name: content for name, content in released.items() if name in named}
    return {**kept, **files, CLUSTERS: together}


def _clusters(files: Files) -> dict[str, JsonObject]:
    resources = files[CLUSTERS].get("resources")
    found = [each for each in resources if isinstance(each, dict)] if isinstance(resources, list) else []
    return {str(each["name"]): {key: value for key, value in each.items() if key != "@type"} for each in found}


def _named(files: Files) -> set[str]:
    """All strings of listeners and routes: what names a cluster is among them, whichever filter it stands in."""
    return set(_strings([content for name, content in files.items() if _decides(name)]))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)
