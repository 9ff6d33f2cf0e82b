"""How a running Envoy that reads files is brought from one configuration to the next without losing a request.

Measured with Envoy 1.40: moving all traffic to a version that was not there, and taking the old one away, loses some requests
when all files are renamed at once, for Envoy looks at its directories in an order of its own. In waves, each taken before the
next, it loses none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum

import orjson

from meshgen.emit.envoy.delivery import DIRECTORIES, rank, render, response
from meshgen.json import JsonObject, JsonValue


class Wave(IntEnum):
    """What may be renamed together; a wave begins when Envoy has taken the one before (`is_taken`)."""

    CLUSTERS = 0  # secrets, endpoints, and the clusters: those that come beside those that go
    ROUTES = 1
    LISTENERS = 2
    LEAVING = 3  # clusters that no route names any more
    REMOVAL = 4  # files that nothing names any more

    @property
    def label(self) -> str:
        """As people read it."""
        return _LABELS[self]


_LABELS = {
    Wave.CLUSTERS: "clusters",
    Wave.ROUTES: "routes",
    Wave.LISTENERS: "listeners",
    Wave.LEAVING: "clusters that go",
    Wave.REMOVAL: "files that go",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One file to rename into place, or to remove (`content` is None)."""

    wave: Wave
    path: str
    content: bytes | None


_WAVES = {"sds": Wave.CLUSTERS, "eds": Wave.CLUSTERS, "cds": Wave.CLUSTERS, "rds": Wave.ROUTES}


def transition(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[Step, ...]:
    """The steps between two trees of files (`delivery.files`), in their order; unchanged files have none."""
    kept = {path: _with_leaving(before[path], after[path]) for path in after if _kind(path) == "cds" and path in before}
    first = [
        Step(_WAVES.get(_kind(path), Wave.LISTENERS), path, content)
        for path, content in {**after, **kept}.items()
        if before.get(path) != content
    ]
    last = [Step(Wave.LEAVING, path, after[path]) for path, content in kept.items() if content != after[path]]
    gone = [Step(Wave.REMOVAL, path, None) for path in before if path not in after]
    return tuple(sorted([*first, *last, *gone], key=_order))


def _kind(path: str) -> str:
    index = rank(path)
    return DIRECTORIES[index] if index < len(DIRECTORIES) else ""


def _order(step: Step) -> tuple[int, int, str]:
    """Within a wave what names something comes after what it names, and goes before it."""
    return step.wave, -rank(step.path) if step.content is None else rank(step.path), step.path


def _with_leaving(before: bytes, after: bytes) -> bytes:
    """The clusters' file with those of `before` that `after` no longer has."""
    old, new = orjson.loads(before)["resources"], orjson.loads(after)["resources"]
    names = {cluster["name"] for cluster in new}
    leaving = [cluster for cluster in old if cluster["name"] not in names]
    if not leaving:
        return after
    return render(response("cds", [{key: item for key, item in one.items() if key != "@type"} for one in [*new, *leaving]]))


# --- what Envoy has taken -------------------------------------------------------------------------------------------
def not_taken(config_dump: JsonObject, files: Mapping[str, bytes], texts: Collection[str] | None = None) -> tuple[str, ...]:
    """The files whose clusters, routes and listeners a `/config_dump` does not show at their versions; and what is warming.

    `texts` are the versions that `/stats?type=TextReadouts` shows, for a dump has none of endpoints. Secrets are not looked at:
    clusters and listeners wait for theirs. A route table that no listener asks for yet is not waited for.
    """
    shown = _Shown.of(config_dump)
    late = [path for path, content in files.items() if not shown.has(_kind(path), content)]
    if texts is not None:
        late += [path for path, content in files.items() if _kind(path) == "eds" and _version(content) not in texts]
    return (*sorted(late), *shown.warming)


def _version(response: bytes) -> str:
    return str(orjson.loads(response)["version_info"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What a dump shows: the versions of clusters and listeners, that of each route table, and what is not in use yet."""

    versions: frozenset[str]
    routes: Mapping[str, str]
    warming: tuple[str, ...]

    @classmethod
    def of(cls, dump: JsonObject) -> _Shown:
        configs = objects(dump.get("configs"))
        tables = [table for config in configs for table in objects(config.get("dynamic_route_configs"))]
        clusters = (each for config in configs for each in objects(config.get("dynamic_warming_clusters")))
        listeners = (each for config in configs for each in objects(config.get("dynamic_listeners")) if "warming_state" in each)
        names = (name_of(each.get("cluster")) for each in clusters)
        return cls(
            versions=frozenset(str(config.get("version_info")) for config in configs),
            routes={name_of(table.get("route_config")): str(table.get("version_info")) for table in tables},
            warming=(*(f"cluster `{name}`" for name in names), *(f"listener `{name_of(each)}`" for each in listeners)),
        )

    def has(self, kind: str, content: bytes) -> bool:
        if kind not in {"cds", "rds", "lds"}:
            return True
        response = orjson.loads(content)
        version: str = response["version_info"]
        if kind != "rds":
            return version in self.versions
        return all(self.routes.get(str(table.get("name")), version) == version for table in response["resources"])


def objects(value: JsonValue) -> list[JsonObject]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def name_of(value: JsonValue) -> str:
    """The `name` of a resource."""
    return str(value.get("name", "")) if isinstance(value, dict) else ""
