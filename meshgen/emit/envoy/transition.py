"""How a running Envoy that reads files is brought from one configuration to the next without losing a request.

Measured with Envoy 1.40: moving all traffic to a version that was not there, and taking the old one away, loses some requests
when all files are renamed at once, for Envoy looks at its directories in an order of its own. In waves, each taken before the
next, it loses none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Step:
    """One file to rename into place, or to remove (`content` is None)."""

    wave: Wave
    path: str
    content: bytes | None
    is_new: bool = False  # nobody reads it yet, so it is not waited for


_WAVES = {"sds": Wave.CLUSTERS, "eds": Wave.CLUSTERS, "cds": Wave.CLUSTERS, "rds": Wave.ROUTES}


def transition(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[Step, ...]:
    """The steps between two trees of files (`delivery.files`), in their order; unchanged files have none."""
    kept = {path: _with_leaving(before[path], after[path]) for path in after if _kind(path) == "cds" and path in before}
    first = [
        Step(_WAVES.get(_kind(path), Wave.LISTENERS), path, content, is_new=path not in before)
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
def is_taken(config_dump: JsonObject, steps: Sequence[Step]) -> bool:
    """Whether a `/config_dump` shows clusters, routes and listeners at the versions of these steps, none of them warming.

    Endpoints and secrets are not looked at: clusters and listeners wait for theirs.
    """
    versions = frozenset(_versions(config_dump.get("configs")))
    wanted = (
        orjson.loads(step.content)["version_info"]
        for step in steps
        if step.content is not None and not step.is_new and _kind(step.path) in {"cds", "rds", "lds"}
    )
    return all(version in versions for version in wanted) and not _is_warming(config_dump.get("configs"))


def _versions(value: JsonValue) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _versions(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "version_info" and isinstance(item, str):
                yield item
            elif key == "dynamic_route_configs":
                yield from _versions(item)


def _is_warming(configs: JsonValue) -> bool:
    return isinstance(configs, list) and any(
        isinstance(config, dict) and bool(config.get("dynamic_warming_clusters")) for config in configs
    )
