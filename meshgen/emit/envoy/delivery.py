"""The files of a delivery: one static bootstrap, a bootstrap and xDS resources as files, or a bootstrap for a control plane.

Of the files that Envoy reads on its own, routes, endpoints and secrets are one resource a file, since Envoy takes exactly one
there; each type has a directory of its own, since a rename makes Envoy read everything again that watches the directory. Writers
rename files into place in the order of `rank`, so that nothing is named before it exists, and remove them in the reverse order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

import orjson

from meshgen.emit.envoy.ads import ControlPlane, ads_bootstrap, ads_secrets
from meshgen.emit.envoy.bootstrap import (
    DEFAULTS,
    BootstrapOptions,
    file_source,
    filesystem_bootstrap,
    rewritten,
    static_bootstrap,
    with_files,
)
from meshgen.emit.envoy.names import TYPE
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.json import JsonObject, JsonValue
from meshgen.mesh import Proxy

_TYPES: Final[dict[str, str]] = {
    "sds": f"{TYPE}envoy.extensions.transport_sockets.tls.v3.Secret",
    "eds": f"{TYPE}envoy.config.endpoint.v3.ClusterLoadAssignment",
    "cds": f"{TYPE}envoy.config.cluster.v3.Cluster",
    "rds": f"{TYPE}envoy.config.route.v3.RouteConfiguration",
    "lds": f"{TYPE}envoy.config.listener.v3.Listener",
}
DIRECTORIES: Final = tuple(_TYPES)
"""The directories of a proxy in the order of their writing: what names something comes after what it names."""

BOOTSTRAP: Final = "bootstrap.json"

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]")
_LONGEST = 120


class Delivery(StrEnum):
    """How a proxy gets its configuration."""

    STATIC = "static"
    FILESYSTEM = "filesystem"
    CONFIGMAP = "configmap"
    ADS = "ads"


def files(snapshot: Snapshot, delivery: Delivery, directory: str, options: BootstrapOptions = DEFAULTS) -> Mapping[str, bytes]:
    """The files of one proxy by their path from the output's root, `<namespace>/<name>/…`.

    `directory` is where that root will be on the machine that runs Envoy.
    """
    place = PurePosixPath(snapshot.proxy.namespace, snapshot.proxy.name)
    if delivery is Delivery.STATIC:
        return {str(place / BOOTSTRAP): render(static_bootstrap(snapshot, options))}
    root = str(PurePosixPath(directory) / place)
    found = {BOOTSTRAP: filesystem_bootstrap(snapshot, root, options), **_responses(snapshot, root, options)}
    return {str(place / path): render(value) for path, value in sorted(found.items())}


def ads_files(
    proxy: Proxy, plane: ControlPlane, extra: JsonObject, directory: str, options: BootstrapOptions = DEFAULTS
) -> Mapping[str, bytes]:
    """As `files`, of a proxy whose control plane brings everything: its bootstrap, and what TLS with the control plane needs."""
    place = PurePosixPath(proxy.namespace, proxy.name)
    root = str(PurePosixPath(directory) / place)
    found = {BOOTSTRAP: ads_bootstrap(proxy, plane, extra, directory=root, options=options)}
    found |= {path: response("sds", [secret]) for path, secret in ads_secrets(plane, options.certificates).items()}
    return {str(place / path): render(value) for path, value in sorted(found.items())}


def rank(path: str) -> int:
    """When a file is to be renamed into place: secrets 0, endpoints 1, clusters 2, routes 3, listeners 4, a bootstrap 5."""
    kind = PurePosixPath(path).parent.name
    return DIRECTORIES.index(kind) if kind in DIRECTORIES else len(DIRECTORIES)


def render(value: JsonObject) -> bytes:
    """JSON that people can read and diff, the same bytes for the same value."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _responses(snapshot: Snapshot, root: str, options: BootstrapOptions) -> dict[str, JsonObject]:
    def from_file(value: JsonObject) -> JsonObject:
        if "sds_config" in value:
            return {**value, "sds_config": file_source(root, "sds", file_name(str(value["name"])))}
        if "eds_config" in value:
            return {**value, "eds_config": file_source(root, "eds", file_name(str(value["service_name"])))}
        if "route_config_name" in value and "config_source" in value:
            return {**value, "config_source": file_source(root, "rds", file_name(str(value["route_config_name"])))}
        return value

    found = {
        "lds/listeners.json": response("lds", (rewritten(listener, from_file) for listener in snapshot.listeners)),
        "cds/clusters.json": response("cds", (rewritten(cluster, from_file) for cluster in snapshot.clusters)),
    }
    for route in snapshot.routes:
        found[f"rds/{file_name(str(route['name']))}"] = response("rds", [rewritten(route, from_file)])
    for assignment in snapshot.endpoints:
        found[f"eds/{file_name(str(assignment['cluster_name']))}"] = response("eds", [assignment])
    for secret in snapshot.secrets:
        placed = with_files(secret, options.certificates, watched=True)
        found[f"sds/{file_name(str(secret['name']))}"] = response("sds", [placed])
    return found


def response(kind: str, resources: Iterable[JsonObject]) -> JsonObject:
    """A DiscoveryResponse; its version is the content's, so that an unchanged file never looks new."""
    typed: list[JsonValue] = [{"@type": _TYPES[kind], **resource} for resource in resources]
    version = hashlib.sha256(orjson.dumps(typed)).hexdigest()[:16]
    return {"version_info": version, "type_url": _TYPES[kind], "resources": typed}


def file_name(resource: str) -> str:
    """A file name for a resource's name, of characters that a ConfigMap's keys may have.

    `|` becomes `_`; where that or anything else could make two names alike, a hash of the name tells them apart.
    """
    readable = _UNSAFE.sub("_", resource)[:_LONGEST].strip(".")
    if readable == resource.replace("|", "_") and "_" not in resource:
        return f"{readable}.json"
    return f"{readable}-{hashlib.sha256(resource.encode()).hexdigest()[:8]}.json"
