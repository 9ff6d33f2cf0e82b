"""The files of one proxy as one flat directory: the keys of its ConfigMaps, and what a Pod finds where they are mounted.

Kubernetes changes all files of a volume at once, by moving the link `..data`, and Envoy looks again at everything that watches
the directory. Endpoints stand in the clusters, for two reasons that decision 6 has: Envoy takes an inotify instance for each
file that it watches, and a cluster that comes with its endpoints' file in one swap may wait for ever.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from meshgen.emit.envoy.bootstrap import DEFAULTS, BootstrapOptions, frame, rewritten, with_files, with_known_endpoints
from meshgen.emit.envoy.delivery import BOOTSTRAP, file_name, response
from meshgen.emit.envoy.patch_values import merged
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.envoy.tls import names_of_secrets
from meshgen.json import JsonObject

LISTENERS = "lds.listeners.json"
CLUSTERS = "cds.clusters.json"


def volume_files(snapshot: Snapshot, root: str, options: BootstrapOptions = DEFAULTS) -> dict[str, JsonObject]:
    """The files by name; `root` is where the Pod has them."""

    def from_file(value: JsonObject) -> JsonObject:
        if "sds_config" in value:
            return {**value, "sds_config": _source(root, f"sds.{file_name(str(value['name']))}")}
        if "route_config_name" in value and "config_source" in value:
            return {**value, "config_source": _source(root, f"rds.{file_name(str(value['route_config_name']))}")}
        return value

    dynamic: JsonObject = {"lds_config": _source(root, LISTENERS), "cds_config": _source(root, CLUSTERS)}
    bootstrap = merged({**frame(snapshot.proxy, options, snapshot.bootstrap), "dynamic_resources": dynamic}, snapshot.bootstrap)
    clusters = tuple(with_known_endpoints(snapshot, options))
    used = names_of_secrets((*snapshot.listeners, *clusters))
    found = {
        BOOTSTRAP: bootstrap,
        LISTENERS: response("lds", (rewritten(listener, from_file) for listener in snapshot.listeners)),
        CLUSTERS: response("cds", (rewritten(cluster, from_file) for cluster in clusters)),
    }
    for route in snapshot.routes:
        found[f"rds.{file_name(str(route['name']))}"] = response("rds", [rewritten(route, from_file)])
    for secret in (secret for secret in snapshot.secrets if secret["name"] in used):
        placed = with_files(secret, options.certificates, watched=True)
        found[f"sds.{file_name(str(secret['name']))}"] = response("sds", [placed])
    return found


def _source(root: str, name: str) -> JsonObject:
    source: JsonObject = {"path": str(PurePosixPath(root, name)), "watched_directory": {"path": root}}
    return {"path_config_source": source, "resource_api_version": "V3"}
