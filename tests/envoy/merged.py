"""Many proxies' bootstraps as few: what is the same is there once, so that one Envoy reads all that is emitted anywhere.

Resources are named after the first proxy that has them, so that an Envoy that refuses one says whose it is; of several clusters
with one name the first keeps it, for those that name it. Listeners open no port and clusters resolve no name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, TypeAlias

Json: TypeAlias = Any


def merge(bootstraps: Iterable[tuple[str, Json]]) -> Iterator[tuple[str, Json]]:
    """Of bootstraps and whose they are: one for each frame (all but node and static resources), with all that stand in it."""
    frames: dict[str, tuple[str, Json, list[tuple[str, Json]]]] = {}
    for owner, bootstrap in bootstraps:
        frame = {key: value for key, value in bootstrap.items() if key not in {"node", "static_resources"}}
        first = (owner, {**frame, "node": bootstrap["node"]}, [])
        frames.setdefault(_text(frame), first)[2].append((owner, bootstrap["static_resources"]))
    for owner, frame, resources in frames.values():
        yield owner, {**frame, "static_resources": _merged(resources)}


def _merged(all_resources: list[tuple[str, Json]]) -> Json:
    found: dict[str, dict[str, Json]] = {"listeners": {}, "clusters": {}, "secrets": {}}
    taken: set[tuple[str, str]] = set()
    ports = count(1024)
    for owner, resources in all_resources:
        for kind, known in found.items():
            for resource in resources.get(kind, ()):
                text = _text(resource)
                if text not in known:
                    named = _named(resource, owner if kind == "listeners" or (kind, resource["name"]) in taken else "")
                    taken.add((kind, resource["name"]))
                    known[text] = _PREPARED[kind](named, next(ports))
    return {kind: list(known.values()) for kind, known in found.items() if known}


def _named(resource: Json, owner: str) -> Json:
    return {**resource, "name": f"{resource['name']} of {owner}"} if owner else resource


def _closed(listener: Json, number: int) -> Json:
    """A listener on an address of its own that it does not bind."""
    address = {"socket_address": {"address": f"127.9.{number >> 8}.{number & 255}", "port_value": 9}}
    rest = {key: value for key, value in listener.items() if key != "additional_addresses"}
    return {**rest, "address": address, "bind_to_port": False}


def _unresolved(cluster: Json, _: int) -> Json:
    """A cluster whose names are addresses already."""
    assignment = cluster.get("load_assignment")
    if assignment is None:
        return cluster
    if cluster.get("cluster_type", {}).get("name") == "envoy.cluster.dns":
        assignment = _with_address(assignment)
    return {**cluster, "load_assignment": {**assignment, "cluster_name": cluster["name"]}}


def _with_address(value: Json) -> Json:
    if isinstance(value, dict):
        kept = {key: _with_address(item) for key, item in value.items()}
        return {**kept, "address": "127.0.0.1"} if isinstance(value.get("address"), str) else kept
    return [_with_address(item) for item in value] if isinstance(value, list) else value


def _as_it_is(secret: Json, _: int) -> Json:
    return secret


_PREPARED = {"listeners": _closed, "clusters": _unresolved, "secrets": _as_it_is}


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
